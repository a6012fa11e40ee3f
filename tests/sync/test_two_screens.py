"""A leader and a follower as processes, over real sockets and a network that delays, loses and repeats."""

import heapq
import json
import os
import select
import socket
import subprocess
import sys
import time
from contextlib import contextmanager
from pathlib import Path
from threading import Event, Thread

import numpy as np
import pytest
from ports import free_port

ROOT = Path(__file__).parent.parent.parent


@contextmanager
def bad_network(leader, follower):
    """Stands between two ports: 5 to 30 ms each way, one datagram in twenty lost, one twice. The leader sends to it."""
    near, far = (socket.socket(socket.AF_INET, socket.SOCK_DGRAM) for _ in range(2))
    rng, ended, waiting = np.random.default_rng(0), Event(), []
    ways = {near: (far, ("127.0.0.1", follower)), far: (near, ("127.0.0.1", leader))}

    def carry():
        order = 0
        while not ended.is_set():
            for ready in select.select(ways, [], [], 0.002)[0]:
                data, now = ready.recv(2048), time.monotonic()
                for _ in range(int(rng.choice([0, 1, 2], p=[0.05, 0.9, 0.05]))):
                    order += 1
                    heapq.heappush(waiting, (now + rng.uniform(0.005, 0.030), order, data, ready))
            while waiting and waiting[0][0] <= time.monotonic():
                _, _, data, came = heapq.heappop(waiting)
                out, to = ways[came]
                out.sendto(data, to)

    with near, far:
        near.bind(("127.0.0.1", 0))
        far.bind(("127.0.0.1", 0))
        thread = Thread(target=carry)
        thread.start()
        try:
            yield near.getsockname()[1]
        finally:
            ended.set()
            thread.join()


def started(config, seed, stop, out):
    path = os.pathsep.join([str(ROOT), str(ROOT / "tests")])
    command = [sys.executable, str(ROOT / "tests/sync/screen.py"), json.dumps(config), str(seed), str(stop), str(out)]
    return subprocess.Popen(command, env={**os.environ, "PYTHONPATH": path}, stdout=subprocess.DEVNULL)


def told(out):
    """The lines that are whole."""
    return [json.loads(line) for line in out.read_text().rpartition("\n")[0].splitlines()] if out.exists() else []


def shared(lead, follow):
    """How many frames both showed the same to the bit, and within the time of one: processes share a clock."""
    made = {(index, ws): t for t, index, ws in lead}
    apart = [abs(t - made[index, ws]) for t, index, ws in follow if (index, ws) in made]
    return sum(one < 1 / 30 for one in apart)


@pytest.mark.timeout(200)
def test_two_daemons_on_one_machine_show_the_same_frames(tmp_path):
    ports, common = (free_port(), free_port()), {"key": "a secret of the wall", "delay": 0.1}
    stop, outs = tmp_path / "stop", [tmp_path / "leader", tmp_path / "follower"]
    with bad_network(*ports) as between:
        leader = {"role": "leader", "name": "first", "port": ports[0], "peers": [f"127.0.0.1:{between}"], **common}
        follower = {"role": "follower", "name": "second", "port": ports[1], **common}
        running = [started(leader, 5, stop, outs[0]), started(follower, 9, stop, outs[1])]
        try:
            deadline = time.monotonic() + 120
            while shared(*map(told, outs)) < 40:  # soon on an idle machine; on a busy one many are late, or lost
                assert time.monotonic() < deadline
                assert [process.poll() for process in running] == [None, None]
                time.sleep(0.1)
            stop.touch()
            assert [process.wait(timeout=30) for process in running] == [0, 0]
        finally:
            for process in running:
                process.kill()
                process.wait()
    lead, follow = (told(out)[-1] for out in outs)
    assert (lead["troubles"], follow["troubles"]) == ([], [])
    assert follow["leader"] == "first"
    assert follow["said"] == [["dawn", 5]]
    assert lead["screens"] == ["second"]
