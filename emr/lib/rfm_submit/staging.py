"""Programs and files on HDFS, once per content: ~/.rfm-suite/staged/<checksum>/<name>. What is there is never changed, so a
run that is under way keeps its program while the next version is being staged."""

import hashlib
import os

from . import hadoop
from .failure import Failure, say

FOLDER = ".rfm-suite/staged"


def sha256(path):
    digest = hashlib.sha256()
    with open(path, "rb") as file:
        for block in iter(lambda: file.read(1 << 20), b""):
            digest.update(block)
    return digest.hexdigest()


def home():
    """The caller's home folder on HDFS."""
    return f"/user/{hadoop.user()}"


def stage(path, name):
    """Puts a local file there unless it is there already; gives its address and checksum."""
    checksum = sha256(path)
    folder = f"{home()}/{FOLDER}/{checksum[:16]}"
    target = f"{folder}/{name}"
    size = os.path.getsize(path)
    there = hadoop.run("hdfs", "dfs", "-stat", "%b", target)
    if there.code == 0 and there.out.strip() == str(size):
        return target, checksum
    if there.code != 0 and "No such file" not in there.err:
        there.ok("look at " + target)
    say(f"staging {name} ({size / 1e6:.0f} MB) in {folder}")
    # Whole under its name or not at all: another submit may be doing the same.
    incoming = f"{folder}/.{name}.{os.getpid()}.{os.uname().nodename}"
    umask = ("-D", "fs.permissions.umask-mode=022")
    hadoop.run("hdfs", "dfs", *umask, "-mkdir", "-p", folder).ok("make " + folder)
    hadoop.run("hdfs", "dfs", *umask, "-put", "-f", path, incoming, timeout=1800).ok("stage " + name)
    moved = hadoop.run("hdfs", "dfs", "-mv", incoming, target)
    if moved.code != 0:
        hadoop.run("hdfs", "dfs", "-rm", "-f", "-skipTrash", incoming)
        if hadoop.run("hdfs", "dfs", "-stat", "%b", target).out.strip() != str(size):
            raise Failure(f"cannot stage {name}: {hadoop.last_words(moved.err)}")
    return target, checksum
