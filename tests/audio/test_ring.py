from threading import Thread

import numpy as np
import pytest

from daemon.audio.ring import Ring
from daemon.errors import SourceError

SR = 1000


def ramp(start, n):
    return np.arange(start, start + n, dtype=np.float32)[None]


def filled(*sizes, capacity=100):
    """A ring into which the counting numbers were written, each sample heard when its index says."""
    ring, at = Ring(1, capacity, SR), 0
    for n in sizes:
        ring.write(ramp(at, n), (at + n) / SR)
        at += n
    return ring


def test_what_goes_in_comes_out_in_blocks_of_any_size():
    ring = filled(10, 20, 7)
    got = [ring.read(n, 0) for n in (1, 14, 22)]
    np.testing.assert_array_equal(np.concatenate([b.samples for b in got], axis=1), ramp(0, 37))
    assert [b.start for b in got] == [0, 1, 15]


def test_heard_is_when_the_blocks_last_sample_arrived():
    ring = filled(10, 20, 7)
    assert [ring.read(n, 0).heard for n in (3, 7, 5, 22)] == pytest.approx([0.003, 0.010, 0.015, 0.037])


def test_it_goes_round_and_round():
    ring, heard = Ring(2, 64, SR), []
    for start in range(0, 1000, 50):
        ring.write(np.repeat(ramp(start, 50), 2, axis=0), start / SR)
        heard.append(ring.read(50, 0).samples)
    np.testing.assert_array_equal(np.concatenate(heard, axis=1)[1], ramp(0, 1000)[0])
    assert ring.overruns == 0


def test_a_late_reader_loses_the_oldest_and_knows_where_it_is():
    ring = filled(60, 60, 60)
    assert ring.overruns == 2
    block = ring.read(100, 0)
    assert block.start == 80
    np.testing.assert_array_equal(block.samples, ramp(80, 100))
    assert block.heard == pytest.approx(0.18)


def test_a_write_longer_than_the_ring_keeps_its_end():
    ring = filled(10, 250)
    block = ring.read(100, 0)
    assert block.start == 160
    np.testing.assert_array_equal(block.samples, ramp(160, 100))
    assert ring.overruns == 1


def test_a_gap_is_counted_and_never_inside_a_block():
    ring = filled(30)
    ring.write(ramp(50, 10), 0.060, lost=20)
    block = ring.read(10, 0)
    assert (block.start, ring.overruns) == (50, 1)
    np.testing.assert_array_equal(block.samples, ramp(50, 10))


def test_waiting_ends_in_time():
    assert filled(5).read(10, 0.01) is None


def test_waiting_ends_when_the_samples_come():
    ring = Ring(1, 100, SR)
    writer = Thread(target=ring.write, args=(ramp(0, 10), 1.0))
    writer.start()
    assert ring.read(10, 30.0).samples.shape == (1, 10)
    writer.join()


def test_an_error_comes_after_what_was_still_held():
    ring = filled(20)
    ring.fail(SourceError("first"))
    ring.fail(SourceError("second"))
    assert ring.read(15, 0) is not None
    with pytest.raises(SourceError, match="first"):
        ring.read(15, 30.0)


def test_more_than_it_can_ever_hold_is_refused():
    with pytest.raises(ValueError, match="ring of 100"):
        filled(5).read(101, 0)


def test_its_memory_does_not_grow_without_a_reader():
    ring = Ring(1, 100, SR)
    for start in range(0, 100_000, 10):
        ring.write(ramp(start, 10), start / SR)
    assert len(ring._stamps) <= 12
