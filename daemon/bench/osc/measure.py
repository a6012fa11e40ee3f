"""The attack: hostile datagrams in slices, a controller's steady load, time tags an hour off."""

import json
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any

from daemon.bench.osc.report import Frames, HostileRun, OscReport, Spread, Steady, TimeTags
from daemon.bench.osc.running import Victim, victim
from daemon.bench.osc.slices import Slice, compared, spread, timed, turns
from daemon.bench.osc.traffic import HOUR, Knobs, bundle, time_tag
from daemon.bench.report import Versions
from daemon.control.osc import encode

_RECENT = 600  # frames whose times the daemon's status tells
_WIDE = 0.1  # least share of the hostile datagrams that may change everything; others leave the cost of pictures alone
_REST = 0.03  # s between two answers that are timed: the loop pauses after a batch
_ASKED = 0.5  # s between two pings under load
_RESET = (("preset", "hearth", 0.0), ("freeze", 0), ("blackout", 0), ("psi", 1.0))


@dataclass(frozen=True, slots=True)
class Wishes:
    """What to do, and how long."""

    model: str
    sound: Path
    fps: float = 60.0
    datagrams: int = 1_000_000
    rate: float = 5000.0  # hostile datagrams a second
    hz: float = 60.0
    addresses: int = 200
    seconds: float = 600.0  # of the steady load
    tags: int = 40  # answers to each kind of time tag
    settled: float = 8.0  # s until nothing is being opened any more
    pairs: int | None = None  # of slices with and without; as many as the datagrams fill if None

    def shares(self) -> tuple[int, int, int]:
        """Datagrams that may change everything, pairs of slices, and datagrams of each slice.

        A slice is as long as the frames whose times the status tells; what fills none goes to the first part. With
        more pairs than the datagrams fill there are more datagrams.
        """
        wide, a_slice = round(self.datagrams * _WIDE), round((_RECENT / self.fps + 1.0) * self.rate)
        light = self.datagrams - wide
        if self.pairs is None and light < a_slice:
            return wide, 1, light
        pairs = self.pairs if self.pairs is not None else light // a_slice
        return max(wide, self.datagrams - pairs * a_slice), pairs, a_slice


class _Sender:
    """The other process, which does one job at a time."""

    def __init__(self, process: "subprocess.Popen[str]") -> None:
        self._process = process

    def begin(self, **job: Any) -> None:
        assert self._process.stdin is not None
        self._process.stdin.write(json.dumps(job) + "\n")
        self._process.stdin.flush()

    def end(self) -> dict[str, int]:
        """Wait for the job; what was sent."""
        assert self._process.stdout is not None
        done: dict[str, int] = json.loads(self._process.stdout.readline())
        return done


def measure(wishes: Wishes, versions: Versions, tell: Callable[[str], None]) -> OscReport:
    """The whole attack on a daemon of its own; `tell` hears what is being done."""
    with _sender() as sender, _nobody() as beside:
        with victim(wishes.model, wishes.fps, wishes.sound) as daemon:
            time.sleep(wishes.settled)
            tell("time tags")
            tags = time_tags(daemon, wishes)
            tell(f"{wishes.datagrams:,} hostile datagrams")
            hostile, frames = flood(daemon, sender, beside, wishes)
            tell(f"{wishes.hz:g} Hz x {wishes.addresses} addresses for {wishes.seconds:g} s")
            kept = steady(daemon, sender, wishes)
            troubles = tuple(daemon.troubles())
        ended = daemon.process.returncode
    return OscReport(
        model=wishes.model,
        fps=wishes.fps,
        versions=versions,
        hostile=hostile,
        frames=frames,
        steady=kept,
        time_tags=tags,
        troubles=troubles,
        exit=ended,
    )


