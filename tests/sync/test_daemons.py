"""A wall of daemons as they are started by hand."""

import json
import os
import re
import signal
import subprocess
import sys
import time
import urllib.request
from contextlib import ExitStack, contextmanager
from pathlib import Path

from sync.test_two_screens import free_port

ROOT = Path(__file__).parent.parent.parent
PAGE = re.compile(r"page http://127\.0\.0\.1:(\d+)/")


@contextmanager
def daemon(folder, name, preset, sync):
    config, log = folder / f"{name}.yaml", folder / f"{name}.log"
    free = {"osc": {"port": 0, "reply_port": 0}, "http": {"port": 0}}
    plain = {"version": 1, "source": "none", "sinks": ["null"], "model": "swatch", "size": 16, "preset": preset}
    config.write_text(json.dumps({**plain, **free, "sync": {"name": name, **sync}}))
    env = {**os.environ, "LATENTD_HOME": str(folder / name), "COLUMNS": "400", "PYTHONUNBUFFERED": "1"}
    with log.open("w") as out:
        command = [sys.executable, "-m", "daemon", "run", "--config", str(config)]
        process = subprocess.Popen(command, stdout=out, stderr=out, env=env, cwd=ROOT)
    try:
        until(lambda: process.poll() is not None or PAGE.search(log.read_text()))
        assert process.poll() is None, log.read_text()
        port = PAGE.search(log.read_text())[1]
        yield process, lambda: json.load(urllib.request.urlopen(f"http://127.0.0.1:{port}/status.json", timeout=10))
    finally:
        process.kill()
        process.wait()


def until(fine):
    deadline = time.monotonic() + 30
    while not fine():
        assert time.monotonic() < deadline
        time.sleep(0.05)


def test_a_follower_takes_up_what_the_leader_plays_and_goes_on_alone_after_it(tmp_path):
    port = free_port()
    with ExitStack() as running:
        lead = {"role": "leader", "port": free_port(), "peers": [f"127.0.0.1:{port}"]}
        leader, of_leader = running.enter_context(daemon(tmp_path, "left", "storm", lead))
        _, of_follower = running.enter_context(daemon(tmp_path, "right", "tide", {"role": "follower", "port": port}))
        until(lambda: of_follower()["sync"]["frame_index"] > 0 and of_follower()["preset"] == "storm")
        until(lambda: [screen["name"] for screen in of_leader()["sync"]["screens"]] == ["right"])
        ours, theirs = of_follower(), of_leader()
        assert ours["sync"]["leader"] == "left"
        assert ours["params"]["/latentd/seed"] == theirs["params"]["/latentd/seed"]
        leader.send_signal(signal.SIGINT)
        assert leader.wait(timeout=30) == 0
        until(lambda: (of_follower()["sync"]["leader"], of_follower()["sync"]["frame_index"]) == ("", -1))
        alone = of_follower()
        assert alone["preset"] == "storm"
        until(lambda: of_follower()["frame_index"] > alone["frame_index"] + 10)
