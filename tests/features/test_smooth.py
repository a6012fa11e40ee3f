import numpy as np
import pytest

from daemon.features.smooth import Smooth
from daemon.flow import Tally

DT = 0.01


def test_the_leak_of_the_paper_in_seconds():
    """A coefficient of 0.8 at 44,100 / 512 hops a second is a time constant of 0.052 s."""
    smooth, tau = Smooth(512 / 44_100), 0.052
    totals = [smooth.step(np.array([x]), True, tau).total[0] for x in (0.0, 1.0, 1.0)]
    assert np.diff(totals) == pytest.approx([0.2, 0.36], abs=0.001)


def test_whoever_comes_by_seldom_has_the_mean_of_all_hops():
    smooth, rng = Smooth(DT), np.random.default_rng(1)
    values = rng.standard_normal((30, 4))
    tallies = [smooth.step(value, True, 0.0) for value in values]
    for begin, end in ((0, 3), (3, 9), (9, 29)):
        mean = tallies[end].mean_since(tallies[begin])
        np.testing.assert_allclose(mean, values[begin + 1 : end + 1].mean(axis=0))
    assert tallies[4].mean_since(tallies[4]) is None
    np.testing.assert_allclose(tallies[2].mean_since(Tally()), values[:3].mean(axis=0))


def test_it_is_empty_before_any_sound_and_begins_with_the_first():
    smooth = Smooth(DT)
    assert smooth.step(np.array([5.0]), False, 1.0).count == 0
    first = smooth.step(np.array([7.0]), True, 1.0)
    assert (first.count, first.total.tolist()) == (1, [7.0])


def test_it_repeats_itself_while_nothing_sounds():
    smooth = Smooth(DT)
    before = smooth.step(np.array([7.0]), True, 1.0)
    for _ in range(10):
        after = smooth.step(np.array([-100.0]), False, 1.0)
    assert after.mean_since(before).tolist() == [7.0]
    assert after.count == 11


@pytest.mark.parametrize("dt", [0.0016, 0.01, 0.043])
def test_its_time_constant_does_not_depend_on_the_hop(dt):
    smooth, tally = Smooth(dt), Tally()
    smooth.step(np.array([0.0]), True, 0.5)
    for _ in range(round(0.5 / dt)):
        before, tally = tally, smooth.step(np.array([1.0]), True, 0.5)
    assert tally.mean_since(before)[0] == pytest.approx(1 - 1 / np.e, abs=0.02)


def test_sums_are_read_only_and_do_not_change_afterwards():
    smooth = Smooth(DT)
    first = smooth.step(np.array([1.0]), True, 0.0)
    smooth.step(np.array([1.0]), True, 0.0)
    assert first.total.tolist() == [1.0]
    with pytest.raises(ValueError, match="read-only"):
        first.total[0] = 2
