# Sourced by `cluster` and by the tools in bin/: settings, places, class paths and the way Java is started.
# shellcheck shell=bash disable=SC2034
set -euo pipefail

cluster_dir=$(cd -- "$(dirname -- "$(readlink -f -- "${BASH_SOURCE[0]}")")/.." && pwd)
RFM_CLUSTER_HOME=$(realpath -m -- "${RFM_CLUSTER_HOME:-$HOME/.cache/rfm-suite/cluster}")
RFM_CONF=$RFM_CLUSTER_HOME/conf
RFM_DATA=$RFM_CLUSTER_HOME/data
RFM_LOGS=$RFM_CLUSTER_HOME/logs
RFM_RUN=$RFM_CLUSTER_HOME/run
RFM_USER=$(id -un)
# The ports and heaps that the caller chose, by name; `up` remembers them in settings.env for the commands after it.
chosen_settings=("${!RFM_PORT_@}" "${!RFM_HEAP_@}")
if [[ -f $RFM_CLUSTER_HOME/settings.env ]]; then
    # shellcheck source=/dev/null
    . "$RFM_CLUSTER_HOME/settings.env"
fi
# shellcheck source=../defaults.env
. "$cluster_dir/defaults.env"

export HADOOP_CONF_DIR=$RFM_CONF/hadoop

die() {
    printf 'cluster: %s\n' "$*" >&2
    exit 1
}

find_java() {
    java=${JAVA_HOME:+$JAVA_HOME/bin/}java
    java=$(command -v "$java") || die "no Java found: install a JDK 17 or set JAVA_HOME"
    java=$(readlink -f "$java")
    export JAVA_HOME=${java%/bin/java}
    local major
    major=$(sed -n 's/^JAVA_VERSION="\([0-9]*\).*/\1/p' "$JAVA_HOME/release")
    ((major >= 17 && major < 24)) || die "Java $major can't run these Hadoop and Hive: set JAVA_HOME to a JDK 17"
}

# Every tool of a component needs the class path of that component; the generated configuration comes first.
hadoop_classpath="$RFM_CONF/hadoop:$RFM_CLUSTER_JARS/hadoop/*"
hive_classpath="$RFM_CONF/hive:$RFM_CONF/hadoop:$RFM_CLUSTER_JARS/hive/*:$RFM_CLUSTER_JARS/hadoop/*"
metastore3_classpath="$RFM_CONF/metastore3:$RFM_CONF/hadoop:$RFM_CLUSTER_JARS/metastore3-own:$RFM_CLUSTER_JARS/metastore3/*"
metastore3_classpath+=":$RFM_CLUSTER_JARS/hadoop/*"
kafka_classpath="$RFM_CONF/kafka:$RFM_CLUSTER_JARS/kafka-own:$RFM_CLUSTER_JARS/kafka/*"

# Small and quick to start: the C1 compiler only, one collector thread, no ::1.
java_flags=(
    -XX:+UseSerialGC -XX:TieredStopAtLevel=1 -XX:-UsePerfData
    -Djava.net.preferIPv4Stack=true -Dfile.encoding=UTF-8 "-Djava.io.tmpdir=$RFM_CLUSTER_HOME/tmp"
)

# What Java 17 has to open to software written for Java 8. Nothing runs without the first four: YARN's Guice defines
# classes by reflection, Hive interns URIs, its Arrow takes buffers apart, Kryo copies query plans field by field.
# The rest is for what Kryo meets in larger plans.
for package in java.lang java.net java.nio java.util java.io java.lang.reflect java.math java.text java.time \
    java.util.concurrent java.util.concurrent.atomic java.util.regex; do
    java_flags+=("--add-opens=java.base/$package=ALL-UNNAMED")
done

# run_java CLASSPATH [-D...] CLASS [ARGUMENT...]: becomes a command line tool of the cluster.
run_java() {
    find_java
    [[ -d $RFM_CONF ]] || die "no configuration yet: run 'cluster up' first"
    exec "$java" "${java_flags[@]}" "-Xmx${RFM_HEAP_CLIENT}m" -cp "$1" "${@:2}"
}
