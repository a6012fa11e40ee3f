import os
import subprocess
import sys
import tempfile
from contextlib import contextmanager, suppress
from itertools import pairwise
from pathlib import Path

import av
import numpy as np
import pytest
from sinks.video.films import FORMAT, Projector, read, tune

from daemon.errors import SinkError, SinkUnavailable
from daemon.flow import FrameFormat
from daemon.sinks.video import VideoSink
from daemon.sinks.video.place import partial_of

ROOT = Path(__file__).parents[3]
SUFFIXES = (".mp4", ".mov", ".mkv")
LENGTH = 2.0  # s of the sound


@pytest.fixture(scope="module")
def sound(tmp_path_factory):
    path = tmp_path_factory.mktemp("sound") / "x.flac"
    return path, tune(path, LENGTH)


def record(path, times, sound=None, began=lambda _: None, format=FORMAT):
    """A live film of pictures 0, 1, ... that were completed at these times."""
    sink = VideoSink(path, 30.0, sound)
    sink.open(format)
    projector = Projector(sink, format)
    for n, when in enumerate(times):
        assert projector.show(n, when, began(when))
    sink.close()
    return sink


def uneven(seed, seconds):
    """Times of pictures on a clock that began long ago: a late first one, jitter, hitches of up to half a second."""
    rng = np.random.default_rng(seed)
    ticks = np.arange(round(seconds * 30))
    ticks = ticks[~np.isin(ticks, np.concatenate([np.arange(at, at + rng.integers(2, 15)) for at in (20, 55, 80)]))]
    times = 5000.0 + ticks / 30 + rng.uniform(0, 0.01, len(ticks))
    times[0] += 0.01
    return times


@pytest.mark.parametrize(("suffix", "seed"), [(".mkv", 1), (".mkv", 2), (".mp4", 3), (".mov", 4)])
def test_live_picture_and_sound_stay_in_time_through_hitches(tmp_path, sound, suffix, seed):
    file, x = sound
    times, began = uneven(seed, 4.0), 4996.3  # so many rounds of the sound before
    record(tmp_path / f"x{suffix}", times, file, lambda _: began)
    seen = read(tmp_path / f"x{suffix}")
    steps = [float(b - a) * 30 for a, b in pairwise(seen.times)]
    assert all(abs(step - 1) < 0.04 for step in steps), "the rate is constant"
    first = {number: float(at) for number, at in reversed(list(zip(seen.numbers, seen.times, strict=True)))}
    assert list(reversed(first)) == list(range(len(times)))
    offsets = [at - times[number] for number, at in first.items()]
    assert max(offsets) - min(offsets) <= 1 / 30 + 0.001
    for number in range(5, len(times) - 20, 10):
        heard = (times[number] - began) % LENGTH
        if heard < LENGTH - 0.3:
            assert seen.place(x, first[number]) == pytest.approx(heard, abs=0.5 / 30 + 0.002)


def test_a_sound_that_stood_still_is_where_it_is_heard_again(tmp_path, sound):
    file, x = sound
    times = 100 + np.arange(90) / 30
    record(tmp_path / "x.mkv", times, file, lambda when: 99.9 if when < 101 else 100.7)
    seen = read(tmp_path / "x.mkv")
    assert seen.place(x, 0.5) == pytest.approx(0.6, abs=0.001)
    assert seen.place(x, 1.5) == pytest.approx(0.8, abs=0.001)
    assert seen.place(x, 2.2) == pytest.approx(1.5, abs=0.001)
    assert len(seen.sound) == 3 * seen.sr


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_a_sound_that_begins_after_the_pictures_begins_there_in_the_film(tmp_path, sound, suffix):
    file, x = sound
    record(tmp_path / f"x{suffix}", np.arange(60) / 30, file, lambda when: 0.3 if when > 0.4 else None)
    seen = read(tmp_path / f"x{suffix}")
    assert np.abs(seen.sound[: round(0.27 * seen.sr)]).max() < 0.01
    assert seen.place(x, 1.0) == pytest.approx(0.7, abs=0.001)
    assert seen.numbers == list(range(60))
    assert seen.times[0] == 0


