"""What every sink is."""

from collections.abc import Sequence
from typing import Protocol

from daemon.errors import SinkUnavailable
from daemon.flow import FrameFormat, Memory, Order
from daemon.slots import Slot

HOST: tuple[tuple[Order, Memory], ...] = ((Order.RGBA, Memory.HOST), (Order.BGRA, Memory.HOST))
"""What a sink accepts that reads host memory in either order."""


class Sink(Protocol):
    """One receiver of pictures. From `open` to `close` everything is called on one thread, the sink's own."""

    @property
    def name(self) -> str: ...

    @property
    def about(self) -> str:
        """One line: what it is found as and by which way, like `latentd, CPU share`; "" when there is nothing to say.

        It is asked for before the first `open` and, on the sink's own thread, after every picture: it may change then.
        """
        ...

    @property
    def repeats(self) -> bool:
        """Whether a still picture must be handed over again now and then, for those who come late."""
        ...

    def accepts(self) -> tuple[tuple[Order, Memory], ...]:
        """Byte orders and places it takes, the preferred one first; the renderer writes the common one once."""
        ...

    def open(self, format: FrameFormat) -> None:  # noqa: A002
        """Get ready. `SinkUnavailable`: never, and says why. `SinkError`: not now, try again."""
        ...

    def publish(self, slot: Slot) -> bool:
        """Deliver a picture; False when the receiver was busy. Raises `SinkError` when it must be opened again.

        It reads the slot only until it returns: what it wants to keep it copies.
        """
        ...

    def close(self) -> None:
        """Let go of everything; safe to call twice, and without an `open`."""
        ...

    def receivers(self) -> int | None:
        """How many are watching; None where nobody can know."""
        ...


def common_format(sinks: Sequence[Sink], width: int, height: int) -> FrameFormat:
    """The pictures that all `sinks` take, written once: the first sink's preference wins among those."""
    if not sinks:
        return FrameFormat(width, height)
    for order, memory in sinks[0].accepts():
        if all((order, memory) in sink.accepts() for sink in sinks):
            return FrameFormat(width, height, order, memory)
    raise SinkUnavailable(
        f"{' and '.join(sink.name for sink in sinks)} take no picture in common; leave one of them out"
    )


def common_order(sinks: Sequence[Sink]) -> Order:
    """The byte order of that format."""
    return common_format(sinks, 0, 0).order
