"""Pictures are kept as copies: for tests."""

from collections import deque

from daemon.flow import U8, FrameFormat, Memory, Order, frozen
from daemon.sinks.sink import HOST
from daemon.slots import Slot


class MemorySink:
    """Keeps the last `limit` pictures and their indices."""

    name = "memory"
    about = ""
    repeats = False

    def __init__(self, limit: int = 1000) -> None:
        self.pictures: deque[U8] = deque(maxlen=limit)  # each [H, W, 4], read-only
        self.indices: deque[int] = deque(maxlen=limit)

    def accepts(self) -> tuple[tuple[Order, Memory], ...]:
        return HOST

    def open(self, format: FrameFormat) -> None:  # noqa: A002
        """Nothing to open."""

    def publish(self, slot: Slot) -> bool:
        copy = slot.pixels.copy()
        frozen(copy)
        self.pictures.append(copy)
        self.indices.append(slot.index)
        return True

    def close(self) -> None:
        """What was kept stays."""

    def receivers(self) -> int | None:
        return None
