"""What the containers of a job wrote, while they run and afterwards."""

import re
import sys
import time

from . import apps, hadoop
from .failure import Failure

# The job's own output: not that of the application master, nor the NodeManager's notes.
FILES = r"^std(out|err)(\.txt)?$"
# The most of a file that one look fetches; what was written faster than that between two looks is said to be missing.
WINDOW_BYTES = 4 << 20

HEADER = re.compile(r"^Container: (\S+) on (\S+)$")
FILE = re.compile(r"^LogType:(\S+)$")
LENGTH = re.compile(r"^LogLength:(\d+)$")
# Behind a file's last line, or in it: what is being written may have no line break at its end.
END = "End of LogType:"


class Piece:
    """The end of one file of one container; `length` is that of the whole file in bytes."""

    def __init__(self, container, file):
        self.container, self.file, self.length, self.text = container, file, 0, ""


def parse(listing, size):
    """The pieces in the output of `yarn logs -size -SIZE`."""
    pieces, container, piece, inside = [], "", None, False
    for line in listing.splitlines(keepends=True):
        bare = line.rstrip("\n")
        if inside:
            text, end, _ = line.partition(END + piece.file)
            piece.text += text
            if end:
                inside = False
                # Behind a file that was collected, but not behind one on its node, the listing puts a line break.
                piece.text = piece.text.encode("utf-8")[:min(piece.length, size)].decode("utf-8", "replace")
        elif HEADER.match(bare):
            container = HEADER.match(bare)[1]
        elif FILE.match(bare):
            piece = Piece(container, FILE.match(bare)[1])
            pieces.append(piece)
        elif LENGTH.match(bare):
            piece.length = int(LENGTH.match(bare)[1])
        elif bare == "LogContents:" and piece is not None:
            inside = True
    return pieces


def fetch(app_id, size=WINDOW_BYTES, container=None):
    of_container = ["-containerId", container] if container else []
    answer = hadoop.run("yarn", "logs", "-applicationId", app_id, *of_container, "-log_files_pattern", FILES,
                        "-size", str(-size))
    return parse(answer.out, size)


def fetch_of_ended(app_id, wanted, patience=20):
    """The same for one that has just ended, whose logs are on their way to where YARN keeps them; `wanted` says whether
    pieces are what one hoped for."""
    end = time.monotonic() + patience
    while True:
        pieces = fetch(app_id)
        if wanted(pieces) or time.monotonic() > end:
            return pieces
        time.sleep(1)


def show(name, size, follow, every=2.0):
    """Prints a job's output: stdout to stdout, stderr to stderr, each container's name before what is its."""
    app = apps.find(name)
    seen, last = {}, None
    while True:
        # Asked before the logs are read, so that what was written last is read too.
        running = apps.report(app.id).is_running if follow else False
        pieces = fetch(app.id, size)
        for piece in pieces:
            at = seen.get((piece.container, piece.file), 0)
            missing = piece.length - at - WINDOW_BYTES
            if at and missing > 0:
                print(f"submit: {missing} bytes of {piece.container} {piece.file} are left out", file=sys.stderr)
            text = new_text(piece, at)
            if text:
                if last != (piece.container, piece.file):
                    last = (piece.container, piece.file)
                    print(f"==> {piece.container} {piece.file}", file=sys.stderr, flush=True)
                out = sys.stdout if piece.file.startswith("stdout") else sys.stderr
                print(text, end="", file=out, flush=True)
            seen[(piece.container, piece.file)] = max(at, piece.length)
        if not running:
            break
        # The first look shows the end of what there is; from then on everything.
        size = WINDOW_BYTES
        time.sleep(every)
    if not seen:
        raise Failure(f"{app.id} has no logs yet" if app.is_running else
                      f"there are no logs of {app.id}: is yarn.log-aggregation-enable set on the cluster?")


def new_text(piece, at):
    """What of a piece was not printed yet, if the first `at` bytes of its file were."""
    if piece.length <= at:
        return ""
    tail = piece.text.encode("utf-8")[-(piece.length - at):]
    return tail.decode("utf-8", "replace")
