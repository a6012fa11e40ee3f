"""Controllers: of files for everyone, and on real JACK servers where there are any."""

import importlib.util
from pathlib import Path

import pytest
from servers import absent, need

from daemon.backoff import Backoff


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


@pytest.fixture
def impatient(monkeypatch):
    """Ports that were lost are taken again at once; how waits grow is tested where they are made."""
    monkeypatch.setattr("daemon.midi.playing._AGAIN", Backoff(first=0.05, limit=0.2))


@pytest.fixture
def jack(jack_server):
    """A JACK server to `start`, `kill` and `start` again, with the programs that play and hear MIDI on it."""
    missing = absent("jack_midiseq", "jack_midi_dump", "oscdump", "stdbuf")
    missing += [] if importlib.util.find_spec("rtmidi") else ["python-rtmidi"]
    need(missing, "'apt install jackd2 liblo-tools' and the midi extra bring them")
    return jack_server
