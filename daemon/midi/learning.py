"""Which control was moved: told from what it sends."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

from daemon.midi.message import Encoding, Event, Kind, parse
from daemon.midi.nrpn import WAIT, Nrpn

QUIET = 0.6  # s of stillness after which a movement is over
_ENOUGH = 3  # messages that a turn or a move makes at least
_PAIRS = 2


@dataclass(frozen=True, slots=True)
class Learnt:
    """A control as a mapping file names it."""

    keys: tuple[tuple[str, int | str | bool], ...]  # cc: 7, channel: 1
    button: bool  # two ends and nothing between

    def __str__(self) -> str:
        return " ".join(f"{key} {value}" if value is not True else key for key, value in self.keys)


class Ear:
    """Listens until a control has been moved and let go. Time is passed in."""

    def __init__(self) -> None:
        self._heard: list[Event] = []
        self._last = 0.0

    def hear(self, message: bytes, now: float) -> None:
        """The controller says something."""
        if (event := parse(message)) is not None:
            self._heard = [*self._heard[-511:], event]
            self._last = now

    def learnt(self, now: float) -> Learnt | None:
        """The control that was moved, once it is still; None while there is none."""
        if not self._heard or now - self._last < QUIET:
            return None
        heard, self._heard = self._heard, []
        return recognised(heard)


def recognised(events: Sequence[Event]) -> Learnt | None:
    """The control these messages are from: the one that says most."""
    if not events:
        return None
    events = (*events, *_parameters(events))
    count: dict[tuple[Kind, int, int], list[int]] = {}
    for event in events:
        count.setdefault((event.kind, event.channel, event.number), []).append(event.value)
    (kind, channel, number), values = max(count.items(), key=lambda one: (len(one[1]), -one[0][2]))
    on = ("channel", channel)
    if any(event.kind is Kind.NRPN for event in events):
        kind, channel, number = max((key for key in count if key[0] is Kind.NRPN), key=lambda key: len(count[key]))
        return Learnt((("nrpn", number), ("channel", channel)), button=False)
    if kind is not Kind.CC:
        keys = ((str(kind), number if kind is Kind.NOTE else True), on)
        return Learnt(keys, button=kind is Kind.NOTE)
    coarse = number - 32 if 32 <= number < 64 else number
    pair = [count.get((Kind.CC, channel, n), []) for n in (coarse, coarse + 32)]
    if coarse < 32 and all(len(half) >= _PAIRS for half in pair) and _alternate(events, channel, coarse):
        return Learnt((("cc", coarse), ("fine", coarse + 32), on), button=False)
    if (encoding := _encoding(values)) is not None:
        return Learnt((("encoder", number), ("encoding", str(encoding)), on), button=False)
    return Learnt((("cc", number), on), button=set(values) <= {0, 127})


def _parameters(events: Sequence[Event]) -> list[Event]:
    """What these messages say of non-registered parameters."""
    nrpn = Nrpn()
    whole = [one for event in events for one in nrpn.heard(event, 0.0)]
    return [*whole, *nrpn.ripe(WAIT)]


def _alternate(events: Sequence[Event], channel: int, coarse: int) -> bool:
    """Whether a coarse half is followed by its fine one, mostly."""
    halves = [
        e.number for e in events if e.kind is Kind.CC and e.channel == channel and e.number in (coarse, coarse + 32)
    ]
    turns = sum(a == coarse and b == coarse + 32 for a, b in pairwise(halves))
    return turns >= max(_PAIRS, len(halves) // 3)


def _encoding(values: Sequence[int]) -> Encoding | None:
    """How an endless encoder counts; None for what has a position. A position never comes twice in a row."""
    repeats = sum(a == b for a, b in pairwise(values))
    if len(values) < _ENOUGH or repeats * 2 < len(values) - 1 or set(values) <= {0, 127}:
        return None
    if all(48 <= value <= 80 for value in values):
        return Encoding.OFFSET  # 65 alone may be a signed bit's left turn, too; turned both ways, they differ
    if all(value <= 16 or value >= 112 for value in values):
        return Encoding.TWOS
    return Encoding.SIGN if all(value <= 16 or 64 < value <= 80 for value in values) else None
