import json
import re
from importlib import metadata
from pathlib import Path

import numpy as np
import pytest
import soundfile

import daemon
from daemon.cli import invoke
from daemon.parts import DEMO_SOUND

ROOT = Path(__file__).parent.parent


@pytest.fixture(autouse=True)
def wide(own_home, monkeypatch):
    monkeypatch.setenv("COLUMNS", "400")


def said(capsys, *arguments):
    code = invoke([str(a) for a in arguments])
    out, err = capsys.readouterr()
    return code, out, err


def test_the_daemon_imported_is_ours():
    assert Path(daemon.__file__).parent == ROOT / "daemon"
    assert metadata.version("latentd") == daemon.__version__


@pytest.mark.parametrize("command", [(), ("demo",), ("run",), ("render",), ("devices",), ("addresses",), ("presets",)])
def test_every_command_has_help(capsys, command):
    code, out, _ = said(capsys, *command, "--help")
    assert code == 0
    assert "Usage" in out


@pytest.mark.parametrize(
    "arguments",
    [
        ("fly",),
        ("demo", "--wings", "2"),
        ("demo", "--seconds", "soon"),
        ("demo", "--seconds", "-1"),
        ("run", "--fps", "0"),
        ("run", "--size", "5"),
        ("run", "--device", "abacus"),
        ("run", "--threads", "0"),
        ("render", "a.wav", "null", "--threads", "65"),
        ("render", "only.wav"),
    ],
)
def test_bad_usage_exits_2(capsys, arguments):
    assert said(capsys, *arguments)[0] == 2


def test_the_version_is_said(capsys):
    assert said(capsys, "--version")[1].strip() == daemon.__version__


def one_sentence(capsys, *arguments):
    """What a failing command says, whole."""
    code, out, err = said(capsys, *arguments)
    *before, last = err.strip().splitlines()
    assert code == 1
    assert out == ""
    assert last.startswith("latentd: ")
    assert not any(line.startswith("latentd: ") for line in before)
    assert "Traceback" not in err
    return last


def run_with(**changed):
    flags = {"model": "swatch", "source": "none", "sink": "null", "preset": "hearth", "http-port": 0, "osc-port": 0}
    return ("run", *(part for flag, value in {**flags, **changed}.items() for part in (f"--{flag}", value)))


@pytest.mark.parametrize(
    ("arguments", "word"),
    [
        (run_with(source="file:nowhere.wav"), "nowhere.wav"),
        (run_with(source="radio"), "'radio' is none"),
        (run_with(source="file:"), "file:PATH"),
        (run_with(sink="wall"), "'wall' is none"),
        (run_with(sink="spout:x"), "Windows"),
        (run_with(sink="ndi:a/b"), "NDI name"),
        (run_with(model="nobody"), "there is none named 'nobody'"),
        (run_with(model="missing.pkl"), "missing.pkl"),
        (run_with(model="~nobody_here/x.pkl"), "whole path"),
        (run_with(model="a" * 300), "cannot be looked up"),
        (("model", "info", "swatch"), "without a network"),
        (run_with(source="file:~nobody_here/x.wav"), "nobody_here"),
        (run_with(preset="nobody"), "hearth, kiln, loom"),
        (("run", "--config", "missing.yaml"), "missing.yaml"),
        (("render", "missing.wav", "null"), "missing.wav"),
        (("render", "missing.wav", "preview"), "cannot be rendered to"),
    ],
)
def test_bad_input_is_one_clear_sentence(capsys, arguments, word):
    assert word in one_sentence(capsys, *arguments)


def test_a_sound_file_that_is_none_is_named(capsys, tmp_path):
    path = tmp_path / "song.wav"
    path.write_bytes(b"RIFF\x00\x00\x00\x00WAVEjunk")
    assert "song.wav" in one_sentence(capsys, *run_with(source=f"file:{path}"))


