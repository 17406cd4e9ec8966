# Sourced by `cluster`: starting one daemon, ending it, asking whether it is well.
# shellcheck shell=bash

# The start time tells a daemon from a later process that was given the same pid. One that has ended but that its
# parent has not asked about yet (state Z) has none, once the last of its threads has let go of its ports.
start_time_of() {
    local stat
    stat=$(cat "/proc/$1/stat" 2>/dev/null) || return 1
    read -ra stat <<<"${stat##*) }"
    [[ ${stat[0]} != Z || ${stat[17]} -gt 1 ]] && printf '%s' "${stat[19]}"
}

# Prints the pid of a daemon that runs.
pid_of() {
    local pid started
    read -r pid started 2>/dev/null <"$RFM_RUN/$1.pid" || return 1
    [[ $(start_time_of "$pid") == "$started" ]] || return 1
    printf '%s' "$pid"
}

any_daemon_runs() {
    local daemon
    for daemon in "${all_daemons[@]}"; do
        pid_of "$daemon" >/dev/null && return
    done
    return 1
}

# launch DAEMON CLASSPATH CLASS-AND-ARGUMENTS...: starts Java in the background. It notes its pid itself before it becomes
# Java, so that a `cluster` that is killed here leaves no daemon that nobody knows of. It inherits the locks that say
# that the jars and the ports are in use (7 and 6), but not that of the command (9).
launch() {
    local daemon=$1 classpath=$2
    local heap=RFM_HEAP_${daemon^^}
    shift 2
    rm -f "$RFM_RUN/$daemon.pid"
    (
        exec 7>>"$RFM_CLUSTER_JARS/in-use" 9>&-
        flock -s 7
        cd "$RFM_DATA" || exit
        pid=$BASHPID
        printf '%s %s\n' "$pid" "$(start_time_of "$pid")" >"$RFM_RUN/$daemon.pid"
        exec setsid "$java" "${java_flags[@]}" "-Xmx${!heap}m" "-Drfm.daemon=$daemon" \
            -Dhadoop.root.logger=INFO,stderr -Dhive.log.level=INFO -cp "$classpath" "$@"
    ) >"$RFM_LOGS/$daemon.log" 2>&1 </dev/null &
    until [[ -s $RFM_RUN/$daemon.pid ]]; do
        sleep 0.01
    done
}

start_namenode() {
    if [[ ! -f $RFM_DATA/namenode/current/VERSION ]]; then
        "$java" "${java_flags[@]}" -cp "$hadoop_classpath" org.apache.hadoop.hdfs.server.namenode.NameNode \
            -format -nonInteractive >"$RFM_LOGS/namenode-format.log" 2>&1 \
            || die "formatting HDFS failed, see $RFM_LOGS/namenode-format.log"
    fi
    launch namenode "$hadoop_classpath" org.apache.hadoop.hdfs.server.namenode.NameNode
}

start_datanode() {
    launch datanode "$hadoop_classpath" org.apache.hadoop.hdfs.server.datanode.DataNode
}

start_zookeeper() {
    launch zookeeper "$hadoop_classpath" -Dzookeeper.admin.enableServer=false \
        org.apache.zookeeper.server.ZooKeeperServerMain "$RFM_CONF/zookeeper/zoo.cfg"
}

start_resourcemanager() {
    launch resourcemanager "$hadoop_classpath" org.apache.hadoop.yarn.server.resourcemanager.ResourceManager
}

# Containers find Hadoop's commands as on a cluster of a distribution: below HADOOP_HDFS_HOME, which NodeManagers pass on.
start_nodemanager() {
    local home=$RFM_CLUSTER_HOME/hadoop
    mkdir -p "$home/bin"
    printf '#!/usr/bin/env bash\nexport RFM_CLUSTER_HOME=%q RFM_CLUSTER_JARS=%q\nexec %q "$@"\n' \
        "$RFM_CLUSTER_HOME" "$RFM_CLUSTER_JARS" "$cluster_dir/bin/hdfs" >"$home/bin/hdfs"
    chmod +x "$home/bin/hdfs"
    HADOOP_HDFS_HOME=$home launch nodemanager "$hadoop_classpath" org.apache.hadoop.yarn.server.nodemanager.NodeManager
}

start_metastore() {
    launch metastore "$hive_classpath" org.apache.hadoop.hive.metastore.HiveMetaStore -p "$RFM_PORT_METASTORE"
}

