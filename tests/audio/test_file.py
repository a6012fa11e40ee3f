import os

import numpy as np
import pytest
import soundfile

from daemon.audio.file import CHUNK, FileSource
from daemon.errors import LatentdError, SourceError, SourceUnavailable

SR = 48_000
FORMATS = ["wav", "flac", "ogg", "mp3"]


def noise(frames, channels=2, seed=0):
    return np.random.default_rng(seed).uniform(-0.3, 0.3, (frames, channels)).astype(np.float32)


@pytest.fixture
def write(tmp_path):
    """A file of this sound."""

    def made(sound, name="sound.wav", sr=SR, **how):
        soundfile.write(tmp_path / name, sound, sr, **how)
        return tmp_path / name

    return made


def drain(source, n=480):
    """Everything of a finite source, [C, T]; closes it."""
    blocks = []
    while (block := source.read(n)) is not None:
        assert not blocks or block.start == blocks[-1].start + blocks[-1].samples.shape[1]
        blocks.append(block)
    source.close()
    return np.concatenate([b.samples for b in blocks], axis=1)


def read(source, n):
    return source.read(n).samples


def test_a_wav_file_comes_out_to_the_bit(write):
    sound = noise(3 * CHUNK + 17)
    np.testing.assert_array_equal(drain(FileSource(write(sound, subtype="FLOAT"), SR, loop=False)), sound.T)


@pytest.mark.parametrize("extension", FORMATS)
@pytest.mark.parametrize("channels", [1, 2])
def test_every_format_has_exactly_its_samples(write, extension, channels):
    got = drain(FileSource(write(noise(20_011, channels), f"sound.{extension}"), SR, loop=False), 777)
    assert got.shape == (channels, 20_011)
    assert got.dtype == np.float32


@pytest.mark.parametrize("sr", [8_000, 22_050, 44_100, 96_000, 192_000])
def test_other_rates_are_resampled_to_as_many_seconds(write, sr):
    t = np.arange(sr) / sr
    sound = (0.5 * np.sin(2 * np.pi * 440 * t)).astype(np.float32)
    got = drain(FileSource(write(sound, sr=sr), SR, loop=False))[0]
    assert abs(len(got) - SR) <= 1
    spectrum = np.abs(np.fft.rfft(got[:SR], SR))
    assert int(np.argmax(spectrum)) == 440
    assert np.sqrt(np.mean(got[2000:-2000] ** 2)) == pytest.approx(0.5 / np.sqrt(2), rel=0.01)


