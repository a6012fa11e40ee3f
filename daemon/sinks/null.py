"""Pictures go nowhere: for measuring, and for machines where only control matters."""

from daemon.flow import FrameFormat, Memory, Order
from daemon.slots import Slot


class NullSink:
    """Takes every picture and does nothing with it."""

    name = "null"
    about = ""
    repeats = False

    def accepts(self) -> tuple[tuple[Order, Memory], ...]:
        return tuple((order, memory) for memory in Memory for order in Order)

    def open(self, format: FrameFormat) -> None:  # noqa: A002
        """Nothing to open."""

    def publish(self, slot: Slot) -> bool:  # noqa: ARG002
        return True

    def close(self) -> None:
        """Nothing to close."""

    def receivers(self) -> int | None:
        return None
