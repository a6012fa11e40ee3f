"""PyTorch's CUDA as strict as a driver would have to be: a timeline for each stream, and an error for every misuse.

Work takes as long as it is told to and is done when the clock says so, in every order that streams and events allow.
Memory holds nonsense from the moment it begins to be written until it is written, so who reads too early sees it.
"""

import threading
import time
import weakref
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import cycle
from types import SimpleNamespace

import numpy as np

NONSENSE = 251  # in memory that is being written


class Misuse(AssertionError):  # noqa: N818 - it is no error of ours
    """What a driver would let pass and a picture would show."""


class Lost(RuntimeError):  # noqa: N818
    """As torch.AcceleratorError."""

    error_code = 700

    def __init__(self):
        super().__init__("CUDA error: an illegal memory access was encountered\nCUDA kernel errors might be ...")


STREAMS = 32  # of each priority; PyTorch hands them out in turn, so that the 33rd is the first once more


class Full(RuntimeError):  # noqa: N818
    """As torch.OutOfMemoryError, of which a CPU's PyTorch raises none."""

    def __init__(self):
        super().__init__("CUDA error: out of memory\nCUDA kernel errors might be ...")


@dataclass(eq=False)
class Stream:
    free: float = 0.0  # s: when all its work is done
    ops: int = 0
    known: dict = field(default_factory=dict)  # of each stream, how many of its operations come before what follows

    def sees(self):
        return {**self.known, self: self.ops}


class Event:
    def __init__(self, lib, enable_timing=False, blocking=False):
        self._lib, self._timing, self._blocking = lib, enable_timing, blocking
        self.at, self.sees = None, {}
        self._looked = True

    def record(self, stream):
        with self._lib.called():
            if not self._looked and not self._timing_only():
                raise Misuse("an event was recorded again before anybody had waited for it")
            self._looked = False
            self.at, self.sees = max(self._lib.now(), stream.free), stream.sees()

    def query(self):
        with self._lib.called():
            fired = self.at is None or self.at <= self._lib.now()
            self._looked |= fired
            return fired

    def synchronize(self):
        if threading.get_ident() in self._lib.never_waits:
            raise Misuse("the render thread waited for the device")
        if not self._blocking:
            raise Misuse("this wait burns a core: the event is not a blocking one")
        while True:
            with self._lib.called():
                if self.at is None:
                    raise Misuse("waited for an event that was never recorded")
                rest = self.at - self._lib.now()
                if rest <= 0:
                    self._looked = True
                    return
            if self._lib.virtual:
                raise Misuse("in a simulation whoever waits is woken when it is time")
            time.sleep(min(rest, 0.001))

    def elapsed_time(self, end):
        with self._lib.called():
            if not (self._timing and end._timing):
                raise Misuse("events without timing")
            if self.at is None or end.at is None or end.at > self._lib.now():
                raise Misuse("the time between events that have not fired")
            return (end.at - self.at) * 1e3

    def _timing_only(self):
        return self._timing and not self._blocking


class DeviceTensor:
    """Memory on the device; no `cpu`, no `numpy`, no `item`: whatever waits is not there."""

    def __init__(self, lib, shape):
        self.lib, self.memory = lib, np.full(shape, NONSENSE, np.uint8)
        self.owner = lib.current  # whose allocations get its memory next, with no wait in between
        self.painted = None  # (stream, number of the operation) that last wrote it
        self.fetch_at = 0.0  # s: when the last copy out of it is done

    def __len__(self):
        return len(self.memory)

    def paint(self, value):
        """A kernel that fills it."""
        with self.lib.called():
            if self.lib.told_lost:
                raise Misuse("work for a device that is lost")
            now, stream = self.lib.now(), self.lib.current
            if stream is None:
                raise Misuse("painting on no stream")
            if stream is not self.owner:
                raise Misuse("painted on another stream than the one that gets the memory when it is given back")
            if self.lib.full:
                raise Full
            if self.fetch_at > now:
                raise Misuse("a slot was painted again before its last picture had been fetched")
            if sum(t.fetch_at > now for t in self.lib.canvases) >= 2:
                raise Misuse("more than two frames in flight")
            begin, end = self.lib.spend(stream, self.lib.paint_seconds())
            self.painted = (stream, stream.ops)
            self.lib.at(begin, lambda: self.memory.fill(NONSENSE))
            self.lib.at(end, lambda: self.memory.fill(value))


class PinnedTensor:
    def __init__(self, lib, shape):
        self.lib, self.memory = lib, np.zeros(shape, np.uint8)

    def numpy(self):
        return self.memory

    def copy_(self, source, non_blocking=False):
        with self.lib.called():
            if not non_blocking:
                raise Misuse("a copy that waits")
            stream = self.lib.current
            painter, number = source.painted
            if stream is painter:
                raise Misuse("copied on the stream that paints: the next picture has to wait for it")
            if stream.sees().get(painter, 0) < number:
                raise Misuse("copied without waiting for the painting")
            begin, end = self.lib.spend(stream, self.lib.copy_seconds())
            source.fetch_at = end
            self.lib.at(begin, lambda: self.memory.fill(NONSENSE))
            self.lib.at(end, lambda: np.copyto(self.memory, source.memory))