def test_an_hour_of_nothing_does_not_become_an_hour_of_copies(tmp_path):
    record(tmp_path / "x.mkv", [*np.arange(20) / 30, *(3600 + np.arange(20) / 30)])
    seen = read(tmp_path / "x.mkv")
    assert seen.numbers == list(range(40))
    assert float(seen.times[20]) == pytest.approx(3600, abs=0.02)


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_what_the_encoder_was_too_slow_for_takes_no_more_of_its_time_as_copies(tmp_path, suffix):
    sink, shown = VideoSink(tmp_path / f"x{suffix}", 30.0), [*range(10), *range(20, 30), *range(33, 40)]
    sink.open(FORMAT)
    projector = Projector(sink)
    for number in shown:
        projector.show(number, 5000 + number / 30)
    sink.close()
    seen = read(tmp_path / f"x{suffix}")
    assert seen.numbers == shown
    assert [float(time) for time in seen.times] == pytest.approx([number / 30 for number in shown], abs=0.002)


KILLED = """
import os, signal, sys
from pathlib import Path
from sinks.video.films import FORMAT, Projector
from daemon.sinks.video import VideoSink
sinks = [VideoSink(Path(name), 30.0, Path(sys.argv[1])) for name in sys.argv[2:]]
for sink in sinks: sink.open(FORMAT)
projectors = [Projector(sink) for sink in sinks]
for n in range(80):
    for projector in projectors: projector.show(n, n / 30, 0.0)
os.kill(os.getpid(), getattr(signal, "SIGKILL", signal.SIGTERM))
"""


def test_a_film_whose_writer_was_killed_plays(tmp_path, sound):
    file, x = sound
    films = [tmp_path / f"x{suffix}" for suffix in SUFFIXES]
    env = {**os.environ, "PYTHONPATH": os.pathsep.join((str(ROOT), str(ROOT / "tests")))}
    run = subprocess.run([sys.executable, "-c", KILLED, file, *films], env=env, capture_output=True, check=False)
    assert run.returncode != 0, run.stderr
    assert b"Error" not in run.stderr
    for film in films:
        seen = read(film)
        assert len(seen.numbers) >= 30, film
        assert seen.numbers == list(range(len(seen.numbers)))
        assert seen.place(x, 0.5) == pytest.approx(0.5, abs=0.001)


def test_a_film_is_plain_once_it_has_ended(tmp_path):
    record(tmp_path / "x.mp4", np.arange(60) / 30)
    data, kinds, at = (tmp_path / "x.mp4").read_bytes(), [], 0
    while at < len(data):
        kinds.append(data[at + 4 : at + 8])
        at += int.from_bytes(data[at : at + 4], "big")
    assert kinds == [b"ftyp", b"free", b"mdat", b"moov"], "no fragments are left"
    assert read(tmp_path / "x.mp4").seconds == pytest.approx(2.0, abs=0.01)


def test_no_film_is_written_over_and_each_opening_begins_the_next(tmp_path):
    (tmp_path / "x.mp4").write_bytes(b"dear to me")
    sink = VideoSink(tmp_path / "x.mp4", 30.0)
    for side in (64, 96):  # another size, as when another model is taken
        form = FrameFormat(side, side)
        sink.open(form)
        Projector(sink, form).show(side, 0.0)
        assert sink.about.startswith(f"x-{2 if side == 64 else 3}.mp4, h264")
        sink.close()
    assert sink.about == ""
    assert (tmp_path / "x.mp4").read_bytes() == b"dear to me"
    assert [read(tmp_path / f"x-{n}.mp4").numbers for n in (2, 3)] == [[64], [96]]


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_a_run_of_many_days_is_films_of_some_hours_without_a_picture_lost_between(tmp_path, sound, suffix, monkeypatch):
    monkeypatch.setattr("daemon.sinks.video.sink._LONGEST", 1.5)
    path, samples = sound
    record(tmp_path / f"x{suffix}", [7 + n / 30 for n in range(100)], path, lambda _: 7.0)
    films = [read(tmp_path / f"x{part}{suffix}") for part in ("", "-2", "-3")]
    assert [film.numbers for film in films] == [list(range(45)), list(range(45, 90)), list(range(90, 100))]
    assert films[1].place(samples, 0.3) == pytest.approx((1.5 + 0.3) % LENGTH, abs=0.01)


