# Sourced by `cluster`: the ports of a cluster, and a cluster that ends with the process it was started for.
# shellcheck shell=bash

# What the caller chose is a property of the cluster from its first start on, so that later commands need to be told
# only RFM_CLUSTER_HOME. The file also marks the folder as one that `cluster` made.
remember_settings() {
    local file=$RFM_CLUSTER_HOME/settings.env name
    if [[ -f $file ]]; then
        return
    fi
    for name in "${chosen_settings[@]}"; do
        [[ -n $name ]] || continue
        printf ': "${%s:=%s}"\n' "$name" "${!name}"
    done >"$file.new"
    mv "$file.new" "$file"
}

# Sets RFM_PORT_OFFSET so that no port is in use, or is given to an outgoing connection. Its daemons inherit a lock on
# the offset, so that two clusters that start at once do not choose the same.
claim_free_ports() {
    local highest=0 first_ephemeral name offset tries
    read -r first_ephemeral _ </proc/sys/net/ipv4/ip_local_port_range
    for name in "${!RFM_PORT_@}"; do
        unset "$name"
    done
    chosen_settings=("${chosen_settings[@]##RFM_PORT_*}")
    # shellcheck source=../defaults.env
    . "$cluster_dir/defaults.env"
    for name in "${!RFM_PORT_@}"; do
        ((${!name} <= highest)) || highest=${!name}
    done
    mkdir -p "$RFM_CLUSTER_JARS/offsets"
    for tries in {1..200}; do
        offset=$((100 * (30 + RANDOM % ((first_ephemeral - 1 - highest) / 100 - 30))))
        exec 6>>"$RFM_CLUSTER_JARS/offsets/$offset"
        if flock -n 6 && ports_are_free "$offset"; then
            RFM_PORT_OFFSET=$offset
            chosen_settings+=(RFM_PORT_OFFSET)
            return
        fi
    done
    die "found no free ports in $tries tries"
}

# ports_are_free OFFSET: with the settings of offset 0.
ports_are_free() {
    local name
    for name in "${!RFM_PORT_@}"; do
        [[ $name == RFM_PORT_OFFSET ]] || ! port_open $((${!name} + $1)) || return 1
    done
}

# start_supervisor PID WIPE
start_supervisor() {
    local owner=$1 started known
    started=$(start_time_of "$owner") || die "there is no process $owner to run for"
    if pid_of supervisor >/dev/null; then
        known=$(<"$RFM_RUN/supervisor.of")
        [[ $known == "$owner $started" ]] || die "this cluster already runs for the process ${known%% *}"
        return 0
    fi
    [[ -z $2 || -f $RFM_CLUSTER_HOME/settings.env || -z $(find "$RFM_CLUSTER_HOME" -mindepth 1 ! -name lock) ]] \
        || die "$RFM_CLUSTER_HOME holds more than a cluster: not to be wiped"
    mkdir -p "$RFM_RUN" "$RFM_LOGS"
    printf '%s %s\n' "$owner" "$started" >"$RFM_RUN/supervisor.of"
    rm -f "$RFM_RUN/supervisor.pid"
    (
        exec 6>&- 9>&-
        pid=$BASHPID
        printf '%s %s\n' "$pid" "$(start_time_of "$pid")" >"$RFM_RUN/supervisor.pid"
        exec setsid "$cluster_dir/cluster" supervise "$owner" "$started" "$2"
    ) >"$RFM_LOGS/supervisor.log" 2>&1 </dev/null &
    until [[ -s $RFM_RUN/supervisor.pid ]]; do
        sleep 0.01
    done
}

# supervise PID START-TIME WIPE: what the supervisor does.
supervise() {
    cd /
    while [[ $(start_time_of "$1") == "$2" ]]; do
        sleep 0.5
    done
    # Somebody has deleted it all: nothing is to be made again.
    [[ -d $RFM_CLUSTER_HOME ]] || return 0
    lock 3600
    if [[ -z $3 ]]; then
        down TERM
    else
        down KILL
        rm -rf "${RFM_CLUSTER_HOME:?}"
    fi
}

end_supervisor() {
    local pid
    pid=$(pid_of supervisor) || return 0
    [[ $pid == "$$" ]] || kill "$pid" 2>/dev/null || true
    rm -f "$RFM_RUN/supervisor.pid"
}
