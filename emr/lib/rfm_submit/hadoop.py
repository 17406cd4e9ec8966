"""Hadoop's own command line tools: the only way by which submit talks to HDFS and YARN, so whatever they are configured for
(high availability, TLS, Kerberos tickets) holds here too."""

import getpass
import glob
import os
import pathlib
import re
import shutil
import subprocess

from .failure import RETRY, Failure, usage

# Where EMR and Bigtop put them; login shells there have no variables for it.
USUAL_CONF = {"HADOOP_CONF_DIR": "/etc/hadoop/conf", "HIVE_CONF_DIR": "/etc/hive/conf"}


def environment(extra=None):
    """This process's environment with the folders of configuration that are in their usual places."""
    env = dict(os.environ)
    for name, folder in USUAL_CONF.items():
        if not env.get(name) and os.path.isdir(folder):
            env[name] = folder
    env.update(extra or {})
    return env


def user():
    """Who Hadoop takes the caller for, where it does not ask Kerberos."""
    return os.environ.get("HADOOP_USER_NAME") or getpass.getuser()


def tool(name):
    found = shutil.which(name)
    if not found:
        raise usage(f"there is no `{name}` on the PATH: run this on a node with Hadoop's client, or use --master local")
    return found


class Answer:
    """What a tool answered."""

    def __init__(self, command, done):
        self.command = command
        self.code, self.out, self.err = done.returncode, done.stdout, done.stderr

    def ok(self, doing):
        """Raises unless it went well; `doing` completes "cannot ..."."""
        if self.code != 0:
            raise Failure(f"cannot {doing}: {last_words(self.err or self.out)}", RETRY if retryable(self.err) else 1)
        return self


def retryable(text):
    return any(sign in text for sign in ("ConnectException", "Connection refused", "StandbyException", "SafeModeException"))


# The head of a log line: date, time, level, class.
LOG_HEAD = re.compile(r"^[-\d]{10} [\d:,]{8,12} (?:WARN|ERROR|FATAL) +\S+: ")


def last_words(text):
    """The line of a tool's output that says what went wrong, without the log lines around it."""
    return LOG_HEAD.sub("", last_line_of_interest(text))


def last_line_of_interest(text):
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    for line in reversed(lines):
        if "Exception" in line and not line.startswith("at "):
            return line
    plain = [line for line in lines if not line.startswith("at ") and " INFO " not in line]
    return (plain or lines or ["it said nothing"])[-1]


def run(name, *arguments, timeout=300):
    command = [tool(name), *arguments]
    try:
        done = subprocess.run(
            command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=environment(),
            timeout=timeout, start_new_session=True, encoding="utf-8", errors="replace")
    except subprocess.TimeoutExpired:
        raise Failure(f"`{name} {arguments[0]}` did not answer within {timeout} s", RETRY)
    return Answer(command, done)


def start(name, *arguments, **options):
    """A tool that runs on while we do something else; signals for us are not for it."""
    return subprocess.Popen(
        [tool(name), *arguments], stdin=subprocess.DEVNULL, env=environment({"HADOOP_ROOT_LOGGER": "INFO,console"}),
        start_new_session=True, encoding="utf-8", errors="replace", **options)


def distributed_shell_jar():
    """The jar of YARN's distributed shell, which every Hadoop has."""
    given = os.environ.get("RFM_DISTRIBUTED_SHELL_JAR")
    if given:
        return given
    name = "hadoop-yarn-applications-distributedshell*.jar"
    folders = [os.environ.get("HADOOP_YARN_HOME"), "/usr/lib/hadoop-yarn"]
    for home in (os.environ.get("HADOOP_YARN_HOME"), os.environ.get("HADOOP_HOME")):
        folders.append(home and home + "/share/hadoop/yarn")
    for folder in filter(None, folders):
        jars = sorted(glob.glob(os.path.join(folder, name)))
        if jars:
            return jars[0]
    for entry in run("yarn", "classpath").ok("ask Hadoop for its class path").out.strip().split(":"):
        jars = sorted(glob.glob(os.path.join(entry.rstrip("*"), name))) if entry.endswith("*") else []
        if jars:
            return jars[0]
        if pathlib.PurePath(entry).match(name):
            return entry
    raise Failure("Hadoop's distributed shell is not here: set RFM_DISTRIBUTED_SHELL_JAR to "
                  "hadoop-yarn-applications-distributedshell-*.jar")
