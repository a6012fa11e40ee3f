"""The running range: where music lies, learnt in the seconds set."""

import numpy as np
import pytest

from daemon.features.ranges import OUTSIDE, Bounds, Ranges

DT = 0.01


def ranges(low=0.0, high=1.0, rest=0.5, least_width=0.1, reach=100.0, least_high=-100.0, n=1, dt=DT):
    bounds = (low, high, low - reach, high + reach, least_high, least_width, rest)
    return Ranges(Bounds(*(np.full(n, float(value)) for value in bounds)), dt)


def teach(taught, values, memory):
    for value in values:
        taught.learn(np.atleast_1d(np.asarray(value, float)), memory)
    return taught


def ends(taught):
    """What lies at 0 and at 1."""
    base, width = taught.span()
    return base[0], base[0] + width[0]


def test_it_begins_with_the_usual_range():
    assert ranges(2.0, 4.0).of(np.array([1.0, 2.0, 2.5, 4.0, 9.0])).tolist() == [0.0, 0.0, 0.25, 1.0, 1.0]


@pytest.mark.parametrize("kind", ["normal", "skewed", "even"])
@pytest.mark.parametrize("scale", [0.2, 5.0])
def test_one_in_twenty_lies_beyond_each_end(kind, scale):
    rng = np.random.default_rng(3)
    draw = {"normal": rng.standard_normal, "skewed": rng.standard_exponential, "even": rng.random}[kind]
    values = draw(30_000) * scale
    taught = teach(ranges(least_width=0.01), values[:20_000], memory=20.0)
    levels = []
    for value in values[20_000:]:
        taught.learn(np.array([value]), 20.0)
        levels.append(taught.of(np.array([value]))[0])
    assert np.mean(np.array(levels) >= 1) == pytest.approx(OUTSIDE, abs=0.015)
    assert np.mean(np.array(levels) <= 0) == pytest.approx(OUTSIDE, abs=0.015)


@pytest.mark.parametrize("dt", [0.0016, 0.01, 0.05])
@pytest.mark.parametrize("memory", [5.0, 30.0])
def test_a_range_that_is_too_wide_shrinks_in_the_seconds_of_memory(memory, dt):
    taught = teach(ranges(-50.0, 50.0, dt=dt), np.zeros(round(memory / dt)), memory)
    low, high = ends(taught)
    assert high - low == pytest.approx(100 / np.e, rel=0.02)


def test_sound_that_becomes_louder_fills_a_new_range_soon_and_quieter_sound_slowly():
    rng = np.random.default_rng(4)
    quiet, loud = rng.uniform(0, 1, 3000), rng.uniform(10, 11, 1000)
    taught = teach(ranges(), quiet, 30.0)
    assert ends(teach(taught, loud, 30.0))[1] > 10
    assert ends(teach(taught, quiet[:1000], 30.0))[1] > 5


def test_a_click_hardly_widens_it():
    taught = teach(ranges(), np.random.default_rng(5).uniform(0, 1, 3000), 30.0)
    before = ends(taught)
    teach(taught, [1000.0], 30.0)
    assert ends(taught)[1] - before[1] < 0.01


@pytest.mark.parametrize("rest", [0.0, 0.5, 1.0])
@pytest.mark.parametrize("value", [0.3, 7.0, -7.0])
def test_what_never_changes_lies_at_rest_in_the_smallest_range(rest, value):
    taught = teach(ranges(rest=rest), np.full(30_000, value), 20.0)
    assert taught.of(np.array([value]))[0] == pytest.approx(rest, abs=0.05)
    assert np.diff(ends(taught)) == pytest.approx(0.1)


def test_its_ends_stay_within_their_bounds():
    taught = teach(ranges(reach=0.5), np.full(5000, 1e9), 5.0)
    assert ends(taught) == pytest.approx((1.45, 1.55), abs=0.05)
    teach(taught, np.full(5000, -1e9), 5.0)
    assert ends(taught) == pytest.approx((-0.55, -0.45), abs=0.05)
    teach(taught, np.tile([-1e9, 1e9], 3000), 5.0)
    assert ends(taught) == pytest.approx((-0.5, 1.5), abs=0.01)
    low_only = teach(ranges(least_high=0.3, rest=1.0), np.zeros(30_000), 20.0)
    assert low_only.of(np.array([0.0, 0.3])).tolist() == [pytest.approx(0, abs=0.05), pytest.approx(1, abs=0.05)]


def test_each_number_has_a_range_of_its_own():
    taught = ranges(n=2)
    for value in np.random.default_rng(6).uniform(0, 1, 5000):
        taught.learn(np.array([value, 10 * value]), 10.0)
    np.testing.assert_allclose(taught.of(np.array([0.5, 5.0])), 0.5, atol=0.06)
    np.testing.assert_allclose(taught.of(np.array([[0.5, 5.0], [0.5, 0.5]])), [[0.5, 0.5], [0.5, 0.0]], atol=0.06)


def test_looking_teaches_nothing():
    taught = ranges()
    before = taught.of(np.array([0.4]))
    taught.of(np.array([1e9]))
    assert taught.of(np.array([0.4])) == before
