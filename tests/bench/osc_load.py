"""What OSC traffic does to the picture: poison, 10,000 random datagrams, then 2,000 messages a second in slices.

Run it as `python tests/bench/osc_load.py [--fps 30] [--seconds 60]`: JSON out, exit 1 when the daemon no longer obeys.
"""

import argparse
import json
import os
import random
import re
import socket
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.request
from pathlib import Path

ROOT = Path(__file__).parent.parent.parent
sys.path[:0] = [str(ROOT), str(ROOT / "tests"), str(ROOT / "tests" / "control")]

from test_endpoint import fuzzed  # noqa: E402
from test_osc import POISON  # noqa: E402

from daemon.control.osc import encode  # noqa: E402

RATE, SLICE = 2000, 5.0  # messages a second, seconds
GREETING = re.compile(r"page http://127\.0\.0\.1:(\d+)/, OSC 127\.0\.0\.1:(\d+)")


def messages() -> list[bytes]:
    """A controller's traffic: every knob moving, as one CHOP sends it."""
    rng = random.Random(3)
    knobs = ["gain", "drift", "smoothing", "psi", "attack", "release", "cluster/calm", "cluster/vibrant", "gate/hold"]
    return [encode(f"/latentd/{knob}", rng.uniform(0.1, 0.9)) for _ in range(100) for knob in knobs]


def flood(port: int, seconds: float) -> None:
    """Runs in a process of its own."""
    out, traffic, batch = socket.socket(socket.AF_INET, socket.SOCK_DGRAM), messages(), RATE // 100
    begin, sent = time.perf_counter(), 0
    while (now := time.perf_counter() - begin) < seconds:
        while sent < now * RATE:
            for _ in range(batch):
                out.sendto(traffic[sent % len(traffic)], ("127.0.0.1", port))
                sent += 1
        time.sleep(0.005)


def main() -> int:
    """Start a daemon, attack it, measure it."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--fps", type=float, default=30)
    parser.add_argument("--seconds", type=float, default=60, help="of flood in all")
    parser.add_argument("--flood", type=int, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.flood:
        flood(options.flood, options.seconds)
        return 0

    with tempfile.TemporaryDirectory() as home:
        command = [
            sys.executable,
            "-m",
            "daemon",
            "demo",
            "--http-port",
            "0",
            "--osc-port",
            "0",
            "--fps",
            str(options.fps),
        ]
        log = Path(home) / "log"
        with log.open("w") as file:
            daemon = subprocess.Popen(
                command, stderr=file, stdout=file, cwd=ROOT, env={**os.environ, "LATENTD_HOME": home}
            )
        try:
            while (found := GREETING.search(log.read_text())) is None:
                time.sleep(0.1)
            result = attack(int(found[1]), int(found[2]), options.seconds)
            result["alive"] = daemon.poll() is None
        finally:
            daemon.terminate()
            result["exit"] = daemon.wait()
    print(json.dumps({"fps_asked": options.fps, **result}, indent=2))  # noqa: T201
    return 0 if result["alive"] and result["obeys"] and result["exit"] == 0 else 1


def attack(http: int, osc: int, seconds: float) -> dict[str, object]:
    """Poison, random datagrams, then the flood in alternating slices."""

    def status() -> dict[str, dict[str, float]]:
        with urllib.request.urlopen(f"http://127.0.0.1:{http}/status.json", timeout=20) as answer:
            said: dict[str, dict[str, float]] = json.load(answer)
            return said

    def send(packet: bytes) -> None:
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as out:
            out.sendto(packet, ("127.0.0.1", osc))

    def obeys(value: float) -> bool:
        send(encode("/latentd/psi", value))
        deadline = time.monotonic() + 5
        while time.monotonic() < deadline:
            if abs(status()["params"]["/latentd/psi"] - value) < 1e-6:
                return True
        return False

    for packet, _ in POISON.values():
        if packet:
            send(packet)
    after_poison = obeys(0.75)
    rng = random.Random(1)
    for i in range(10_000):
        send(fuzzed(rng))
        if i % 50 == 49:
            time.sleep(0.002)
    send(encode("/latentd/freeze", 0))
    after_random = obeys(0.5)

    rates: dict[str, list[float]] = {"without": [], "with": []}
    before = status()["osc"]["received"]
    for _ in range(round(seconds / SLICE)):
        for kind in ("without", "with"):
            sender = None
            if kind == "with":
                sender = subprocess.Popen([sys.executable, __file__, "--flood", str(osc), "--seconds", str(SLICE + 1)])
                time.sleep(0.5)
            begin, first = time.perf_counter(), status()["frame_index"]
            time.sleep(SLICE)
            frames = float(status()["frame_index"]) - float(first)  # type: ignore[arg-type]
            rates[kind].append(frames / (time.perf_counter() - begin))
            if sender is not None:
                sender.wait()
    medians = {kind: statistics.median(found) for kind, found in rates.items()}
    return {
        "obeys": after_poison and after_random and obeys(0.25),
        "messages_received_in_flood": status()["osc"]["received"] - before,
        "fps": {kind: round(value, 2) for kind, value in medians.items()},
        "ratio": round(medians["with"] / medians["without"], 4),
        "slices": {kind: [round(value, 2) for value in found] for kind, found in rates.items()},
    }


if __name__ == "__main__":
    sys.exit(main())