start_metastore3() {
    launch metastore3 "$metastore3_classpath" rfm.cluster.LoopbackMetastore "$RFM_PORT_METASTORE3"
}

start_hiveserver2() {
    launch hiveserver2 "$hive_classpath" org.apache.hive.service.server.HiveServer2
}

start_kafka() {
    if [[ ! -f $RFM_DATA/kafka/meta.properties ]]; then
        "$java" "${java_flags[@]}" -cp "$kafka_classpath" kafka.tools.StorageTool format \
            --cluster-id rfmLocalClusterAAAAAAA --config "$RFM_CONF/kafka/server.properties" \
            --add-scram "SCRAM-SHA-512=[name=$RFM_SCRAM_USER,password=$RFM_SCRAM_PASSWORD]" \
            --add-scram "SCRAM-SHA-256=[name=$RFM_SCRAM_USER,password=$RFM_SCRAM_PASSWORD]" \
            >"$RFM_LOGS/kafka-format.log" 2>&1 || die "formatting Kafka failed, see $RFM_LOGS/kafka-format.log"
    fi
    launch kafka "$kafka_classpath" kafka.Kafka "$RFM_CONF/kafka/server.properties"
}

# end_daemon DAEMON SIGNAL: sends it, and SIGKILL to one that is still there 20 s later; returns when it is gone.
end_daemon() {
    local daemon=$1 pid end=$((SECONDS + 20))
    if pid=$(pid_of "$daemon"); then
        # One that was paused has to run to notice the signal.
        kill "-$2" "$pid" 2>/dev/null || true
        kill -CONT "$pid" 2>/dev/null || true
    fi
    while pid=$(pid_of "$daemon"); do
        ((SECONDS <= end)) || kill -KILL "$pid" 2>/dev/null || true
        sleep 0.05
    done
    rm -f "$RFM_RUN/$daemon.pid"
}

# A NodeManager that is killed leaves its containers running; their current folder is below its own.
end_containers() {
    local process
    for process in /proc/[0-9]*; do
        if [[ $(readlink "$process/cwd" 2>/dev/null) == "$RFM_DATA/nodemanager"/* ]]; then
            kill -KILL "${process#/proc/}" 2>/dev/null || true
        fi
    done
}

port_open() {
    (exec 3<>"/dev/tcp/127.0.0.1/$1") 2>/dev/null
}

# http METHOD PORT PATH: prints the answer.
http() {
    port_open "$2" || return 1
    (
        exec 3<>"/dev/tcp/127.0.0.1/$2"
        printf '%s %s HTTP/1.0\r\nHost: localhost\r\nContent-Length: 0\r\n\r\n' "$1" "$3" >&3
        timeout 5 cat <&3
    )
}

# http_has PORT PATH TEXT: the page holds the text.
http_has() {
    local page
    page=$(http GET "$1" "$2") && [[ $page == *"$3"* ]]
}

healthy() {
    local jmx="/jmx?qry=Hadoop:service"
    case $1 in
        # The NameNode leaves safe mode only after the DataNode has told it of its blocks, and for a while it counts one
        # that has ended among the living.
        datanode) http_has "$RFM_PORT_DATANODE_HTTP" "$jmx=DataNode,name=DataNodeInfo" '\"ActorState\":\"RUNNING\"' \
            && http_has "$RFM_PORT_NAMENODE_HTTP" "$jmx=NameNode,name=FSNamesystemState" '"NumLiveDataNodes" : 1' \
            && http_has "$RFM_PORT_NAMENODE_HTTP" "$jmx=NameNode,name=FSNamesystemState" '"FSState" : "Operational"' ;;
        nodemanager) http_has "$RFM_PORT_RM_HTTP" "$jmx=ResourceManager,name=ClusterMetrics" '"NumActiveNMs" : 1' ;;
        *) port_open "${daemon_port[$1]}" ;;
    esac
}

# Waits until the daemon answers, or ends the script with the tail of its log.
await() {
    local daemon=$1 end=$((SECONDS + RFM_START_TIMEOUT))
    until healthy "$daemon"; do
        if ! pid_of "$daemon" >/dev/null || ((SECONDS > end)); then
            printf 'cluster: %s did not come up; the end of its log:\n' "$daemon" >&2
            tail -n 40 "$RFM_LOGS/$daemon.log" >&2
            exit 1
        fi
        sleep 0.2
    done
}

