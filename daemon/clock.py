"""Time as an argument: the wall when live, a counter offline and under test."""

import sys
import time
from datetime import UTC, datetime
from threading import Event
from typing import Protocol

_SLICE = 0.1  # s: how long a wait may go without looking at its stop event


class Clock(Protocol):
    """Seconds, monotonic."""

    def now(self) -> float: ...

    def wait_until(self, t: float, stop: Event) -> bool:
        """False when stopped first."""
        ...


class WallClock:
    """Real time: the machine's performance counter, the same in every process.

    `spin`: seconds before the end of a wait from which it looks again and again, where sleep oversleeps; it costs that
    much of a core, and lets other threads run.
    """

    def __init__(self, spin: float = 0.0) -> None:
        self._spin = spin

    def now(self) -> float:
        return time.perf_counter()

    def wait_until(self, t: float, stop: Event) -> bool:
        # sleep, not stop.wait: on Windows a timed lock wait rounds to the ~16 ms system tick
        while not stop.is_set() and (rest := t - self._spin - self.now()) > 0:
            time.sleep(min(rest, _SLICE))
        while self._spin and not stop.is_set() and self.now() < t:
            time.sleep(0)
        return not stop.is_set()


def almanac() -> datetime:
    """The date and the time of day in UTC, as this machine believes; somebody may set it at any moment."""
    return datetime.now(UTC)


class VirtualClock:
    """Waiting is instant and moves time."""

    def __init__(self, now: float = 0.0) -> None:
        self._now = now

    def now(self) -> float:
        return self._now

    def advance(self, dt: float) -> None:
        self._now += dt

    def wait_until(self, t: float, stop: Event) -> bool:
        self._now = max(self._now, t)
        return not stop.is_set()


def spent() -> float:
    """CPU seconds of this thread: work itself, without waits for a core or for the interpreter.

    Windows counts them in ticks of 15.6 ms; there it is time itself.
    """
    return time.perf_counter() if sys.platform == "win32" else time.thread_time()
