"""Ctrl-C and SIGTERM, from the first line of a run to its last: one asks for a clean stop, a later one forces it.

And the end of a process in which something does not stop.
"""

import logging
import os
import signal
import sys
import threading
from collections.abc import Callable
from contextlib import suppress
from types import FrameType, TracebackType
from typing import NoReturn, Self

from daemon.clock import WallClock

FORCED = 130  # exit code of what Ctrl-C broke off, as shells have it
_TOGETHER = 1.0  # s: terminals and process wrappers may send the same wish twice


class Body(threading.Thread):
    """A thread of ours that is asked to stop before the process ends."""


def leave(code: int) -> NoReturn:
    """End the process; without any tidying up where a thread is left behind, in a driver's call that never ends.

    That would take the memory from under it, and a call that ended just then would find no interpreter.
    """
    if any(isinstance(thread, Body) for thread in threading.enumerate()):
        logging.shutdown()  # what was logged waits for a moment, and for no console that is held
        for stream in (sys.stdout, sys.stderr):
            with suppress(OSError, ValueError):  # it may be gone
                stream.flush()
        os._exit(code)
    sys.exit(code)


class StopSign:
    """Whether a stop was asked for. Use it as a context, on the main thread."""

    def __init__(self) -> None:
        self._clock = WallClock()
        self._asked_at: float | None = None
        self._calls: list[Callable[[], None]] = []
        self._before: dict[int, signal.Handlers | int | Callable[[int, FrameType | None], object] | None] = {}

    @property
    def asked(self) -> bool:
        return self._asked_at is not None

    def tell(self, call: Callable[[], None]) -> None:
        """Call when a stop is asked for; at once if it was."""
        self._calls.append(call)
        if self.asked:
            call()

    def __enter__(self) -> Self:
        numbers = [signal.SIGINT, signal.SIGTERM]
        if sys.platform == "win32":
            numbers.append(signal.SIGBREAK)
        for number in numbers:
            self._before[number] = signal.signal(number, self._ask)
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        for number, handler in self._before.items():
            signal.signal(number, handler)

    def _ask(self, number: int, _: FrameType | None) -> None:
        now = self._clock.now()
        if self._asked_at is None:
            self._asked_at = now
            for call in self._calls:
                call()
        elif now - self._asked_at > _TOGETHER:
            signal.signal(number, signal.SIG_DFL if number == signal.SIGTERM else signal.default_int_handler)
            signal.raise_signal(number)
