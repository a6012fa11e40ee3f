"""Waiting for a time."""

import time
from threading import Event

import pytest

from daemon.clock import VirtualClock, WallClock


@pytest.mark.parametrize("clock", [WallClock(), WallClock(spin=0.002), VirtualClock()])
def test_a_wait_ends_when_it_is_time_and_not_before(clock):
    stop = Event()
    for wait in (0.0, 0.001, 0.005, 0.011):
        t = clock.now() + wait
        assert clock.wait_until(t, stop)
        assert clock.now() >= t
    assert clock.wait_until(clock.now() - 5.0, stop)


@pytest.mark.parametrize("clock", [WallClock(), WallClock(spin=1000.0), VirtualClock()])
def test_a_wait_that_is_stopped_ends_at_once_and_says_so(clock):
    stop = Event()
    stop.set()
    assert not clock.wait_until(clock.now() + 500.0, stop)
    assert not clock.wait_until(clock.now() - 5.0, stop)


def test_a_wait_sleeps_in_few_and_long_pieces_and_looks_again_and_again_at_its_end_only(monkeypatch):
    passed, slept = [0.0], []
    monkeypatch.setattr(time, "perf_counter", lambda: passed[0])

    def sleep(seconds):
        slept.append(seconds)
        passed[0] += seconds * 1.01 + 1e-5  # a little too long, as any sleep

    monkeypatch.setattr(time, "sleep", sleep)
    assert WallClock().wait_until(1.0, Event())
    assert len(slept) < 15  # of at most 0.1 s each, for the stop event
    assert max(slept) <= 0.1
    assert passed[0] < 1.01
    passed[0] = 0.0
    slept.clear()
    assert WallClock(spin=0.02).wait_until(1.0, Event())
    assert len([s for s in slept if s > 0]) < 15
    assert slept.count(0) > 100  # each lets other threads run
    assert 1.0 <= passed[0] < 1.001
