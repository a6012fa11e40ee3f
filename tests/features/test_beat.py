from functools import cache

import numpy as np
import pytest
import soxr

from daemon.features.beat import BeatTracker, Oscillator
from daemon.features.extractor import Extractor
from daemon.features.folding import FASTEST, SLOWEST
from daemon.features.tempo import FLOOR_DB, MEL_BANDS
from daemon.flow import Block
from daemon.params import Params
from tools import beat_sounds as sounds
from tools.beat_report import Ear, hear, heard, judge
from tools.beat_sounds import PATTERNS, SR

DT = 0.01
QUIET = np.full(MEL_BANDS, FLOOR_DB)
STEADY = np.full(MEL_BANDS, -40.0)


def pulses(tracker, bpm, seconds, start=0.0, gate=True, ahead=0.0, dt=DT):
    """Steps through drum beats made in the spectrum itself; the beats told."""
    told = []
    for k in range(round(seconds / dt)):
        t = start + k * dt
        into = t % (60.0 / bpm)
        log_mel = np.maximum(STEADY + 35.0 * np.exp(-into / 0.05) - 15.0, STEADY)
        told.append(tracker.step(log_mel, t, gate, ahead))
    return told


def turns(told):
    """How far the phase went at each step, in beats."""
    phase = np.array([beat.phase for beat in told])
    return (np.diff(phase) + 0.5) % 1.0 - 0.5


@cache
def samples(name, *args):
    return getattr(sounds, name)(*args)


@pytest.mark.parametrize("bpm", [60, 90, 130, 180])
def test_a_click_track_is_told_exactly(bpm):
    track = samples("click", bpm)
    found = hear(track.samples[: 20 * SR])
    assert found.bpm == pytest.approx(bpm, rel=0.002)
    wanted = track.beats[(track.beats > 8) & (track.beats < 19.5)]
    distance = np.abs(found.beats[None] - wanted[:, None]).min(axis=1)
    assert distance.max() < 0.03
    assert found.confidence > 0.5


@pytest.mark.parametrize(("number", "bpm", "level"), [(0, 120, "x1"), (1, 100, "x1"), (4, 140, "x1"), (7, 100, "x1")])
def test_the_beat_of_a_rhythm_is_found(number, bpm, level):
    track = samples("pattern_track", PATTERNS[number], bpm)
    verdict = judge(hear(track.samples).beats, track)
    assert verdict.level == level
    assert verdict.share > 0.95


def test_at_another_rate_the_same_is_told():
    track = samples("pattern_track", PATTERNS[0], 120)
    found = hear(soxr.resample(track.samples, SR, 44_100), 44_100, 512)
    assert found.bpm == pytest.approx(hear(track.samples).bpm, rel=0.002)
    verdict = judge(found.beats, track)
    assert (verdict.level, verdict.share) == ("x1", 1.0)


def test_a_change_of_tempo_is_followed_within_8_seconds():
    track = samples("changing", 90, 128)
    verdict = judge(hear(track.samples).beats, track)
    assert verdict.share > 0.95


def test_the_extractor_tells_what_the_report_hears_in_blocks_of_any_size():
    sound = samples("click", 130).samples[: 6 * SR]
    expected = Ear(SR, 480).push(sound, Params())
    extractor, told, at = Extractor(SR, 480, tempo=BeatTracker(DT)), [], 0
    for size in np.random.default_rng(3).integers(1, 9000, 200):
        part = sound[None, at : at + size].astype(np.float32)
        told += [features.beat for features in extractor.push(Block(part, at, (at + part.shape[1]) / SR), Params())]
        at += int(size)
    assert len(told) == len(expected)
    np.testing.assert_allclose([beat.phase for beat in told], [beat.phase for beat in expected], atol=1e-6)
    assert heard(told, DT).bpm == pytest.approx(130, rel=0.005)


def test_nothing_is_told_before_there_is_a_beat():
    tracker = BeatTracker(DT)
    told = [tracker.step(QUIET, k * DT, False, 0.1) for k in range(500)]
    assert {(beat.bpm, beat.confidence) for beat in told} == {(0.0, 0.0)}


