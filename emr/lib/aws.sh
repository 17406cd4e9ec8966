# Sourced by the scripts that call AWS. They set `script`, their own name, before.
#
# Works with versions 1 and 2 of the AWS CLI. Answers are asked for as text by --query, so that nothing else (jq, Python)
# is needed where the scripts run.
# shellcheck shell=bash disable=SC2034

if [[ ${BASH_VERSINFO[0]} -lt 4 || (${BASH_VERSINFO[0]} -eq 4 && ${BASH_VERSINFO[1]} -lt 4) ]]; then
    echo "${script:?}: this is bash $BASH_VERSION; it needs 4.4 or newer" >&2
    exit 1
fi

readonly DONE=0 FAILED=1 BAD_USAGE=2 RETRY_LATER=3

say() { printf '%s: %s\n' "${script:?}" "$*" >&2; }

fail() {
    say "$2"
    exit "$1"
}

# The value of the option that stands first. To be called as `x=$(value_of "$@")` under set -e: only then it ends the script.
value_of() {
    [[ $# -ge 2 && -n $2 ]] || fail $BAD_USAGE "$1 needs a value; see --help"
    printf '%s\n' "$2"
}

# A string as JSON writes it, quotes included.
json_string() {
    local text=$1 escaped='' character code i
    text=${text//\\/\\\\}
    text=${text//\"/\\\"}
    text=${text//$'\n'/\\n}
    text=${text//$'\t'/\\t}
    text=${text//$'\r'/\\r}
    if [[ $text == *[[:cntrl:]]* ]]; then
        for ((i = 0; i < ${#text}; i++)); do
            character=${text:i:1}
            if [[ $character == [[:cntrl:]] ]]; then
                printf -v code '\\u%04x' "'$character"
                character=$code
            fi
            escaped+=$character
        done
        text=$escaped
    fi
    printf '"%s"' "$text"
}

# Strings as a JSON array.
json_array() {
    local joined='' item
    for item in "$@"; do
        joined+=${joined:+,}$(json_string "$item")
    done
    printf '[%s]' "$joined"
}

# A command as the shell reads it back.
shell_quoted() {
    local word joined=''
    for word in "$@"; do
        if [[ $word =~ ^[A-Za-z0-9_@%+=:,./-]+$ ]]; then
            joined+=" $word"
        else
            joined+=" '${word//\'/\'\\\'\'}'"
        fi
    done
    printf '%s\n' "${joined# }"
}

need_aws() {
    command -v aws >/dev/null || fail $FAILED "the command aws is missing; install the AWS CLI, version 1 or 2"
    work=$(mktemp -d) || fail $FAILED "cannot create a temporary folder"
    trap 'rm -rf -- "$work"' EXIT
}

# Runs aws: its output is in $answer, what it complained of in $complaint. The code is that of aws.
ask() {
    local code=0 where=()
    # Some commands of `aws emr` do not look at this variable.
    [[ -z ${AWS_ENDPOINT_URL:-} ]] || where=(--endpoint-url "$AWS_ENDPOINT_URL")
    # A pager would wait for a key; version 2 starts one.
    answer=$(AWS_PAGER='' AWS_RETRY_MODE=${AWS_RETRY_MODE:-standard} AWS_MAX_ATTEMPTS=${AWS_MAX_ATTEMPTS:-5} \
        aws "$@" "${where[@]}" 2>"$work/complaint") || code=$?
    complaint=$(tr '\n' ' ' <"$work/complaint" | sed 's/^ *//; s/ *$//')
    return "$code"
}

# What the last complaint is about.
is_denied() {
    [[ $complaint =~ (AccessDenied|UnauthorizedOperation|NotAuthorized|\(403\)|is\ not\ authorized) ]]
}
is_missing() {
    [[ $complaint =~ (\(404\)|NoSuch|NotFound|not\ found|does\ not\ exist|is\ not\ valid) ]]
}
is_login() {
    [[ $complaint =~ (Unable\ to\ locate\ credentials|ExpiredToken|InvalidClientTokenId|UnrecognizedClient|config\ profile) ]]
}
is_passing() {
    [[ $complaint =~ (Throttl|RequestLimitExceeded|SlowDown|Could\ not\ connect|[Tt]imed?\ ?-?out|Connection\ was\ closed) ]] ||
        [[ $complaint =~ (InternalFailure|InternalServer|InternalError|ServiceUnavailable|\(50[0-9]\)) ]]
}

# Ends the script over the last complaint: what was attempted, then what to do if it is known.
give_up() {
    if is_login; then
        fail $FAILED "$1: no valid AWS credentials ($complaint); log in, or set AWS_PROFILE or --profile"
    elif [[ $complaint == *'specify a region'* ]]; then
        fail $FAILED "$1: no region; give --region or set AWS_DEFAULT_REGION"
    elif is_passing; then
        fail $RETRY_LATER "$1: $complaint; try again later"
    fi
    fail $FAILED "$1: $complaint"
}

# --region is for every call of aws; version 1 of it knows the second name only.
use_region() { export AWS_REGION AWS_DEFAULT_REGION=$AWS_REGION; }

# Splits s3://bucket/key into $bucket and $key.
split_s3() {
    bucket=${1#s3://}
    key=${bucket#"${bucket%%/*}"}
    key=${key#/}
    bucket=${bucket%%/*}
}

is_s3_address() { [[ $1 =~ ^s3://[a-z0-9][a-z0-9.-]{1,61}[a-z0-9](/.*)?$ ]]; }
is_s3_object() { is_s3_address "$1" && [[ $1 == s3://*/?* ]]; }
is_sha256() { [[ $1 =~ ^[0-9a-f]{64}$ ]]; }
sha256_of() { sha256sum <"$1" | cut -d ' ' -f 1; }

# The newest active cluster of that name is $cluster; empty if there is none.
find_cluster() {
    local quoted
    quoted=$(json_string "$1")
    # Between back quotes is JSON, for the query language of aws.
    ask emr list-clusters --cluster-states STARTING BOOTSTRAPPING RUNNING WAITING --output text \
        --query "Clusters[?Name==\`${quoted//\`/\\\`}\`].Id" ||
        give_up "cannot list the clusters"
    # One line a page of the answer.
    cluster=$(printf '%s\n' "$answer" | tr '\t' '\n' | grep -m 1 '^j-' || true)
}