@pytest.mark.parametrize("extension", FORMATS)
def test_a_loop_begins_again_without_a_seam(write, extension):
    path = write(noise(CHUNK + 1000), f"sound.{extension}")
    once = drain(FileSource(path, SR, loop=False))
    source = FileSource(path, SR)
    thrice = np.concatenate([read(source, 333) for _ in range(3 * once.shape[1] // 333)], axis=1)
    source.close()
    np.testing.assert_array_equal(thrice, np.tile(once, 3)[:, : thrice.shape[1]])


def test_a_resampled_loop_has_no_seam_either(write):
    t = np.arange(44_100) / 44_100
    source = FileSource(write((0.5 * np.sin(2 * np.pi * 441 * t)).astype(np.float32), sr=44_100), SR)
    got = read(source, 4 * SR)[0]
    source.close()
    assert np.abs(np.diff(got[1000:])).max() < 0.5 * 2 * np.pi * 441 / SR * 1.01


def test_blocks_of_any_size_give_the_same_sound(write):
    path = write(noise(30_000), sr=44_100)
    a = drain(FileSource(path, SR, loop=False), 480)
    b = drain(FileSource(path, SR, loop=False), 4801)
    c = drain(FileSource(path, SR, loop=False), 100_000)
    np.testing.assert_array_equal(a, b)
    np.testing.assert_array_equal(a, c)


def test_heard_is_the_offline_time_of_the_blocks_end(write):
    source = FileSource(write(noise(1000)), SR, loop=False)
    assert [(b.start, b.heard) for b in (source.read(480), source.read(480), source.read(480))] == [
        (0, 480 / SR),
        (480, 960 / SR),
        (960, 1000 / SR),
    ]
    assert source.read(480) is None
    assert source.read(480) is None
    source.close()
    source.close()


def test_a_one_sample_file_loops(write):
    source = FileSource(write(np.full((1, 1), 0.25), subtype="FLOAT"), SR)
    assert (read(source, 100) == 0.25).all()
    source.close()


def test_more_than_two_channels_become_two(write):
    sound = np.zeros((100, 6), np.float32)
    sound[:, 0] = 0.3
    sound[:, 1] = 0.6
    left, right = drain(FileSource(write(sound, subtype="FLOAT"), SR, loop=False))
    assert left == pytest.approx(0.1)
    assert right == pytest.approx(0.2)


def test_a_long_file_is_never_held_whole(write):
    source = FileSource(write(noise(50 * CHUNK, 1)), SR, loop=False)
    source.read(480)
    assert source._ready.nbytes <= CHUNK * 4
    assert source._file.tell() <= CHUNK
    source.close()


def test_what_is_no_number_does_not_get_in(write):
    sound = noise(5000, 1)
    sound[1000:1010] = [[np.nan], [np.inf]] * 5
    assert np.isfinite(drain(FileSource(write(sound, subtype="FLOAT", sr=44_100), SR, loop=False))).all()


def bad_file(tmp_path, what):
    path = tmp_path / "bad.wav"
    match what:
        case "missing":
            pass
        case "folder":
            path.mkdir()
        case "empty":
            path.touch()
        case "text":
            path.write_text("this is not a sound\n" * 50)
        case "noise":
            path.write_bytes(np.random.default_rng(3).bytes(5000))
        case "header only":
            soundfile.write(path, noise(100), SR)
            path.write_bytes(path.read_bytes()[:30])
        case "no samples":
            soundfile.write(path, noise(0), SR)
        case "rate":
            soundfile.write(path, noise(10), 100)
        case "channels":
            soundfile.write(path, noise(10, 100), SR)
    return path


@pytest.mark.parametrize(
    "what", ["missing", "folder", "empty", "text", "noise", "header only", "no samples", "rate", "channels"]
)
def test_a_file_that_cannot_be_played_is_named_in_one_sentence(tmp_path, what):
    path = bad_file(tmp_path, what)
    with pytest.raises(SourceUnavailable) as refused:
        FileSource(path, SR)
    text = str(refused.value)
    assert str(path) in text
    assert "\n" not in text
    assert len(text) < len(str(path)) + 120


@pytest.mark.parametrize("extension", ["raw", "mp3", "ogg", "flac", "aiff", ""])
def test_garbage_of_any_name_is_refused(tmp_path, extension):
    path = tmp_path / f"garbage.{extension}"
    path.write_bytes(np.random.default_rng(4).bytes(3000))
    with pytest.raises(SourceUnavailable, match="damaged or no sound file"):
        FileSource(path, SR)


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="no named pipes on this system")
def test_a_pipe_is_refused_and_not_waited_for(tmp_path):
    os.mkfifo(tmp_path / "pipe.wav")
    with pytest.raises(SourceUnavailable, match="no ordinary file"):
        FileSource(tmp_path / "pipe.wav", SR)


@pytest.mark.parametrize("loop", [True, False])
@pytest.mark.parametrize("extension", ["flac", "ogg"])
def test_a_file_damaged_in_the_middle_plays_until_there(write, extension, loop):
    path = write(noise(3 * SR), f"sound.{extension}")
    whole = path.read_bytes()
    half = len(whole) // 2
    path.write_bytes(whole[:half] + bytes(6000) + whole[half + 6000 :])
    source = FileSource(path, SR, loop=loop)
    first = source.read(480)
    assert first.samples.any()
    with pytest.raises(SourceError, match=str(path)) as lost:
        drain(source)
    assert not isinstance(lost.value, SourceUnavailable)
    source.close()


@pytest.mark.parametrize("loop", [True, False])
@pytest.mark.parametrize("part", [0.3, 0.6, 0.97])
def test_a_flac_that_was_not_copied_whole_says_what_to_do(write, part, loop):
    path = write(noise(3 * SR), "sound.flac")
    whole = path.read_bytes()
    path.write_bytes(whole[: int(len(whole) * part)])
    source = FileSource(path, SR, loop=loop)
    assert source.read(480).samples.any()
    with pytest.raises(SourceError, match=r"breaks off after \d\.\d of 3\.0 s: .* export it again"):
        drain(source)
    source.close()


def test_the_home_folder_may_be_written_as_a_tilde(write, monkeypatch):
    path = write(noise(SR))
    for name in ("HOME", "USERPROFILE"):
        monkeypatch.setenv(name, str(path.parent))
    source = FileSource(f"~/{path.name}", SR, loop=False)
    assert source.read(480).samples.any()
    source.close()


@pytest.mark.skipif(os.name == "nt", reason="any name is that of a home folder there")
def test_a_home_folder_of_nobody_is_said_in_one_sentence():
    with pytest.raises(SourceUnavailable, match="names no home folder: give the whole path"):
        FileSource("~nobody-of-this-name/x.wav", SR)


def test_a_file_cut_short_while_it_plays_is_an_error(write):
    path = write(noise(20 * CHUNK))
    source = FileSource(path, SR)
    source.read(480)
    os.truncate(path, 5 * CHUNK * 4)
    with pytest.raises(SourceError, match="breaks off"):
        drain(source)
    source.close()


def test_damaged_files_never_raise_anything_else(write):
    rng = np.random.default_rng(11)
    for extension in FORMATS:
        path = write(noise(8000), f"sound.{extension}")
        whole = path.read_bytes()
        for _ in range(25):
            data = bytearray(whole)
            for at in rng.integers(0, len(data), 8):
                data[at] = rng.integers(0, 256)
            path.write_bytes(data[: rng.integers(1, len(data) + 1)])
            try:
                source = FileSource(path, SR, loop=False)
            except LatentdError:
                continue
            try:
                for _ in range(200):
                    if source.read(480) is None:
                        break
            except LatentdError:
                pass
            source.close()
