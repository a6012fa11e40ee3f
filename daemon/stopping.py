"""Ctrl-C and SIGTERM, from the first line of a run to its last: one asks for a clean stop, a later one forces it."""

import signal
import sys
from collections.abc import Callable
from types import FrameType, TracebackType
from typing import Self

from daemon.clock import WallClock

_TOGETHER = 1.0  # s: terminals and process wrappers may send the same wish twice


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
