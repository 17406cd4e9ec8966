"""How a command ends when it cannot do what it was asked for. Exit codes are those of the jobs."""

import sys

DONE, FAILED, BAD_USAGE, RETRY = 0, 1, 2, 3


class Failure(Exception):
    """One message for the user, and the exit code."""

    def __init__(self, message, code=FAILED):
        super().__init__(message)
        self.code = code


def usage(message):
    return Failure(message, BAD_USAGE)


def say(message):
    """A line about what is going on. Results go to stdout, all else here."""
    print("submit: " + message, file=sys.stderr, flush=True)
