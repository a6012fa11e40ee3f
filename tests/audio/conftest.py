"""Real JACK servers, one a test."""

import importlib.util
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
from contextlib import contextmanager
from ctypes.util import find_library
from pathlib import Path

import pytest


class JackServer:
    """A JACK server without hardware, and its clients, all gone after the test."""

    rate = 48_000

    def __init__(self, env):
        self._env, self._running = env, []
        self._server = None

    def start(self, waits=True):
        """`waits`: for its clients, so a busy machine loses no samples; but one that is killed stops it for seconds."""
        command = ["jackd", "-n", self._env["JACK_DEFAULT_SERVER"], "-r", "-t", "5000"]  # -t: how long it waits, in ms
        command += [*(["-S"] if waits else []), "-d", "dummy", "-r", str(self.rate), "-p", "512", "-C", "2", "-P", "2"]
        self._server = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, env=self._env)
        self._running.append(self._server)
        for _ in range(400):
            if (
                subprocess.run(["jack_lsp"], check=False, capture_output=True, env=self._env, timeout=20).returncode
                == 0
            ):
                return
            assert self._server.poll() is None, "jackd ended by itself"
            time.sleep(0.05)
        raise AssertionError("jackd did not come up")

    def stop(self):
        for process in reversed(self._running):
            if process.stdin is None:
                process.terminate()
            else:
                process.stdin.close()  # a player leaves politely; else the server waits for it
            try:
                process.wait(1)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
            if process.stdout is not None:
                process.stdout.close()

    def kill(self):
        self._server.kill()
        self._server.wait()

    def tool(self, *command):
        """Run one of JACK's own commands."""
        done = subprocess.run(command, check=False, capture_output=True, env=self._env, timeout=30, text=True)
        assert done.returncode == 0, done.stderr
        return done.stdout

    def player(self, wav, name, *how):
        """A client that plays `wav` each time something is written to its stdin, or `for ever`."""
        script = Path(__file__).with_name("jack_player.py")
        player = subprocess.Popen(
            [sys.executable, script, wav, name, *how],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            env=self._env,
        )
        self._running.append(player)
        assert player.stdout.readline() == b"ready\n"
        return player


@contextmanager
def server_name():
    """A name no other test run uses now. JACK keeps a table of eight that a killed server stays in until its name
    comes again, so new names each time would fill it for ever.
    """
    import fcntl

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


@pytest.fixture
def no_plugins(monkeypatch, tmp_path):
    """ALSA without this machine's plugins: one of them is a JACK client inside PortAudio, and stops a `-S` server."""
    system = Path("/usr/share/alsa/alsa.conf")
    if system.exists():
        own = tmp_path / "alsa.conf"
        own.write_text(re.sub(r"^@hooks \[.*?^\]$", "", system.read_text(), flags=re.MULTILINE | re.DOTALL))
        monkeypatch.setenv("ALSA_CONFIG_PATH", str(own))


@pytest.fixture
def jack_server(monkeypatch, no_plugins):
    """A factory's worth of JACK: `start` it, `kill` it, `start` it again."""
    missing = [name for name in ("jackd", "jack_lsp") if shutil.which(name) is None]
    missing += [] if find_library("portaudio") else ["PortAudio"]
    missing += [] if importlib.util.find_spec("jack") else ["JACK-Client"]
    if missing:
        words = f"no {', '.join(missing)}: 'apt install libportaudio2 jackd2' and the dev extra bring them"
        if os.environ.get("CI") == "true":
            pytest.fail(words)
        pytest.skip(words)
    monkeypatch.setenv("JACK_NO_AUDIO_RESERVATION", "1")
    monkeypatch.setenv("JACK_NO_START_SERVER", "1")
    with server_name() as name:
        monkeypatch.setenv("JACK_DEFAULT_SERVER", name)
        server = JackServer(dict(os.environ))
        yield server
        server.stop()


class PulseServer:
    """A PulseAudio server of its own, with a null sink named `ci`, and its clients."""

    def __init__(self, env, folder):
        self._env, self._socket, self._running = env, folder / "pulse.sock", []
        self._server = None

    def start(self):
        modules = [f"module-native-protocol-unix socket={self._socket} auth-anonymous=1"]
        modules += ["module-null-sink sink_name=ci rate=48000 format=float32le channels=2"]
        command = ["pulseaudio", "-n", "--daemonize=no", "--exit-idle-time=-1", "--use-pid-file=no"]
        command += [part for module in modules for part in ("-L", module)]
        self._server = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, env=self._env)
        self._running.append(self._server)
        for _ in range(400):
            if subprocess.run(["pactl", "info"], check=False, capture_output=True, env=self._env).returncode == 0:
                return
            assert self._server.poll() is None, "pulseaudio ended by itself"
            time.sleep(0.05)
        raise AssertionError("pulseaudio did not come up")

    def tool(self, *command):
        """Run pactl."""
        done = subprocess.run(("pactl", *command), check=False, capture_output=True, env=self._env, text=True)
        assert done.returncode == 0, done.stderr
        return done.stdout

    def add(self, name, title):
        """Another sink; the number to unload it by."""
        told = f"sink_properties=device.description={title}"
        return self.tool("load-module", "module-null-sink", f"sink_name={name}", told).strip()

    def player(self, wav, sink="ci"):
        """A client that plays `wav` into a sink once something is written to its stdin."""
        script = Path(__file__).with_name("pulse_player.py")
        player = subprocess.Popen(
            [sys.executable, script, wav, sink],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            env=self._env,
        )
        self._running.append(player)
        assert player.stdout.readline() == b"ready\n"
        return player

    def kill(self):
        self._server.kill()
        self._server.wait()

    def stop(self):
        for process in reversed(self._running):
            process.kill()
            process.wait()
            for pipe in (process.stdin, process.stdout):
                if pipe is not None:
                    pipe.close()


@pytest.fixture
def pulse_server(monkeypatch):
    """A PulseAudio to `start`, `kill` and `start` again."""
    missing = [name for name in ("pulseaudio", "pactl") if shutil.which(name) is None]
    missing += [] if importlib.util.find_spec("soundcard") else ["SoundCard"]
    if missing:
        words = f"no {', '.join(missing)}: 'apt install pulseaudio pulseaudio-utils' and SoundCard bring them"
        if os.environ.get("CI") == "true":
            pytest.fail(words)
        pytest.skip(words)
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
        server = PulseServer(dict(os.environ), folder)
        yield server
        server.stop()
