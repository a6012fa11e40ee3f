"""The buffers pictures travel in: a fixed ring of slots, counted, never copied between stages.

While frame N is published frame N+1 is being rendered. With S sinks the ring holds 2 S + 2 slots and always has a free
one for the renderer: each sink holds at most two (the one in its hands, and the one shown last or kept to be shown
again), every outlet that is not empty holds the same newest one, and one is being written. On a device two frames may
be under way, the newest and the one being written.

Pictures of another format want another ring. The one before drains: its free slots go with it, and each of the others
when its last hold is given back.

Locks: an outlet's, and inside it or alone its ring's. Both are held for a few steps of the interpreter, never while a
sink, a device or the clock is asked.
"""

import weakref
from collections import deque
from threading import Condition, Lock

from daemon.clock import Clock
from daemon.device import HOST, Device
from daemon.flow import U8, FrameFormat


class Slot:
    """One picture's buffer and what is known of the picture."""

    __slots__ = (
        "_holders", "_lock", "_ring", "began", "flying", "format", "heard", "index", "page", "pending", "pixels",
        "rendered",
    )  # fmt: skip

    def __init__(self, ring: "SlotRing", format: FrameFormat) -> None:  # noqa: A002 - the field's own word
        # not held: what large memory is in goes when the last who needs it does, not when the collector comes round
        self._ring, self._lock, self._holders = weakref.ref(ring), ring.lock, 0
        self.format = format
        self.page = ring.device.page(format.height, format.width)
        self.pixels: U8 = self.page.pixels  # [H, W, 4] in format.order
        self.flying = False  # a device still works on it; the render thread alone looks at this
        self.pending = False  # it was handed on before it was complete, and nobody has seen yet that it is
        self.index = -1  # frame index since start
        self.rendered = 0.0  # s on the clock, when the pixels were complete; when they were begun while pending
        self.heard: float | None = None  # s on the clock, end of the newest sound this picture shows
        self.began: float | None = None  # s on the clock, when the first sample of its source was heard

    def ready(self, clock: Clock) -> None:
        """Wait until the pixels may be read; at once for pictures made in host memory. Not on the render thread."""
        if self.pending:
            self.page.wait()
            self.complete(clock.now())

    def complete(self, when: float) -> None:
        """The pixels may be read since `when`, s on the clock; the first to see it is believed."""
        if self.pending:
            self.rendered = when
            self.pending = False

    def retain(self) -> None:
        """Hold the slot once more; each hold is given back with one `release`. Only a holder may share it."""
        with self._lock:
            if self._holders == 0:
                raise RuntimeError("a slot nobody holds belongs to the renderer: acquire it from the ring")
            self._holders += 1

    def release(self) -> None:
        """Give one hold back; the last one makes the slot free to be written again."""
        with self._lock:
            if self._holders == 0:
                raise RuntimeError("a slot was given back more often than it was held")
            self._holders -= 1
            if self._holders == 0 and (ring := self._ring()) is not None:
                ring.free.append(self)

    def _take(self) -> None:
        """The first hold; the ring's lock is held."""
        self._holders = 1


class SlotRing:
    """A fixed number of slots; memory is taken once, here."""

    def __init__(self, sinks: int, format: FrameFormat, device: Device = HOST) -> None:  # noqa: A002
        self.lock = Lock()
        self.device, self.format, self._sinks = device, format, sinks
        self.free = deque(Slot(self, format) for _ in range(2 * sinks + 2))
        self.size = len(self.free)

    def on(self, device: Device, format: FrameFormat | None = None) -> "SlotRing":  # noqa: A002
        """One like it for pictures of this format (its own, if None) in this device's memory: itself, if it is so."""
        wanted = format or self.format
        return self if (device, wanted) == (self.device, self.format) else SlotRing(self._sinks, wanted, device)

    def acquire(self) -> Slot | None:
        """A free slot, held once by the caller; None when every slot is held or in flight."""
        with self.lock:
            for _ in range(len(self.free)):
                slot = self.free.popleft()
                if not slot.flying:  # else nobody wanted it, and the device is not done with it
                    slot._take()  # noqa: SLF001 - the ring's own slot, under the ring's lock
                    return slot
                self.free.append(slot)
            return None


class Outlet:
    """The one place between the renderer and a sink: the newest slot replaces the one not yet taken."""

    def __init__(self) -> None:
        self._changed = Condition()
        self._slot: Slot | None = None
        self._open = False
        self.format: FrameFormat | None = None  # of the newest picture offered, taken or not
        self.replaced = 0  # pictures this sink was too slow for

    def open(self) -> None:
        """Begin to take offers."""
        with self._changed:
            self._open = True

    def close(self) -> None:
        """Refuse offers and let go of what was not taken, so that a dead sink pins no slot."""
        with self._changed:
            self._open = False
            slot, self._slot = self._slot, None
            self._changed.notify_all()
        if slot is not None:
            slot.release()

    def offer(self, slot: Slot) -> None:
        """Called by the renderer, which holds `slot`: never waits for the sink."""
        with self._changed:
            self.format = slot.format
            if not self._open:
                return
            slot.retain()
            old, self._slot = self._slot, slot
            self.replaced += old is not None
            self._changed.notify()
        if old is not None:
            old.release()

    def take(self, timeout: float) -> Slot | None:
        """The newest slot, now the caller's to release; None when `timeout` seconds pass without one."""
        with self._changed:
            if self._slot is None and self._open:
                self._changed.wait(timeout)
            slot, self._slot = self._slot, None
            return slot
