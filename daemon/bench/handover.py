"""What handing pictures over costs the render thread: sinks of every kind beside none, in alternating slices."""

import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from statistics import median
from threading import Event, Thread
from typing import Annotated

import numpy as np
from pydantic import Field

from daemon.bench.report import Versions
from daemon.bench.said import Ms, Said, digits
from daemon.clock import Clock, WallClock
from daemon.engine import Engine
from daemon.errors import SinkError
from daemon.flow import U8, Features, FrameFormat
from daemon.live import RenderLoop, Stage
from daemon.mailbox import Mailbox
from daemon.params import Fade, Params
from daemon.sinks.null import NullSink
from daemon.sinks.publisher import Publisher
from daemon.slots import Outlet, Slot, SlotRing
from daemon.stats import FrameStats, quantile

_SLICE = 20  # frames
_SLOW = 0.1  # s a slow sink takes for a picture
_LOSES = 5  # every so many pictures one that fails is lost
_AGAIN = 0.02  # s until it is opened again
_SWITCH = 0.001  # s, as live has it
COUNTS = (1, 3)


class Copying(NullSink):
    """Copies every picture, as most sinks do at once."""

    def __init__(self) -> None:
        self._copy: U8 = np.zeros((1, 1, 4), np.uint8)

    def open(self, format: FrameFormat) -> None:  # noqa: A002
        self._copy = np.zeros((format.height, format.width, 4), np.uint8)

    def publish(self, slot: Slot) -> bool:
        np.copyto(self._copy, slot.pixels)
        return True


class Slow(Copying):
    """Takes its time."""

    def publish(self, slot: Slot) -> bool:
        Event().wait(_SLOW)
        return super().publish(slot)


class Stuck(Copying):
    """Does not come back from its first picture until the end."""

    def __init__(self) -> None:
        super().__init__()
        self.over = Event()

    def publish(self, slot: Slot) -> bool:  # noqa: ARG002
        return self.over.wait()


class Failing(Copying):
    """Loses its receiver again and again."""

    _given = 0

    def publish(self, slot: Slot) -> bool:
        self._given += 1
        if self._given % _LOSES == 0:
            raise SinkError("lost")
        return super().publish(slot)


KINDS = {"fast": Copying, "slow": Slow, "stuck": Stuck, "failing": Failing}


class Handover(Said):
    """One set of sinks. A hand-over is the getting of a slot and an offer to each sink."""

    sinks: str  # such as 3 slow
    frames: Annotated[int, Field(ge=1)]
    handover_us: tuple[float, float, float]  # microseconds of the render thread's: median, 99 of 100, worst
    frame_ms: Ms  # median, from the tick's beginning to its end
    ratio: float  # of frame_ms to that of no sinks in the slice before, median
    skipped: Annotated[int, Field(ge=0)]  # ticks that found no slot
    published: Annotated[int, Field(ge=0)]
    replaced: Annotated[int, Field(ge=0)]


class HandoverReport(Said):
    """What `latentd bench --handover --json` says."""

    model: str
    size: tuple[int, int]  # width, height
    fps: float
    results: tuple[Handover, ...]
    versions: Versions


class _Timed:
    """Seconds of the render thread's, added up over a tick."""

    def __init__(self, clock: Clock) -> None:
        self.clock, self.spent = clock, 0.0

    @contextmanager
    def timed(self) -> Iterator[None]:
        began = self.clock.now()
        try:
            yield
        finally:
            self.spent += self.clock.now() - began


class _Ring(SlotRing):
    def __init__(self, sinks: int, like: SlotRing, timed: _Timed) -> None:
        super().__init__(sinks, like.format, like.device)
        self._timed = timed

    def acquire(self) -> Slot | None:
        with self._timed.timed():
            return super().acquire()


class _Outlet(Outlet):
    def __init__(self, timed: _Timed) -> None:
        super().__init__()
        self._timed = timed

    def offer(self, slot: Slot) -> None:
        with self._timed.timed():
            super().offer(slot)


