"""Controllers: of files for everyone, and on real JACK servers where there are any."""

import importlib.util
import os
import shutil
import subprocess
from pathlib import Path

import pytest
from audio.conftest import JackServer, server_name


class Controllers:
    """What is plugged into the fake MIDI system."""

    def __init__(self, folder):
        self._folder = folder

    def plug(self, name):
        for suffix in (".in", ".out"):
            (self._folder / f"{name}{suffix}").touch()

    def unplug(self, name):
        for suffix in (".in", ".out"):
            (self._folder / f"{name}{suffix}").unlink()

    def say(self, name, *messages):
        with (self._folder / f"{name}.in").open("ab") as file:
            file.write(b"".join(message.hex().encode() + b"\n" for message in messages))

    def lights(self, name):
        """What was sent to it so far."""
        path = self._folder / f"{name}.out"
        return [bytes.fromhex(line) for line in path.read_text().split("\n")[:-1]] if path.exists() else []

    def fault(self, kind, on=True):
        """`absent`, `abort` or `hang`."""
        path = self._folder / kind
        path.touch() if on else path.unlink()


@pytest.fixture
def controllers(tmp_path, monkeypatch):
    folder = tmp_path / "midi ports"
    folder.mkdir()
    monkeypatch.setenv("FAKE_MIDI", str(folder))
    monkeypatch.setenv("PYTHONPATH", str(Path(__file__).with_name("fake")))
    return Controllers(folder)


class JackMidi(JackServer):
    """A JACK server without hardware, and JACK's own MIDI programs on it."""

    def sequencer(self, seconds, *notes):
        """A client `Sequencer` that plays notes (start s, number, length s) round and round."""
        command = ["jack_midiseq", "Sequencer", str(int(seconds * self.rate))]
        for at, note, length in notes:
            command += [str(int(at * self.rate)), str(note), str(int(length * self.rate))]
        return self.run(command, subprocess.DEVNULL)

    def monitor(self):
        """A client `midi-monitor` that writes what it hears, a line a message."""
        return self.run(["stdbuf", "-oL", "jack_midi_dump"])

    def run(self, command, stdout=subprocess.PIPE):
        """A program that is gone after the test."""
        process = subprocess.Popen(command, stdout=stdout, stderr=subprocess.DEVNULL, env=self._env)
        self._running.append(process)
        return process


@pytest.fixture
def jack(monkeypatch):
    """A JACK server to `start`, `kill` and `start` again; nothing waits for its clients."""
    tools = ("jackd", "jack_lsp", "jack_connect", "jack_midiseq", "jack_midi_dump", "oscdump", "stdbuf")
    missing = [name for name in tools if shutil.which(name) is None]
    missing += [] if importlib.util.find_spec("rtmidi") else ["python-rtmidi"]
    if missing:
        words = f"no {', '.join(missing)}: 'apt install jackd2 liblo-tools' and the midi extra bring them"
        if os.environ.get("CI") == "true":
            pytest.fail(words)
        pytest.skip(words)
    monkeypatch.setenv("JACK_NO_AUDIO_RESERVATION", "1")
    monkeypatch.setenv("JACK_NO_START_SERVER", "1")
    with server_name() as name:
        monkeypatch.setenv("JACK_DEFAULT_SERVER", name)
        server = JackMidi(dict(os.environ))
        yield server
        server.stop()
