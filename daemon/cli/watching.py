"""What came back of the sinks of a self-test, judged."""

from collections.abc import Callable, Iterable
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from itertools import pairwise
from threading import Event, Thread

import numpy as np

from daemon.cli.readback import Reader, files_of, reader_of
from daemon.flow import U8, Order
from daemon.render.card import read
from daemon.render.card.layout import COUNTS
from daemon.status import SinkStatus, Status

_PAUSE = 0.1  # s between two looks at a sink


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
        wrong = [f"{fault} ({count} pictures)" for fault, count in self.faults.items()]
        if not self.counts and not wrong:
            wrong.append("nothing of it could be read back")
        elif len(set(self.counts)) == 1 and not wrong:
            wrong.append("its counter stands still")
        elif any((later - sooner) % COUNTS > COUNTS // 2 for sooner, later in pairwise(self.counts)):
            wrong.append("its counter goes back")
        right = "the same to the bit" if not self.error else f"{self.error:.1f} of 255 off in the mean"
        return f"read back {len(self.counts)} pictures, {right}", ", ".join(wrong)


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
        parts = [f"{sink.name}{about}: {sink.state}, {sink.published} pictures{late}", self.read]
        return "; ".join(part for part in (*parts, self.wrong and f"WRONG: {self.wrong}") if part)


def verdict(sink: SinkStatus, seen: Seen | None) -> Verdict:
    """On one sink; `seen` is None where nothing here can read it back."""
    unread = "" if sink.name == "null" else "not read back here: look at it"
    said, wrong = (unread, "") if seen is None else seen.said()
    if sink.state != "ok" or not sink.published:
        wrong = sink.last_error or f"it is {sink.state} and took {sink.published} pictures"
    return Verdict(sink, said, wrong)


class Watch:
    """Everything that is read back in one run. `show` is called by the run, a few times a second."""

    def __init__(self, specs: Iterable[str], size: tuple[int, int]) -> None:
        self._size, self._over = size, Event()
        self._names: dict[str, list[str]] = {}  # of sinks, by kind
        for spec in dict.fromkeys(specs):
            kind, _, name = spec.partition(":")
            self._names.setdefault(kind, []).append(name)
        self._files = {kind: [files_of(kind, name) for name in names] for kind, names in self._names.items()}
        self._threads: list[Thread] = []
        self.seen: list[Seen | None] = []  # in the order of the status
        self.status: Status | None = None

    def show(self, status: Status, page: str) -> None:
        """Keep the status; at the first, begin to read."""
        self.status, begun = status, self.status is not None
        if begun:
            return
        names = {kind: list(of) for kind, of in self._names.items()}
        for sink in status.sinks:
            name = names[sink.name].pop(0) if names.get(sink.name) else ""
            opener = reader_of(sink.name, name, page)
            seen = Seen() if opener is not None or files_of(sink.name, name or ".") is not None else None
            self.seen.append(seen)
            if opener is not None and seen is not None:
                thread = Thread(target=self._read, args=(opener, seen), name=f"reading {sink.name}", daemon=True)
                thread.start()
                self._threads.append(thread)

    def end(self) -> None:
        """No more is read of what runs; what was written is."""
        self._over.set()
        for thread in self._threads:
            thread.join(5.0)
        if self.status is None:
            return
        left = {kind: list(of) for kind, of in self._files.items()}
        for sink, seen in zip(self.status.sinks, self.seen, strict=True):
            files = left[sink.name].pop(0) if left.get(sink.name) else None
            if files is not None and seen is not None:
                seen.lossless = sink.name == "frames"
                for picture, order in files():
                    seen.look(picture, order, self._size)

    def _read(self, opener: Callable[[], AbstractContextManager[Reader]], seen: Seen) -> None:
        with opener() as reader:
            seen.lossless = reader.lossless
            while not self._over.wait(_PAUSE):
                if (newest := reader.newest()) is not None:
                    seen.look(*newest, self._size)
