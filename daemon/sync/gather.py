"""Parts back to whole bytes, and what was lost on the way: bounded however they come."""

from typing import Generic, TypeVar

from daemon.sync.packet import Part, parity

T = TypeVar("T")

_OPEN = 8  # items that wait for parts
_LOOK = 32  # frames after which one that has not come counts as lost


class Gather(Generic[T]):
    """Items of several parts, by a number that grows; those begun first and unfinished are given up."""

    def __init__(self) -> None:
        self._open: dict[int, tuple[T, int, dict[int, bytes]]] = {}
        self._done: list[int] = []  # numbers whose further copies are not wanted

    def add(self, number: int, about: T, part: Part) -> tuple[T, bytes] | None:
        """The whole item when this was the part that was missing."""
        if number in self._done:
            return None
        kept = self._open.setdefault(number, (about, part.size, {}))
        if kept[:2] != (about, part.size):  # two that claim one number: neither can be told from the other
            return None
        kept[2].setdefault(part.which, part.data)
        if len(kept[2]) == part.of:  # with their parity there is one more than that
            del self._open[number]
            self._done = [*self._done[1 - 8 * _OPEN :], number]
            return about, _joined(kept[2], part)
        while len(self._open) > _OPEN:
            del self._open[next(iter(self._open))]  # by age, not by number: a forged one may be as large as it likes
        return None


def _joined(found: dict[int, bytes], part: Part) -> bytes:
    """All pieces but one, and perhaps their parity, as the whole."""
    missing = next((which for which in range(part.of) if which not in found), None)
    if missing is not None:
        found = {**found, missing: parity(found.values())}
    return b"".join(found[which] for which in range(part.of))[: part.size]


class Losses:
    """How many frames never came whole, told a little later, since they come out of order, too."""

    def __init__(self) -> None:
        self.lost = 0
        self._high, self._mask = -1, 0  # bit k: whether number high - k came

    def came(self, number: int) -> None:
        """Frame `number` is whole."""
        if self._high < 0:
            self._high, self._mask = number, (1 << _LOOK) - 1  # nothing before it was missed
            return
        step = number - self._high
        if step <= 0:
            self._mask |= 1 << -step if -step < _LOOK else 0
            return
        gone = self._mask >> max(_LOOK - step, 0)  # what is now too old to wait for
        self.lost += min(step, _LOOK) - gone.bit_count() + max(step - _LOOK, 0)
        self._mask = ((self._mask << min(step, _LOOK)) | 1) & ((1 << _LOOK) - 1)
        self._high = number
