from fractions import Fraction

import numpy as np
import pytest
import soundfile
from hypothesis import given, settings
from hypothesis import strategies as st

from daemon.sinks.video.sound import LoopedSound
from daemon.sinks.video.track import Track

SR, FRAMES = 8000, 10_007
RAMP = np.arange(1, FRAMES + 1, dtype=np.int16)[:, None]  # sample n of the sound says n + 1


@pytest.fixture(scope="module")
def ramp(tmp_path_factory):
    path = tmp_path_factory.mktemp("sound") / "ramp.wav"
    soundfile.write(path, RAMP, SR, "PCM_16")
    return path


def said(samples):
    return np.round(samples[:, 0] * 32768).astype(int)


def wanted(first, count):
    """What the sound says from a place in it on, over and over, and before its beginning."""
    places = np.arange(first, first + count)
    return np.where(places < 0, 0, places % FRAMES + 1)


@settings(max_examples=40)
@given(st.integers(0, 10**9), st.lists(st.integers(0, 25_000), max_size=6))
def test_a_looped_sound_has_no_seam_wherever_it_is_taken_up(ramp, place, counts):
    sound = LoopedSound(ramp)
    sound.seek(place)
    for count in counts:
        assert (said(sound.read(count)) == wanted(place, count)).all()
        place += count
    sound.close()


@settings(max_examples=40)
@given(st.floats(-3, 100), st.lists(st.integers(1, 40), min_size=1, max_size=12))
def test_the_sound_beside_each_frame_is_the_one_of_its_time(ramp, place, steps):
    fps, n, samples = Fraction(30_000, 1001), 0, []
    sound = LoopedSound(ramp)
    track = Track(sound, fps)
    for step in steps:
        n += step
        track.anchor(place + 0.002 * (-1) ** n)  # a clock's noise moves nothing
        samples.append(track.until(n))
        assert sum(map(len, samples)) == -(-n * SR // fps)
    first = round((place + 0.002 * (-1) ** steps[0]) * SR)
    assert (said(np.concatenate(samples)) == wanted(first, sum(map(len, samples)))).all()
    sound.close()


def test_a_sound_that_jumped_is_taken_up_at_its_new_place(ramp):
    track = Track(LoopedSound(ramp), Fraction(10))
    track.anchor(0.0)
    assert (said(track.until(10)) == wanted(0, SR)).all()
    track.anchor(-0.6)  # it stood still for 0.6 s
    assert (said(track.until(12)) == wanted(SR - 4800, 1600)).all()


def test_a_sound_that_begins_late_is_there_from_its_beginning(ramp):
    track = Track(LoopedSound(ramp), Fraction(10))
    track.anchor(None)
    assert [len(track.until(n)) for n in range(1, 8)] == [0] * 7
    track.anchor(-0.25)
    assert (said(track.until(8)) == wanted(-2000, 6400)).all()


def test_a_sound_that_is_not_heard_is_silence(ramp):
    track = Track(LoopedSound(ramp), Fraction(10))
    assert [len(track.until(n)) for n in (9, 10, 11, 12)] == [0, 0, 8800, 800]
    track.anchor(1.0)
    assert (said(track.until(13)) == wanted(9600 + 8000, 800)).all()
    track.anchor(None)
    assert (said(track.until(14)) == 0).all()


def test_many_channels_are_two_and_what_is_no_number_is_silence(tmp_path):
    x = np.tile(np.array([[0.1, 0.2, 0.3, 0.4, np.nan, 0.6]], np.float32), (100, 1))
    soundfile.write(tmp_path / "x.wav", x, SR, "FLOAT")
    sound = LoopedSound(tmp_path / "x.wav")
    assert (sound.channels, sound.fine) == (2, True)
    assert np.allclose(sound.read(250), [[0.0, 0.4]])


def test_a_sound_that_was_emptied_under_us_is_an_error_and_no_endless_search(tmp_path):
    path = tmp_path / "x.raw.wav"
    soundfile.write(path, np.zeros((0, 1)), SR)
    with pytest.raises(RuntimeError, match="no sound in it"):
        LoopedSound(path).read(10)
