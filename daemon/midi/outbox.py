"""What goes out, never too often: the last value of each address, at most once in 5 ms."""

from collections.abc import Hashable
from typing import Generic, TypeVar

PAUSE = 0.005  # s

Key = TypeVar("Key", bound=Hashable)
Item = TypeVar("Item")


class Outbox(Generic[Key, Item]):
    """Items by key, in the order their keys came; the first goes at once, what follows too soon replaces what waits."""

    def __init__(self, pause: float = PAUSE) -> None:
        self._pause = pause
        self._waiting: dict[Key, Item] = {}
        self._last: dict[Key, float] = {}  # when a key last went out

    def put(self, key: Key, item: Item) -> None:
        """To be sent, in place of what waits under the same key."""
        self._waiting[key] = item

    def take(self, now: float) -> list[tuple[Key, Item]]:
        """What may go out at clock time `now`."""
        ready = [key for key in self._waiting if self._ready(key, now)]
        self._last = {key: at for key, at in self._last.items() if now < at + self._pause}
        self._last.update(dict.fromkeys(ready, now))
        return [(key, self._waiting.pop(key)) for key in ready]

    def due(self) -> float | None:
        """When there will be something to take; a time gone by when there is already."""
        return min((self._last.get(key, float("-inf")) + self._pause for key in self._waiting), default=None)

    def clear(self) -> None:
        """Forget what waits."""
        self._waiting.clear()

    def _ready(self, key: Key, now: float) -> bool:
        last = self._last.get(key)
        return last is None or now >= last + self._pause
