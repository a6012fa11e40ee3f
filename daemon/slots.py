"""The buffers pictures travel in: a fixed ring of slots, counted, never copied between stages.

While frame N is published frame N+1 is being rendered. With S sinks the ring holds 2 S + 2 slots and always has a free
one for the renderer: each sink holds at most two (the one in its hands, and the one shown last or kept to be shown
again), every outlet that is not empty holds the same newest one, and one is being written. On a device two frames may
be under way, the newest and the one being written.
"""

from collections import deque
from threading import Condition, Lock

from daemon.clock import Clock
from daemon.device import HOST, Device
from daemon.flow import U8, FrameFormat


class Slot:
    """One picture's buffer and what is known of the picture."""

    __slots__ = ("_holders", "_ring", "flying", "format", "heard", "index", "page", "pending", "pixels", "rendered")

    def __init__(self, ring: "SlotRing", format: FrameFormat) -> None:  # noqa: A002 - the field's own word
        self._ring, self._holders = ring, 0
        self.format = format
        self.page = ring.device.page(format.height, format.width)
        self.pixels: U8 = self.page.pixels  # [H, W, 4] in format.order
        self.flying = False  # a device still works on it; the render thread alone looks at this
        self.pending = False  # it was handed on before it was complete, and nobody has seen yet that it is
        self.index = -1  # frame index since start
        self.rendered = 0.0  # s on the clock, when the pixels were complete; when they were begun while pending
        self.heard: float | None = None  # s on the clock, end of the newest sound this picture shows

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
        with self._ring.lock:
            if self._holders == 0:
                raise RuntimeError("a slot nobody holds belongs to the renderer: acquire it from the ring")
            self._holders += 1

    def release(self) -> None:
        """Give one hold back; the last one makes the slot free to be written again."""
        with self._ring.lock:
            if self._holders == 0:
                raise RuntimeError("a slot was given back more often than it was held")
            self._holders -= 1
            if self._holders == 0:
                self._ring.free.append(self)

    def _take(self) -> None:
        """The first hold; the ring's lock is held."""
        self._holders = 1


class SlotRing:
    """A fixed number of slots; memory is taken once, here."""

    def __init__(self, sinks: int, format: FrameFormat, device: Device = HOST) -> None:  # noqa: A002
        self.lock = Lock()
        self.device, self._sinks, self._format = device, sinks, format
        self.free = deque(Slot(self, format) for _ in range(2 * sinks + 2))
        self.size = len(self.free)

    def on(self, device: Device) -> "SlotRing":
        """One like it with the memory of this device: itself, if that is where it is."""
        return self if device is self.device else SlotRing(self._sinks, self._format, device)

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
