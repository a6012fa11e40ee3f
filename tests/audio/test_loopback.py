"""Loopback as it is on Windows, which no test here runs on: a strict stand-in for SoundCard's part of it, and that part
itself where it can run.
"""

import ast
import importlib.util
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from daemon.audio.device import DeviceSource, devices
from daemon.audio.hosts.loopback import blocksize, refused
from daemon.clock import WallClock
from daemon.errors import SourceError, SourceUnavailable

pytestmark = pytest.mark.skipif(sys.platform == "darwin", reason="refused there")

SR = 48_000
FAKE = Path(__file__).with_name("fake_wasapi.py")


@pytest.fixture
def windows(tmp_path, monkeypatch):
    """Makes the capture process find the stand-in, playing this."""

    def made(played=(), text=None):
        text = FAKE.read_text(encoding="utf-8") if text is None else text
        (tmp_path / "soundcard.py").write_text(f"{text}\nPLAYED = {played!r}\n", encoding="utf-8")
        monkeypatch.setenv("PYTHONPATH", os.pathsep.join(filter(None, [str(tmp_path), os.environ.get("PYTHONPATH")])))

    return made


@pytest.fixture
def listen():
    opened = []

    def open_source(name=None, stall=20.0):
        opened.append(DeviceSource(name, SR, WallClock(), stall=stall, host="loopback"))
        return opened[-1]

    yield open_source
    for source in opened:
        source.close()


def test_the_default_output_is_heard_and_quiet_is_silence(windows, listen):
    windows([(480, "sound"), (1920, "quiet"), (0, "none"), (480, "sound")])
    source = listen()
    assert source.device == "Lautsprecher (Realtek(R) Audio)"
    block = source.read(3360)
    counted = [*range(1, 481), *[0] * 1920, *range(481, 961), *[0] * 480]
    np.testing.assert_array_equal(block.samples, [counted, counted])
    assert source.overruns == 0


def test_frames_that_windows_lost_are_an_overrun(windows, listen):
    windows([(480, "sound"), (480, "gap")])
    source = listen("realtek")
    while source.overruns == 0:
        source.read(100)
    assert source.overruns == 1


def test_an_output_that_windows_takes_away_is_an_error(windows, listen):
    windows([(480, "sound"), (480, "lost")])
    source = listen()
    with pytest.raises(SourceError, match=r"the output 'Lautsprecher .* is gone \(Error 0x88890004\)"):
        [source.read(100) for _ in range(100)]


def test_outputs_are_listed_by_their_own_names(windows):
    windows()
    assert [(d.name, d.default) for d in devices(host="loopback")] == [
        ("Headset (USB)", False),
        ("Lautsprecher (Realtek(R) Audio)", True),
    ]


@pytest.mark.parametrize(
    ("text", "words"),
    [("raise ImportError", "pip install SoundCard"), ("raise OSError('libpulse')", "apt install libpulse0")],
)
def test_what_is_missing_is_said_with_what_to_install(windows, listen, text, words):
    windows(text=text)
    with pytest.raises(SourceUnavailable, match=words):
        listen()


def test_macos_is_refused_with_another_way():
    assert "device:BlackHole" in refused("darwin")
    assert refused("linux") == refused("win32") == ""


def test_windows_keeps_a_fifth_of_a_second_for_a_late_reader():
    assert (blocksize("win32", SR), blocksize("linux", SR)) == (9600, 480)


def soundcards_own():
    """The file of SoundCard that runs on Windows; it is in every wheel."""
    spec = importlib.util.find_spec("soundcard")
    if spec is None:
        pytest.skip("SoundCard is not installed")
    return Path(spec.origin).with_name("mediafoundation.py")


def shapes(source):
    """What functions and methods take, by name."""
    found = {}
    for node in ast.parse(source).body:
        for item in [node, *(node.body if isinstance(node, ast.ClassDef) else [])]:
            if isinstance(item, ast.FunctionDef):
                owner = "" if item is node else f"{node.name}."
                found[owner + item.name] = [a.arg for a in item.args.args], len(item.args.defaults)
    return found


def test_the_stand_in_takes_what_soundcard_takes():
    real, fake = shapes(soundcards_own().read_text(encoding="utf-8")), shapes(FAKE.read_text(encoding="utf-8"))
    ours = [
        "all_speakers", "default_speaker", "all_microphones", "_Microphone.recorder", "_Recorder.record",
        "_Recorder.__enter__", "_Recorder.__exit__",
    ]  # fmt: skip
    assert {name: fake[name] for name in ours} == {name: real[name] for name in ours}


def test_soundcard_makes_silence_itself_while_windows_gives_nothing():
    soundcards_own()
    script = """
import cffi
from types import SimpleNamespace
cffi.FFI.cdef = lambda *_: None  # its header names types of Windows
cffi.FFI.dlopen = lambda self, name: SimpleNamespace(CoInitializeEx=lambda *_: 0, CoUninitialize=lambda: None)
from soundcard import mediafoundation

class Quiet(mediafoundation._Recorder):
    deviceperiod = (0.01, 0.003)
    def _capture_available_frames(self):
        return 0

quiet = Quiet.__new__(Quiet)
quiet.samplerate, quiet.channelmap, quiet._idle_start_time = 48000, [0, 1], None
quiet._pending_chunk = mediafoundation.numpy.zeros([0], dtype="float32")
for _ in range(2):
    made = quiet.record(numframes=None)
    assert made.shape[1] == 2 and len(made) > 1500 and not made.any(), made.shape
"""
    folder = str(soundcards_own().parent)  # not its __init__, which takes the part of the platform it runs on
    before = (
        f"import sys, types; sys.modules['soundcard'] = it = types.ModuleType('soundcard'); it.__path__ = [{folder!r}]"
    )
    done = subprocess.run([sys.executable, "-c", f"{before}\n{script}"], check=False, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
