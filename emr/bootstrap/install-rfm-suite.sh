#!/usr/bin/env bash
# EMR bootstrap action: installs a release of rfm-suite on a node. Can be run again at any time; does nothing if that
# release is installed and current.
#
#   install-rfm-suite.sh --from s3://bucket/rfm-suite.tar.gz --sha256 HEX [--prefix DIR] [--link DIR | --no-link]
#
# A cluster with nodes of both processors has an archive for each: {arch} in SOURCE, and --sha256 ARCH=HEX twice.
#
# The release goes to <prefix>/<first 12 digits of its checksum>/ and appears there whole or not at all; then
# <prefix>/current is pointed to it in one step. Earlier releases stay: installing one of them again only points back.
# See usage() for the arguments and exit codes.
set -euo pipefail

readonly DONE=0 FAILED=1 BAD_USAGE=2 RETRY_LATER=3

usage() {
    cat <<'TEXT'
Installs a release of rfm-suite on this node.

usage: install-rfm-suite.sh --from SOURCE --sha256 HEX [options]

  --from SOURCE   archive (.tar.gz with bin/ at its top): s3://..., https://... or a path that begins with /
                  {arch} in it stands for this node's processor: x86_64 or aarch64
  --sha256 [ARCH=]HEX
                  checksum of the archive, 64 hexadecimal digits; nothing is unpacked before it is found right. With an
                  ARCH it is that of the archive for this processor; may be repeated
  --prefix DIR    where releases live [/opt/rfm-suite]
  --link DIR      link the programs into DIR; without it into /usr/local/bin if that can be written
  --no-link       link nothing
  --help          print this

exit codes: 0 installed or already there, 1 failed, 2 bad usage, 3 the download failed and is worth a retry
TEXT
}

say() { printf 'install-rfm-suite: %s\n' "$*" >&2; }

fail() {
    say "$2"
    exit "$1"
}

