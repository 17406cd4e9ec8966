"""The script that starts a job in its container: environment, program, arguments, each quoted once and for all."""

import shlex

# Where YARN services put the files that travel in a service's specification.
SERVICE_CONF = "conf"
# What a container of a stream says when its job has ended by itself; the exit code follows.
ENDED = "rfm-submit: the job ended by itself, exit code"
# What it says when the job has written everything it had and has ended, for whoever asked it to.
DRAINED = "rfm-submit: the job has ended in order"
# How long such a container then waits to be taken away. If it left by itself, YARN would start another in its place.
LINGER_SECONDS = 120

HEAD = """#!/usr/bin/env bash
# Starts {program} in a YARN container. Written by emr/submit.
set -u
{exports}
[[ -n ${{HADOOP_CONF_DIR-}} ]] || {{
    echo "rfm-submit: the NodeManager passes no HADOOP_CONF_DIR on; submit with --env HADOOP_CONF_DIR=FOLDER" >&2
    exit 2
}}
"""

# The distributed shell can only localise what is uploaded with it, so the staged program is fetched with the node's Hadoop.
FETCH = """
hdfs=''
for home in "${{HADOOP_HDFS_HOME-}}" "${{HADOOP_HOME-}}" "${{HADOOP_COMMON_HOME-}}" /usr/lib/hadoop-hdfs /usr/lib/hadoop; do
    if [[ -n $home && -x $home/bin/hdfs ]]; then
        hdfs=$home/bin/hdfs
        break
    fi
done
hdfs=${{hdfs:-$(command -v hdfs)}} || {{
    echo "rfm-submit: no hdfs command on this node ($HOSTNAME): set HADOOP_HDFS_HOME with --env" >&2
    exit 1
}}
if ! said=$("$hdfs" dfs -get {staged} ./{program} 2>&1) ||
    ! sha256sum --quiet -c - <<<"{sha256}  {program}" >&2; then
    printf 'rfm-submit: cannot get the program from {staged}: %s\\n' "$said" >&2
    exit 3
fi
chmod 700 ./{program}
"""

TASK = """
exec {command}
"""

# A stop comes as SIGTERM to the whole process group, so the job has got it as well; this shell sees it when the job has ended.
SERVICE = """
stopping=''
trap 'stopping=1' TERM
{command}
code=$?
if [[ -n $stopping && $code -eq 0 ]]; then
    trap 'exit 0' TERM
    echo "{drained}" >&2
    sleep {linger} &
    wait
elif [[ -z $stopping ]]; then
    echo "{ended} $code" >&2
fi
exit "$code"
"""


def _text(job, env, body):
    exports = "\n".join(f"export {name}={shlex.quote(value)}" for name, value in env.items())
    return HEAD.format(program=job.program, exports=exports) + body


def _environment(job, user, hive_conf):
    env = {"HADOOP_USER_NAME": user}
    if hive_conf:
        env["HIVE_CONF_DIR"] = hive_conf
    env.update(job.sized_env(in_container=True))
    return env


def command(job):
    return " ".join(["./" + job.program, *map(shlex.quote, job.arguments)])


def task(job, user, staged, sha256, hive_conf=None):
    """For a job that runs once; `staged` is the program's address on HDFS, `hive_conf` the folder of hive-site.xml."""
    fetch = FETCH.format(staged=shlex.quote(staged), program=job.program, sha256=sha256)
    return _text(job, _environment(job, user, hive_conf), fetch + TASK.format(command=command(job)))


def service(job, user, hive_conf=None):
    """For a stream, whose program YARN has localised; it outlives the job when it is asked to stop."""
    body = SERVICE.format(command=command(job), drained=DRAINED, ended=ENDED, linger=LINGER_SECONDS)
    return _text(job, _environment(job, user, hive_conf), body)


def process(program, arguments, env):
    """For a program of the batch job's cluster, which YARN starts again when it ends."""
    exports = "\n".join(f"export {name}={shlex.quote(value)}" for name, value in env.items())
    words = " ".join(["./" + program, *map(shlex.quote, arguments)])
    return HEAD.format(program=program, exports=exports) + TASK.format(command=words)
