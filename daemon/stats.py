"""Counts and times of the live loops: written by one thread, read by another, never in the way."""

import math
from collections import Counter, deque
from collections.abc import Sequence
from datetime import UTC, datetime
from threading import Lock

from daemon.backoff import alike
from daemon.status import ErrorStatus, FrameTimes

_RECENT = 600  # frames whose times are kept
_WINDOW = 5.0  # s over which the live frame rate is counted
_ERRORS = 50
_LONGEST = 4000  # characters of one, which every screen is told: a file may have any number of faults
_LAST = 8  # frames by which the next is judged
_FULL = 0.8  # of the time from one frame to the next: who paints longer than that has no lull worth waiting for


def quantile(ordered: Sequence[float], q: float) -> float:
    """The smallest value with at least `q` of them at or under it (nearest rank)."""
    return ordered[min(len(ordered) - 1, max(0, math.ceil(q * len(ordered)) - 1))]


class FrameStats:
    """How the render loop is doing."""

    def __init__(self, period: float = math.inf) -> None:
        """`period`: seconds from one frame to the next."""
        self._lock, self._period = Lock(), period
        self.working = False  # whether the render thread has a frame in hand
        self._ms: deque[float] = deque(maxlen=_RECENT)
        self._done: deque[float] = deque(maxlen=2048)  # s on the clock of recent frames
        self.index = -1  # of the newest frame
        self.skipped = 0  # ticks that passed without a frame
        self.missed = 0  # frames that were done after the next one was due
        self.in_flight = 0  # frames a device works on
        self._device_ms: deque[float] = deque(maxlen=_RECENT)
        self.first: float | None = None  # s on the clock, when the first frame was done
        self.last: float | None = None
        self._took: deque[float] = deque(maxlen=_LAST)  # s, the last frames
        self._next = math.inf, 0.0  # s on the clock, when the next frame is due, and the longest that one took of late
        self._settled: tuple[float, int] | None = None  # time and index of the first frame after the first second

    def frame(self, began: float, done: float, deadline: float = math.inf, device: float | None = None) -> int:
        """One more frame, due by `deadline`, of which a device worked `device` seconds; its index."""
        with self._lock:
            self.index += 1
            self.missed += done > deadline
            self._ms.append((done - began) * 1e3)
            if device is not None:
                self._device_ms.append(device * 1e3)
            self._done.append(done)
            self._took.append(done - began)
            self._next = deadline, max(self._took)
            self.last = done
            if self.first is None:
                self.first = done
            elif self._settled is None and done - self.first >= 1.0:
                self._settled = (done, self.index)
            return self.index

    def skip(self, ticks: int) -> None:
        self.skipped += ticks

    def advanced(self, now: float, within: float) -> bool:
        """Whether there was a frame in the last `within` seconds."""
        return self.last is not None and now - self.last < within

    @property
    def at_work(self) -> bool:
        """Whether a frame is in hand that will leave time before the next."""
        return self.working and self._next[1] <= _FULL * self._period

    def lull(self, now: float) -> float:
        """Seconds until probably no frame is being painted; 0 is now, or never."""
        due, took = self._next  # swapped as one reference
        if now < due or took > _FULL * self._period:
            return 0.0
        return max(took - (now - due) % self._period, 0.0)

    def fps(self, now: float) -> float:
        """Frames a second over the last five seconds, or since the first frame if that is less."""
        with self._lock:
            if self.first is None:
                return 0.0
            span = min(_WINDOW, now - self.first)
            recent = sum(1 for t in self._done if t > now - span)
        return recent / span if span > 0 else 0.0

    def fps_overall(self) -> float:
        """Frames a second over the whole run after its first second; of a run no longer than that, over all of it."""
        with self._lock:
            if self.first is None or self.last is None or self.last <= self.first:
                return 0.0
            since, index = self._settled if self._settled and self.last > self._settled[0] else (self.first, 0)
            return (self.index - index) / (self.last - since)

    def times(self) -> FrameTimes | None:
        """Milliseconds a frame took, over the last 600."""
        return self._times(self._ms)

    def device_times(self) -> FrameTimes | None:
        """Milliseconds a device took for a frame; None where none paints."""
        return self._times(self._device_ms)

    def _times(self, ms: deque[float]) -> FrameTimes | None:
        with self._lock:
            ordered = sorted(ms)
        if not ordered:
            return None
        p50, p95, p99 = (round(quantile(ordered, q), 3) for q in (0.5, 0.95, 0.99))
        return FrameTimes(p50=p50, p95=p95, p99=p99, max=round(ordered[-1], 3))


class ErrorLog:
    """The last fifty causes of what went wrong, the newest first; what differs in its numbers alone has one cause.

    Where there are more, one of the code with the most of them goes: what fails in ever new ways hides nothing else.
    """

    def __init__(self) -> None:
        self._lock = Lock()
        self._errors: dict[tuple[str, str], ErrorStatus] = {}  # by code and cause, the oldest first

    def add(self, code: str, text: str) -> None:
        text = text.encode(errors="replace").decode()  # a file's name may hold what is no text
        text = text if len(text) <= _LONGEST else text[: _LONGEST - 1] + "…"
        said = ErrorStatus(time=datetime.now(UTC).isoformat(timespec="milliseconds"), code=code, text=text)
        cause = code, alike(text)
        with self._lock:
            if (before := self._errors.pop(cause, None)) is not None:
                again = {"count": before.count + 1, "since": before.since or before.time}
                said = said.model_copy(update=again)
            self._errors[cause] = said
            if len(self._errors) > _ERRORS:
                codes = Counter(code for code, _ in self._errors)
                most = max(codes.values())
                del self._errors[next(cause for cause in self._errors if codes[cause[0]] == most)]

    def all(self) -> tuple[ErrorStatus, ...]:
        with self._lock:
            return tuple(reversed(self._errors.values()))
