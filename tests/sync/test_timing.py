import numpy as np
import pytest

from daemon.sync.timing import LEAST, Timekeeper


def asked(keeper, rng, at, ours, theirs, delay=(0.005, 0.030)):
    """One ping at a global time, each way at its own pace."""
    there, back = rng.uniform(*delay), rng.uniform(*delay)
    keeper.add(ours(at), theirs(at + there), theirs(at + there + 1e-4), ours(at + there + 1e-4 + back))


def clock(offset, ppm):
    return lambda t: offset + t * (1.0 + ppm * 1e-6)


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize("ppm", [(0, 0), (100, -100), (-100, 100)])
def test_the_other_clock_is_known_to_a_few_milliseconds_whatever_jitter_and_drift(seed, ppm):
    rng, keeper = np.random.default_rng(seed), Timekeeper()
    ours, theirs = clock(-77.0, ppm[0]), clock(12_345.0, ppm[1])
    errors = []
    for at in [*np.arange(0, 1, 0.05), *np.arange(1, 200, 0.25)]:
        asked(keeper, rng, at, ours, theirs)
        if keeper.timing is not None:
            errors.append((at, keeper.timing.theirs(ours(at)) - theirs(at)))
    soon = [abs(e) for at, e in errors if at > 2]
    later = [abs(e) for at, e in errors if at > 30]
    assert max(soon) < 0.008
    assert max(later) < 0.005
    assert np.median(later) < 0.002
    drift = (1 + ppm[1] * 1e-6) / (1 + ppm[0] * 1e-6) - 1
    assert abs(keeper.timing.drift - drift) < 6e-5
    assert abs(keeper.timing.ours(keeper.timing.theirs(5.0)) - 5.0) < 1e-9


def test_a_quiet_network_is_known_to_a_fraction_of_a_millisecond():
    rng, keeper = np.random.default_rng(0), Timekeeper()
    ours, theirs = clock(5.0, 50), clock(-1e6, -50)
    for at in np.arange(0, 60, 0.5):
        asked(keeper, rng, at, ours, theirs, (0.0001, 0.0006))
    assert abs(keeper.timing.theirs(ours(60.0)) - theirs(60.0)) < 2e-4
    assert 0.0001 < keeper.trip / 2 < 0.0006


def test_nothing_is_told_of_a_clock_before_it_is_known():
    rng, keeper = np.random.default_rng(0), Timekeeper()
    for n in range(LEAST):
        assert keeper.timing is None
        asked(keeper, rng, n, clock(0, 0), clock(9, 0))
    assert keeper.timing is not None


def test_a_clock_that_jumps_is_learnt_anew_and_one_odd_answer_is_not_believed():
    rng, keeper = np.random.default_rng(0), Timekeeper()
    ours, theirs, jumped = clock(0, 0), clock(50, 20), clock(58, 20)
    for at in range(30):
        asked(keeper, rng, at, ours, theirs)
    asked(keeper, rng, 30, ours, jumped)
    assert abs(keeper.timing.theirs(30.0) - theirs(30.0)) < 0.01
    for at in range(31, 40):
        asked(keeper, rng, at, ours, jumped)
    assert abs(keeper.timing.theirs(40.0) - jumped(40.0)) < 0.02


def test_round_trips_that_cannot_be_are_left_out():
    keeper = Timekeeper()
    for bad in [(1.0, 2.0, 2.0, 0.5), (1.0, 2.0, 2.0, 9.0), (1.0, 2.0, 2.5, 1.01), (1.0, 2.0, 2.0, float("nan"))]:
        for _ in range(5):
            keeper.add(*bad)
    assert keeper.timing is None
