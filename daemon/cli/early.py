"""Ctrl-C while the commands are still being imported: nothing has begun, so the process just ends, without a word.

An exception in the middle of an import would be a traceback, or lost in one of the libraries. It begins when this
module is imported.
"""

import os
import signal
from contextlib import suppress
from types import FrameType

_FORCED = 130  # as `daemon.stopping.FORCED`, which is not there yet


def _end(_number: int, _frame: FrameType | None) -> None:
    os._exit(_FORCED)


def hush() -> None:
    """From now on Ctrl-C ends the process; nothing where somebody else sees to it, or this is not the main thread."""
    if signal.getsignal(signal.SIGINT) is signal.default_int_handler:
        with suppress(ValueError):
            signal.signal(signal.SIGINT, _end)


def heed() -> None:
    """From now on Ctrl-C is the exception again that commands know."""
    if signal.getsignal(signal.SIGINT) is _end:
        with suppress(ValueError):
            signal.signal(signal.SIGINT, signal.default_int_handler)


hush()
