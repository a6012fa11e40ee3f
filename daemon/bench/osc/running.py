"""A daemon of its own to attack, and what its operating system says of it."""

import json
import os
import re
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, cast

from daemon.clock import WallClock
from daemon.control.osc import Message, decode, encode
from daemon.errors import RenderError

_GREETING = re.compile(r"page http://127\.0\.0\.1:(\d+)/, OSC 127\.0\.0\.1:(\d+)")
_START = 120.0  # s: a model is raced at start
_ANSWER = 1.0  # s after which a ping counts as lost
_TROUBLE = ("Traceback", "starting again in")


@dataclass(frozen=True, slots=True)
class Spent:
    """CPU seconds of a process: its main thread, where OSC is served, and all others."""

    loop: float
    rest: float


class Victim:
    """A daemon that runs in a process of its own."""

    def __init__(self, process: "subprocess.Popen[bytes]", log: Path, http: int, osc: int) -> None:
        self.process, self.osc, self._log, self._http = process, osc, log, http
        self.now = WallClock().now
        self._socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._socket.settimeout(_ANSWER)
        self._asked = 0

    def status(self) -> dict[str, Any]:
        """As /status.json tells it."""
        with urllib.request.urlopen(f"http://127.0.0.1:{self._http}/status.json", timeout=30) as answer:
            return cast("dict[str, Any]", json.load(answer))

    def send(self, *datagrams: bytes) -> None:
        for datagram in datagrams:
            self._socket.sendto(datagram, ("127.0.0.1", self.osc))

    def ping(self, wrap: Callable[[bytes], bytes] = bytes) -> float | None:
        """Seconds until a ping is answered, whatever it is wrapped in; None when it is not."""
        self._asked += 1
        began = self.now()
        self.send(wrap(encode("/latentd/ping", self._asked)))
        while self.now() - began < _ANSWER:
            try:
                said = decode(self._socket.recv(65_536))
            except TimeoutError:
                return None
            if any(isinstance(m, Message) and (m.address, m.args) == ("/latentd/pong", (self._asked,)) for m in said):
                return self.now() - began
        return None

    def obeys(self, value: float) -> bool:
        """Whether /latentd/psi can still be set to this."""
        began = self.now()
        while self.now() - began < 10:
            self.send(encode("/latentd/psi", value))
            if abs(float(self.status()["params"]["/latentd/psi"]) - value) < 1e-6:
                return True
        return False

    def troubles(self) -> list[str]:
        """Lines of its log that tell of an exception or of a part that failed."""
        lines = self._log.read_text(encoding="utf-8", errors="replace").splitlines()
        return [line[:300] for line in lines if any(word in line for word in _TROUBLE)]

    def rss_mb(self) -> float | None:
        """Its memory; None where the system does not tell."""
        try:
            pages = int(Path(f"/proc/{self.process.pid}/statm").read_text().split()[1])
        except OSError:
            return None
        return round(pages * os.sysconf("SC_PAGE_SIZE") / 1e6, 2)

    def spent(self) -> Spent | None:
        """The CPU time it has used; None where the system does not tell."""
        loop = rest = 0.0
        try:
            for thread in Path(f"/proc/{self.process.pid}/task").iterdir():
                seconds = int((thread / "schedstat").read_text().split()[0]) / 1e9
                if int(thread.name) == self.process.pid:
                    loop += seconds
                else:
                    rest += seconds
        except OSError:  # no such system, or a thread that ended meanwhile
            return None
        return Spent(loop, rest)

    def close(self) -> None:
        self._socket.close()


@contextmanager
def victim(model: str, fps: float, sound: Path) -> Iterator[Victim]:
    """A daemon with this model and nobody watching. Raises `RenderError` when it does not start."""
    config = (
        f"version: 1\nsource: {json.dumps(f'file:{sound}')}\nsinks: ['null']\nmodel: {json.dumps(model)}\n"
        f"preset: hearth\nfps: {fps}\nosc: {{port: 0, reply_port: 0}}\nhttp: {{port: 0}}\n"
    )
    with TemporaryDirectory() as home:
        file, log = Path(home) / "config.yaml", Path(home) / "log"
        file.write_text(config, encoding="utf-8")
        with log.open("wb") as out:
            process = subprocess.Popen(
                [sys.executable, "-m", "daemon", "run", "--config", str(file)],
                env={**os.environ, "LATENTD_HOME": home},
                stdout=out,
                stderr=out,
            )
        try:
            http, osc = _greeted(process, log)
            made = Victim(process, log, http, osc)
            try:
                yield made
            finally:
                made.close()
        finally:
            process.terminate()
            process.wait()


def _greeted(process: "subprocess.Popen[bytes]", log: Path) -> tuple[int, int]:
    clock = WallClock()
    began = clock.now()
    while process.poll() is None and clock.now() - began < _START:
        if (found := _GREETING.search(log.read_text(encoding="utf-8", errors="replace"))) is not None:
            return int(found[1]), int(found[2])
        time.sleep(0.1)
    said = " ".join(log.read_text(encoding="utf-8", errors="replace").split())[-300:]
    raise RenderError(f"the daemon to be measured did not start ({said or 'it said nothing'})")
