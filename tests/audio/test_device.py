"""Live input when the sound system misbehaves: a stand-in for `sounddevice` in the capture process, no server."""

import os
import subprocess
import sys
import textwrap
import time
from contextlib import closing
from pathlib import Path
from threading import Event, Thread

import numpy as np
import pytest

from daemon.audio.device import DeviceSource, devices
from daemon.clock import WallClock
from daemon.errors import SourceError, SourceUnavailable

SR = 48_000

# One input, 'Line', at 48 kHz; a thread that calls back with the counting numbers. The body of `behave` is the test's.
STAND_IN = """
import array, os, sys, threading, time

class PortAudioError(Exception):
    pass

def query_hostapis():
    return ({{"name": "ALSA"}},)

def query_devices(*, kind=None):
    line = {{"index": 0, "name": "Line", "hostapi": 0, "max_input_channels": 4, "default_samplerate": 48000.0}}
    return line if kind == "input" else [line, {{**line, "index": 1, "name": "Speaker", "max_input_channels": 0}}]

def check_input_settings(*, device, channels, dtype, samplerate):
    assert (device, channels, dtype) == (0, 2, "float32")
    if samplerate != 48000:
        raise PortAudioError("Invalid sample rate")

class RawInputStream:
    def __init__(self, *, device, samplerate, channels, dtype, blocksize, latency, callback, finished_callback):
        assert (device, samplerate, channels, dtype, blocksize) == (0, 48000, 2, "float32", 0)
        self.callback, self.finished, self.at = callback, finished_callback, 0
    def start(self):
        threading.Thread(target=self.behave, daemon=True).start()
    def give(self, frames):
        numbers = (n for i in range(self.at, self.at + frames) for n in (float(i), -float(i)))
        self.callback(memoryview(array.array("f", numbers)).cast("B"), frames, None, None)
        self.at += frames
    def close(self):
        pass
    def behave(self):
{behave}
"""


@pytest.fixture
def sound_system(tmp_path, monkeypatch):
    """Makes the capture process find this `sounddevice`."""

    def made(behave="pass", before=""):
        body = STAND_IN.format(behave=textwrap.indent(textwrap.dedent(behave), " " * 8))
        (tmp_path / "sounddevice.py").write_text(textwrap.dedent(before) + body)
        monkeypatch.setenv("PYTHONPATH", os.pathsep.join(filter(None, [str(tmp_path), os.environ.get("PYTHONPATH")])))

    return made


def open_source(name=None, stop=None, stall=20.0, sr=SR):
    return DeviceSource(name, sr, WallClock(), stop, stall)


def drain(source):
    """Read on until something happens."""
    for _ in range(100_000):
        source.read(100)


def test_sound_arrives_in_order_whatever_the_devices_blocks(sound_system):
    sound_system("for n in (1, 480, 37, 1000, 2000): self.give(n)\ntime.sleep(60)")
    source = open_source("line")
    blocks = [source.read(500) for _ in range(7)]
    source.close()
    got = np.concatenate([b.samples for b in blocks], axis=1)
    np.testing.assert_array_equal(got, [np.arange(3500), -np.arange(3500)])
    assert [b.start for b in blocks] == list(range(0, 3500, 500))
    assert source.device == "Line"


def test_what_the_sound_system_prints_is_not_taken_for_sound(sound_system):
    sound_system("print('JACK tmpdir ' * 50, flush=True); os.write(1, b'x' * 500); self.give(600)\ntime.sleep(60)")
    source = open_source()
    assert source.read(500).samples[0, -1] == 499
    source.close()


def test_portaudio_is_never_loaded_into_the_daemons_own_process(sound_system):
    sound_system()
    script = (
        "import sys; from daemon.audio.device import devices; assert devices(); assert 'sounddevice' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", script], check=True, timeout=50)


def test_a_missing_portaudio_says_what_to_install(sound_system):
    sound_system(before="raise OSError('PortAudio library not found')\n")
    with pytest.raises(SourceUnavailable, match=r"PortAudio .*install"):
        open_source()
    with pytest.raises(SourceUnavailable, match=r"PortAudio .*install"):
        devices()


