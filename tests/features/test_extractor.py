import math
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from daemon.features.bank import hann, mel_bank
from daemon.features.extractor import RANGE_DB, Extractor
from daemon.flow import SILENCE_DB, Block
from daemon.params import Params

SR, HOP = 48_000, 480
DIRECT = Params(attack=0.0, release=0.0, gate_enable=False)  # bands as measured, without memory


def sine(hz, seconds=1.0, amplitude=1.0, sr=SR):
    return (amplitude * np.sin(2 * np.pi * hz * np.arange(round(seconds * sr)) / sr)).astype(np.float32)[None]


def noise(seconds, amplitude=0.1, channels=1, seed=1):
    return (amplitude * np.random.default_rng(seed).standard_normal((channels, round(seconds * SR)))).astype(np.float32)


def silence(seconds):
    return np.zeros((1, round(seconds * SR)), np.float32)


def listen(sound, params=DIRECT, extractor=None, block=HOP):
    """Every feature of a sound."""
    extractor = extractor or Extractor()
    out = []
    for start in range(0, sound.shape[1], block):
        part = sound[:, start : start + block]
        out += extractor.push(Block(part, start, (start + part.shape[1]) / extractor.sr), params)
    return out


def assert_same(a, b):
    assert [(f.t, f.rms_db, f.gate, f.beat) for f in a] == [(f.t, f.rms_db, f.gate, f.beat) for f in b]
    for name in ("bands", "sides", "raw", "levels"):
        np.testing.assert_array_equal([getattr(f, name) for f in a], [getattr(f, name) for f in b], name)
    assert [f.smooth.count for f in a] == [f.smooth.count for f in b]
    for f, g in zip(a, b, strict=True):
        np.testing.assert_array_equal(f.smooth.total, g.smooth.total)
    np.testing.assert_allclose([f.heard for f in a], [f.heard for f in b], rtol=0, atol=1e-9)


