# Sourced by `cluster`: fetching the jars. All clusters of a user share one set of them, so this happens under a lock,
# a component appears as a whole or not at all, and the jars under a running daemon are never replaced.
# shellcheck shell=bash

# install [COMPONENT...]: does what is missing.
install() {
    local components=("$@") missing=() component
    ((${#components[@]})) || components=(hadoop hive metastore3 kafka)
    for component in "${components[@]}"; do
        [[ -f $cluster_dir/maven/$component/pom.xml ]] || die "no component named '$component'"
        is_installed "$component" || missing+=("$component")
    done
    ((${#missing[@]})) || return 0
    mkdir -p "$RFM_CLUSTER_JARS"
    exec 8>"$RFM_CLUSTER_JARS/lock"
    flock -w 1800 8 || die "another 'cluster install' holds $RFM_CLUSTER_JARS/lock"
    # Another cluster may have done it in the meantime.
    components=("${missing[@]}")
    missing=()
    for component in "${components[@]}"; do
        [[ $(stamp_of "$component") == "$(stamp_in "$component")" ]] || missing+=("$component")
    done
    ((!${#missing[@]})) || fetch_jars "${missing[@]}"
    for component in "${components[@]}"; do
        [[ $(own_stamp_of "$component") == "$(stamp_in "$component-own")" ]] || compile_own "$component"
    done
    exec 8>&-
}

is_installed() {
    [[ $(stamp_of "$1") == "$(stamp_in "$1")" && $(own_stamp_of "$1") == "$(stamp_in "$1-own")" ]]
}

# Changes whenever the jars of a component would.
stamp_of() {
    cat "$cluster_dir/maven/pom.xml" "$cluster_dir/maven/$1/pom.xml" | cksum
}

# The same of the classes of this repository that run inside a component; empty when it has none.
own_stamp_of() {
    [[ ! -d $cluster_dir/java/$1 ]] || cat "$cluster_dir/maven/pom.xml" "$cluster_dir/java/$1"/*.java | cksum
}

stamp_in() {
    cat "$RFM_CLUSTER_JARS/$1.stamp" 2>/dev/null || true
}

fetch_jars() {
    local component list new=$RFM_CLUSTER_JARS/new
    command -v mvn >/dev/null || die "Maven is missing (Debian: apt-get install maven)"
    list=$(IFS=,; printf '%s' "$*")
    printf 'fetching the jars of %s\n' "$list"
    rm -rf "$new"
    mvn -B -q -Dstyle.color=never -f "$cluster_dir/maven/pom.xml" -pl "$list" "-Djars=$new" \
        dependency:copy-dependencies >&2 || die "Maven could not fetch the jars"
    for component in "$@"; do
        replace_folder "$component" "$new/$component" "$(stamp_of "$component")"
    done
    rm -rf "$new"
}

# compile_own COMPONENT: the few classes of this repository that run inside a component.
compile_own() {
    find_java
    local new=$RFM_CLUSTER_JARS/new-own
    rm -rf "$new"
    "$JAVA_HOME/bin/javac" -nowarn -d "$new" -cp "$RFM_CLUSTER_JARS/$1/*:$RFM_CLUSTER_JARS/hadoop/*" \
        "$cluster_dir/java/$1"/*.java || die "javac failed on $cluster_dir/java/$1 (a JDK is needed, not only a JRE)"
    replace_folder "$1-own" "$new" "$(own_stamp_of "$1")"
}

# replace_folder NAME NEW STAMP. Every daemon holds a shared lock on the file `in-use`.
replace_folder() {
    local name=$1
    if [[ -d $RFM_CLUSTER_JARS/$name ]]; then
        flock -n "$RFM_CLUSTER_JARS/in-use" true \
            || die "the jars of $name are to be replaced, but a cluster runs with them: run 'cluster down' for it"
    fi
    rm -rf "${RFM_CLUSTER_JARS:?}/$name.stamp" "${RFM_CLUSTER_JARS:?}/$name"
    mv "$2" "$RFM_CLUSTER_JARS/$name"
    printf '%s\n' "$3" >"$RFM_CLUSTER_JARS/$name.stamp"
}
