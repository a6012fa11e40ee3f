import numpy as np
import pytest

from daemon.descriptors import DESCRIPTORS, INDEX
from daemon.features.levels import BandLevels, Levels

DT = 0.01
LOW = np.array([d.low for d in DESCRIPTORS], float)
HIGH = np.array([d.high for d in DESCRIPTORS], float)
MIDDLE = np.array([np.sqrt(d.low * d.high) if d.unit == "Hz" else (d.low + d.high) / 2 for d in DESCRIPTORS])


def test_the_usual_span_is_the_range_of_the_first_second():
    levels = Levels(DT)
    assert levels.step(LOW, True, True, 30.0) == pytest.approx(0.0, abs=0.03)
    assert levels.step(HIGH, True, True, 30.0) == pytest.approx(1.0, abs=0.03)


def test_what_is_heard_in_octaves_is_levelled_in_octaves():
    found = Levels(DT).step(MIDDLE, True, True, 30.0)
    for name in ("centroid", "rolloff", "pitch", "loudness", "mfcc/3"):
        assert found[INDEX[name]] == pytest.approx(0.5, abs=0.02), name


def test_a_closed_gate_sends_all_levels_to_rest():
    levels = Levels(DT)
    levels.step(HIGH, True, True, 30.0)
    assert not levels.step(HIGH, False, False, 30.0).any()
    assert not levels.step(LOW, False, False, 30.0).any()


def test_in_a_pause_timbre_stays_and_energy_goes():
    levels, pause = Levels(DT), LOW.copy()
    levels.step(HIGH, True, True, 30.0)
    found = levels.step(pause, True, False, 30.0)
    going = {"loudness", "onset", "pitch_confidence"}
    assert {d.name for d, level in zip(DESCRIPTORS, found, strict=True) if level < 0.5} == going


def test_a_pause_and_a_closed_gate_teach_nothing():
    rng = np.random.default_rng(7)
    taught, also = Levels(DT), Levels(DT)
    for _ in range(500):
        raw = rng.uniform(LOW, HIGH)
        assert np.array_equal(taught.step(raw, True, True, 10.0), also.step(raw, True, True, 10.0))
        for gate in (True, False):
            taught.step(rng.uniform(LOW, HIGH), gate, False, 10.0)


@pytest.mark.parametrize("raw", [np.zeros(len(DESCRIPTORS)), LOW - 1e6, HIGH + 1e6])
def test_levels_are_0_to_1_whatever_was_measured(raw):
    levels = Levels(DT)
    for _ in range(300):
        found = levels.step(raw, True, True, 1.0)
        assert np.isfinite(found).all()
        assert ((found >= 0) & (found <= 1)).all()


def test_a_steady_sound_rests_loud_without_onsets_and_in_the_middle_of_its_timbre():
    levels = Levels(DT)
    for _ in range(30_000):
        found = levels.step(MIDDLE, True, True, 20.0)
    assert found[INDEX["loudness"]] == pytest.approx(1, abs=0.06)
    assert found[INDEX["onset"]] == pytest.approx(0, abs=0.06)
    assert found[INDEX["centroid"]] == pytest.approx(0.5, abs=0.06)


def test_bands_are_absolute_unless_told_otherwise():
    bands, x = BandLevels(2, DT), np.array([0.2, 0.4])
    for _ in range(5000):
        bands.step(x, True, 5.0)
    assert np.array_equal(bands.of(x, 0.0), x)


def test_quiet_bands_are_measured_against_what_they_were_of_late():
    rng, bands = np.random.default_rng(8), BandLevels(2, DT)
    for _ in range(10_000):
        bands.step(rng.uniform((0.3, 0.0), (0.5, 1.0)), True, 10.0)
    full = bands.of(np.array([0.48, 0.96]), 1.0)
    assert full == pytest.approx([0.95, 1.0], abs=0.06)
    half = bands.of(np.array([0.48, 0.96]), 0.5)
    assert half == pytest.approx((full + np.array([0.48, 0.96])) / 2)
    assert bands.of(np.full((2, 2), 0.48), 1.0)[0, 0] == full[0]


def test_a_band_with_nothing_in_it_never_becomes_loud():
    bands = BandLevels(1, DT)
    for _ in range(30_000):
        bands.step(np.array([0.01]), True, 5.0)
    assert bands.of(np.array([0.01]), 1.0)[0] < 0.05
    assert bands.of(np.array([0.3]), 1.0)[0] == pytest.approx(1.0, abs=0.02)


def test_bands_learn_nothing_while_nothing_sounds():
    bands = BandLevels(1, DT)
    before = bands.of(np.array([0.3]), 1.0)
    for _ in range(1000):
        bands.step(np.zeros(1), False, 5.0)
    assert bands.of(np.array([0.3]), 1.0) == before


def test_half_an_hour_in_hops_of_10_ms_leaves_the_ranges_as_they_were():
    rng = np.random.default_rng(10)
    before, after = rng.uniform(LOW, HIGH, (300, len(LOW))), rng.uniform(LOW, HIGH, (300, len(LOW)))
    found = []
    for hops in (1, 30 * 60 * 100):
        levels, bands = Levels(DT), BandLevels(8, DT)
        for raw in before:
            levels.step(raw, True, True, 5.0)
            bands.step(raw[-8:], True, 5.0)
        for _ in range(hops):
            bands.step(np.zeros(8), False, 5.0)
            resting = levels.step(LOW - 1, False, False, 5.0)
        assert not resting.any()
        found.append([(levels.step(raw, True, True, 5.0), bands.of(raw[-8:], 1.0)) for raw in after])
    for (a, b), (c, d) in zip(*found, strict=True):
        assert np.array_equal(a, c)
        assert np.array_equal(b, d)