def flood(daemon: Victim, sender: _Sender, beside: int, wishes: Wishes) -> tuple[HostileRun, Frames]:
    """Hostile datagrams: first such as change everything, then in slices beside pictures that are timed."""
    sent = messages = 0
    before = daemon.status()["osc"]
    memory = [daemon.rss_mb()]

    def send(port: int, count: int, *, light: bool) -> None:
        nonlocal sent, messages
        sender.begin(job="hostile", port=port, count=count, rate=wishes.rate, light=light)
        done = sender.end()
        if port == daemon.osc:
            sent, messages = sent + done["sent"], messages + done["messages"]

    wide, pairs, count = wishes.shares()
    send(daemon.osc, wide, light=False)
    memory.append(daemon.rss_mb())
    for name, *values in _RESET:
        daemon.send(encode(f"/latentd/{name}", *values))
    messages += len(_RESET)
    time.sleep(wishes.settled)
    without: list[Slice] = []
    during: list[Slice] = []
    for flooded in turns(pairs):
        slices, port = (during, daemon.osc) if flooded else (without, beside)
        slices.append(timed(daemon, partial(send, port, count, light=True)))
        memory.append(daemon.rss_mb())
    time.sleep(1.0)
    after, troubles = daemon.status()["osc"], tuple(daemon.troubles())
    run = HostileRun(
        datagrams=sent,
        rate=wishes.rate,
        messages=messages,
        received=after["received"] - before["received"],
        refused=after["refused"] - before["refused"],
        troubles=troubles,
        rss_mb=tuple(mb for mb in memory if mb is not None),
        obeys=daemon.obeys(0.25) and daemon.obeys(0.75),
    )
    return run, compared(without, during)


def steady(daemon: Victim, sender: _Sender, wishes: Wishes) -> Steady:
    """A controller that sends all it has at every turn; how soon it is answered all along, and what stays."""
    before = daemon.status()["osc"]["received"]
    sender.begin(job="knobs", port=daemon.osc, seconds=wishes.seconds, hz=wishes.hz, count=wishes.addresses)
    answers: list[list[float]] = [[] for _ in range(10)]
    began, pings = daemon.now(), 0
    while (spent := daemon.now() - began) < wishes.seconds:
        answer = daemon.ping()
        pings += 1
        if answer is not None:
            answers[min(int(10 * spent / wishes.seconds), 9)].append(answer * 1e3)
        time.sleep(_ASKED)
    done = sender.end()
    time.sleep(1.0)
    said = daemon.status()
    wanted = Knobs(wishes.addresses).settled(done["turns"] - 1)
    return Steady(
        seconds=wishes.seconds,
        hz=wishes.hz,
        addresses=wishes.addresses,
        sent=done["sent"],
        received=said["osc"]["received"] - before - pings,
        answers_ms=tuple(spread(some) for some in answers if some),
        unanswered=pings - sum(map(len, answers)),
        wrong=tuple(a for a, value in wanted.items() if abs(said["params"][a] - value) > 1e-6 * max(1.0, abs(value))),
    )


def time_tags(daemon: Victim, wishes: Wishes) -> TimeTags:
    """A value and a ping in one bundle, whose tag is now, an hour ahead or an hour behind; beside it a ping alone."""
    clock = time_tag(datetime.now(UTC).timestamp())
    tags = {"now": clock, "hour_ahead": clock + HOUR, "hour_behind": clock - HOUR}
    found: dict[str, list[float]] = {"alone": [], **{kind: [] for kind in tags}}
    applied = True
    for turn in range(wishes.tags):
        time.sleep(_REST)
        _note(found["alone"], daemon.ping())
        for place, (kind, tag) in enumerate(tags.items()):
            value = (4 * turn + place + 1) / 256
            time.sleep(_REST)
            _note(found[kind], daemon.ping(partial(_with_value, value, tag)))
            said = daemon.status()["params"]["/latentd/gain"]
            applied = applied and abs(said - value) < 1e-6  # seven digits are told
    told: dict[str, Spread] = {kind: spread(ms) for kind, ms in found.items()}
    return TimeTags(
        frame_ms=round(1e3 / wishes.fps, 3), applied=applied and min(map(len, found.values())) == wishes.tags, **told
    )


def _with_value(value: float, tag: int, ping: bytes) -> bytes:
    return bundle(encode("/latentd/gain", value), ping, tag=tag)


def _note(ms: list[float], seconds: float | None) -> None:
    if seconds is not None:
        ms.append(seconds * 1e3)


@contextmanager
def _sender() -> Iterator[_Sender]:
    command = [sys.executable, "-m", "daemon.bench.osc.sender"]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        try:
            yield _Sender(process)
        finally:
            process.kill()


@contextmanager
def _nobody() -> Iterator[int]:
    """A port of ours that nobody reads."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as deaf:
        deaf.bind(("127.0.0.1", 0))
        yield int(deaf.getsockname()[1])
