"""The daemon as a process: started, driven over OSC and HTTP by clients we did not write, stopped."""

import re
import signal
import socket
import time
import urllib.error
import urllib.request
from itertools import pairwise

import numpy as np
import pytest
import soundfile
import torch
from daemons import ROOT, ended, running, until
from mapping.trained import made
from PIL import Image

import stylegan3
from daemon.mapping.mlp import pack
from daemon.render.swatch import SwatchRenderer
from daemon.status import Report

pytestmark = pytest.mark.timeout(300)
SWATCH = ("run", "--model", "swatch", "--sink", "null", "--preset", "hearth")


@pytest.fixture
def pulsed(tmp_path):
    sr = 44_100
    noise = np.random.default_rng(0).standard_normal(4 * sr) * 0.3
    path = tmp_path / "pulsed.wav"
    soundfile.write(path, np.clip(noise * ((np.arange(4 * sr) / sr) % 0.5 < 0.25), -1, 1), sr)
    return path


def test_the_demo_plays_shows_and_ends_by_itself(tmp_path):
    with running(tmp_path, "demo", "--seconds", "5") as demo:
        demo.until(lambda s: s["frame_index"] > 5, "rendering")
        first = demo.get("/frame.png")
        assert demo.get("/healthz")
        until(lambda: demo.get("/frame.png") != first, "another picture")
        code, report = demo.wait()
    assert code == 0
    assert report.exit == 0
    assert report.seconds > 4.5
    assert report.frames > 5
    assert report.audio.state == "ok"
    assert report.latency_ms is not None
    assert report.model.name == "lumen"
    assert report.preset == "hearth"
    assert [sink.state for sink in report.sinks] == ["ok"]


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_ends_it_cleanly(tmp_path, number):
    with running(tmp_path, *SWATCH, "--source", "tone") as daemon:
        daemon.until(lambda s: s["frame_index"] > 3, "rendering")
        daemon.process.send_signal(number)
        code, report = daemon.wait()
    assert (code, report.exit) == (0, 0)
    assert report.frames > 3


def test_osc_steers_it_and_the_state_outlives_it(tmp_path, pulsed):
    home = tmp_path / "home"
    with running(tmp_path, *SWATCH, "--source", f"file:{pulsed}", home=home) as daemon:
        daemon.until(lambda s: s["audio"]["gate_open"], "hearing")
        daemon.tell("/latentd/psi", 0.25)
        daemon.tell("/latentd/smoothing/norm", 0.5)
        daemon.tell("/latentd/cluster/calm", "0.75")
        daemon.tell("/latentd/psi", 99.0)
        daemon.tell("/latentd/nothing", 1)
        daemon.tell("/latentd/blackout", 1)
        status = daemon.until(lambda s: s["osc"]["received"] == 6, "told")
        assert status["params"]["/latentd/psi"] == 0.25
        assert status["params"]["/latentd/smoothing"] == 5.0
        assert status["params"]["/latentd/cluster/calm"] == 0.75
        assert (status["osc"]["applied"], status["osc"]["refused"]) == (4, 2)
        assert any("0 to 1.5" in error["text"] for error in status["errors"])
        until(lambda: np.asarray(Image.open(_png(daemon)))[..., :3].max() == 0, "black")
        daemon.tell("/latentd/blackout", 0)
        daemon.tell("/latentd/preset", ["tide", 0.2])
        daemon.until(lambda s: s["preset"] == "tide" and s["mapper"] == "clusters", "recalled")
        daemon.process.send_signal(signal.SIGTERM)
        assert daemon.wait()[0] == 0
    with running(tmp_path, "run", "--model", "swatch", "--sink", "null", "--source", "none", home=home) as again:
        status = again.status()
        assert (status["preset"], status["mapper"]) == ("tide", "clusters")
        assert status["params"]["/latentd/blackout"] == 0


