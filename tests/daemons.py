"""The daemon as a process, for tests: started, told, asked, and gone in the end."""

import json
import os
import re
import subprocess
import sys
import time
import urllib.request
from contextlib import contextmanager
from pathlib import Path

from pythonosc.udp_client import SimpleUDPClient

from daemon.status import Report

PATIENCE = 120  # s: how long a busy machine takes is not what is tested
ROOT = Path(__file__).parent.parent
GREETING = re.compile(r"page http://127\.0\.0\.1:(\d+)/, OSC 127\.0\.0\.1:(\d+)")


class Running:
    """A daemon under way."""

    def __init__(self, process, http, osc, report, log):
        self.process, self.http, self.report, self._log = process, http, report, log
        self._osc = osc

    def tell(self, address, value):
        client = SimpleUDPClient("127.0.0.1", self._osc)
        client.send_message(address, value)
        client.close()

    def get(self, path):
        with urllib.request.urlopen(f"http://127.0.0.1:{self.http}{path}", timeout=PATIENCE) as answer:
            return answer.read()

    def status(self):
        return json.loads(self.get("/status.json"))

    def until(self, fine, what):
        deadline = time.monotonic() + PATIENCE
        while time.monotonic() < deadline:
            if fine(status := self.status()):
                return status
            time.sleep(0.02)
        raise AssertionError(f"never {what}: {status}")

    def wait(self):
        code = self.process.wait(timeout=PATIENCE)
        return code, Report.model_validate_json(self.report.read_text())


def until(fine, what):
    deadline = time.monotonic() + PATIENCE
    while not fine():
        assert time.monotonic() < deadline, f"never {what}"
        time.sleep(0.02)


@contextmanager
def running(tmp_path, *arguments, home=None, program=("-m", "daemon")):
    log, report = tmp_path / "log.txt", tmp_path / "report.json"
    env = {k: v for k, v in os.environ.items() if k not in ("DISPLAY", "WAYLAND_DISPLAY")}
    env |= {"LATENTD_HOME": str(home or tmp_path / "home"), "COLUMNS": "400", "PYTHONUNBUFFERED": "1"}
    command = [sys.executable, *program, *map(str, arguments), "--report", str(report)]
    with log.open("w") as out:
        process = subprocess.Popen(
            [*command, "--http-port", "0", "--osc-port", "0"], stdout=out, stderr=out, env=env, cwd=ROOT
        )
    try:
        deadline = time.monotonic() + PATIENCE
        while (found := GREETING.search(re.sub(r"\s+", " ", log.read_text()))) is None:
            assert process.poll() is None, log.read_text()
            assert time.monotonic() < deadline, log.read_text()
            time.sleep(0.02)
        yield Running(process, int(found[1]), int(found[2]), report, log)
    finally:
        process.kill()
        process.wait()


def ended(home, *command):
    """What a Python command that ends by itself came to."""
    env = {**os.environ, "LATENTD_HOME": str(home), "COLUMNS": "400"}
    command = [sys.executable, *map(str, command)]
    return subprocess.run(command, env=env, cwd=ROOT, timeout=PATIENCE, check=False, capture_output=True, text=True)
