"""The show on a daemon as a process: what it does by itself, and what it takes up again."""

import signal

import numpy as np
import pytest
import yaml
from daemons import ended, running
from PIL import Image

pytestmark = pytest.mark.timeout(300)
CONFIG = """
version: 1
show:
  zone: UTC
  seed: 3
  playlists:
    round:
      order: shuffle
      fade: 0
      entries: [{preset: hearth, seconds: 3000}, {preset: tide, seconds: 2000}, {preset: storm, seconds: 1000}]
  play: round
"""


@pytest.fixture
def home(tmp_path):
    home = tmp_path / "home"
    home.mkdir()
    (home / "config.yaml").write_text(CONFIG)
    return home


def run(tmp_path, home, *more, sink="null"):
    return running(tmp_path, "run", "--model", "swatch", "--sink", sink, "--source", "none", *more, home=home)


def test_a_show_runs_and_is_told_and_obeys_over_osc(tmp_path, home):
    (home / "config.yaml").write_text(CONFIG.replace("preset: storm", "preset: gone"))
    with run(tmp_path, home) as it:
        said = it.until(lambda s: s["show"]["on"] == "entry", "on")
        assert {"playlist": "round", "held": False, "enabled": True}.items() <= said["show"].items()
        assert said["preset"] == said["show"]["preset"]
        assert said["params"]["/latentd/show/playlist"] == "round"
        assert any("entries.2.preset: there is no preset 'gone'" in error["text"] for error in said["errors"])
        it.tell("/latentd/show/next", 1)
        it.until(lambda s: s["preset"] != said["preset"] and s["preset"] in ("hearth", "tide"), "next")
        it.tell("/latentd/preset", "storm")
        it.until(lambda s: s["show"]["on"] == "hand" and s["preset"] == "storm", "by hand")
        it.tell("/latentd/show/resume", 1)
        it.until(lambda s: s["show"]["on"] == "entry" and s["preset"] == s["show"]["preset"], "resumed")
        it.process.send_signal(signal.SIGTERM)
        assert it.wait()[0] == 0


def test_the_last_state_and_the_place_of_the_show_are_there_from_the_first_frame(tmp_path, home):
    with run(tmp_path, home) as it:
        first = it.until(lambda s: s["show"]["on"] == "entry", "on")["show"]["entry"]
        it.tell("/latentd/show/next", 1)
        it.until(lambda s: s["show"]["entry"] != first, "next")
        it.tell("/latentd/freeze", 1)
        it.tell("/latentd/gain", 3.25)
        it.tell("/latentd/drift", 0.0)
        it.tell("/latentd/smoothing", 0.0)
        it.tell("/latentd/route/0/source", "rms")
        it.tell("/latentd/route/0/target", "zoom")
        before = it.until(lambda s: s["params"].get("/latentd/route/0/target") == "zoom", "told")
        it.process.send_signal(signal.SIGTERM)
        assert it.wait()[0] == 0
    kept = yaml.safe_load((home / "state.yaml").read_text())
    (mark,) = kept["show"]["marks"]
    assert (mark["playlist"], mark["preset"]) == ("round", before["preset"])
    folder = tmp_path / "frames"
    with run(tmp_path, home, sink=f"frames:{folder}") as it:
        said = it.until(lambda s: s["sinks"][0]["published"] > 5, "published")
        assert said["preset"] == before["preset"]
        assert {k: v for k, v in said["params"].items() if k != "/latentd/freeze"} == {
            k: v for k, v in before["params"].items() if k != "/latentd/freeze"
        }
        show = {key: said["show"][key] for key in ("playlist", "entry", "preset", "on")}
        assert show == {key: before["show"][key] for key in show}
        assert said["show"]["next_in_s"] <= before["show"]["next_in_s"] + 60
        it.process.send_signal(signal.SIGTERM)
        assert it.wait()[0] == 0
    assert yaml.safe_load((home / "state.yaml").read_text())["show"]["marks"][0]["rest"] == mark["rest"]
    # nothing moves this picture but what is restored: the first frame is the last
    frames = [np.asarray(Image.open(path)).astype(int) for path in sorted(folder.glob("*.png"))]
    assert len(frames) > 3
    assert all(np.abs(frame - frames[-1]).max() <= 1 for frame in frames)


def test_a_show_that_sleeps_is_black_from_the_first_frame(tmp_path, home):
    (home / "config.yaml").write_text(CONFIG + "  wake: [{first: 2020-01-01, last: 2020-01-02}]\n")
    folder = tmp_path / "frames"
    with run(tmp_path, home, "--seconds", "1", sink=f"frames:{folder}") as it:
        code, report = it.wait()
    assert (code, report.show.on) == (0, "blackout")
    assert all(np.asarray(Image.open(path))[..., :3].max() == 0 for path in folder.glob("*.png"))


def test_a_show_that_cannot_be_is_named_whole(tmp_path, home):
    (home / "config.yaml").write_text(CONFIG.replace("UTC", "Moon/Base").replace("seconds: 2000", "seconds: soon"))
    done = ended(home, "-m", "daemon", "run", "--model", "swatch", "--sink", "null", "--source", "none")
    assert done.returncode == 1
    assert "show.zone: there is no time zone 'Moon/Base'" in done.stderr
    assert "show.playlists.round.entries.1.seconds" in done.stderr
