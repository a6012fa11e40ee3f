"""What controllers say all the time: that it begins again or goes on is no wish, only that it changes is one.

Some send all they have sixty times a second, also after a gap, and to a daemon that has just begun.
"""

from collections.abc import Container, Hashable, Iterable
from dataclasses import dataclass
from enum import Enum
from typing import TypeAlias

AGAIN = 0.3  # s within which a stream says the same again, and no person does
SLOW = 2.5  # s within which slow ones do: they are known by the third time
_EARLY = 1.0  # s after the first look: what streams by then did before
_KNOWN = 3  # times
_MOST = 256  # lines, the oldest of which are forgotten

Value: TypeAlias = tuple[object, ...]
Sender: TypeAlias = Hashable
"""Where a message came from; None is a person for sure, such as one at the page."""


class Said(Enum):
    """What to make of a message."""

    SURE = "sure"  # a person's wish, or a stream's new value
    NEW = "new"  # a wish, or a stream's first word
    BACK = "back"  # known from a stream, which may be back
    AGAIN = "again"  # goes on, and asks for nothing


@dataclass(slots=True)
class _Line:
    """What one sender says at one address."""

    value: Value
    last: float  # s
    count: int = 1

    @property
    def streams(self) -> bool:
        """Whether nobody says it so often by hand."""
        return self.count >= _KNOWN

    def goes_on(self, t: float) -> bool:
        """Whether said at `t` it is the same wish as before."""
        return t - self.last < (SLOW if self.streams else AGAIN)

    def hear(self, value: Value, t: float) -> None:
        """Said at `t`."""
        self.count = self.count + 1 if value == self.value and t - self.last < SLOW else 1
        self.value, self.last = value, t


class Streams:
    """All senders and addresses."""

    def __init__(self, known: Iterable[tuple[str, Value]] = ()) -> None:
        """`known`: what was streamed before a restart."""
        self._known = dict(known)  # address -> what was streamed there last, by whomever
        self._lines: dict[tuple[Sender, str], _Line] = {}  # oldest first
        self._early = float("inf")  # s: until then nobody knows what has been streamed all along

    @property
    def known(self) -> tuple[tuple[str, Value], ...]:
        """What is kept over a restart."""
        return tuple(self._known.items())

    def begin(self, t: float) -> None:
        """The first look is at `t`."""
        self._early = t + _EARLY

    def ask(self, sender: Sender, address: str, value: Value, t: float) -> Said:
        """What this message is at `t`. Nothing is remembered: what is refused is refused each time."""
        if sender is None:
            return Said.SURE
        line = self._lines.get(self._key(sender, address))
        if line is not None:
            if line.value == value and line.goes_on(t):
                return Said.AGAIN
            if line.value != value and t - line.last < SLOW:
                return Said.SURE if line.streams else Said.NEW
        return Said.BACK if t < self._early or self._known.get(address) == value else Said.NEW

    def hear(self, sender: Sender, address: str, value: Value, t: float) -> None:
        """It was said at `t`, and can be done."""
        if sender is None:
            return
        for key in {self._key(sender, address), (sender, address)}:
            line = self._lines.pop(key, None)
            if line is None:
                line = _Line(value, t)
            else:
                line.hear(value, t)
            self._lines[key] = line
            if line.streams:
                self._known[address] = value
        while len(self._lines) > _MOST:
            del self._lines[next(iter(self._lines))]

    def forget(self, sender: Sender, addresses: Container[str]) -> None:
        """This sender has asked for another thing elsewhere: at these addresses the same is another wish."""
        for key in [key for key in self._lines if key[0] == sender and key[1] in addresses]:
            del self._lines[key]

    def same(self, sender: Sender, other: Sender, address: str) -> bool:
        """Whether it may be one program: the same socket, or one never heard on the same machine."""
        known = (sender, address) in self._lines
        return sender == other or (not known and _machine(sender) == _machine(other))

    def _key(self, sender: Sender, address: str) -> tuple[Sender, str]:
        """Some programs take a new socket for each message: one not heard before is its machine's."""
        key = (sender, address)
        return key if key in self._lines else (_machine(sender), address)


def _machine(sender: Sender) -> Sender:
    return ("", sender[0]) if isinstance(sender, tuple) and sender else sender
