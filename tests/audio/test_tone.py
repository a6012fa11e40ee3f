import numpy as np
import pytest

from daemon.audio.tone import SilentSource, ToneSource

SR = 48_000


@pytest.mark.parametrize("make", [ToneSource, SilentSource])
def test_blocks_of_any_size_give_the_same_sound(make):
    whole = make(SR).read(20 * SR).samples
    source, parts = make(SR), []
    for n in [1, 2, 3, 480, 481, 100_000, 400_000]:
        block = source.read(n)
        assert block.start == sum(p.shape[1] for p in parts)
        assert block.heard == (block.start + n) / SR
        parts.append(block.samples)
    together = np.concatenate(parts, axis=1)
    np.testing.assert_array_equal(together, whole[:, : together.shape[1]])


@pytest.mark.parametrize("sr", [44_100, 48_000, 96_000])
def test_the_tone_never_clicks_nor_clips(sr):
    sound = ToneSource(sr).read(17 * sr).samples
    assert np.abs(sound).max() < 0.95
    assert np.sqrt(np.mean(sound**2)) > 0.05
    pulses = np.arange(sound.shape[1] - 1) % (sr // 2) == sr // 2 - 1
    assert np.abs(np.diff(sound))[:, ~pulses].max() < 0.2


def test_the_tone_goes_on_for_ever():
    source = ToneSource(SR)
    seconds = [source.read(SR).samples for _ in range(18)]
    np.testing.assert_array_equal(seconds[0], seconds[16])
    assert all(np.abs(s).max() > 0.2 and s.std() > 0.05 for s in seconds)


def test_it_starts_the_same_each_time():
    np.testing.assert_array_equal(ToneSource(SR).read(1000).samples, ToneSource(SR).read(1000).samples)


def test_silence_is_silence():
    assert not SilentSource(SR).read(480).samples.any()