class FakeTorch:
    """Stands in for the module; `clock` is a VirtualClock in a simulation, a WallClock with real threads."""

    uint8 = np.uint8

    def __init__(self, clock, paint_seconds=lambda: 0.004, copy_seconds=lambda: 0.001, virtual=True):
        self._clock, self.virtual = clock, virtual
        self.paint_seconds, self.copy_seconds = paint_seconds, copy_seconds
        self.never_waits = set()  # threads
        self.lost = self.told_lost = False
        self.full = False  # no memory for what painting needs on its way, nor for pages
        self.canvases, self.streams = [], {}  # streams by priority
        self._lock = threading.RLock()
        self._local = threading.local()
        self._effects = []  # (s, number, what), in no order
        self._numbered = 0
        self.cuda = SimpleNamespace(Stream=self._stream, Event=lambda **how: Event(self, **how), stream=self._on)

    def now(self):
        """The time, after everything that is done by then has been done, in the order of time."""
        now = self._clock.now()
        due = sorted((*e[:2], e) for e in self._effects if e[0] <= now)
        for _, _, effect in due:
            effect[2]()
            self._effects.remove(effect)
        return now

    def zeros(self, shape, dtype, pin_memory):
        assert pin_memory
        if self.full:
            raise Full
        return PinnedTensor(self, shape)

    def empty(self, shape, dtype, device):
        assert device == "cuda"
        self.canvases.append(DeviceTensor(self, shape))
        return self.canvases[-1]

    @property
    def current(self):
        return getattr(self._local, "stream", None)

    @contextmanager
    def called(self):
        with self._lock:
            self.now()
            if self.lost:
                self.told_lost = True
                raise Lost
            yield

    def spend(self, stream, seconds):
        """Put work on a stream; when it begins and ends, s."""
        begin = max(self._clock.now(), stream.free)
        stream.free, stream.ops = begin + seconds, stream.ops + 1
        return begin, stream.free

    def at(self, when, what):
        self._numbered += 1
        self._effects.append((when, self._numbered, what))

    def _stream(self, priority=0):
        return next(self.streams.setdefault(priority, cycle([self._new_stream() for _ in range(STREAMS)])))

    def _new_stream(self):
        made = Stream()
        made.wait_event = lambda event: self._wait(made, event)
        return made

    def _wait(self, stream, event):
        with self.called():
            if event.at is None:
                raise Misuse("a stream waits for an event that was never recorded")
            event._looked = True
            stream.free = max(stream.free, event.at)
            for other, ops in event.sees.items():
                stream.known[other] = max(stream.known.get(other, 0), ops)

    @contextmanager
    def _on(self, stream):
        before = self.current
        self._local.stream = stream
        try:
            yield
        finally:
            self._local.stream = before


class FakeLauncher:
    """Paints the number of the frame."""

    def __init__(self, device):
        self.device, self.painted = device, 0

    def launch(self, latents, canvas):
        canvas.paint(value(self.painted))
        self.painted += 1


class FakeBlender(FakeLauncher):
    """The same, and it can lay a still over that; pictures are of one value each."""

    def __init__(self, device, full_from=None):
        super().__init__(device)
        self.stills, self._full_from = [], full_from  # how many stills and blends there is memory for

    def still(self, shown, canvas):
        lib = self.device.lib
        with lib.called():
            made = DeviceTensor(lib, canvas.memory.shape)
            stream = self._work(lib, made)
            if isinstance(shown, DeviceTensor):
                self._ordered(stream, shown)
                source = shown.memory
            else:
                source = shown.copy()  # the driver has it before the call returns
            _, end = lib.spend(stream, 0.0005)
            made.painted = (stream, stream.ops)
            lib.at(end, lambda: made.memory.fill(_one(source)))
            self.stills.append(weakref.ref(made))
            return made

    def blend(self, still, canvas, share):
        lib = self.device.lib
        with lib.called():
            stream = self._work(lib, canvas)
            self._ordered(stream, still)
            self._ordered(stream, canvas)
            begin, end = lib.spend(stream, 0.0005)
            canvas.painted = (stream, stream.ops)
            under = []
            lib.at(begin, lambda: (under.append(_one(canvas.memory)), canvas.memory.fill(NONSENSE)))
            lib.at(end, lambda: canvas.memory.fill(blended(_one(still.memory), under[0], share)))

    def _work(self, lib, tensor):
        if self._full_from is not None:
            self._full_from -= 1
            if self._full_from < 0:
                raise Full
        if lib.current is None or lib.current is not tensor.owner:
            raise Misuse("blended on another stream than the one that gets the memory when it is given back")
        return lib.current

    @staticmethod
    def _ordered(stream, tensor):
        painter, number = tensor.painted
        if stream.sees().get(painter, 0) < number:
            raise Misuse("read without waiting for the painting")


def blended(over, under, share):
    """One value over another."""
    return (over * share + under * (256 - share) + 128) >> 8


def _one(memory):
    values = np.unique(memory[..., :3])
    if len(values) != 1:
        raise Misuse("a picture was read while it was painted")
    return int(values[0])


def value(n):
    """What the pixels of frame n are."""
    return n % 250
