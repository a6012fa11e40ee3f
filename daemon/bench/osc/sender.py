"""A process that sends: jobs as lines of JSON on stdin, what was sent as lines of JSON on stdout."""

import json
import socket
import sys
import time
from collections.abc import Callable, Iterator

from daemon.bench.osc.traffic import Hostile, Knobs
from daemon.clock import WallClock
from daemon.control.osc import decode

_STEP = 0.002  # s between two handfuls
_BUFFER = 1 << 20  # bytes asked for


def main() -> None:
    """Until stdin ends."""
    now = WallClock().now
    light, wide = Hostile(1, light=True), Hostile(2)
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as out:
        out.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, _BUFFER)
        for line in sys.stdin:
            job = json.loads(line)
            to = ("127.0.0.1", int(job["port"]))
            if job["job"] == "hostile":
                done = hostile(out, to, light if job["light"] else wide, job["count"], job["rate"], now)
            else:
                done = knobs(out, to, Knobs(job["count"]), job["seconds"], job["hz"], now)
            print(json.dumps(done), flush=True)  # noqa: T201


def hostile(
    out: socket.socket, to: tuple[str, int], make: Hostile, count: int, rate: float, now: Callable[[], float]
) -> dict[str, int]:
    """So many hostile datagrams at so many a second; how many messages whoever takes them all must count."""
    messages = sent = 0
    for due in paced(rate, count, now):
        while sent < due:
            datagram = make()
            messages += len(decode(datagram))
            out.sendto(datagram, to)
            sent += 1
    return {"sent": sent, "messages": messages}


def knobs(
    out: socket.socket, to: tuple[str, int], turned: Knobs, seconds: float, hz: float, now: Callable[[], float]
) -> dict[str, int]:
    """Every knob `hz` times a second; how many turns there were."""
    turn, turns = 0, round(seconds * hz)
    for due in paced(hz, turns, now):
        while turn < due:
            for datagram in turned.turn(turn):
                out.sendto(datagram, to)
            turn += 1
    return {"turns": turns, "sent": turns * len(turned.turn(0))}


def paced(rate: float, count: int, now: Callable[[], float]) -> Iterator[int]:
    """How many of `count` things should have happened by now, at `rate` a second; the last is `count`."""
    began, due = now(), 0
    while due < count:
        due = min(count, int((now() - began) * rate) + 1)
        yield due
        time.sleep(_STEP)


if __name__ == "__main__":
    main()
