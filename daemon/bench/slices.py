"""Tasks timed in alternating slices of one run, so that other load on the machine hits all of them alike."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Protocol

_PER_SLICE = 10  # frames of a slice at most
_SLICES = 4  # at least, where there are frames enough
_MOST_FRAMES, _FEWEST_FRAMES = 120, 8
_LONG = 500.0  # ms: caches and threads are warm after a small part of a frame that takes longer


class Stopwatch(Protocol):
    """How long something takes; a device that works on its own brings its own."""

    def ms(self, act: Callable[[], None]) -> float: ...


@dataclass(frozen=True, slots=True)
class WallStopwatch:
    """Call to return: right for work that is done when the call returns, as on a CPU."""

    now: Callable[[], float]  # s

    def ms(self, act: Callable[[], None]) -> float:
        start = self.now()
        act()
        return 1e3 * (self.now() - start)


@dataclass(frozen=True, slots=True, eq=False)
class Task:
    """Something done once a frame."""

    name: str
    threads: int
    act: Callable[[int], None]  # takes the frame's index; timed
    prepare: Callable[[int], None] | None = None  # before it; not timed


@dataclass(frozen=True, slots=True)
class Slice:
    """A run of frames of one task; a frame more, not timed, goes before it unless frames are long."""

    task: int
    first: int
    frames: int


def plan(tasks: int, frames: int) -> Iterator[Slice]:
    """Slices until every task has had all its frames; each round begins with another task."""
    length = max(1, min(_PER_SLICE, frames // _SLICES))
    for turn, first in enumerate(range(0, frames, length)):
        for i in range(tasks):
            yield Slice((turn + i) % tasks, first, min(length, frames - first))


def alternate(
    tasks: Sequence[Task], frames: int, stopwatch: Stopwatch, set_threads: Callable[[int], None]
) -> list[list[float]]:
    """Milliseconds of every frame of every task, in the order of the tasks."""
    taken: list[list[float]] = [[] for _ in tasks]
    for part in plan(len(tasks), frames):
        task = tasks[part.task]
        set_threads(task.threads)
        if not taken[part.task] or taken[part.task][-1] < _LONG:
            _once(task, part.first, stopwatch)  # caches, threads and memory are the last task's
        taken[part.task] += [_once(task, i, stopwatch) for i in range(part.first, part.first + part.frames)]
    return taken


def affordable(tasks: Sequence[Task], seconds: float, stopwatch: Stopwatch, set_threads: Callable[[int], None]) -> int:
    """How many frames of every task fit into so many seconds, between 8 and 120."""
    total = 0.0
    for task in tasks:
        set_threads(task.threads)
        total += min(_once(task, 0, stopwatch) for _ in range(2))
    return max(_FEWEST_FRAMES, min(_MOST_FRAMES, int(1e3 * seconds / max(total, 1e-3))))


def _once(task: Task, i: int, stopwatch: Stopwatch) -> float:
    if task.prepare is not None:
        task.prepare(i)
    return stopwatch.ms(lambda: task.act(i))