value_of() {
    [[ $# -ge 2 && -n $2 ]] || fail $BAD_USAGE "$1 needs a value; see --help"
    printf '%s\n' "$2"
}

parse_arguments() {
    local sha256s=() item
    from='' sha256='' prefix=/opt/rfm-suite link='' may_link=1
    while [[ $# -gt 0 ]]; do
        case $1 in
            --from) from=$(value_of "$@"); shift 2 ;;
            --sha256) sha256s+=("$(value_of "$@")"); shift 2 ;;
            --prefix) prefix=$(value_of "$@"); shift 2 ;;
            --link) link=$(value_of "$@"); shift 2 ;;
            --no-link) may_link=''; shift ;;
            --help | -h)
                usage
                exit $DONE
                ;;
            *) fail $BAD_USAGE "unknown argument '$1'; see --help" ;;
        esac
    done
    [[ -n $from ]] || fail $BAD_USAGE "--from is missing; see --help"
    [[ ${#sha256s[@]} -gt 0 ]] || fail $BAD_USAGE "--sha256 is missing; see --help"
    arch=$(uname -m)
    for item in "${sha256s[@]}"; do
        if [[ $item != *=* ]]; then
            [[ ${#sha256s[@]} -eq 1 ]] || fail $BAD_USAGE "several --sha256 need the processor before each: $arch=$item"
            sha256=$item
        elif [[ ${item%%=*} == "$arch" ]]; then
            sha256=${item#*=}
        fi
    done
    [[ -n $sha256 ]] || fail $FAILED "there is no release for this node's processor: no --sha256 $arch=HEX was given"
    from=${from//'{arch}'/$arch}
    [[ $sha256 =~ ^[0-9A-Fa-f]{64}$ ]] || fail $BAD_USAGE "--sha256 '$sha256' is not 64 hexadecimal digits"
    sha256=$(printf '%s' "$sha256" | tr 'A-F' 'a-f')
    case $from in
        s3://?*/?* | https://?* | /?*) ;;
        *) fail $BAD_USAGE "--from '$from' is none of s3://bucket/key, https://..., /path" ;;
    esac
    local folder
    for folder in "$prefix" ${link:+"$link"}; do
        [[ $folder == /?* ]] || fail $BAD_USAGE "'$folder' is not an absolute path"
    done
    [[ -z $link || -n $may_link ]] || fail $BAD_USAGE "--link and --no-link exclude each other"
}

# The nearest folder above the prefix that exists tells whether this user can create it.
can_write_prefix() {
    local folder=$prefix
    while [[ ! -e $folder ]]; do
        folder=$(dirname "$folder")
    done
    [[ -d $folder && -w $folder ]]
}

# Bootstrap actions run as user hadoop, who may use sudo but not write to /opt.
become_root_if_needed() {
    can_write_prefix && return
    if [[ $(id -u) -ne 0 && -f $0 ]] && command -v sudo >/dev/null && sudo -n true 2>/dev/null; then
        exec sudo -n -- bash "$0" "$@"
    fi
    fail $FAILED "user $(id -un) can neither write to '$prefix' nor use sudo; choose another --prefix"
}

is_installed() { [[ $(cat "$release/.sha256" 2>/dev/null) == "$sha256" ]]; }

# Fetches the archive to $archive.
download() {
    say "fetching $from"
    case $from in
        s3://*) download_s3 ;;
        https://*) download_https ;;
        *)
            [[ -f $from ]] || fail $FAILED "'$from' is not a file on this node"
            cp -- "$from" "$archive" || fail $FAILED "cannot read '$from'"
            ;;
    esac
}

download_s3() {
    command -v aws >/dev/null || fail $FAILED "the command aws is missing; it is needed for s3:// sources"
    local code=0
    AWS_RETRY_MODE=standard AWS_MAX_ATTEMPTS=5 \
        aws s3 cp --only-show-errors "$from" "$archive" 2>"$work/errors" || code=$?
    [[ $code -ne 0 ]] || return 0
    cat "$work/errors" >&2
    # No retry finds a key that is not there, or a permission.
    if grep -qE '\((403|404|AccessDenied|NoSuchBucket|NoSuchKey)\)|Unable to locate credentials' "$work/errors"; then
        fail $FAILED "cannot fetch $from: check the address and the permissions of the instance profile"
    fi
    fail $RETRY_LATER "cannot fetch $from (aws ended with $code); try again later"
}

download_https() {
    command -v curl >/dev/null || fail $FAILED "the command curl is missing; it is needed for https:// sources"
    local code=0 status
    status=$(curl --fail --silent --show-error --location --proto '=https' --tlsv1.2 \
        --connect-timeout 10 --max-time 900 --retry 4 --retry-delay 2 \
        --write-out '%{http_code}' --output "$archive" "$from") || code=$?
    [[ $code -ne 0 ]] || return 0
    # 4xx is final, but for "time-out" and "too many requests".
    if [[ $status =~ ^4 && $status != 408 && $status != 429 ]]; then
        fail $FAILED "cannot fetch $from: the server answered $status; check the address"
    fi
    fail $RETRY_LATER "cannot fetch $from (curl ended with $code, HTTP status $status); try again later"
}

check_sum() {
    local found
    found=$(sha256sum <"$archive" | cut -d ' ' -f 1)
    [[ $found == "$sha256" ]] ||
        fail $FAILED "the archive is not the one asked for: its sha256 is $found, expected $sha256; nothing was installed"
}

# Unpacks into a folder beside the release's, so that putting it in place is one rename.
unpack() {
    mkdir -p "$prefix" || fail $FAILED "cannot create '$prefix'"
    # What a run left that was killed outright.
    find "$prefix" -maxdepth 1 -name '.incoming-*' -mmin +1440 -exec rm -rf -- {} +
    incoming=$(mktemp -d "$prefix/.incoming-XXXXXXXX") || fail $FAILED "cannot write to '$prefix'"
    tar -xzf "$archive" --no-same-owner --no-same-permissions -C "$incoming" ||
        fail $FAILED "cannot unpack the archive; is there room in '$prefix'?"
    [[ -d $incoming/bin ]] || fail $FAILED "the archive has no folder bin/: it is not a release of rfm-suite"
    chmod -R u+rwX,go+rX,go-w "$incoming"
    # Running each program finds an archive for another processor or a newer system library now, not in the first step.
    local program programs=0
    for program in "$incoming"/bin/*; do
        [[ -f $program && -x $program ]] || continue
        programs=$((programs + 1))
        "$program" --version >/dev/null ||
            fail $FAILED "$(basename "$program") does not run on this node ($(uname -m)); is the archive for this processor?"
    done
    [[ $programs -gt 0 ]] || fail $FAILED "the archive has no program in bin/: it is not a release of rfm-suite"
    printf '%s\n' "$sha256" >"$incoming/.sha256"
}

put_in_place() {
    # A folder of that name without the right checksum in it was not made by this script.
    [[ ! -e $release ]] || is_installed || fail $FAILED "'$release' exists and is not this release; remove it"
    if ! is_installed; then
        # -T never moves into a folder: if another run was quicker, this fails, and that run's release is as good.
        mv -T "$incoming" "$release" 2>/dev/null || is_installed || fail $FAILED "cannot put the release into '$release'"
    fi
}

# Points a symbolic link to a target in one step, replacing another link but nothing else.
point() {
    local target=$1 path=$2
    [[ $(readlink "$path" 2>/dev/null) != "$target" ]] || return 0
    [[ ! -e $path || -L $path ]] || fail $FAILED "'$path' exists and is no link; remove it or use --no-link"
    local new
    new=$(dirname "$path")/.$(basename "$path").$$
    if ! { ln -sfn "$target" "$new" && mv -T "$new" "$path"; }; then
        fail $FAILED "cannot link '$path' to '$target'"
    fi
    say "linked $path -> $target"
}

link_programs() {
    [[ -n $may_link ]] || return 0
    local folder=$link
    if [[ -z $folder ]]; then
        folder=/usr/local/bin
        if [[ ! -w $folder ]]; then
            say "user $(id -un) cannot write to $folder: nothing linked; the programs are in $prefix/current/bin"
            return 0
        fi
    fi
    mkdir -p "$folder" || fail $FAILED "cannot create '$folder'"
    local program
    for program in "$release"/bin/*; do
        [[ -f $program && -x $program ]] || continue
        point "$prefix/current/bin/$(basename "$program")" "$folder/$(basename "$program")"
    done
}

clean_up() {
    rm -rf -- ${work:+"$work"} ${incoming:+"$incoming"}
}

main() {
    parse_arguments "$@"
    become_root_if_needed "$@"
    prefix=${prefix%/}
    release=$prefix/${sha256:0:12}
    work='' incoming=''
    trap clean_up EXIT
    trap 'exit 129' HUP
    trap 'exit 130' INT
    trap 'exit 143' TERM
    if is_installed; then
        say "release ${sha256:0:12} is already installed"
    else
        work=$(mktemp -d) || fail $FAILED "cannot create a temporary folder"
        archive=$work/archive.tar.gz
        download
        check_sum
        unpack
        put_in_place
        say "installed release ${sha256:0:12} in $release"
    fi
    point "${sha256:0:12}" "$prefix/current"
    link_programs
}

main "$@"
