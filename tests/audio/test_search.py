import json
import os
import sys
from pathlib import Path

import pytest

from daemon import cli
from daemon.audio import search as searching
from daemon.audio.devices import Device, choose
from daemon.audio.search import search
from daemon.errors import SourceError, SourceUnavailable

FAKE_WASAPI = Path(__file__).with_name("fake_wasapi.py")
SOUNDDEVICE = """
class PortAudioError(Exception):
    pass

def query_hostapis():
    return ({"name": "ALSA"},)

def query_devices(*, kind=None):
    line = {"index": 0, "name": "Line", "hostapi": 0, "max_input_channels": 2, "default_samplerate": 44100.0}
    return line if kind == "input" else [line]
"""


@pytest.fixture
def machine(tmp_path, monkeypatch):
    """Makes the capture processes find these libraries."""

    def made(**libraries):
        for name, text in libraries.items():
            (tmp_path / f"{name}.py").write_text(text, encoding="utf-8")
        monkeypatch.setenv("PYTHONPATH", os.pathsep.join(filter(None, [str(tmp_path), os.environ.get("PYTHONPATH")])))

    return made


@pytest.mark.skipif(sys.platform == "darwin", reason="no loopback there")
def test_everything_there_is_comes_with_what_to_type(machine, capsys):
    machine(
        sounddevice=SOUNDDEVICE,
        jack="raise ImportError",
        soundcard=FAKE_WASAPI.read_text(encoding="utf-8"),
    )
    assert cli.invoke(["devices", "--json"]) == 0
    said = json.loads(capsys.readouterr().out)
    assert said["devices"][0] == {
        "source": "device:Line", "name": "Line", "api": "ALSA", "channels": 2, "rate": 44100.0, "default": True,
    }  # fmt: skip
    assert [(d["source"], d["rate"], d["default"]) for d in said["devices"][1:]] == [
        ("loopback:Headset (USB)", None, False),
        ("loopback:Lautsprecher (Realtek(R) Audio)", None, True),
    ]
    (missing,) = said["missing"]
    assert missing["source"] == "jack"
    assert "pip install 'latentd[jack]'" in missing["text"]


def test_what_hangs_is_given_up_and_the_others_are_told(machine):
    hangs = "import time\ntime.sleep(600)\n"
    machine(sounddevice=hangs, jack=hangs, soundcard=hangs)
    told = search(timeout=1.0)
    assert told.found == ()
    assert [kind for kind, _ in told.missing] == ["device", "jack", "loopback"]
    assert {text for _, text in told.missing} == {"the sound system has not answered for 1 s: restart its server"}


def test_a_machine_without_sound_says_so_on_one_line_a_kind(machine, capsys):
    broken = "raise OSError\n"
    machine(sounddevice=broken, jack=broken, soundcard=broken)
    assert cli.invoke(["devices"]) == 1
    err = " ".join(capsys.readouterr().err.split())
    for words in ("device: PortAudio", "jack: the JACK library", "loopback: libpulse", "file:PATH, tone and none"):
        assert words in err or sys.platform == "darwin"


def device(index, name, api="ALSA", default=False):
    return Device(index, name, api, 2, 48_000.0, default)


def test_every_source_told_opens_that_device_and_no_other(monkeypatch):
    there = {
        "portaudio": (
            device(0, "Line", "MME"),
            device(1, "Line", "Windows WASAPI"),
            device(2, "Line 2"),
            device(3, "Twin"),
            device(4, "Twin"),
            device(5, " spaced "),
        ),
        "jack": (device(0, "system", "JACK"), device(1, "Line", "JACK")),
    }

    def devices(timeout, host):
        if host == "loopback":
            raise SourceUnavailable("macOS lets nobody hear what it plays")
        if host not in there:
            raise SourceError("no server")
        return there[host]

    monkeypatch.setattr(searching, "devices", devices)
    told = search()
    assert told.missing == (("loopback", "macOS lets nobody hear what it plays"),)
    named = {found.device: found.source for found in told.found}
    assert named[there["portaudio"][0]] == "device:Line, MME"
    assert named[there["portaudio"][1]] == "device:Line"
    assert named[there["portaudio"][4]] is None
    assert named[there["jack"][1]] == "jack:Line"
    for found, source in named.items():
        if source is not None and source.startswith("device:"):
            assert choose(there["portaudio"], source.removeprefix("device:")) is found
