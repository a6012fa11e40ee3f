"""Real sound servers for tests: one is started, killed and started again, and all of it is gone in the end."""

import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
from contextlib import contextmanager
from pathlib import Path

import pytest

PLAYERS = Path(__file__).parent / "audio"


def need(missing, remedy):
    """A skip where something is missing, and a failure in CI, where nothing may be."""
    if missing:
        (pytest.fail if os.environ.get("CI") == "true" else pytest.skip)(f"no {', '.join(missing)}: {remedy}")


def absent(*programs):
    return [name for name in programs if shutil.which(name) is None]


class Server:
    """A server that `_begin` starts and `answers` asks, and its clients."""

    answers: list[str]  # a command that fails until the server answers

    def __init__(self, env):
        self._env, self._running, self._server = env, [], None

    def _begin(self, command):
        self._server = self.run(command, subprocess.DEVNULL)
        for _ in range(2000):
            asked = subprocess.run(self.answers, check=False, capture_output=True, env=self._env, timeout=20)
            if asked.returncode == 0:
                return
            assert self._server.poll() is None, f"{command[0]} ended by itself"
            time.sleep(0.01)
        raise AssertionError(f"{command[0]} did not come up")

    def run(self, command, stdout=subprocess.PIPE, stdin=None):
        """A program that is gone after the test."""
        process = subprocess.Popen(command, stdin=stdin, stdout=stdout, stderr=subprocess.DEVNULL, env=self._env)
        self._running.append(process)
        return process

    def tool(self, *command):
        """What one of the server's own commands says."""
        done = subprocess.run(command, check=False, capture_output=True, env=self._env, timeout=30, text=True)
        assert done.returncode == 0, done.stderr
        return done.stdout

    def _player(self, script, *arguments):
        command = [sys.executable, str(PLAYERS / script), *map(str, arguments)]
        player = self.run(command, stdin=subprocess.PIPE)
        assert player.stdout.readline() == b"ready\n"
        return player

    def kill(self):
        self._server.kill()
        self._server.wait()

    def stop(self):
        """Clients first, or the server waits for them."""
        for process in reversed(self._running):
            self._end(process)
            for pipe in (process.stdin, process.stdout):
                if pipe is not None:
                    pipe.close()

    def _end(self, process):
        process.kill()
        process.wait()


class JackServer(Server):
    """A JACK server without hardware."""

    rate, answers = 48_000, ["jack_lsp"]

    def start(self, waits=True):
        """`waits`: for its clients, so a busy machine loses no samples; but one that is killed stops it for seconds."""
        command = ["jackd", "-n", self._env["JACK_DEFAULT_SERVER"], "-r", "-t", "5000"]  # -t: how long it waits, in ms
        command += [*(["-S"] if waits else []), "-d", "dummy", "-r", str(self.rate), "-p", "512", "-C", "2", "-P", "2"]
        self._begin(command)

    def player(self, wav, name, *how):
        """A client that plays `wav` each time something is written to its stdin, or `for ever`."""
        return self._player("jack_player.py", wav, name, *how)

    def sequencer(self, seconds, *notes):
        """A client `Sequencer` that plays notes (start s, number, length s) round and round."""
        command = ["jack_midiseq", "Sequencer", str(int(seconds * self.rate))]
        for at, note, length in notes:
            command += [str(int(at * self.rate)), str(note), str(int(length * self.rate))]
        return self.run(command, subprocess.DEVNULL)

    def monitor(self):
        """A client `midi-monitor` that writes what it hears, a line a message."""
        return self.run(["stdbuf", "-oL", "jack_midi_dump"])

    def _end(self, process):
        if process.stdin is None:
            process.terminate()
        else:
            process.stdin.close()  # a player leaves politely; else the server waits for it
        try:
            process.wait(1)
        except subprocess.TimeoutExpired:
            super()._end(process)


class PulseServer(Server):
    """A PulseAudio server with a null sink named `ci`."""

    answers = ["pactl", "info"]  # noqa: RUF012

    def start(self):
        socket = self._env["PULSE_SERVER"].removeprefix("unix:")
        modules = [f"module-native-protocol-unix socket={socket} auth-anonymous=1"]
        modules += ["module-null-sink sink_name=ci rate=48000 format=float32le channels=2"]
        command = ["pulseaudio", "-n", "--daemonize=no", "--exit-idle-time=-1", "--use-pid-file=no"]
        self._begin(command + [part for module in modules for part in ("-L", module)])

    def add(self, name, title):
        """Another sink; the number to unload it by."""
        told = f"sink_properties=device.description={title}"
        return self.tool("pactl", "load-module", "module-null-sink", f"sink_name={name}", told).strip()

    def player(self, wav, sink="ci"):
        """A client that plays `wav` into a sink once something is written to its stdin."""
        return self._player("pulse_player.py", wav, sink)


@contextmanager
def _server_name():
    """A name no other test run uses now. JACK keeps a table of eight that a killed server stays in until its name
    comes again, so new names each time would fill it for ever.
    """
    import fcntl  # which Windows has not

    for attempt in range(1200):
        name = f"latentd-test-{attempt % 3}"
        with (Path(tempfile.gettempdir()) / f"{name}.lock").open("w") as lock:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                time.sleep(0.05)
                continue
            yield name
            return
    raise AssertionError("three other test runs are using JACK")


@contextmanager
def jack(monkeypatch, folder):
    """A JACK server, not started yet, in whose world this process and its children are meanwhile."""
    system = Path("/usr/share/alsa/alsa.conf")
    if system.exists():  # without this machine's plugins: one of them is a JACK client inside PortAudio, and stops `-S`
        own = folder / "alsa.conf"
        own.write_text(re.sub(r"^@hooks \[.*?^\]$", "", system.read_text(), flags=re.MULTILINE | re.DOTALL))
        monkeypatch.setenv("ALSA_CONFIG_PATH", str(own))
    monkeypatch.setenv("JACK_NO_AUDIO_RESERVATION", "1")
    monkeypatch.setenv("JACK_NO_START_SERVER", "1")
    with _server_name() as name:
        monkeypatch.setenv("JACK_DEFAULT_SERVER", name)
        server = JackServer(dict(os.environ))
        try:
            yield server
        finally:
            server.stop()


@contextmanager
def pulse(monkeypatch):
    """A PulseAudio server, not started yet, in whose world this process and its children are meanwhile."""
    with tempfile.TemporaryDirectory(prefix="pulse") as name:  # short: a socket's path has at most 107 bytes
        folder = Path(name)
        (folder / "home").mkdir()
        for key, value in {
            "XDG_RUNTIME_DIR": folder,
            "PULSE_RUNTIME_PATH": folder / "pulse",
            "PULSE_SERVER": f"unix:{folder / 'pulse.sock'}",
            "HOME": folder / "home",
        }.items():
            monkeypatch.setenv(key, str(value))
        server = PulseServer(dict(os.environ))
        try:
            yield server
        finally:
            server.stop()
