"""Offline films: every frame, every sample, in their place."""

import os

import numpy as np
import pytest
import soundfile
from sinks.video.films import FORMAT, Projector, read, tune

from daemon.errors import SinkError
from daemon.sinks.video import VideoSink
from daemon.sinks.video.place import partial_of

CODECS = {".mp4": ("h264", "aac"), ".mov": ("h264", "aac"), ".mkv": ("h264", "flac")}


def film(path, frames, fps=30.0, sound=None, format=FORMAT, bring=None):
    """An offline film of numbered pictures."""
    sink = VideoSink(path, fps, sound, offline=True)
    sink.open(format)
    projector = Projector(sink, format)
    for n in range(frames):
        assert projector.show(n, n / fps, 0.0)
    sink.close()
    return partial_of(path)


@pytest.mark.parametrize("suffix", CODECS)
@pytest.mark.parametrize(("fps", "sr"), [(30.0, 44_100), (23.976, 48_000)])
def test_every_frame_and_every_sample_is_in_its_place(tmp_path, suffix, fps, sr):
    x = tune(tmp_path / "x.flac", 2.0, sr)
    frames = int(np.ceil(2.0 * fps))
    seen = read(film(tmp_path / f"x{suffix}", frames, fps, tmp_path / "x.flac"))
    assert (seen.video, seen.audio) == CODECS[suffix]
    assert seen.numbers == list(range(frames))
    assert seen.rate == pytest.approx(fps, rel=1e-4)
    assert all(abs(t - n / fps) < 0.0006 for n, t in enumerate(seen.times))  # Matroska counts milliseconds
    assert seen.seconds == pytest.approx(frames / fps, abs=0.03)
    assert (seen.sr, seen.sound.shape[1]) == (sr, 2)
    assert seen.place(x, 0.0) == pytest.approx(0.0, abs=0.001)
    assert seen.place(x, 1.5) == pytest.approx(1.5, abs=0.001)
    there = seen.sound[: len(x)]
    assert len(there) == len(x)
    assert np.sqrt(np.mean((there - x) ** 2)) < (1e-7 if suffix == ".mkv" else 0.01)


@pytest.mark.parametrize(("sr", "channels", "heard"), [(8000, 1, 48_000), (96_000, 6, 48_000)])
def test_a_sound_of_any_rate_and_width_is_in_its_place(tmp_path, sr, channels, heard):
    tune(tmp_path / "x.wav", 1.0, sr, channels)
    seen = read(film(tmp_path / "x.mp4", 30, 30.0, tmp_path / "x.wav"))
    assert (seen.sr, seen.sound.shape[1]) == (heard, min(channels, 2))
    assert len(seen.sound) == pytest.approx(48_000, abs=1100)


@pytest.mark.parametrize("suffix", CODECS)
def test_the_same_film_twice_is_the_same_bytes(tmp_path, suffix):
    tune(tmp_path / "x.flac", 1.5)
    films = [film(tmp_path / f"{name}{suffix}", 45, 30.0, tmp_path / "x.flac").read_bytes() for name in "ab"]
    assert films[0] == films[1]


@pytest.mark.skipif(not hasattr(os, "sched_setaffinity"), reason="a process has all cores there")
def test_a_film_is_the_same_bytes_on_a_machine_with_fewer_cores(tmp_path):
    first, cores = film(tmp_path / "a.mp4", 45), os.sched_getaffinity(0)
    os.sched_setaffinity(0, {min(cores)})
    try:
        second = film(tmp_path / "b.mp4", 45)
    finally:
        os.sched_setaffinity(0, cores)
    assert first.read_bytes() == second.read_bytes()


def test_a_sound_of_more_than_16_bits_is_kept_as_fine_in_mkv(tmp_path):
    x = (np.sin(np.arange(48_000) / 30) * 1e-3).astype(np.float32)[:, None]
    soundfile.write(tmp_path / "x.wav", x, 48_000, "PCM_24")
    seen = read(film(tmp_path / "x.mkv", 30, 30.0, tmp_path / "x.wav"))
    assert np.abs(seen.sound - x).max() < 2**-22


def test_a_film_without_sound_has_none(tmp_path):
    assert read(film(tmp_path / "x.mp4", 3)).sound is None


def test_a_sound_that_breaks_off_is_said(tmp_path):
    tune(tmp_path / "x.wav", 1.0)
    sink = VideoSink(tmp_path / "x.mp4", 30.0, tmp_path / "x.wav", offline=True)
    sink.open(FORMAT)
    (tmp_path / "x.wav").write_bytes(b"")
    with pytest.raises(SinkError, match=r"x\.mp4 \(the sound cannot be read any further: there is no sound in it"):
        Projector(sink).show(0)
    sink.close()