def test_another_model_is_taken_up_while_the_picture_runs_and_a_broken_one_is_not(tmp_path):
    home = tmp_path / "home"
    (home / "models").mkdir(parents=True)
    whole = (ROOT / "tests" / "golden" / "sg3t_64.pkl").read_bytes()
    (home / "models" / "mine.pkl").write_bytes(whole)
    (home / "models" / "half.pkl").write_bytes(whole[: len(whole) // 2])
    odd = stylegan3.load(ROOT / "tests" / "golden" / "sg3t_64.pkl")
    odd.anchors = {"very calm/b": torch.zeros(odd.z_dim)}
    stylegan3.save(odd, home / "models" / "odd.safetensors")
    (home / "models" / "folder.pkl").mkdir()
    with running(tmp_path, *SWATCH, "--source", "none", "--fps", "20", home=home) as daemon:
        daemon.until(lambda s: s["frame_index"] > 3, "rendering")
        daemon.tell("/latentd/cluster/calm", 1.0)
        daemon.tell("/latentd/model", "half")
        said = daemon.until(lambda s: any(e["code"] == "model" for e in s["errors"]), "told")
        assert "half.pkl is cut short" in said["errors"][0]["text"]
        assert (said["model"]["name"], said["params"]["/latentd/model"]) == ("swatch", "swatch")
        daemon.tell("/latentd/model", "odd")
        daemon.until(lambda s: any("very calm/b" in e["text"] for e in s["errors"]), "told of the cluster's name")
        assert daemon.status()["model"]["name"] == "swatch"
        daemon.tell("/latentd/model", "folder")
        daemon.until(lambda s: any("'folder'" in e["text"] for e in s["errors"]), "told that there is none")
        daemon.tell("/latentd/model", "half")
        daemon.tell("/latentd/model", "mine")
        said = daemon.until(lambda s: s["model"]["name"] == "sg3t_64" or s["model"]["name"] == "mine", "changed")
        daemon.until(lambda s: "/latentd/cluster/calm" not in s["params"], "fitted to the new clusters")
        before = daemon.status()["frame_index"]
        said = daemon.until(lambda s: s["frame_index"] > before + 10, "rendering on")
        assert said["sinks"][0]["state"] == "ok"
        assert Image.open(_png(daemon)).size == (64, 64)  # its own, since none was asked for
        daemon.process.send_signal(signal.SIGTERM)
        code, report = daemon.wait()
        assert (code, report.model.resolution, report.params["/latentd/model"]) == (0, 64, "mine")


@pytest.mark.parametrize("moment", ["at once", "while the model loads"])
def test_a_signal_during_boot_is_a_clean_stop_too(tmp_path, moment):
    report = tmp_path / "report.json"
    # the signal comes from inside, at a known place of the boot, and not after so many seconds of a loaded machine
    place = "daemon.parts.open_renderer" if moment == "while the model loads" else "daemon.render.warm.warm_process"
    module, name = place.rsplit(".", 1)
    script = f"""
import importlib, os, signal, sys
module = importlib.import_module({module!r})
there = module.{name}
def signalled(*args):
    os.kill(os.getpid(), signal.SIGTERM)
    return there(*args)
module.{name} = signalled
from daemon.cli import invoke
sys.exit(invoke(sys.argv[1:]))
"""
    command = ["-c", script, *SWATCH, "--source", "none", "--http-port", "0", "--osc-port", "0", "--report", report]
    assert ended(tmp_path, *command).returncode == 0
    assert Report.model_validate_json(report.read_text()).exit == 0


@pytest.mark.parametrize("wrong", [("--source", "radio"), ("--preset", "nobody"), ("--model", "nobody")])
def test_a_run_that_cannot_begin_reports_that_in_place_of_an_older_report(tmp_path, wrong):
    report = tmp_path / "report.json"
    report.write_text("old")
    command = ["-m", "daemon", "run", "--model", "swatch", "--source", "none", "--sink", "null"]
    flags = {command[i]: i for i in range(len(command))}
    if wrong[0] in flags:
        command[flags[wrong[0]] + 1] = wrong[1]
    else:
        command += wrong
    done = ended(tmp_path, *command, "--report", report)
    said = Report.model_validate_json(report.read_text())
    assert (done.returncode, said.exit, said.frames) == (1, 1, 0)
    assert said.errors[0].text in done.stderr


def test_a_sink_lost_in_mid_run_leaves_the_others_be(tmp_path):
    folder = tmp_path / "frames"
    arguments = ("--model", "swatch", "--source", "none", "--preset", "hearth", "--size", "48")
    with running(tmp_path, "run", "--sink", f"frames:{folder}", "--sink", "null", *arguments) as daemon:
        until(lambda: len(list(folder.glob("*.png"))) > 3, "pictures")
        with Image.open(folder / "00000001.png") as first:
            assert first.size == (48, 48)
        folder.rename(tmp_path / "away")
        folder.write_text("in the way")

        def sink(status, name):
            return next(s for s in status["sinks"] if s["name"] == name)

        status = daemon.until(lambda s: sink(s, "frames")["state"] == "retrying", "lost")
        assert any("frames" in error["text"] for error in status["errors"])
        before = sink(status, "null")["published"]
        daemon.until(lambda s: sink(s, "null")["published"] > before + 5, "going on")
        folder.unlink()
        daemon.until(lambda s: sink(s, "frames")["state"] == "ok", "back")
        daemon.process.send_signal(signal.SIGTERM)
        assert daemon.wait()[0] == 0


def test_a_last_state_whose_model_is_gone_still_boots(tmp_path):
    home = tmp_path / "home"
    home.mkdir()
    (home / "state.yaml").write_text("version: 1\nmodel: gone\n")
    # the plain engine needs no race, and is what the smaller of the bundled models is for
    plain = ("--sink", "null", "--source", "none", "--engine", "torch")
    with running(tmp_path, "run", *plain, home=home) as daemon:
        said = daemon.status()
        assert (said["model"]["name"], said["params"]["/latentd/model"]) == ("lumen-128", "lumen-128")
        assert any("'gone'" in error["text"] for error in said["errors"])
        daemon.process.send_signal(signal.SIGTERM)
        assert daemon.wait()[0] == 0
    assert "model: gone\n" in (home / "state.yaml").read_text()


def test_the_state_outlives_even_a_kill_and_faulty_files_are_named(tmp_path):
    home = tmp_path / "home"
    (home / "presets").mkdir(parents=True)
    (home / "presets" / "bad.yaml").write_text("version: 1\npsi: 50\n")
    (home / "state.yaml").write_text("psi: [")
    with running(tmp_path, "run", "--model", "swatch", "--sink", "null", "--source", "none", home=home) as daemon:
        texts = [error["text"] for error in daemon.status()["errors"]]
        assert any("bad.yaml" in text for text in texts)
        assert any("state.yaml.bad" in text for text in texts)
        daemon.tell("/latentd/gain", 3.0)
        until(lambda: (home / "state.yaml").exists() and "gain: 3.0" in (home / "state.yaml").read_text(), "kept")
        daemon.process.kill()
    assert (home / "state.yaml.bad").read_text() == "psi: ["


def test_a_preset_saved_in_an_editor_is_taken_up_while_it_plays_and_a_bad_one_leaves_the_last_good(tmp_path):
    own = tmp_path / "home" / "presets"
    own.mkdir(parents=True)
    (own / "mine.yaml").write_text("version: 1\npsi: 0.25\nfade: 0\n")
    arguments = ("--model", "swatch", "--source", "none", "--sink", "null", "--preset", "mine")
    with running(tmp_path, "run", *arguments) as daemon:

        def psi(said):
            return said["params"]["/latentd/psi"]

        daemon.until(lambda said: psi(said) == 0.25, "a file of version 1")
        place = "anchors: {deep: 7}\nmapper: clusters\nclusters: {deep: 0.5}\n"
        (own / "mine.yaml").write_text(f"version: 2\npsi: 0.75\nfade: 0\n{place}noise: moving\n")
        said = daemon.until(lambda said: psi(said) == 0.75, "the file as it was saved")
        assert said["params"]["/latentd/cluster/deep"] == 0.5
        daemon.until(lambda said: any("noise moving" in e["text"] for e in said["errors"]), "what swatch has not got")
        (own / "mine.yaml").write_text("version: 2\npsi: 75\nfoo: 1\n")
        said = daemon.until(lambda said: any("foo is not" in e["text"] for e in said["errors"]), "the fault")
        assert psi(said) == 0.75
        (own / "aaa.yaml").write_text("version: 2\n")
        daemon.until(lambda said: said["params"]["/latentd/preset/index"] == 13, "another one before it")
        (own / "mine.yaml").unlink()
        said = daemon.until(lambda said: said["params"]["/latentd/preset/index"] == -1, "deleted")
        assert (said["preset"], psi(said)) == ("mine", 0.75)


def _png(daemon):
    from io import BytesIO

    return BytesIO(daemon.get("/frame.png"))


def _picture(daemon):
    return np.asarray(Image.open(_png(daemon)))[..., :3].astype(float)


def _settled(daemon):
    """The picture once it has not moved for some frames."""
    before = _picture(daemon)
    while True:
        shown = daemon.status()["frame_index"]
        daemon.until(lambda s: s["frame_index"] > shown + 8, "rendering")  # noqa: B023
        now = _picture(daemon)
        if np.array_equal(now, before):
            return now
        before = now


def pictures(folder):
    return [np.asarray(Image.open(path))[..., :3].astype(float) for path in sorted(folder.glob("*.png"))]


def test_frames_follow_the_sound_and_stand_still_when_frozen(tmp_path, pulsed):
    folder = tmp_path / "frames"
    arguments = (
        "--source",
        f"file:{pulsed}",
        "--sink",
        f"frames:{folder}",
        "--model",
        ROOT / "tests/golden/sg3t_64.pkl",
    )
    with running(tmp_path, "run", "--preset", "hearth", "--fps", "10", *arguments) as daemon:
        daemon.until(lambda s: s["frame_index"] > 15, "rendering")
        moving = len(list(folder.glob("*.png")))
        daemon.tell("/latentd/freeze", 1)
        told = daemon.until(lambda s: s["params"]["/latentd/freeze"] == 1, "frozen")["frame_index"]
        daemon.until(lambda s: s["frame_index"] > told + 4, "rendering")
        frozen = len(list(folder.glob("*.png")))
        count = daemon.status()["frame_index"]
        daemon.until(lambda s: s["frame_index"] > count + 8, "rendering")
        daemon.process.send_signal(signal.SIGTERM)
        assert daemon.wait()[0] == 0
    names = [path.name for path in sorted(folder.iterdir())]
    assert names == [f"{n:08d}.png" for n in range(1, len(names) + 1)]
    shown = pictures(folder)
    assert all(np.abs(b - a).mean() > 0 for a, b in pairwise(shown[3:moving]))
    still = shown[frozen:]
    assert len(still) >= 5
    assert all(np.array_equal(still[0], other) for other in still)


def test_a_client_of_the_seed_moves_the_picture_over_tcp_and_lets_it_go(tmp_path):
    config = tmp_path / "config.yaml"
    config.write_text("version: 1\ntcp: {port: 0}\n")
    with running(tmp_path, *SWATCH, "--source", "none", "--config", config) as daemon:
        port = int(re.search(r"latents 127\.0\.0\.1:(\d+)", re.sub(r"\s+", " ", daemon._log.read_text()))[1])
        daemon.until(lambda s: s["frame_index"] > 5, "rendering")
        daemon.tell("/latentd/drift", 0.0)
        daemon.tell("/latentd/smoothing", 0.0)
        daemon.until(lambda s: s["params"]["/latentd/drift"] == 0, "told")
        still = _settled(daemon)
        with socket.create_connection(("127.0.0.1", port)) as client:
            vector = np.full(16, 2.0, "<f4").tobytes()  # z_dim of swatch
            pushed = still
            deadline = time.monotonic() + 30
            while np.abs(pushed - still).mean() < 2.0:  # as the seed's client: a vector a block
                assert time.monotonic() < deadline
                client.sendall(vector)
                time.sleep(1 / 86)
                pushed = _picture(daemon)
        until(lambda: np.abs(_picture(daemon) - still).max() <= 1, "back")
        daemon.process.send_signal(signal.SIGTERM)
        assert daemon.wait()[0] == 0


def test_mappers_change_while_it_runs_and_one_that_cannot_be_had_is_named(tmp_path, pulsed):
    model = ("--model", ROOT / "tests/golden/sg3t_64.pkl", "--sink", "null", "--preset", "hearth", "--fps", "10")
    with running(tmp_path, "run", "--source", f"file:{pulsed}", *model) as daemon:
        daemon.until(lambda s: s["features"]["onset"] > 0.2, "hearing")
        for mapper in ("clusters", "mel"):
            daemon.tell("/latentd/mapper", mapper)
            daemon.until(lambda s, m=mapper: s["mapper"] == m, mapper)
        daemon.tell("/latentd/mapper", "pairs")  # nothing was paired for this network
        daemon.until(lambda s: any(error["code"] == "mapper" for error in s["errors"]), "named")
        (said,) = [error["text"] for error in daemon.status()["errors"] if error["code"] == "mapper"]
        assert "latentd train pairs" in said
        assert "mel goes on" in said
        assert daemon.status()["mapper"] == "mel"
        before = daemon.status()["frame_index"]
        daemon.until(lambda s: s["frame_index"] > before + 5, "going on")
        daemon.process.send_signal(signal.SIGTERM)
        assert daemon.wait()[0] == 0


def test_clusters_trained_while_it_runs_have_addresses_at_once(tmp_path):
    home = tmp_path / "home"
    (home / "clusters").mkdir(parents=True)
    mood = made("weights", facts=SwatchRenderer(128).facts, name="mood", clusters=("calm", "dusk"))
    with running(tmp_path, *SWATCH, "--source", "none", home=home) as daemon:
        daemon.tell("/latentd/cluster/calm", 0.25)
        daemon.until(lambda s: s["params"]["/latentd/cluster/calm"] == 0.25, "told")
        (home / "clusters" / "mood.safetensors").write_bytes(pack(mood))
        daemon.until(lambda s: "/latentd/cluster/dusk" in s["params"], "addressed")
        daemon.tell("/latentd/cluster/dusk", 0.5)
        said = daemon.until(lambda s: s["params"]["/latentd/cluster/dusk"] == 0.5, "told")
        assert said["params"]["/latentd/cluster/calm"] == 0.25
        daemon.process.send_signal(signal.SIGTERM)
        assert daemon.wait()[0] == 0


@pytest.mark.parametrize("service", ["http", "osc"])
def test_a_port_in_use_is_one_sentence(tmp_path, service):
    kind = socket.SOCK_STREAM if service == "http" else socket.SOCK_DGRAM
    with socket.socket(socket.AF_INET, kind) as taken:
        taken.bind(("127.0.0.1", 0))
        if service == "http":
            taken.listen()
        port = str(taken.getsockname()[1])
        ports = {"http": "0", "osc": "0", service: port}
        command = ("-m", "daemon", *SWATCH, "--source", "none")
        done = ended(tmp_path, *command, "--http-port", ports["http"], "--osc-port", ports["osc"])
    assert done.returncode == 1
    assert len(done.stderr.strip().splitlines()) == 1
    assert port in done.stderr
    assert "in use" in done.stderr


def test_it_answers_only_to_its_own_name(tmp_path):
    with running(tmp_path, *SWATCH, "--source", "none") as daemon:
        daemon.until(lambda s: s["frame_index"] > 3, "rendering")
        request = urllib.request.Request(
            f"http://127.0.0.1:{daemon.http}/status.json", headers={"Host": "evil.example"}
        )
        with pytest.raises(urllib.error.HTTPError) as e:
            urllib.request.urlopen(request, timeout=10)
        assert e.value.code == 403
        e.value.close()
        assert b"latentd_" in daemon.get("/metrics")
        assert daemon.status()["audio"]["state"] == "none"
