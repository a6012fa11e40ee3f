import signal

import pytest
from sinks.video.films import read, tune

from daemon import offline
from daemon.cli import invoke
from daemon.config import Config
from daemon.errors import BadInput, SinkError, SinkUnavailable
from daemon.render import card
from daemon.sinks.video import VideoSink


@pytest.fixture(autouse=True)
def own_home(tmp_path, monkeypatch):
    monkeypatch.setenv("LATENTD_HOME", str(tmp_path / "home"))


@pytest.fixture
def song(tmp_path):
    tune(tmp_path / "song.flac", 1.01, 44_100)
    return tmp_path / "song.flac"


def film(out, song, on_frame=lambda *_: None, **more):
    """Render the test card."""
    made = Config(version=1, sinks=(offline.target(str(out)),), model="card", size=128, **more)
    return offline.film(made, song, None, on_frame)


def counted(frame):
    reading = card.read(frame.to_ndarray(format="rgb24"))
    assert reading.fine
    return reading.count


def there(folder):
    return sorted(path.name for path in folder.iterdir() if path.is_file())


@pytest.mark.parametrize("suffix", ["mp4", "mov", "mkv"])
def test_a_film_shows_every_frame_beside_its_sound_and_takes_the_place_of_the_old_one(tmp_path, song, suffix):
    out, told = tmp_path / f"film.{suffix}", []
    out.write_bytes(b"the old one")
    assert film(out, song, lambda *said: told.append(said)) == 31
    assert told == [(n, 31) for n in range(1, 32)]
    assert there(tmp_path) == [out.name, "song.flac"]
    seen = read(out, counted)
    assert seen.numbers == list(range(31))
    assert all(abs(at - n / 30) < 0.0006 for n, at in enumerate(seen.times))
    assert seen.place(tune(tmp_path / "song.wav", 1.01, 44_100), 0.5) == pytest.approx(0.5, abs=0.001)


def test_a_film_twice_is_the_same_bytes(tmp_path, song):
    for name in ("a.mp4", "b.mp4"):
        film(tmp_path / name, song)
    assert (tmp_path / "a.mp4").read_bytes() == (tmp_path / "b.mp4").read_bytes()


def test_any_size_and_rate_that_frames_have_a_film_has(tmp_path, song):
    made = Config(version=1, sinks=(f"video:{tmp_path / 'x.mkv'}",), model="card", size=(192, 98), fps=12.5)
    assert offline.film(made, song, None) == 13
    seen = read(tmp_path / "x.mkv", lambda frame: (frame.width, frame.height))
    assert seen.numbers == [(192, 98)] * 13
    assert float(seen.rate) == 12.5


class BrokenError(Exception):
    """Something goes wrong."""


@pytest.mark.parametrize("error", [KeyboardInterrupt, BrokenError])
def test_a_film_that_is_not_done_leaves_the_old_one_and_nothing_half(tmp_path, song, error):
    out = tmp_path / "film.mp4"
    out.write_bytes(b"the old one")

    def stop(n, _):
        if n == 9:
            assert there(tmp_path) != ["film.mp4", "song.flac"], "it is being made"
            raise error

    with pytest.raises(error):
        film(out, song, stop)
    assert there(tmp_path) == ["film.mp4", "song.flac"]
    assert out.read_bytes() == b"the old one"


def test_ctrl_c_ends_a_rendering_between_two_frames(tmp_path, song, monkeypatch, capsys):
    publish, pictures = VideoSink.publish, []

    def interrupted(sink, slot):
        pictures.append(slot.index)
        if len(pictures) == 5:
            signal.raise_signal(signal.SIGINT)
        return publish(sink, slot)

    monkeypatch.setattr(VideoSink, "publish", interrupted)
    before = signal.getsignal(signal.SIGINT)
    out = tmp_path / "film.mp4"
    assert invoke(["render", str(song), str(out), "--model", "card", "--size", "64"]) == 130
    assert pictures == [0, 1, 2, 3, 4]
    assert there(tmp_path) == ["song.flac"]
    assert signal.getsignal(signal.SIGINT) is before
    assert capsys.readouterr().out == ""


def test_a_film_in_a_folder_that_is_missing_is_made_with_it(tmp_path, song):
    assert film(tmp_path / "new" / "film.mkv", song) == 31
    assert there(tmp_path / "new") == ["film.mkv"]


def test_a_film_that_cannot_be_put_in_its_place_is_not_lost(tmp_path, song, monkeypatch):
    out = tmp_path / "film.mp4"

    def make_way(n, _):
        if n == 20:
            (out / "inside").mkdir(parents=True)

    with pytest.raises(SinkError, match=r"film\.mp4 cannot be replaced .*; the new film is .*\.film\.part\.mp4"):
        film(out, song, make_way)
    assert read(tmp_path / ".film.part.mp4", counted).numbers == list(range(31))


def test_a_place_where_no_film_can_be_is_said_before_anything_is_rendered(tmp_path, song):
    (tmp_path / "file").write_text("in the way")
    frames = []
    with pytest.raises(SinkUnavailable, match="file is not a folder, a file is in the way; choose another"):
        film(tmp_path / "file" / "film.mp4", song, lambda *said: frames.append(said))
    assert frames == []


@pytest.mark.parametrize(
    ("out", "spec"),
    [
        ("a/b.mp4", "video:a/b.mp4"),
        ("B.MKV", "video:B.MKV"),
        ("c:x.mov", "video:c:x.mov"),
        ("video:x.mp4", "video:x.mp4"),
        ("frames:x", "frames:x"),
        ("null", "null"),
    ],
)
def test_a_film_is_asked_for_by_its_name_alone(out, spec):
    assert offline.target(out) == spec


@pytest.mark.parametrize("out", ["x.avi", "spout", "video:", "frames:", "preview", "mp4", ""])
def test_what_cannot_be_rendered_to_is_named_beside_what_can(out):
    with pytest.raises(BadInput, match=r"cannot be rendered to; use a name that ends in \.mp4, \.mov or \.mkv"):
        offline.target(out)
