# Sourced by `add-step`: what becomes of a step, and what it wrote.
# shellcheck shell=bash disable=SC2154

# A cluster that has ended answers with an error about its state; say it first, and in plain words.
must_take_steps() {
    ask emr describe-cluster --cluster-id "$cluster" --output text \
        --query 'Cluster.[Status.State, Status.StateChangeReason.Message]' ||
        if is_missing; then
            fail "$FAILED" "there is no cluster $cluster in this region ($complaint); check --cluster-id and --region"
        else
            give_up "cannot look at cluster $cluster"
        fi
    case $answer in
        TERMINAT*) fail "$FAILED" "cluster $cluster takes no steps: it is ${answer/$'\t'/, }" ;;
    esac
}

# Follows the step to its end and exits as it did.
wait_for_step() {
    local state='' before='' reason='' end=$((SECONDS + timeout)) ended=''
    trap 'say "no longer watching; step $step goes on (aws emr cancel-steps --cluster-id $cluster --step-ids $step ends it)"; exit 130' INT
    trap 'say "no longer watching; step $step goes on"; exit 143' TERM
    while :; do
        if ask emr describe-step --cluster-id "$cluster" --step-id "$step" --output text \
            --query 'Step.Status.[State, FailureDetails.Reason, FailureDetails.Message, StateChangeReason.Message]'; then
            IFS=$'\t' read -r state reason <<<"$answer"
            reason=$(plain_reason "$reason")
            [[ $state == "$before" ]] || say "step $step $state"
            before=$state
            case $state in
                COMPLETED)
                    [[ -z $stdout ]] || print_stdout
                    exit "$DONE"
                    ;;
                FAILED) report_failure "$reason" ;;
                CANCELLED | INTERRUPTED) fail "$FAILED" "step $step was ${state,,}${reason:+: $reason}" ;;
            esac
            # A step of a cluster that has ended may stay PENDING or RUNNING for ever. It is asked for once more first, for
            # it may have ended between the two questions.
            [[ -z $ended ]] || fail "$FAILED" "cluster $cluster ended ($ended) before step $step did; its log, if there is one, is in $(log_folder)"
            ended=$(cluster_end)
            [[ -z $ended ]] || continue
        elif ! is_passing; then
            give_up "cannot watch step $step, which goes on"
        fi
        [[ $SECONDS -lt $end ]] || fail "$RETRY_LATER" "step $step is $state after $timeout seconds; it goes on"
        sleep "$poll"
    done
}

# The columns that say something, of a line of columns.
plain_reason() {
    printf '%s\n' "$1" | tr '\t' '\n' | sed '/^None$/d; /^$/d' | paste -s -d ';' | sed 's/;/; /g'
}

# State and reason of a cluster that has ended, nothing of one that has not.
cluster_end() {
    ask emr describe-cluster --cluster-id "$cluster" --output text \
        --query 'Cluster.Status.[State, StateChangeReason.Message]' || return 0
    case $answer in
        TERMINATED*) plain_reason "$answer" ;;
    esac
}

# Where EMR puts the step's log, empty if nowhere. EMR may write the address with s3n.
log_folder() {
    ask emr describe-cluster --cluster-id "$cluster" --query Cluster.LogUri --output text || return 0
    [[ $answer == s3*://* ]] || return 0
    printf 's3://%s/%s/steps/%s/\n' "$(sed 's,^s3[an]*://,,; s,/*$,,' <<<"$answer")" "$cluster" "$step"
}

# fetch_log NAME PATTERN: fetches NAME.gz to $work/NAME, until a line fits the pattern or --log-wait is over: EMR sends logs
# every few minutes, so that the first version that is found may end in the middle.
fetch_log() {
    local folder end=$((SECONDS + log_wait)) told=''
    folder=$(log_folder)
    if [[ -z $folder ]]; then
        say "cluster $cluster keeps no logs on S3; on its primary node they are in /mnt/var/log/hadoop/steps/$step/"
        return 1
    fi
    while :; do
        if ask s3 cp --only-show-errors "$folder$1.gz" "$work/$1.gz"; then
            gzip -cd "$work/$1.gz" >"$work/$1" 2>/dev/null || true
            ! grep -qE "$2" "$work/$1" || return 0
        elif is_denied; then
            say "not allowed to read $folder$1.gz: $complaint"
            return 1
        elif [[ $complaint == *NoSuchBucket* ]]; then
            say "the cluster's log bucket is not there: $complaint"
            return 1
        elif ! is_missing && ! is_passing; then
            say "cannot read $folder$1.gz: $complaint"
            return 1
        fi
        if [[ $SECONDS -ge $end ]]; then
            say "$folder$1.gz is not complete after $log_wait seconds"
            [[ -s $work/$1 ]]
            return
        fi
        if [[ -z $told ]]; then
            say "waiting for the log on S3, which EMR writes every few minutes"
            told=1
        fi
        sleep "$poll"
    done
}

# Prints the step's stderr, and exits with its exit code.
report_failure() {
    local code=''
    if fetch_log stderr '^rfm-suite step ended with exit code [0-9]+$'; then
        code=$(sed -n 's/^rfm-suite step ended with exit code \([0-9]*\)$/\1/p' "$work/stderr" | tail -n 1)
        say "the last lines of its stderr:"
        tail -n "$lines" "$work/stderr" >&2
    fi
    [[ -z $stdout ]] || print_stdout
    # A failed step never ends with 0, whatever its log says.
    [[ $code =~ ^[1-9][0-9]*$ && $code -le 255 ]] || code=$FAILED
    fail "$code" "step $step failed with exit code $code${1:+: $1}"
}

print_stdout() {
    if fetch_log stdout .; then
        cat "$work/stdout"
    fi
}
