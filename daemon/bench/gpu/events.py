"""Frames timed by the device's own events, and the warm-up before them."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from statistics import median

from daemon.bench.gpu.device import Device
from daemon.bench.slices import Task, WallStopwatch

_RING = 64  # pairs of events: more than a slice has frames
_WINDOW = 20  # frames of a warm-up that are looked at together
_FEWEST, _LONGEST = 100, 10.0  # frames and seconds of a warm-up
_CALM, _ALIKE = 3, 0.02  # so many windows in a row whose medians are no further apart: the clocks have settled


class EventStopwatch:
    """A pair of events around every frame, in a ring; the host waits once, behind a slice's last frame.

    So frames lie behind one another on the device as they do in a show, and a frame's time holds what the device did
    for it and the gaps in which it waited to be told what to do. What is to be delivered to the host is timed there.
    """

    def __init__(self, device: Device, now: Callable[[], float], ring: int = _RING) -> None:
        self._wall = WallStopwatch(now)
        self._pairs = [(device.event(), device.event()) for _ in range(ring)]
        self._next = 0

    def frames(self, task: Task, indices: Sequence[int]) -> list[float]:
        if task.delivered:
            return self._wall.frames(task, indices)
        taken: list[float] = []
        for first in range(0, len(indices), len(self._pairs)):  # a ring longer than any slice: once
            taken += self._slice(task, indices[first : first + len(self._pairs)])
        return taken

    def _slice(self, task: Task, indices: Sequence[int]) -> list[float]:
        pairs = [self._pairs[(self._next + k) % len(self._pairs)] for k in range(len(indices))]
        self._next = (self._next + len(indices)) % len(self._pairs)
        for i, (begin, end) in zip(indices, pairs, strict=True):
            if task.prepare is not None:
                task.prepare(i)
            begin.record()
            task.act(i)
            end.record()
        pairs[-1][1].wait()
        return [end.ms_since(begin) for begin, end in pairs]


@dataclass(frozen=True, slots=True)
class WarmUp:
    """What went before the timed frames."""

    frames: int
    seconds: float
    settled: bool  # False: times still moved when patience ran out


def settle(task: Task, stopwatch: EventStopwatch, now: Callable[[], float]) -> WarmUp:
    """Frames until their times stay: the device's clocks, caches and choices of kernels are then those of a show."""
    began, medians, done = now(), [0.0] * 0, 0
    while True:
        medians.append(median(stopwatch.frames(task, range(done, done + _WINDOW))))
        done += _WINDOW
        last = medians[-_CALM:]
        calm = len(last) == _CALM and max(last) - min(last) <= _ALIKE * min(last)
        if done >= _FEWEST and calm:
            return WarmUp(done, now() - began, settled=True)
        if now() - began >= _LONGEST:
            return WarmUp(done, now() - began, settled=False)


def sustained(task: Task, device: Device, now: Callable[[], float], seconds: float) -> float:
    """Frames a second over so long, at most two of them under way."""
    marks = (device.event(), device.event())
    device.finish()
    began, done = now(), 0
    while now() - began < seconds:
        if done >= len(marks):
            marks[done % 2].wait()
        if task.prepare is not None:
            task.prepare(done)
        task.act(done)
        marks[done % 2].record()
        done += 1
    for k in range(min(done, 2), 0, -1):
        marks[(done - k) % 2].wait()
    return done / (now() - began)
