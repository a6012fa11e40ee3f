"""Waiting for a time."""

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