def test_a_film_without_pictures_is_taken_away(tmp_path):
    record(tmp_path / "x.mp4", [])
    assert list(tmp_path.iterdir()) == []


def test_closing_twice_and_without_an_open_is_safe_and_publishing_is_an_error(tmp_path):
    sink = VideoSink(tmp_path / "x.mkv", 30.0)
    sink.close()
    sink.open(FORMAT)
    sink.close()
    sink.close()
    with pytest.raises(SinkError, match="no film is open"):
        Projector(sink).show(1)


@pytest.mark.parametrize("name", ["x.avi", "x", "x.webm", "mp4"])
def test_a_film_that_cannot_be_made_is_refused_with_those_that_can(tmp_path, name):
    with pytest.raises(SinkUnavailable, match=rf"{name} cannot be made; use a name that ends in \.mp4, \.mov or \.mkv"):
        VideoSink(tmp_path / name, 30.0)  # before a model is loaded
    assert list(tmp_path.iterdir()) == []


def test_without_its_package_it_says_how_to_get_it(tmp_path, monkeypatch):
    for module in [name for name in sys.modules if name.startswith("daemon.sinks.video.")]:
        if module.rpartition(".")[2] in ("film", "recording"):
            monkeypatch.delitem(sys.modules, module)
    monkeypatch.setitem(sys.modules, "av", None)
    with pytest.raises(SinkUnavailable, match=r"pip install 'latentd\[video\]'"):
        VideoSink(tmp_path / "x.mp4", 30.0).open(FORMAT)
    assert list(tmp_path.iterdir()) == []


def test_a_sound_that_cannot_be_read_is_said_and_leaves_no_film(tmp_path):
    for name in ("missing.wav", "junk.wav"):
        if name == "junk.wav":
            (tmp_path / name).write_bytes(b"RIFFjunk")
        with pytest.raises(SinkUnavailable, match=rf"the sound .*{name} cannot be read .*; see that it is there"):
            VideoSink(tmp_path / "x.mp4", 30.0, tmp_path / name).open(FORMAT)
    assert not (tmp_path / "x.mp4").exists()


def test_a_sound_lost_on_the_way_leaves_the_pictures_alone(tmp_path, caplog):
    tune(tmp_path / "x.wav", 1.0)
    sink = VideoSink(tmp_path / "x.mkv", 30.0, tmp_path / "x.wav")
    sink.open(FORMAT)
    projector = Projector(sink)
    for n in range(90):
        if n == 60:
            (tmp_path / "x.wav").write_bytes(b"")
        projector.show(n, n / 30, 0.0)
    sink.close()
    seen = read(tmp_path / "x.mkv")
    assert seen.numbers == list(range(90))
    assert len(seen.sound) == 3 * seen.sr
    assert (seen.sound[int(2.5 * seen.sr) :] == 0).all()
    assert ["goes on without sound" in message for message in caplog.messages] == [True]


def test_a_file_or_a_folder_in_the_way_is_said_in_one_sentence(tmp_path):
    (tmp_path / "taken").write_text("not a folder")
    with pytest.raises(SinkUnavailable, match="taken is not a folder, a file is in the way; choose another"):
        VideoSink(tmp_path / "taken" / "x.mp4", 30.0).open(FORMAT)
    (tmp_path / "x.mp4").mkdir()
    with pytest.raises(SinkUnavailable, match=r"x\.mp4 is a folder; give the name of a film"):
        VideoSink(tmp_path / "x.mp4", 30.0, offline=True).open(FORMAT)


@pytest.mark.skipif(os.name == "nt", reason="any name is that of a home folder there")
def test_a_home_folder_of_nobody_is_said_in_one_sentence():
    with pytest.raises(SinkUnavailable, match="names no home folder; give the whole path"):
        VideoSink(Path("~nobody-of-this-name/x.mp4"), 30.0).open(FORMAT)