def test_a_checkpoint_that_wants_to_run_code_is_refused_by_name(capsys, tmp_path):
    path = tmp_path / "evil.pkl"
    path.write_bytes(b"cos\nsystem\n(S'touch " + str(tmp_path / "ran").encode() + b"'\ntR.")
    assert "os.system" in one_sentence(capsys, *run_with(model=path))
    assert not (tmp_path / "ran").exists()


def test_a_truncated_checkpoint_is_named(capsys, tmp_path):
    path = tmp_path / "half.pkl"
    whole = (ROOT / "tests" / "golden" / "sg3t_64.pkl").read_bytes()
    path.write_bytes(whole[: len(whole) // 2])
    assert "half.pkl" in one_sentence(capsys, *run_with(model=path))


def test_every_fault_of_a_config_is_named_at_once(capsys, tmp_path):
    path = tmp_path / "c.yaml"
    path.write_text("version: 1\nfps: 0\nsource: 3\nsinks: []\nthreads: 65\nengine: 2\n")
    sentence = one_sentence(capsys, "run", "--config", path)
    assert all(word in sentence for word in ("fps", "source", "sinks", "threads", "engine"))


@pytest.mark.parametrize(("sr", "hop", "least"), [(96_000, 64, 192), (44_100, 80, 89), (48_000, 95, 96)])
def test_a_hop_that_no_core_keeps_up_with_is_a_fault(capsys, tmp_path, sr, hop, least):
    path = tmp_path / "c.yaml"
    path.write_text(f"version: 1\nanalysis: {{sr: {sr}, hop: {hop}}}\n")
    assert f"{least} at least" in one_sentence(capsys, "run", "--config", path)


def test_an_engine_that_is_not_there_is_refused_with_those_that_are(capsys):
    for arguments in (
        ("run", "--source", "none", "--sink", "null", "--http-port", "0", "--osc-port", "0"),
        ("demo", "--http-port", "0", "--osc-port", "0"),
        ("render", DEMO_SOUND, "null"),
    ):
        sentence = one_sentence(capsys, *arguments, "--engine", "warp")
        assert re.search("there is no engine 'warp' for this model; there are .*torch; auto takes the best", sentence)


def test_a_folder_that_cannot_be_written_is_named(capsys, tmp_path):
    (tmp_path / "file").write_text("in the way")
    assert "file" in one_sentence(capsys, *run_with(sink=f"frames:{tmp_path / 'file' / 'pictures'}"))


def test_addresses_are_listed_in_every_form(capsys):
    code, out, _ = said(capsys, "addresses", "--json")
    assert code == 0
    assert "/latentd/smoothing" in {row["address"] for row in json.loads(out)}
    assert "| `/latentd/smoothing`" in said(capsys, "addresses", "--markdown")[1]
    assert "/latentd/smoothing" in said(capsys, "addresses")[1]


def test_presets_are_listed_checked_and_described(capsys, tmp_path):
    rows = json.loads(said(capsys, "presets", "list", "--json")[1])
    assert [row["index"] for row in rows] == list(range(12))
    assert [row["name"] for row in rows[:3]] == ["hearth", "kiln", "loom"]
    assert said(capsys, "presets", "check")[0] == 0
    assert "psi" in json.loads(said(capsys, "presets", "schema")[1])["properties"]
    (tmp_path / "bad.yaml").write_text("version: 1\npsi: 7\nfoo: 1\n")
    code, _, err = said(capsys, "presets", "check", tmp_path / "bad.yaml")
    assert code == 1
    assert "psi" in err
    assert "foo" in err


def test_every_fault_of_every_preset_there_is_stands_on_a_line_with_its_path(capsys, tmp_path, monkeypatch):
    monkeypatch.setenv("LATENTD_HOME", str(tmp_path))
    own = tmp_path / "presets"
    own.mkdir()
    (own / "old.yaml").write_text("version: 1\n")
    code, out, _ = said(capsys, "presets", "check")
    assert code == 0
    assert f"{own / 'old.yaml'} is of an earlier version; saved again it is of version 2" in out.replace("\n", "")
    (own / "Bad Name.yaml").write_text("version: 2\npsi: 7\nanchors: {a/b: 1}\ncurve: fast\n")
    (own / "later.yaml").write_text("version: 9\npsi: 7\n")
    code, _, err = said(capsys, "presets", "check")
    assert code == 1
    lines = [line for line in err.splitlines() if line.strip()]
    assert sum(str(own / "Bad Name.yaml") in line for line in lines) == 4
    assert sum(str(own / "later.yaml") in line for line in lines) == 1


def test_a_model_is_told_converted_and_verified(capsys, tmp_path):
    golden, target = ROOT / "tests" / "golden" / "sg3t_64.pkl", tmp_path / "mine.safetensors"
    before = json.loads(said(capsys, "model", "info", golden, "--json")[1])
    assert (before["variant"], before["resolution"], before["classes"]) == ("StyleGAN3-T", 64, 0)
    assert said(capsys, "model", "convert", golden, target, "--name", "mine")[0] == 0
    after = json.loads(said(capsys, "model", "info", target, "--json")[1])
    assert {**after, "name": 0, "path": 0, "size": 0} == {**before, "name": 0, "path": 0, "size": 0}
    assert after["name"] == "mine"
    assert "there already" in one_sentence(capsys, "model", "convert", golden, target)
    found = json.loads(said(capsys, "model", "verify", target, "--json")[1])
    assert found["passed"]
    assert "torch" in {check["engine"] for check in found["checks"]}
    assert "StyleGAN3-T" in said(capsys, "model", "info", "lumen")[1]


@pytest.mark.parametrize("command", [("info",), ("verify",), ("convert", "x.safetensors")])
def test_a_model_that_is_none_is_one_sentence(capsys, tmp_path, command):
    (tmp_path / "no.pkl").write_bytes(b"not a pickle")
    first, *rest = command
    assert "no.pkl" in one_sentence(capsys, "model", first, tmp_path / "no.pkl", *(tmp_path / r for r in rest))


def test_rendering_twice_is_the_same_to_the_bit_and_a_seed_is_another_piece(capsys, tmp_path):
    def film(name, *more):
        folder = tmp_path / name
        sound = tmp_path / "s.wav"
        soundfile.write(sound, 0.3 * np.random.default_rng(0).standard_normal(24_000), 48_000)
        code, out, _ = said(capsys, "render", sound, f"frames:{folder}", "--model", "swatch", "--size", "32", *more)
        assert (code, out) == (0, "15 frames\n")
        return [path.read_bytes() for path in sorted(folder.iterdir())]

    assert film("a") == film("b")
    assert film("a", "--seed", "5") != film("b")


def test_a_film_by_a_mapper_that_cannot_be_had_is_refused_and_not_another_film(capsys, tmp_path, monkeypatch):
    monkeypatch.setenv("LATENTD_HOME", str(tmp_path))
    (tmp_path / "presets").mkdir()
    (tmp_path / "presets" / "paired.yaml").write_text("version: 1\ntitle: a pair\nmapper: pairs\n")
    soundfile.write(tmp_path / "s.wav", np.zeros(4800), 48_000)
    wanted = ("render", tmp_path / "s.wav", "null", "--preset", "paired", "--model", "swatch")
    assert "nothing was paired for swatch" in one_sentence(capsys, *wanted)


def test_rendering_to_what_cannot_be_rendered_to_names_what_can(capsys, tmp_path):
    assert ".mp4, .mov or .mkv, frames:DIR or null" in one_sentence(capsys, "render", "x.wav", "out.avi")


def test_a_report_that_cannot_be_written_is_told_at_once(capsys, tmp_path):
    (tmp_path / "file").write_text("in the way")
    assert "cannot be written" in one_sentence(capsys, *run_with(report=tmp_path / "file" / "r.json"))


def test_a_config_without_a_version_is_a_fault(capsys, tmp_path):
    (tmp_path / "c.yaml").write_text("fps: 25\n")
    assert "version" in one_sentence(capsys, "run", "--config", tmp_path / "c.yaml")