class Case:
    """A render loop and its sinks, each on its thread; the caller's thread is the one that renders."""

    def __init__(
        self, name: str, sinks: Sequence[NullSink], stage: Stage, ring: SlotRing, clock: Clock, fps: float
    ) -> None:
        self.name, self.clock, self._sinks = name, clock, sinks
        self.handover, self.ticks = list[float](), list[list[float]]()  # s of every tick; of the ticks of every slice
        self.publishers = [Publisher(sink, ring.format, clock) for sink in sinks]
        self.timed, self.stats = _Timed(clock), FrameStats()
        for publisher in self.publishers:
            publisher.outlet = _Outlet(self.timed)
        self.loop = RenderLoop(
            Engine(stage.make_mapper, stage.space), Mailbox(stage), _Ring(len(sinks), ring, self.timed),
            [publisher.outlet for publisher in self.publishers], Mailbox(Features.silence(8)),
            Mailbox(Fade.still(Params())), self.stats, clock, fps,
        )  # fmt: skip
        self._stop = Event()
        self._threads = [Thread(target=self._keep, args=(p,), name=name, daemon=True) for p in self.publishers]
        for thread in self._threads:
            thread.start()
        for publisher in self.publishers:
            publisher.settled.wait()

    def _keep(self, publisher: Publisher) -> None:
        while not self._stop.is_set():
            try:
                publisher.loop(self._stop)
            except SinkError:
                self._stop.wait(_AGAIN)

    def slice(self, frames: int, interval: float) -> None:
        """So many ticks, one every `interval` seconds; the one that goes before them is not counted."""
        took, begin, never = list[float](), self.clock.now(), Event()
        for n in range(frames + 1):
            self.clock.wait_until(begin + n * interval, never)
            self.timed.spent, began = 0.0, self.clock.now()
            self.loop.tick(began)
            if n:
                took.append(self.clock.now() - began)
                self.handover.append(self.timed.spent)
        self.ticks.append(took)

    def close(self) -> None:
        """Every thread has ended."""
        self._stop.set()
        for sink in self._sinks:
            if isinstance(sink, Stuck):
                sink.over.set()
        for thread in self._threads:
            thread.join()


def measure(
    stage: Stage, ring: SlotRing, versions: Versions, frames: int, fps: float, kinds: Sequence[str] = tuple(KINDS)
) -> HandoverReport:
    """So many frames for no sinks and for each set, `fps` a second, in slices that take turns. `ring`: like theirs."""
    clock, sets = WallClock(), list[tuple[str, list[NullSink]]]([("none", [])])
    sets += [(f"{count} {kind}", [KINDS[kind]() for _ in range(count)]) for kind in kinds for count in COUNTS]
    before = sys.getswitchinterval()
    sys.setswitchinterval(_SWITCH)
    cases = list[Case]()
    try:
        cases += (Case(name, sinks, stage, ring, clock, fps) for name, sinks in sets)
        for first in range(0, frames, _SLICE):
            for case in cases:
                case.slice(min(_SLICE, frames - first), 1 / fps)
    finally:
        sys.setswitchinterval(before)
        for case in cases:
            case.close()
    form = ring.format
    return HandoverReport(
        model=stage.renderer.facts.name,
        size=(form.width, form.height),
        fps=fps,
        results=tuple(_said(case, cases[0]) for case in cases),
        versions=versions,
    )


def _said(case: Case, bare: Case) -> Handover:
    us, statuses = sorted(1e6 * s for s in case.handover), [publisher.status() for publisher in case.publishers]
    pairs = zip(case.ticks, bare.ticks, strict=True)
    return Handover(
        sinks=case.name,
        frames=len(us),
        handover_us=(digits(quantile(us, 0.5)), digits(quantile(us, 0.99)), digits(us[-1])),
        frame_ms=digits(1e3 * median(s for ticks in case.ticks for s in ticks)),
        ratio=digits(median(median(mine) / median(its) for mine, its in pairs)),
        skipped=case.stats.skipped,
        published=sum(said.published for said in statuses),
        replaced=sum(said.replaced for said in statuses),
    )
