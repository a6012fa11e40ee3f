"""The bundled sound has in it what the demo is to show."""

from pathlib import Path

import numpy as np
import pytest

from daemon.audio.file import FileSource
from daemon.features.extractor import Extractor
from daemon.params import Params

DEMO = Path(__file__).parents[2] / "daemon" / "assets" / "demo.ogg"
SR = 48_000


@pytest.fixture(scope="module")
def heard():
    """Twice through the loop, samples [2, T]; features on the hop grid of 10 ms, 3 s into the second time."""
    source, extractor, samples, features = FileSource(DEMO, SR), Extractor(), [], []
    for hop in range(62 * 100):
        block = source.read(480)
        samples.append(block.samples)
        if hop < 34 * 100:
            features += extractor.push(block, Params())
    source.close()
    return np.concatenate(samples, axis=1), features


def part(features, begin, end):
    return features[round(begin * 100) : round(end * 100)]


def loudness(features):
    return np.array([f.rms_db for f in features])


def test_it_is_small_stereo_and_31_seconds_long():
    source = FileSource(DEMO, SR, loop=False)
    length = sum(source.read(SR).samples.shape[1] for _ in range(31))
    assert (length, source.read(1)) == (31 * SR, None)
    source.close()
    assert DEMO.stat().st_size < 500_000


def test_it_never_clips_and_is_loud_enough(heard):
    samples, features = heard
    assert 0.5 < np.abs(samples).max() < 0.99
    assert np.median(loudness(features)) > -30


def test_it_loops_without_a_click(heard):
    samples, _ = heard
    seam = samples[:, 31 * SR - 2400 : 31 * SR + 2400]
    assert np.abs(np.diff(seam, axis=1)).max() < 1e-3
    np.testing.assert_array_equal(samples[:, : 31 * SR], samples[:, 31 * SR :])


def test_the_gate_closes_in_the_silence_and_opens_with_the_pulse(heard):
    _, features = heard
    assert not any(f.gate for f in part(features, 0, 2.9))
    assert all(f.gate for f in part(features, 3.1, 30))
    assert not any(f.gate for f in part(features, 32, 33.9))
    bands = np.array([f.bands for f in part(features, 33, 33.9)])
    assert bands.max() < 0.05


def test_the_pulse_comes_twice_a_second(heard):
    level = np.array([f.bands[0] for f in part(heard[1], 3, 9)])
    beats = np.flatnonzero(np.diff(level) > 0.1)
    starts = beats[np.insert(np.diff(beats) > 20, 0, True)]
    assert len(starts) == 12
    assert np.diff(starts) == pytest.approx(50, abs=2)


def test_the_melody_moves_through_the_bands(heard):
    bands = np.array([f.bands for f in part(heard[1], 9.2, 16)])
    assert (bands.max(axis=0) > 0.2).all()
    assert len(set(np.argmax(bands[:, 1:], axis=1))) >= 2


def test_the_noise_goes_on_and_off_every_quarter_second(heard):
    level = loudness(part(heard[1], 17, 21))
    on, off = np.median(level.reshape(8, 50)[:, 5:23]), np.median(level.reshape(8, 50)[:, 32:48])
    assert on > -24
    assert off < -60


def test_the_crescendo_grows_and_ends(heard):
    level = loudness(part(heard[1], 21, 31))
    quarters = [np.median(level[i : i + 200]) for i in (0, 200, 400, 600)]
    assert quarters == sorted(quarters)
    assert quarters[-1] > quarters[0] + 12
    assert level[-5:].max() < -50
