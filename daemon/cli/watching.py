"""What came back of the sinks of a self-test, judged."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from itertools import pairwise
from threading import Event, Thread

import numpy as np

from daemon.cli.readback import Files, Opener, files_of, reader_of
from daemon.flow import U8, Order
from daemon.render.card import read
from daemon.render.card.layout import COUNTS
from daemon.status import SinkStatus, Status

_PAUSE = 0.1  # s between two looks at a sink
_LONG = 10.0  # s that the last look may take


@dataclass(slots=True)
class Seen:
    """What came back of a sink."""

    lossless: bool = True
    counts: list[int] = field(default_factory=list)  # of each picture that could be read
    faults: dict[str, int] = field(default_factory=dict)  # pictures that have each
    error: float = 0.0  # the largest, levels of 255

    def look(self, pixels: U8, order: Order, size: tuple[int, int]) -> None:
        """Judge one picture more; `size`: width and height that were sent."""
        reading = read(pixels, order)
        faults = list(reading.faults)
        if (here := (pixels.shape[1], pixels.shape[0])) != size:
            faults.append(f"{here[0]} x {here[1]} where {size[0]} x {size[1]} was sent")
        if pixels.shape[2] == 4 and (pixels[..., 3] != 255).any():
            faults.append("it is transparent in places")
        if reading.count is not None:
            self.counts.append(reading.count)
            self.error = max(self.error, float(np.nan_to_num(reading.error)))
        if self.lossless and not faults and reading.error > 0:
            faults.append("not the same to the bit")
        for fault in faults:
            self.faults[fault] = self.faults.get(fault, 0) + 1

    def said(self) -> tuple[str, str]:
        """What was read, and what is wrong with it; "" where nothing is."""
        wrong = [f"{fault} ({_pictures(count)})" for fault, count in self.faults.items()]
        if not self.counts and not wrong:
            wrong.append("nothing of it could be read back")
        elif len(set(self.counts)) == 1 and not wrong:
            wrong.append("its counter stands still")
        elif any((later - sooner) % COUNTS > COUNTS // 2 for sooner, later in pairwise(self.counts)):
            wrong.append("its counter goes back")
        if not self.counts:
            return "", ", ".join(wrong)
        right = "the same to the bit" if not self.error else f"{self.error:.1f} of 255 off in the mean"
        return f"read back {_pictures(len(self.counts))}, {right}", ", ".join(wrong)


@dataclass(frozen=True, slots=True)
class Verdict:
    """On one sink."""

    sink: SinkStatus
    read: str  # what was read back; what to do where nothing was
    wrong: str  # "" where nothing is

    def __str__(self) -> str:
        """A line."""
        sink = self.sink
        about = f" ({sink.about})" if sink.about else ""
        late = "" if sink.latency_ms is None else f", {sink.latency_ms:.1f} ms after it was painted"
        parts = [f"{sink.name}{about}: {sink.state}, {_pictures(sink.published)}{late}", self.read]
        return "; ".join(part for part in (*parts, self.wrong and f"WRONG: {self.wrong}") if part)


def verdict(sink: SinkStatus, seen: Seen | None) -> Verdict:
    """On one sink; `seen` is None where nothing here can read it back."""
    unread = "" if sink.name == "null" else "not read back here: look at it"
    said, wrong = (unread, "") if seen is None else seen.said()
    if sink.state != "ok" or not sink.published:
        wrong = sink.last_error or f"it is {sink.state} and took {_pictures(sink.published)}"
    return Verdict(sink, said, wrong)


class Watch:
    """Everything that is read back in one run. `show` is called by the run, a few times a second."""

    def __init__(self, specs: Iterable[str], size: tuple[int, int]) -> None:
        """`size`: width and height of the frames. Before the run, since it looks which names are taken."""
        self._size, self._over = size, Event()
        self._asked: dict[str, list[tuple[str, Files | None]]] = {}  # by kind of sink: name, and what reads its files
        for spec in dict.fromkeys(specs):
            kind, _, name = spec.partition(":")
            self._asked.setdefault(kind, []).append((name, files_of(kind, name)))
        self._threads: list[Thread] = []
        self._read_back: list[tuple[Seen | None, Files | None]] = []  # in the order of the status
        self.status: Status | None = None

    def show(self, status: Status, page: str) -> None:
        """Keep the status; at the first, begin to read."""
        self.status, begun = status, self.status is not None
        for sink in () if begun else status.sinks:
            asked = self._asked.get(sink.name)
            name, files = asked.pop(0) if asked else ("", None)
            opener = reader_of(sink.name, name, page)
            seen = Seen(lossless=sink.name == "frames") if opener or files else None
            self._read_back.append((seen, files))
            if opener is not None and seen is not None:
                self._threads.append(Thread(target=self._look, args=(opener, seen), daemon=True))
                self._threads[-1].start()

    def end(self) -> None:
        """No more is read."""
        self._over.set()
        for thread in self._threads:
            thread.join(_LONG)

    def verdicts(self) -> tuple[Verdict, ...]:
        """On every sink, after the end; what was written is read now."""
        if self.status is None:
            return ()
        made = []
        for sink, (seen, files) in zip(self.status.sinks, self._read_back, strict=True):
            if files is not None and seen is not None:
                try:
                    for picture, order in files(sink.published):
                        seen.look(picture, order, self._size)
                except (OSError, ValueError) as e:  # PyAV's are both
                    seen.faults[f"what was written cannot be read ({e})"] = 1
            made.append(verdict(sink, seen))
        return tuple(made)

    def _look(self, opener: Opener, seen: Seen) -> None:
        with opener() as reader:
            seen.lossless = reader.lossless
            while not self._over.wait(_PAUSE):
                if (newest := reader.newest()) is not None:
                    seen.look(*newest, self._size)


def _pictures(count: int) -> str:
    return "1 picture" if count == 1 else f"{count} pictures"
