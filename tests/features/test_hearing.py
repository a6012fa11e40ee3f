"""The whole of hearing over time: silence, seconds, sides, who listens along."""

import math
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from daemon.descriptors import DESCRIPTORS, INDEX
from daemon.errors import BadInput
from daemon.features.extractor import Extractor
from daemon.features.levels import Levels
from daemon.flow import Beat, Block, Tally
from daemon.mailbox import Mailbox
from daemon.params import Params

RATES = (44_100, 48_000, 96_000)
BLOCKS = (64, 128, 441, 512, 1000, 2048)


def blocks(sound, size):
    """A sound [C, T] in blocks; the last may be shorter."""
    return [sound[:, start : start + size] for start in range(0, sound.shape[1], size)]


def listen(extractor, sound, params, size=480):
    done = []
    for part in blocks(np.asarray(sound, np.float32), size):
        done += extractor.push(Block(part, 0, 0.0), params)
    return done


def music(seconds, sr=48_000, seed=0, channels=1):
    """Notes of a quarter second each in a little noise."""
    rng, n = np.random.default_rng(seed), round(seconds * sr)
    t = np.arange(n) / sr
    hz = np.repeat(110 * 2 ** (rng.integers(0, 36, n // (sr // 4) + 1) / 12), sr // 4)[:n]
    loud = np.repeat(rng.uniform(0.05, 0.5, n // (sr // 4) + 1), sr // 4)[:n]
    note = loud * np.exp(-(t % 0.25) * 8) * np.sign(np.sin(2 * np.pi * np.cumsum(hz) / sr))
    return (note + 0.001 * rng.standard_normal((channels, n))).astype(np.float32)


def silence(hops, hop=480, channels=1):
    return np.zeros((channels, hops * hop), np.float32)


def told(features):
    """All that a mapper can see of each hop but its time."""
    rows = [np.concatenate((f.bands, f.sides.ravel(), f.raw, f.levels, [f.rms_db, f.gate])) for f in features]
    return np.array(rows)


class Steady:
    """A tempo that says what it was told."""

    def __init__(self):
        self.told = []

    def step(self, log_mel, heard, gate, ahead):
        self.told.append((log_mel, heard, gate, ahead))
        return Beat(120.0, len(self.told) % 50 / 50, 0.5)


class Ear:
    """An embedder that adds up what it hears."""

    def __init__(self):
        self.heard = []

    def push(self, samples):
        self.heard.append(samples.copy())
        return Tally(len(self.heard), np.array([samples.sum()]))


def test_half_an_hour_of_silence_and_then_music_is_the_music():
    """In hops of a fifth of a second, to be done with soon; the ranges have a test of their own in hops of 10 ms."""
    params, hop, heard = Params(auto=0.7, memory=10.0), 9600, []
    before, after = music(20.0, seed=1), music(10.0, seed=2)
    for seconds in (60, 30 * 60):
        extractor = Extractor(hop=hop, tempo=Steady())
        first = listen(extractor, before, params, hop)
        for _ in range(seconds):
            extractor.push(Block(silence(5, hop), 0, 0.0), params)
        heard.append((first[-1], *listen(extractor, after, params, hop)))
    np.testing.assert_array_equal(told(heard[0][1:]), told(heard[1][1:]))
    first, last = heard[0][1].smooth, heard[0][-1].smooth
    np.testing.assert_allclose(last.mean_since(first), heard[1][-1].smooth.mean_since(heard[1][1].smooth), rtol=1e-9)


def test_silence_before_the_first_sound_changes_nothing():
    params, sound = Params(auto=1.0), music(3.0, channels=2)
    late, early = Extractor(tempo=Steady()), Extractor(tempo=Steady())
    assert not any(f.levels.any() for f in listen(late, silence(700, channels=2), params))
    after, at_once = listen(late, sound, params), listen(early, sound, params)
    np.testing.assert_array_equal(told(after), told(at_once))
    assert [f.smooth.count for f in after] == [f.smooth.count for f in at_once]


def test_a_quiet_room_teaches_nothing_either():
    """What hums under the gate for ten seconds; only the first window after it still has some of it."""
    params, sound = Params(auto=1.0, memory=5.0), music(3.0)
    room = 3e-4 * np.random.default_rng(9).standard_normal((1, 480_000))
    late, early = Extractor(), Extractor()
    assert not any(f.gate for f in listen(late, room, params))
    a, b = told(listen(late, sound, params)), told(listen(early, sound, params))
    count = len(DESCRIPTORS)
    np.testing.assert_allclose(a[150:, 8 + count : -2], b[150:, 8 + count : -2], atol=0.02)
    np.testing.assert_allclose(a[-1, 8 + count : -2], b[-1, 8 + count : -2], atol=5e-3)


def seconds_until(values, dt, reached):
    """When a curve, straight between hops, first does what is asked of it; hop 0 ends `dt` after the change."""
    at = int(np.argmax(reached(values)))
    return at * dt, (at + 1) * dt


@settings(max_examples=6, deadline=None)
@given(
    sr=st.sampled_from(RATES),
    size=st.sampled_from(BLOCKS),
    attack=st.floats(0.2, 0.8),
    release=st.floats(0.25, 1.0),
)
def test_attack_and_release_take_the_seconds_set_at_every_rate_and_block(sr, size, attack, release):
    """Bands, sides and levels: 63 % of the way in the time set, within a tenth."""
    params = Params(attack=attack, release=release, gate_hold=0.0, memory=600.0)
    hop, window = sr // 100, 1024
    extractor = Extractor(sr, hop, bands=4, tempo=Steady())
    sound = 0.5 * np.random.default_rng(1).standard_normal((2, hop * round(100 * 6 * attack)))
    listen(extractor, silence(20, hop, 2), params, size)
    up = listen(extractor, sound, params, size)
    down = listen(extractor, silence(round(100 * 4 * release), hop, 2), params, size)
    for curve in (lambda f: f.bands[1], lambda f: f.sides[1, 2], lambda f: f.levels[INDEX["flatness"]]):
        rise, fall = (np.array([curve(f) for f in part]) for part in (up, down))
        top = np.median(rise[-len(rise) // 6 :])
        assert top > 0.3
        begun, done = seconds_until(rise, 0.01, lambda v: v >= top * (1 - 1 / math.e))  # noqa: B023
        assert begun * 0.9 <= attack * 1.03
        assert attack * 0.97 <= done * 1.1
        begun, done = seconds_until(fall, 0.01, lambda v: v <= v[0] / math.e)
        assert begun - window / sr <= release * 1.1
        assert release * 0.9 <= done


@settings(max_examples=20, deadline=None)
@given(sr=st.sampled_from(RATES), size=st.sampled_from(BLOCKS), hold=st.floats(0.0, 1.5), hop=st.integers(64, 2048))
def test_the_gate_holds_for_the_seconds_set_at_every_rate_hop_and_block(sr, size, hold, hop):
    params = Params(gate=-40.0, gate_hold=hold, gate_hysteresis=6.0)
    extractor = Extractor(sr, hop, bands=1, tempo=Steady())
    tone = 0.5 * np.sin(2 * np.pi * 1000 / sr * np.arange(hop * math.ceil(0.1 * sr / hop)))
    assert listen(extractor, tone[None], params, size)[-1].gate
    after = listen(extractor, silence(math.ceil((hold + 0.2) * sr / hop), hop), params, size)
    states = [f.gate for f in after]
    assert states == sorted(states, reverse=True)
    assert hold - 1e-9 <= (states.count(True) + 1) * hop / sr
    assert states.count(True) * hop / sr <= hold + 1024 / sr + hop / sr


def test_the_gate_opens_above_its_threshold_and_closes_the_hysteresis_below_it():
    params = Params(gate=-40.0, gate_hold=0.0, gate_hysteresis=6.0)
    extractor = Extractor(tempo=Steady())
    tone = np.sin(2 * np.pi * 1000 / 48_000 * np.arange(9600))[None] * math.sqrt(2)
    states = [
        listen(extractor, tone * 10 ** (db / 20), params)[-1].gate for db in (-41, -39, -41, -45, -47, -45, -41, -39)
    ]
    assert states == [False, True, True, True, False, False, False, True]


def test_levels_never_jump_when_the_gate_closes_or_opens():
    params = Params(attack=0.1, release=0.25, gate_hold=0.1)
    extractor = Extractor(tempo=Steady())
    features = [f for _ in range(3) for s in (music(1.0, seed=3), silence(100)) for f in listen(extractor, s, params)]
    levels = np.array([np.concatenate((f.levels, f.bands)) for f in features])
    assert np.diff(levels, axis=0).max() <= 1 - math.exp(-0.01 / 0.1) + 1e-6
    assert -np.diff(levels, axis=0).min() <= 1 - math.exp(-0.01 / 0.25) + 1e-6
    assert levels[95].max() > 0.5
    assert levels[199].max() < 0.1


def test_in_a_pause_that_the_gate_holds_open_smooth_stands_still():
    params = Params(gate_hold=1.0, smoothing=0.05)
    extractor = Extractor(tempo=Steady())
    before = listen(extractor, music(1.0), params)[-1]
    pause = listen(extractor, silence(50), params)
    assert pause[-1].gate
    still = pause[-1].smooth.mean_since(pause[5].smooth)
    np.testing.assert_allclose(still, pause[5].smooth.mean_since(pause[4].smooth), rtol=1e-9)
    assert still[INDEX["flatness"]] < 0.7  # digital silence would be 1
    assert before.smooth.count < pause[-1].smooth.count


def test_smooth_follows_raw():
    params = Params(smoothing=0.0)
    features = listen(Extractor(tempo=Steady()), music(1.0), params)
    opened = [f for f in features if f.gate]
    np.testing.assert_allclose(
        opened[-1].smooth.mean_since(opened[-4].smooth),
        np.mean([f.raw for f in opened[-3:]], axis=0),
        rtol=1e-4,
        atol=1e-4,
    )


def test_without_attack_and_release_levels_are_the_raw_ones_in_their_ranges():
    params = Params(attack=0.0, release=0.0, gate_enable=False, memory=5.0)
    levels = Levels(0.01)
    for f in listen(Extractor(tempo=Steady()), music(1.0), params):
        np.testing.assert_allclose(f.levels, levels.step(f.raw.astype(float), True, True, 5.0), atol=1e-3)


def test_two_channels_have_sides_and_one_has_none():
    extractor = Extractor(bands=5, tempo=Steady())
    both = music(0.5, channels=2)
    both[1] *= 0.0
    params = Params(gate_enable=False, release=0.0)
    last = listen(extractor, both, params)[-1]
    assert last.sides.shape == (2, 5)
    assert last.sides[0].max() > 0.3
    assert not last.sides[1].any()
    assert listen(extractor, both[:1], params)[-1].sides.shape == (2, 0)
    assert listen(extractor, both, params)[-1].sides.shape == (2, 5)
    assert listen(extractor, np.concatenate([both, both]), params)[-1].sides.shape == (2, 0)


def test_sides_are_silent_while_the_gate_is_closed():
    tone = 0.03 * np.sin(2 * np.pi * 440 * np.arange(4800) / 48_000)
    heard, deaf = (listen(Extractor(bands=5), [tone, tone], Params(gate=gate, release=0.0)) for gate in (-40.0, -20.0))
    assert heard[-1].sides.max() > 0.3
    assert not any(f.sides.any() or f.bands.any() for f in deaf)


def test_sides_fall_while_there_are_none_as_when_an_input_is_lost():
    extractor, params = Extractor(bands=5), Params(release=0.1)
    assert listen(extractor, music(0.5, channels=2), params)[-1].sides.max() > 0.3
    listen(extractor, silence(100), params)
    assert listen(extractor, silence(1, channels=2), params)[-1].sides.max() < 0.01


def test_sides_that_are_the_same_are_what_the_mean_is():
    params = Params(gate_enable=False, auto=0.5)
    one = music(1.0)
    for f in listen(Extractor(tempo=Steady()), np.concatenate([one, one]), params):
        np.testing.assert_allclose(f.sides, np.stack((f.bands, f.bands)), atol=1e-6)


def test_mono_is_what_two_equal_channels_are():
    one, params = music(1.0), Params()
    mono, stereo = Extractor(tempo=Steady()), Extractor(tempo=Steady())
    a, b = listen(mono, one, params), listen(stereo, np.concatenate([one, one]), params)
    for name in ("bands", "raw", "levels"):
        np.testing.assert_allclose([getattr(f, name) for f in a], [getattr(f, name) for f in b], rtol=1e-4, atol=1e-5)


def test_memory_is_how_soon_quiet_music_fills_its_range():
    loud, quiet = 0.9 * music(4.0, seed=4), 0.02 * music(8.0, seed=4)
    found = []
    for memory in (2.0, 100.0):
        params, extractor = Params(memory=memory, attack=0.0, gate=-80.0), Extractor(tempo=Steady())
        listen(extractor, loud, params)
        found.append(np.array([f.levels[INDEX["loudness"]] for f in listen(extractor, quiet, params)[-200:]]))
    assert np.percentile(found[0], 90) > 0.75
    assert np.percentile(found[1], 90) < 0.5


def test_auto_lifts_quiet_bands_and_sides_alike():
    quiet = 0.1 * music(8.0, seed=5, channels=2)
    quiet[1] *= 0.5
    tops = {}
    for auto in (0.0, 0.5, 1.0):
        last = listen(Extractor(tempo=Steady()), quiet, Params(memory=2.0, attack=0.0, gate=-80.0, auto=auto))[-300:]
        three = np.array([(f.bands[1], *f.sides[:, 1]) for f in last])
        tops[auto] = np.percentile(three, 95, axis=0).tolist()
    assert tops[0.0][0] < 0.75
    assert tops[1.0][0] > 0.9
    for one in range(3):
        assert tops[0.0][one] < tops[0.5][one] < tops[1.0][one]
    assert tops[1.0][1] > tops[1.0][2]  # left stays the louder


@pytest.mark.parametrize("poison", [np.nan, np.inf, -np.inf, 3e38, -3e38])
@pytest.mark.parametrize("channels", [1, 2])
def test_samples_that_are_no_numbers_poison_no_feature(poison, channels):
    sound = music(1.0, channels=channels)
    sound[:, 5000:9000:3] = poison
    for f in listen(Extractor(), sound, Params(gate_enable=False)):
        assert np.isfinite(told([f])).all()
        assert np.isfinite(f.smooth.total).all()
        assert ((f.levels >= 0) & (f.levels <= 1)).all()


def test_the_tempo_is_told_the_mel_spectrum_the_time_the_gate_and_how_far_ahead():
    tempo = Steady()
    extractor = Extractor(tempo=tempo)
    features = extractor.push(Block(music(0.1), 0, 7.0), replace(Params(), beat_ahead=0.2))
    assert len(tempo.told) == len(features) == 10
    log_mel, heard, gate, ahead = tempo.told[-1]
    assert (log_mel.shape, heard, gate, ahead) == ((40,), 7.0, True, 0.2)
    assert -100 <= log_mel.min() < log_mel.max() < 0
    assert features[-1].beat == Beat(120.0, 0.2, 0.5)
    extractor.push(Block(silence(1000), 0, 8.0), Params())
    assert (tempo.told[-1][0] == -100).all()


def test_without_a_tempo_the_sound_itself_is_followed():
    click = (np.random.default_rng(1).standard_normal(48_000 * 12) * 0.3).astype(np.float32)
    click *= np.arange(len(click)) % 24_000 < 1000
    beats = [f.beat for f in listen(Extractor(), click[None], Params())]
    assert beats[-1].bpm == pytest.approx(120, rel=0.02)


def test_whoever_listens_along_hears_every_hop_once_in_blocks_of_any_size():
    sound = music(0.5, channels=2)
    box, ear = Mailbox(None), Ear()
    extractor = Extractor(tempo=Steady(), embedder=box)
    assert extractor.push(Block(silence(2, channels=2), 0, 0.0), Params())[-1].embedding.count == 0
    box.put(ear)
    features = listen(extractor, sound, Params(), 333)
    np.testing.assert_allclose(np.concatenate(ear.heard), sound.astype(float).mean(axis=0), atol=1e-12)
    assert [f.embedding.count for f in features] == list(range(1, 51))
    box.put(None)
    assert listen(extractor, sound, Params())[-1].embedding.count == 0


def test_every_array_is_of_its_own_and_read_only():
    features = listen(Extractor(), music(0.1, channels=2), Params())
    for name in ("bands", "sides", "raw", "levels"):
        one, other = getattr(features[5], name), getattr(features[6], name)
        assert not np.shares_memory(one, other), name
        with pytest.raises(ValueError, match="read-only"):
            one[...] = 0
    assert features[5].raw.shape == features[5].levels.shape == (len(DESCRIPTORS),)


@pytest.mark.parametrize("sr", RATES)
@pytest.mark.parametrize("window", [512, 1024, 2048, 4096])
def test_every_grid_of_the_config_hears_the_same_pitch_and_brightness(sr, window):
    t = np.arange(sr // 2) / sr
    tone = 0.3 * sum(np.sin(2 * np.pi * 330 * k * t) for k in range(1, 11))[None] / 10
    last = listen(Extractor(sr, sr // 100, 64, window), tone, Params())[-1]
    assert np.isfinite(told([last])).all()
    assert last.raw[INDEX["pitch"]] == pytest.approx(330, rel=0.01)
    assert last.raw[INDEX["loudness"]] == pytest.approx(-21.5, abs=1.5)
    assert last.raw[INDEX["centroid"]] == pytest.approx(1815, rel=0.1)


def test_a_rate_without_filter_banks_is_refused():
    with pytest.raises(BadInput, match="cannot be heard"):
        Extractor(sr=32_000)
