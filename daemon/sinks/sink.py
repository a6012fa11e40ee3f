"""What every sink is."""

from typing import Protocol

from daemon.flow import FrameFormat, Memory, Order
from daemon.slots import Slot


class Sink(Protocol):
    """One receiver of pictures. `open`, `publish` and `close` are called on one thread, the sink's own."""

    @property
    def name(self) -> str: ...

    def accepts(self) -> tuple[tuple[Order, Memory], ...]:
        """Byte orders and places it takes, the preferred one first; the renderer writes the common one once."""
        ...

    def open(self, format: FrameFormat) -> None:  # noqa: A002
        """Get ready. `SinkUnavailable`: never, and says why. `SinkError`: not now, try again."""
        ...

    def publish(self, slot: Slot) -> bool:
        """Deliver a picture; False when the receiver was busy. Raises `SinkError` when it must be opened again."""
        ...

    def close(self) -> None:
        """Let go of everything; safe to call twice."""
        ...

    def receivers(self) -> int | None:
        """How many are watching; None where nobody can know."""
        ...