@settings(max_examples=60, deadline=None)
@given(
    sizes=st.lists(
        st.one_of(st.integers(1, 5), st.integers(1, 2500), st.sampled_from([1, 479, 480, 481, 1024])),
        min_size=1,
        max_size=80,
    ),
    channels=st.sampled_from([1, 2]),
    seed=st.integers(0, 2**16),
)
def test_features_do_not_depend_on_block_size(sizes, channels, seed):
    rng = np.random.default_rng(seed)
    length = sum(sizes)
    sound = (
        rng.standard_normal((channels, length)) * np.repeat(rng.uniform(0, 0.5, length // 100 + 1), 100)[:length]
    ).astype(np.float32)
    params = [
        Params(attack=a, release=r, gate=g)
        for a, r, g in rng.uniform((0, 0, -60), (0.3, 1, -10), (length // HOP + 1, 3))
    ]
    whole, extractor = [], Extractor()
    for hop in range(length // HOP):
        start = hop * HOP
        whole += extractor.push(Block(sound[:, start : start + HOP], start, (start + HOP) / SR), params[hop])
    split, other, start = [], Extractor(), 0
    for size in sizes:
        end = start + size
        while start < end:  # a change of params falls on the hop grid; blocks between are as they come
            hop = start // HOP
            stop = min(end, (hop + 1) * HOP)
            split += other.push(Block(sound[:, start:stop], start, stop / SR), params[hop])
            start = stop
    assert_same(whole, split)


@settings(max_examples=10, deadline=None)
@given(sizes=st.lists(st.integers(1, 4000), min_size=1, max_size=12))
def test_one_block_of_many_hops_is_as_good_as_many_blocks(sizes):
    sound = noise(sum(sizes) / SR, channels=2)
    extractor, got, start = Extractor(), [], 0
    for size in sizes:
        got += extractor.push(Block(sound[:, start : start + size], start, (start + size) / SR), Params())
        start += size
    assert_same(got, listen(sound, Params(), block=1))


def test_each_hop_is_stamped_with_the_end_of_its_own_sound():
    features = Extractor().push(Block(noise(0.1)[:, : 3 * HOP + 100], 0, 5.0), Params())
    assert [f.t for f in features] == [HOP / SR, 2 * HOP / SR, 3 * HOP / SR]
    assert [f.heard for f in features] == pytest.approx([5.0 - (100 + k * HOP) / SR for k in (2, 1, 0)])


def test_time_is_exact_after_many_hops():
    extractor = Extractor()
    extractor._count = 10**7 - 1
    (last,) = extractor.push(Block(silence(0.01), 0, 0.0), Params())
    assert last.t == 100_000.0


@pytest.mark.parametrize("amplitude", [1.0, 0.1, 0.001])
@pytest.mark.parametrize("sr", [44_100, 48_000, 96_000])
def test_a_sine_has_its_rms_in_dbfs(sr, amplitude):
    got = listen(sine(1000, 0.2, amplitude, sr), extractor=Extractor(sr=sr))
    assert got[-1].rms_db == pytest.approx(20 * math.log10(amplitude) - 3.01, abs=0.05)


def test_silence_has_the_floor_and_no_bands():
    last = listen(silence(0.1))[-1]
    assert last.rms_db == SILENCE_DB
    assert not last.bands.any()


@pytest.mark.parametrize("sr", [44_100, 48_000, 96_000])
@pytest.mark.parametrize("band", range(8))
def test_a_full_scale_sine_fills_the_band_it_is_in_the_middle_of(band, sr):
    extractor = Extractor(sr=sr)
    weights = mel_bank(sr, 2048, 8)[band]
    last = listen(sine(np.argmax(weights) * sr / 2048, 0.2, sr=sr), extractor=extractor)[-1]
    assert int(np.argmax(last.bands)) == band
    assert last.bands[band] == pytest.approx(1.0, abs=0.04)


def test_levels_are_linear_in_decibels_over_the_range():
    levels = [listen(sine(445, 0.1, 10 ** (db / 20)))[-1].bands[0] for db in (0, -15, -30, -45, -70)]
    assert levels == pytest.approx([1, 0.75, 0.5, 0.25, 0], abs=0.01)


def test_levels_are_those_of_a_plain_spectrum():
    sound = noise(0.1)
    x = sound[0, -1024:].astype(float)
    power = np.abs(np.fft.rfft(x * hann(1024), 2048)) ** 2
    level_db = 10 * np.log10(mel_bank(SR, 2048, 8) @ power / (2048 * np.sum(hann(1024) ** 2) / 4))
    expected = np.clip(1 + level_db / RANGE_DB, 0, 1)
    np.testing.assert_allclose(
        listen(sound, block=len(sound[0]))[-1].bands, expected, atol=2e-3
    )  # the offset is not removed here


def test_a_constant_offset_is_not_sound():
    offset = silence(5.0) + np.float32(0.05)
    assert listen(offset, replace(Params(), gate=-55.0))[-1].gate is False


@pytest.mark.parametrize(("attack", "release"), [(0.3, 0.5), (1.0, 0.2)])
def test_attack_and_release_take_the_seconds_set(attack, release):
    params = Params(attack=attack, release=release, gate_enable=False)
    full = listen(sine(445, 0.2))[-1].bands[0]
    extractor = Extractor()
    up = np.array([f.bands[0] for f in listen(sine(445, 10 * attack), params, extractor)])
    down = np.array([f.bands[0] for f in listen(silence(10 * release), params, extractor)])
    assert (np.argmax(up >= full * (1 - 1 / np.e)) + 1) * 0.01 == pytest.approx(attack, rel=0.1)
    assert (np.argmax(down <= up[-1] / np.e) + 1) * 0.01 == pytest.approx(
        release, rel=0.15
    )  # the window still rings for 0.02 s


def test_times_do_not_depend_on_the_hop():
    params = Params(attack=0.5, release=0.5, gate_enable=False)
    short, long = (listen(sine(445, 0.5), params, Extractor(hop=hop))[-1].bands[0] for hop in (240, 960))
    assert short == pytest.approx(long, rel=0.05)


def test_silence_closes_the_gate_and_bands_fall_without_a_jump():
    params = Params(gate=-30.0, gate_hold=0.2, release=0.25)
    quiet = noise(3.0, 10 ** (-45 / 20))
    assert listen(quiet)[-1].bands.max() > 0.1  # it would be heard were the gate open
    extractor = Extractor()
    listen(noise(1.0), params, extractor)
    after = listen(quiet, params, extractor)
    states = [f.gate for f in after]
    assert states == sorted(states, reverse=True)
    assert 0.2 <= states.count(True) * 0.01 <= 0.25
    bands = np.array([f.bands for f in after])
    assert np.abs(np.diff(bands, axis=0)).max() < 0.05
    assert bands[-1].max() < 1e-3
    assert (bands[-1] > 0).any()


def test_the_gate_can_be_turned_off():
    quiet = noise(0.5, 10 ** (-57 / 20))
    assert not any(f.gate for f in listen(quiet, Params(gate=-40.0)))
    assert all(f.gate for f in listen(quiet, Params(gate=-40.0, gate_enable=False)))


@pytest.mark.parametrize("poison", [np.nan, np.inf, -np.inf, 3e38])
def test_samples_that_are_no_numbers_poison_nothing(poison):
    clean = noise(1.0, channels=2)
    dirty = clean.copy()
    dirty[:, 5000:5100:7] = poison
    params = Params(gate_enable=False)
    a, b = listen(clean, params), listen(dirty, params)
    assert all(np.isfinite(f.bands).all() and math.isfinite(f.rms_db) for f in b)
    np.testing.assert_allclose(a[-1].bands, b[-1].bands, atol=0.02)
    if not abs(poison) < np.inf:
        dirty[:, 5000:5100:7] = 0
        assert_same(b, listen(dirty, params))


def test_both_channels_are_heard():
    left = sine(445, 0.1)
    stereo = np.concatenate([left, np.zeros_like(left)])
    assert listen(stereo)[-1].rms_db == pytest.approx(listen(left)[-1].rms_db - 6.02, abs=0.05)


def test_features_are_read_only_and_their_own():
    features = listen(noise(0.1))
    with pytest.raises(ValueError, match="read-only"):
        features[0].bands[0] = 1
    assert not np.array_equal(features[3].bands, features[6].bands)
    assert not np.shares_memory(features[3].bands, features[6].bands)


def test_an_empty_block_is_nothing():
    assert Extractor().push(Block(np.zeros((2, 0), np.float32), 0, 0.0), Params()) == []


@pytest.mark.parametrize("bands", [1, 4, 16])
def test_any_number_of_bands_can_be_had(bands):
    assert listen(noise(0.1), extractor=Extractor(bands=bands))[-1].bands.shape == (bands,)


def test_a_hop_longer_than_the_window_looks_at_its_end():
    features = listen(noise(0.2), extractor=Extractor(hop=2000))
    assert_same(features, listen(noise(0.2), extractor=Extractor(hop=2000), block=17))
    assert len(features) == 4