def test_an_input_that_is_busy_is_an_error_to_try_again(sound_system):
    sound_system(before="")
    source = "def busy(**_):\n    raise PortAudioError('Device unavailable')\nRawInputStream = busy\n"
    path = os.environ["PYTHONPATH"].split(os.pathsep)[0]
    with open(f"{path}/sounddevice.py", "a", encoding="utf-8") as file:  # noqa: PTH123
        file.write(source)
    with pytest.raises(SourceError, match="cannot open the input 'Line': Device unavailable") as refused:
        open_source()
    assert not isinstance(refused.value, SourceUnavailable)


def test_devices_lists_the_inputs_alone(sound_system):
    sound_system()
    (line,) = devices()
    assert (line.name, line.api, line.channels, line.rate, line.default) == ("Line", "ALSA", 4, 48_000.0, True)


def test_an_input_that_goes_away_is_an_error_after_what_it_gave(sound_system):
    sound_system("self.give(1050); self.finished(); time.sleep(60)")
    source = open_source()
    got = [source.read(100) for _ in range(10)]
    assert got[-1].samples[0, -1] == 999
    with pytest.raises(SourceError, match="'Line' went away"):
        source.read(100)
    source.close()


def test_an_input_that_falls_silent_without_a_word_is_lost(sound_system):
    sound_system("self.give(1000); time.sleep(60)")
    source = open_source(stall=0.5)
    with pytest.raises(SourceError, match="no sound has come from 'Line'"):
        drain(source)
    source.close()


@pytest.mark.skipif(sys.platform == "win32", reason="no signals")
def test_an_aborted_capture_process_is_an_error(sound_system):
    sound_system("self.give(1000); sys.stderr.write('pa_jack.c: Assertion failed'); sys.stderr.flush(); os.abort()")

    def listen():
        with closing(open_source()) as source:
            drain(source)

    with pytest.raises(SourceError, match=r"ended \(SIGABRT: pa_jack.c: Assertion failed"):
        listen()


def test_a_hanging_sound_system_is_given_up(sound_system):
    sound_system(before="import time\ntime.sleep(600)\n")
    with pytest.raises(SourceError, match=r"has not answered for 0\.5 s: restart its server"):
        devices(timeout=0.5)


def test_a_stop_ends_the_opening_of_a_hanging_sound_system(sound_system):
    sound_system(before="import time\ntime.sleep(600)\n")
    stop = Event()
    stop.set()
    with pytest.raises(SourceError, match="stopped while opening"):
        open_source(stop=stop)


def test_a_stop_ends_a_read_that_waits(sound_system):
    sound_system("time.sleep(600)")
    stop = Event()
    source = open_source(stop=stop)
    answers = []
    reader = Thread(target=lambda: answers.append(source.read(480)))
    reader.start()
    stop.set()
    reader.join(30)
    source.close()
    assert answers == [None]


def test_a_reader_that_sleeps_loses_the_oldest_and_counts_it(sound_system):
    sound_system("for _ in range(150): self.give(960)\ntime.sleep(60)")  # 3 s at once; 2 are held
    source = open_source()
    while source._sound._end < 3 * SR:
        time.sleep(0.01)
    block = source.read(480)
    source.close()
    assert block.start == SR
    assert block.samples[0, 0] == SR
    assert source.overruns > 0


@pytest.mark.parametrize("hangs", [False, True])
def test_the_capture_process_ends_with_a_daemon_that_is_killed(sound_system, hangs):
    if hangs:
        sound_system(before="import time\ntime.sleep(600)\n")
    else:
        sound_system("for _ in range(10**6): self.give(480); time.sleep(0.01)")
    script = """
import os, sys
from daemon.audio.child import Child
child = Child("portaudio", "listen", "48000")
next(child.messages()) if sys.argv[1] == "False" else None
sys.stdout.write(str(child._process.pid))
sys.stdout.flush()
os._exit(9)
"""
    parent = subprocess.run([sys.executable, "-c", script, str(hangs)], stdout=subprocess.PIPE, check=False, timeout=50)
    assert parent.returncode == 9
    for _ in range(1000):
        if not alive(int(parent.stdout)):
            return
        time.sleep(0.02)
    raise AssertionError("an orphan")


def alive(pid):
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    stat = Path(f"/proc/{pid}/stat")
    return not stat.exists() or stat.read_text().rpartition(")")[2].split()[0] != "Z"  # some inits reap late or never
