"""latentd midi ports, learn and run, as they are typed."""

import json
import os
import signal
import subprocess
import sys
from contextlib import suppress

import pytest
from midi.hands import cc, note

from daemon.cli import invoke
from daemon.midi import mapping


@pytest.fixture(autouse=True)
def wide(own_home, monkeypatch):
    monkeypatch.setenv("COLUMNS", "400")


def said(capsys, *arguments):
    code = invoke(["midi", *map(str, arguments)])
    out, err = capsys.readouterr()
    return code, out, err


@pytest.mark.parametrize("command", [(), ("ports",), ("learn",), ("run",)])
def test_every_command_has_help(capsys, command):
    code, out, _ = said(capsys, *command, "--help")
    assert code == 0
    assert "Usage" in out


@pytest.mark.parametrize("arguments", [("fly",), ("learn",), ("run", "--seconds", "0"), ("run", "--through", "air")])
def test_bad_usage_exits_2(capsys, arguments):
    assert said(capsys, *arguments)[0] == 2


def test_ports_are_told_with_the_mapping_that_knows_them(controllers, capsys):
    controllers.plug("nanoKONTROL2 SLIDER-KNOB")
    controllers.plug("Thing")
    code, out, _ = said(capsys, "ports", "--json")
    assert code == 0
    told = json.loads(out)
    assert told["inputs"] == [
        {"system": "Fake", "name": "Thing", "mapping": None},
        {"system": "Fake", "name": "nanoKONTROL2 SLIDER-KNOB", "mapping": "nanokontrol2"},
    ]
    assert [one["name"] for one in told["outputs"]] == ["Thing", "nanoKONTROL2 SLIDER-KNOB"]
    assert told["missing"] == []
    code, out, _ = said(capsys, "ports")
    assert code == 0
    assert "nanokontrol2" in out


def test_without_midi_ports_says_in_words_what_is_missing(controllers, capsys):
    controllers.fault("absent")
    code, out, err = said(capsys, "ports")
    assert (code, out) == (1, "")
    assert "Fake: nobody answers" in err
    assert "latentd: there is no MIDI port: plug a controller in" in err
    code, out, _ = said(capsys, "ports", "--json")
    assert (code, json.loads(out)["inputs"]) == (0, [])


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("run",), "there is no MIDI input: plug a controller in, or name a mapping"),
        (("run", "nobody"), "there is none named 'nobody'; there are launchcontrolxl, midimix, nanokontrol2"),
        (("run", "midimix", "--osc", "here"), "'here' is not HOST:PORT"),
        (("run", "midimix", "--osc", "h:0"), "'h:0' is not HOST:PORT"),
        (("run", "midimix", "--osc", "no.such.host.invalid:7770"), "'no.such.host.invalid' is not an IPv4 address"),
        (("run", "midimix", "--port", "x", "--virtual"), "give one of them"),
        (("run", "midimix", "nanokontrol2", "--virtual"), "are for one mapping"),
        (("run", "bare.yaml"), "it names no ports: give --port NAME or --virtual"),
        (("learn", "mine.txt", "/latentd/gain"), "its name ends in .yaml"),
        (("learn", "mine.yaml", "/latentd/gian"), "did you mean /latentd/gain"),
        (("learn", "mine.yaml", "/latentd/gain"), "there is no MIDI input to listen to"),
        (("learn", "mine.yaml", "/latentd/gain", "--port", "x", "--seconds", "0.5"), "nothing was moved in 0.5 s"),
    ],
)
def test_what_cannot_be_is_one_clear_sentence(controllers, capsys, tmp_path, monkeypatch, arguments, words):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "bare.yaml").write_text("version: 1\n")
    code, out, err = said(capsys, *arguments)
    assert (code, out) == (1, "")
    assert words in err.splitlines()[-1]
    assert "Traceback" not in err


def test_learn_asks_for_an_address_until_it_gets_one(controllers, capsys, tmp_path, monkeypatch):
    controllers.plug("Thing 20:0")
    path = tmp_path / "mine.yaml"
    script = f"""
import sys
from daemon.cli import invoke
sys.exit(invoke(["midi", "learn", {str(path)!r}, "--seconds", "50"]))
"""
    with subprocess.Popen(
        [sys.executable, "-c", script],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONPATH": os.pathsep.join([os.environ["PYTHONPATH"], *sys.path])},
    ) as learning:
        assert "listening to Thing 20:0" in learning.stderr.readline()
        controllers.say("Thing 20:0", *(cc(5, value) for value in range(9)))
        assert "cc 5 channel 1; its address" in learning.stderr.readline()
        learning.stdin.write("/latentd/gian\n/latentd/gain\n")
        learning.stdin.flush()
        assert "did you mean /latentd/gain" in learning.stderr.readline()
        assert learning.stdout.readline() == f"{path}: {{cc: 5, channel: 1, to: /latentd/gain}}\n"
        learning.stdin.close()
        for _ in range(60):  # it does not listen right after it asked, and nor before what it hears has ended
            controllers.say("Thing 20:0", note(1, 9))
            with suppress(subprocess.TimeoutExpired):
                assert learning.wait(1.0) == 0
                break
    assert mapping.load(path).ports == ("Thing",)


@pytest.mark.skipif(sys.platform == "win32", reason="signals")
def test_ctrl_c_ends_learn_while_it_asks(controllers, tmp_path):
    controllers.plug("Thing")
    with subprocess.Popen(
        [sys.executable, "-m", "daemon", "midi", "learn", str(tmp_path / "mine.yaml")],
        stdin=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONPATH": os.pathsep.join([os.environ["PYTHONPATH"], *sys.path])},
    ) as learning:
        assert "listening to Thing" in learning.stderr.readline()
        controllers.say("Thing", *(cc(5, value) for value in range(9)))
        assert "its address" in learning.stderr.readline()
        learning.send_signal(signal.SIGINT)
        try:
            assert learning.wait(30) == 130  # and nothing was typed
            assert "Traceback" not in learning.stderr.read()
        finally:
            learning.kill()


@pytest.mark.skipif(sys.platform == "win32", reason="signals")
def test_run_finds_the_controller_and_leaves_it_dark(controllers, tmp_path):
    controllers.plug("MIDI Mix")
    with subprocess.Popen(
        [sys.executable, "-m", "daemon", "midi", "run", "--osc", "127.0.0.1:9"],
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONPATH": os.pathsep.join([os.environ["PYTHONPATH"], *sys.path])},
    ) as running:
        while "plays MIDI Mix, lights on MIDI Mix" not in (line := running.stderr.readline()):
            assert line
        running.send_signal(signal.SIGTERM)
        assert running.wait(30) == 0
        assert "Traceback" not in running.stderr.read()
