"""Tasks timed in alternating slices of one run, so that other load on the machine hits all of them alike."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Protocol

_PER_SLICE = 10  # frames of a slice at most
_SLICES = 4  # at least, where there are frames enough
_MOST_FRAMES, _FEWEST_FRAMES = 120, 8
_LONG = 500.0  # ms: caches and threads are warm after a small part of a frame that takes longer


@dataclass(frozen=True, slots=True, eq=False)
class Task:
    """Something done once a frame."""

    name: str
    threads: int
    act: Callable[[int], None]  # takes the frame's index; timed
    prepare: Callable[[int], None] | None = None  # before it; not timed
    delivered: bool = False  # timed until it returns, also where a device works on its own


class Stopwatch(Protocol):
    """How long frames of a task take; a device that works on its own brings its own."""

    def frames(self, task: Task, indices: Sequence[int]) -> list[float]:
        """Milliseconds of each, done one after another."""
        ...


@dataclass(frozen=True, slots=True)
class WallStopwatch:
    """Call to return: right for work that is done when the call returns, as on a CPU."""

    now: Callable[[], float]  # s

    def frames(self, task: Task, indices: Sequence[int]) -> list[float]:
        return [self._frame(task, i) for i in indices]

    def _frame(self, task: Task, i: int) -> float:
        if task.prepare is not None:
            task.prepare(i)
        start = self.now()
        task.act(i)
        return 1e3 * (self.now() - start)


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
        indices = list(range(part.first, part.first + part.frames))
        if not taken[part.task] or taken[part.task][-1] < _LONG:  # caches, threads and memory are the last task's
            taken[part.task] += stopwatch.frames(task, [part.first, *indices])[1:]
        else:
            taken[part.task] += stopwatch.frames(task, indices)
    return taken


def affordable(
    tasks: Sequence[Task], seconds: float, stopwatch: Stopwatch, set_threads: Callable[[int], None],
    most: int = _MOST_FRAMES,
) -> int:  # fmt: skip
    """How many frames of every task fit into so many seconds, between 8 and `most`."""
    total = 0.0
    for task in tasks:
        set_threads(task.threads)
        total += min(stopwatch.frames(task, [0, 0]))
    return max(_FEWEST_FRAMES, min(most, int(1e3 * seconds / max(total, 1e-3))))
