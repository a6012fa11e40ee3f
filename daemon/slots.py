"""The buffers pictures travel in: a fixed ring of slots, counted, never copied between stages.

While frame N is published frame N+1 is being rendered. With S sinks the ring holds 2 S + 2 slots and always has a free
one for the renderer: each sink holds at most two (the one in its hands, and the one shown last or kept to be shown
again), every outlet that is not empty holds the same newest one, and one is being written.
"""

from collections import deque
from threading import Condition, Lock

import numpy as np

from daemon.flow import U8, FrameFormat


class Slot:
    """One picture's buffer and what is known of the picture."""

    __slots__ = ("_holders", "_ring", "format", "heard", "index", "pixels", "rendered")

    def __init__(self, ring: "SlotRing", format: FrameFormat) -> None:  # noqa: A002 - the field's own word
        self._ring, self._holders = ring, 0
        self.format = format
        self.pixels: U8 = np.zeros((format.height, format.width, 4), np.uint8)  # [H, W, 4] in format.order
        self.index = -1  # frame index since start
        self.rendered = 0.0  # s on the clock, when the pixels were complete
        self.heard: float | None = None  # s on the clock, end of the newest sound this picture shows

    def ready(self) -> None:
        """Wait until the pixels may be read; at once for pictures made in host memory."""

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

    def __init__(self, sinks: int, format: FrameFormat) -> None:  # noqa: A002
        self.lock = Lock()
        self.free = deque(Slot(self, format) for _ in range(2 * sinks + 2))
        self.size = len(self.free)

    def acquire(self) -> Slot | None:
        """A free slot, held once by the caller; None when every slot is held."""
        with self.lock:
            if not self.free:
                return None
            slot = self.free.popleft()
            slot._take()  # noqa: SLF001 - the ring's own slot, under the ring's lock
            return slot


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