@pytest.mark.skipif(os.name == "nt", reason="folders here are not read-only by their mode")
def test_a_read_only_folder_is_said_and_one_that_is_missing_is_made():
    with tempfile.TemporaryDirectory() as name, nobody():
        with tempfile.TemporaryDirectory() as own:
            record(Path(own) / "made" / "here" / "x.mkv", [0.0])
            assert read(Path(own) / "made" / "here" / "x.mkv").numbers == [0]
        with pytest.raises(SinkUnavailable, match=r"cannot be written to .*; choose a folder that can"):
            VideoSink(Path(name) / "x.mp4", 30.0).open(FORMAT)


@contextmanager
def nobody():
    """Not root, while inside: root may write anywhere."""
    if os.geteuid() != 0:
        yield
        return
    os.seteuid(65534)
    try:
        yield
    finally:
        os.seteuid(0)


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="there is no /dev/full here to write to")
@pytest.mark.parametrize("suffix", SUFFIXES)
def test_a_full_disk_is_said_in_one_sentence(tmp_path, suffix):
    path = tmp_path / f"x{suffix}"
    partial_of(path).symlink_to("/dev/full")
    sink = VideoSink(path, 30.0, offline=True)
    with pytest.raises(SinkError, match=rf"no room left in .* for x{suffix}; free some, \d+ frames written so far"):
        fill(sink, 20)
    with suppress(SinkError):
        sink.close()
    sink.close()
    assert "/dev/full" not in held_open()


def held_open():
    """The files this process has not let go of, where that is told."""
    if not Path("/proc/self/fd").is_dir():
        return set()
    return {link.readlink().as_posix() for link in Path("/proc/self/fd").iterdir() if link.is_symlink()}


def test_a_size_that_cannot_be_encoded_is_said_and_leaves_no_film(tmp_path):
    with pytest.raises(SinkUnavailable, match=r"x\.mp4 cannot be made .*; choose another name or size"):
        VideoSink(tmp_path / "x.mp4", 30.0).open(FrameFormat(40_000, 16))
    assert list(tmp_path.iterdir()) == []


def fill(sink, pictures):
    """Pictures that need room."""
    form = FrameFormat(128, 128)
    sink.open(form)
    projector, rng = Projector(sink, form), np.random.default_rng(0)
    for n in range(pictures):
        projector._slot.pixels[...] = rng.integers(0, 256, projector._slot.pixels.shape, np.uint8)
        projector._slot.rendered = n / 30
        sink.publish(projector._slot)
    sink.close()


@pytest.mark.skipif(os.name == "nt", reason="files have no limit there")
@pytest.mark.parametrize("suffix", SUFFIXES)
def test_a_film_that_may_not_grow_any_further_plays_and_the_next_one_begins(tmp_path, suffix, caplog):
    import resource

    path = tmp_path / f"x{suffix}"
    sink, before = VideoSink(path, 30.0), resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1 << 20, before[1]))
    try:
        with pytest.raises(SinkError, match="as large as a file may be") as caught:
            fill(sink, 200)
        sink.close()
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    assert not isinstance(caught.value, SinkUnavailable)
    assert path.as_posix() not in held_open()
    assert ["what is there plays" in message for message in caplog.messages] == [True]
    shown = 0
    with av.open(str(path)) as film, suppress(av.InvalidDataError):  # the last picture is half
        for _ in film.decode(video=0):
            shown += 1
    assert shown >= 60
    sink.open(FORMAT)
    assert sink.about.startswith(f"x-2{suffix}")
    sink.close()


def test_after_an_error_a_full_disk_is_no_trail_of_films(tmp_path, monkeypatch):
    sink = VideoSink(tmp_path / "x.mp4", 30.0)
    monkeypatch.setattr("daemon.sinks.video.place._ROOM", 1 << 62)  # at first there may be little
    sink.open(FORMAT)
    Projector(sink).show(0)
    sink.close()
    with pytest.raises(SinkError, match="no room left"):
        sink.open(FORMAT)
    assert [file.name for file in tmp_path.iterdir()] == ["x.mp4"]


def test_alpha_is_said_to_be_lost_once_where_it_is(tmp_path, caplog):
    sink = VideoSink(tmp_path / "x.mkv", 30.0)
    for _ in range(2):
        sink.open(FrameFormat(64, 64, alpha="straight"))
        sink.close()
    assert [m for m in caplog.messages if "alpha" in m] == [
        "video: h264 has no alpha, x.mkv is without; a name that ends in .mov keeps it"
    ]