def test_noise_has_no_sure_beat():
    noise = 0.1 * np.random.default_rng(5).standard_normal(12 * SR)
    told = Ear(SR, 480).push(noise, Params())
    assert max(beat.confidence for beat in told[700:]) < 0.2


def test_the_phase_never_leaps_nor_goes_back_while_the_beat_is_held():
    tracker = BeatTracker(DT)
    pulses(tracker, 120.0, 10.0)
    drifting = []
    for k in range(1200):
        t = k * DT
        into = (2.0 * t + 0.02 * np.sin(t)) % 1.0 / 2.0
        log_mel = np.maximum(STEADY + 35.0 * np.exp(-into / 0.05) - 15.0, STEADY)
        drifting.append(tracker.step(log_mel, t, True, 0.0))
    turn = 2.0 * DT
    assert turns(drifting).min() > 0.7 * turn
    assert turns(drifting).max() < 1.3 * turn


def test_a_beat_found_late_is_caught_up_with_little_by_little():
    """Accents 60 ms after the beat it was begun with: an eighth of a beat."""
    oscillator, told, steps = Oscillator(DT), 0.0, []
    oscillator.begin(2.0, 0.0)
    for k in range(1200):
        t = (k + 1) * DT
        oscillator.step(5.0 if abs((t - 0.06 + 0.25) % 0.5 - 0.25) < 0.006 else 0.0)
        steps.append((oscillator.told - told + 0.5) % 1.0 - 0.5)
        told = oscillator.told
    turn = 2.0 * DT
    assert min(steps) > 0.74 * turn
    assert max(steps) < 1.26 * turn
    assert oscillator.told == pytest.approx((2.0 * (12.0 - 0.06)) % 1.0, abs=0.02)
    assert oscillator.hz == pytest.approx(2.0, rel=0.003)


def test_silence_keeps_the_tempo_and_the_phase_goes_on():
    tracker = BeatTracker(DT)
    before = pulses(tracker, 120.0, 12.0)[-1]
    silent = [tracker.step(QUIET, 12.0 + k * DT, False, 0.0) for k in range(1000)]
    assert silent[-1].bpm == pytest.approx(120.0, rel=0.003)
    np.testing.assert_allclose(turns(silent), 2.0 * DT, rtol=0.02)
    assert silent[499].confidence == pytest.approx(before.confidence * np.exp(-1.0), rel=0.02)  # 5 s: a time constant
    off = (before.phase + 2.0 * 10.0 - silent[-1].phase + 0.5) % 1.0 - 0.5
    assert abs(off) < 0.08


def test_hours_of_silence_leave_numbers_that_are_quick_to_reckon_with():
    tracker = BeatTracker(DT)
    pulses(tracker, 100.0, 8.0)
    tracker._folds._folded *= 1e-300  # as a day of one steady tone would
    for k in range(100):
        tracker.step(STEADY, k * DT, True, 0.0)
    left = tracker._folds._folded
    assert ((left == 0.0) | (left > 1e-200)).all()


def test_a_new_beat_after_a_silence_is_taken_up():
    tracker = BeatTracker(DT)
    pulses(tracker, 120.0, 12.0)
    for k in range(3000):
        tracker.step(QUIET, k * DT, False, 0.0)
    told = pulses(tracker, 95.0, 8.0)
    assert told[-1].bpm == pytest.approx(95.0, rel=0.01)
    assert told[-1].confidence > 0.5


def test_ahead_moves_the_phase_by_that_much_of_a_beat():
    now, then = BeatTracker(DT), BeatTracker(DT)
    first, second = pulses(now, 120.0, 8.0), pulses(then, 120.0, 8.0, ahead=0.1)
    ahead = (np.array([b.phase for b in second[400:]]) - np.array([b.phase for b in first[400:]])) % 1.0
    np.testing.assert_allclose(ahead, 0.2, atol=0.005)


def test_the_tempo_stays_in_its_range_whatever_comes():
    oscillator = Oscillator(DT)
    oscillator.begin(2.0, 0.0)
    rng = np.random.default_rng(11)
    for accent in 10.0 * rng.random(4000):
        oscillator.step(float(accent))
        assert 0.97 * SLOWEST <= 60.0 * oscillator.hz <= 1.03 * FASTEST
        assert 0.0 <= oscillator.told < 1.0
