from threading import Event

import pytest

from daemon.audio.paced import LATE, Paced
from daemon.audio.tone import SilentSource, ToneSource
from daemon.clock import VirtualClock

SR = 48_000


def test_each_block_comes_when_its_end_would_be_heard():
    clock = VirtualClock(100.0)
    source = Paced(ToneSource(SR), clock)
    for n in range(1, 50):
        block = source.read(480)
        assert clock.now() == block.heard == pytest.approx(100.0 + n * 0.01)
        assert block.start == (n - 1) * 480


def test_a_short_delay_is_made_up_for_and_a_long_one_is_an_overrun():
    clock = VirtualClock()
    source = Paced(ToneSource(SR), clock)
    source.read(4800)
    clock.advance(LATE - 0.01)
    assert source.read(4800).heard == pytest.approx(0.2)
    assert source.overruns == 0
    clock.advance(10.0)
    now = clock.now()
    late = source.read(4800)
    assert (late.start, late.heard) == (9600, now)
    assert source.overruns == 1
    assert source.read(4800).heard == pytest.approx(now + 0.1)
    assert source.overruns == 1


def test_time_before_the_first_read_is_no_delay():
    clock = VirtualClock()
    source = Paced(ToneSource(SR), clock)
    clock.advance(60.0)
    assert source.read(480).heard == pytest.approx(60.01)
    assert source.overruns == 0


def test_it_ends_when_told_to_stop():
    stop = Event()
    source = Paced(SilentSource(SR), VirtualClock(), stop)
    assert source.read(480) is not None
    stop.set()
    assert source.read(480) is None


def test_it_ends_with_its_sound():
    class Ended(SilentSource):
        def read(self, n):
            return None

    assert Paced(Ended(SR), VirtualClock()).read(480) is None


def test_it_is_its_source_in_everything_else():
    source = Paced(ToneSource(44_100), VirtualClock())
    assert (source.sr, source.device, source.overruns) == (44_100, None, 0)
    source.close()
    source.close()
