"""Order and arithmetic of timed slices, on a clock that moves only when told."""

from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from daemon.bench.slices import Task, WallStopwatch, affordable, alternate, plan


class HandClock:
    """Seconds that pass when a task says so."""

    def __init__(self) -> None:
        self.t = 100.0

    def now(self) -> float:
        return self.t


def timed(name, threads, seconds, clock, log, prepares=False):
    def act(i):
        log.append((name, i))
        clock.t += seconds

    def prepare(i):
        clock.t += 1000.0  # must not be counted

    return Task(name, threads, act, prepare if prepares else None)


@given(st.integers(1, 12), st.integers(1, 300))
def test_every_task_gets_every_frame_once(tasks: int, frames: int) -> None:
    painted = Counter((s.task, i) for s in plan(tasks, frames) for i in range(s.first, s.first + s.frames))
    assert painted == Counter((task, i) for task in range(tasks) for i in range(frames))


@given(st.integers(2, 8), st.integers(8, 200))
def test_tasks_alternate_and_each_round_begins_with_another(tasks: int, frames: int) -> None:
    order = [s.task for s in plan(tasks, frames)]
    rounds = [order[i : i + tasks] for i in range(0, len(order), tasks)]
    assert len(rounds) >= 4
    for turn, one in enumerate(rounds):
        assert sorted(one) == list(range(tasks))
        assert one[0] == turn % tasks


def test_slices_of_a_round_are_of_the_same_frames() -> None:
    slices = list(plan(3, 50))
    for i in range(0, len(slices), 3):
        assert len({(s.first, s.frames) for s in slices[i : i + 3]}) == 1


def test_every_slice_begins_with_a_frame_that_is_not_timed() -> None:
    clock, log, threads = HandClock(), [], []
    tasks = [timed("a", 1, 0.125, clock, log, prepares=True), timed("b", 2, 0.25, clock, log)]
    taken = alternate(tasks, 8, WallStopwatch(clock.now), threads.append)
    assert taken == [[125.0] * 8, [250.0] * 8]
    assert log[:6] == [("a", 0), ("a", 0), ("a", 1), ("b", 0), ("b", 0), ("b", 1)]
    assert log[6:9] == [("b", 2), ("b", 2), ("b", 3)]
    assert threads == [1, 2, 2, 1, 1, 2, 2, 1]


def test_frames_that_take_long_warm_themselves_after_the_first_slice() -> None:
    clock, log = HandClock(), []
    tasks = [timed("long", 1, 0.5, clock, log), timed("short", 1, 0.4, clock, log)]
    assert alternate(tasks, 4, WallStopwatch(clock.now), lambda n: None) == [[500.0] * 4, pytest.approx([400.0] * 4)]
    assert Counter(log) == {
        ("long", 0): 2, **{("long", i): 1 for i in (1, 2, 3)}, **{("short", i): 2 for i in range(4)}
    }  # fmt: skip


def test_a_slow_spell_hits_all_tasks() -> None:
    """Twice as slow from the fourth round on: every task has it, and their ratio stays."""
    clock, log = HandClock(), []
    spell = {"a": 0.1, "b": 0.2}

    def task(name):
        def act(i):
            log.append(name)
            clock.t += spell[name] * (2 if len(log) > 66 else 1)

        return Task(name, 1, act)

    a, b = alternate([task("a"), task("b")], 48, WallStopwatch(clock.now), lambda n: None)
    assert sum(b) / sum(a) == pytest.approx(2.0)
    assert max(a) == pytest.approx(2 * min(a))


@pytest.mark.parametrize(("seconds", "frames"), [(30.0, 40), (300.0, 120), (0.1, 8)])
def test_as_many_frames_as_fit_are_taken_within_limits(seconds: float, frames: int) -> None:
    clock, log = HandClock(), []
    tasks = [timed("a", 1, 0.25, clock, log), timed("b", 2, 0.5, clock, log, prepares=True)]
    assert affordable(tasks, seconds, WallStopwatch(clock.now), lambda n: None) == frames
