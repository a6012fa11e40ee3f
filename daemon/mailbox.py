"""Latest-value hand-over between threads: put never blocks, never queues, never drops the newest."""

from threading import Condition
from typing import Generic, TypeVar

T = TypeVar("T")


class Mailbox(Generic[T]):
    """One place. Values must be immutable: readers keep what they took."""

    def __init__(self, initial: T) -> None:
        self._item = (0, initial)  # (seq, value), swapped as one reference
        self._changed = Condition()

    def put(self, value: T) -> None:
        with self._changed:
            self._item = (self._item[0] + 1, value)
            self._changed.notify_all()

    def latest(self) -> T:
        """The newest value, without a lock."""
        return self._item[1]

    def newer(self, seen: int, timeout: float) -> tuple[int, T] | None:
        """Wait for a value put after `seen`; None when `timeout` seconds pass without one."""
        with self._changed:
            self._changed.wait_for(lambda: self._item[0] > seen, timeout)
            return self._item if self._item[0] > seen else None
