"""What is to run: the program, its arguments, files, environment and size. The same for every way to run it."""

import os
import pathlib
import re
import shutil

from . import hadoop
from .failure import usage

PROGRAMS = {"batch": "rfm-batch", "streaming": "rfm-streaming", "producer": "order-producer", "dashboard": "rfm-dashboard"}
# Memory of a container in MiB; the batch job's default budget of 1 GiB is for its aggregation alone.
MEMORY = {"batch": 2048, "streaming": 1024, "producer": 512, "dashboard": 768}
CORES = {"batch": 2, "streaming": 1, "producer": 1, "dashboard": 1}
# What goes on until it is stopped, unless it has one of these arguments.
ENDING = {
    "streaming": ("--until-caught-up", "--max-messages", "status", "compact", "--print-config", "--version", "--help"),
    "dashboard": ("hash-password", "--print-config", "--version", "--help"),
}


class Job:
    """One job to run, as the user asked for it; local paths are not resolved yet."""

    def __init__(self, kind, options, arguments):
        self.kind = kind
        self.program = PROGRAMS[kind]
        self.name = options.name or self.program
        self.queue = options.queue
        self.memory = mebibytes(options.memory) if options.memory else MEMORY[kind]
        self.memory_was_given = bool(options.memory)
        self.cores = options.cores or CORES[kind]
        self.cores_were_given = options.cores is not None
        self.instances = options.instances or 1
        # Of a dashboard that goes on: see page.reachable.
        self.listen = None
        self.env = dict(pair("--env", text) for text in options.env)
        self.arguments = list(arguments)
        for text in options.conf:
            pair("--conf", text)
            self.arguments += ["--set", text]
        self.files = named_files(options.files)
        self.binary = find_program(self.program, options.program)
        if not re.fullmatch(r"[a-z][a-z0-9-]{0,62}", self.name):
            raise usage(f"--name '{self.name}': use a small letter, then small letters, digits and hyphens")
        if self.instances > 1 and not (self.kind == "streaming" and self.is_service):
            raise usage(f"--instances {self.instances}: only a stream that goes on runs in several instances")

    @property
    def is_service(self):
        """Whether it goes on until it is stopped, and is started again when it ends."""
        return self.kind in ENDING and not any(
            argument.split("=")[0] in ENDING[self.kind] for argument in self.arguments)

    def sized_env(self, in_container):
        """The environment of the job. It is told the limits that it was given, for it cannot see a container's."""
        env = {}
        if self.kind == "batch":
            if self.memory_was_given:
                env["RFM_BATCH__MEMORY"] = f"{aggregation_memory(self.memory)} MiB"
            if in_container or self.cores_were_given:
                env["RFM_BATCH__THREADS"] = str(self.cores)
        env.update(self.env)
        return env

    def ship_config(self):
        """Makes files of the job's arguments that are on this machine part of its files, and the arguments point to them."""
        shipped, arguments = [], iter(self.arguments)
        for argument in arguments:
            flag, equals, path = argument.partition("=")
            if flag != "--config":
                shipped.append(argument)
                continue
            if not equals:
                path = next(arguments, "")
            shipped += ["--config", self.add_file(path)]
        self.arguments = shipped

    def add_file(self, path, name=None):
        """Takes a local file along; gives the name that it has where the job runs."""
        name = name or os.path.basename(path)
        if not os.path.isfile(path):
            raise usage(f"there is no file '{path}' on this machine")
        if self.files.setdefault(name, path) != path:
            raise usage(f"two files would be named '{name}' where the job runs; rename one: --files PATH#NAME")
        return name


def aggregation_memory(memory, program="rfm-batch"):
    """What of a container's memory (MiB) the batch job's aggregation may use: the rest is for the program itself, the blocks
    being read, and about 100 bytes a customer."""
    if memory < 256:
        raise usage(f"{memory}m of memory are too little for {program}: give it 256m or more")
    return max(64, min(memory * 6 // 10, memory - 256))


def mebibytes(text):
    match = re.fullmatch(r"([1-9][0-9]*) *(?:([mMgG])(?:i?[bB])?)?", text)
    if not match:
        raise usage(f"--memory '{text}': write 2048m or 2g")
    return int(match[1]) * (1024 if match[2] and match[2] in "gG" else 1)


def pair(flag, text):
    key, equals, value = text.partition("=")
    if not equals or not key:
        raise usage(f"{flag} '{text}': write KEY=VALUE")
    if flag == "--env" and not re.fullmatch(r"[A-Za-z_][A-Za-z0-9_]*", key):
        raise usage(f"--env '{text}': '{key}' is no name of a variable")
    return key, value


def named_files(lists):
    files = {}
    for entry in (entry for text in lists for entry in text.split(",") if entry):
        path, _, name = entry.partition("#")
        name = name or os.path.basename(path)
        if not os.path.isfile(path):
            raise usage(f"--files: there is no file '{path}' on this machine")
        if not re.fullmatch(r"[A-Za-z0-9._-]+", name) or name in files:
            raise usage(f"--files: '{name}' is no good name, or there are two of it; rename it: {path}#NAME")
        files[name] = path
    return files


def find_program(name, given):
    """The program's file: what --program names, or the one of the release this script is part of, or the installed one."""
    if given:
        if not os.access(given, os.X_OK) or os.path.isdir(given):
            raise usage(f"--program '{given}' is no program")
        return os.path.abspath(given)
    release = pathlib.Path(__file__).resolve().parents[3]
    folders = [os.environ.get("RFM_BIN"), str(release / "bin"), "/opt/rfm-suite/current/bin"]
    for folder in filter(None, folders):
        path = os.path.join(folder, name)
        if os.access(path, os.X_OK):
            return path
    path = shutil.which(name)
    if not path:
        raise usage(f"there is no {name}: unpack a release, put it on the PATH, or give --program FILE")
    return os.path.abspath(path)


def hive_settings(folder):
    """The text of a hive-site.xml with what a job needs to find tables, or None. Passwords stay where they are: the file goes
    through HDFS, and on some nodes it holds the one of the metastore's own database."""
    import xml.etree.ElementTree as xml

    path = os.path.join(folder or "", "hive-site.xml")
    if not folder or not os.path.isfile(path):
        return None
    try:
        root = xml.parse(path).getroot()
    except xml.ParseError as error:
        raise usage(f"{path} is no XML: {error}")
    for entry in list(root):
        name = entry.findtext("name", "").strip().lower()
        if not name or "password" in name or "secret" in name or name.startswith("javax.jdo."):
            root.remove(entry)
    return xml.tostring(root, encoding="unicode")


def hive_conf_of_client():
    return hadoop.environment().get("HIVE_CONF_DIR")
