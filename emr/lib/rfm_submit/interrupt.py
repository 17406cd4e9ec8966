"""How submit is asked to end: by Ctrl-C or SIGTERM, which mean the same, at any moment and perhaps more than once."""

import contextlib
import signal

ASKING = (signal.SIGINT, signal.SIGTERM)


def listen():
    """From now on the first request to end is a KeyboardInterrupt. Later ones change nothing: what it set off is done whole."""
    asked = []

    def end(*_):
        if not asked:
            asked.append(True)
            raise KeyboardInterrupt

    signal.signal(signal.SIGTERM, end)
    # A shell has what it runs in the background ignore Ctrl-C, and so it stays.
    if signal.getsignal(signal.SIGINT) is signal.default_int_handler:
        signal.signal(signal.SIGINT, end)


@contextlib.contextmanager
def after_this():
    """A request to end is heard when this is done: what is half started could not be ended."""
    asked = []
    with handled_by(lambda number, _: asked.append(number)):
        yield
    if asked:
        signal.raise_signal(asked[0])


@contextlib.contextmanager
def handled_by(handler):
    before = {number: signal.getsignal(number) for number in ASKING}
    for number, was in before.items():
        if was is not signal.SIG_IGN:
            signal.signal(number, handler)
    try:
        yield
    finally:
        for number, was in before.items():
            signal.signal(number, was)


def undisturbed():
    """A request to end changes nothing while this is done."""
    return handled_by(signal.SIG_IGN)
