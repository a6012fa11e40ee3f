import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from daemon.mapping.walk import Walk


def places(walk, dt, count, loop=0.0):
    return np.stack([walk.advance(dt, loop) for _ in range(count)])


@pytest.mark.parametrize("loop", [0.0, 7.3, 60.0])
def test_the_walk_keeps_its_variance_for_a_day(loop):
    walk = Walk(3, 1024)
    for _ in range(3):
        found = places(walk, 1.7, 350, loop)
        assert 0.9 < found.var() < 1.1
        at_once = found.var(axis=1)
        assert at_once.min() > 0.75
        assert at_once.max() < 1.3
        assert abs(found.mean()) < 0.05
        walk.advance(40_000.0, loop)


def test_the_walk_is_smooth_and_never_still():
    found = places(Walk(5, 64), 1 / 30, 3600)
    steps = np.linalg.norm(np.diff(found, axis=0), axis=1)
    assert steps.min() > 0.3 * steps.mean()
    assert steps.max() < 3 * steps.mean()
    assert steps.max() < 0.05 * np.linalg.norm(found[0])


def test_the_seed_is_the_walk():
    assert np.array_equal(Walk(7, 16).advance(12.5), Walk(7, 16).advance(12.5))
    assert not np.allclose(Walk(7, 16).advance(12.5), Walk(8, 16).advance(12.5))


@settings(deadline=None, max_examples=30)
@given(st.floats(0.5, 600), st.floats(0, 100), st.integers(1, 5))
def test_a_loop_closes_after_its_own_length_however_it_is_cut(loop, begun, rounds):
    walk = Walk(11, 32)
    walk.advance(begun)
    begin = walk.advance(0.0, loop)
    np.testing.assert_allclose(walk.advance(loop, loop), begin, atol=1e-6)
    for _ in range(rounds * 50):
        end = walk.advance(loop / 50, loop)
    np.testing.assert_allclose(end, begin, atol=1e-6)


def test_a_loop_shorter_than_its_waves_moves_all_the_same():
    found = places(Walk(5, 64), 0.05, 20, 1.0)
    assert np.linalg.norm(np.diff(found, axis=0), axis=1).min() > 1.0


def test_no_shorter_loop_hides_in_a_loop():
    walk, loop = Walk(2, 64), 24.0
    found = places(walk, 0.1, 240, loop)
    apart = [np.linalg.norm(found - np.roll(found, n, axis=0), axis=1).mean() for n in (80, 120, 160)]
    assert min(apart) > 5.0


@settings(deadline=None, max_examples=30)
@given(st.lists(st.one_of(st.just(0.0), st.floats(0.5, 600)), min_size=2, max_size=6))
def test_another_loop_in_the_middle_does_not_jump(loops):
    walk, dt = Walk(4, 64), 1e-4
    walk.advance(1234.5, loops[0])
    path = [walk.advance(dt, loop) for loop in loops for _ in range(3)]
    assert np.abs(np.diff(path, axis=0)).max() < 0.01


@settings(deadline=None, max_examples=30)
@given(st.integers(1, 400), st.sampled_from([0.0, 20.0]))
def test_the_walk_depends_on_seconds_and_not_on_steps(steps, loop):
    cut, whole = Walk(9, 16), Walk(9, 16)
    for _ in range(steps):
        there = cut.advance(8.0 / steps, loop)
    np.testing.assert_allclose(there, whole.advance(8.0, loop), atol=1e-9)
