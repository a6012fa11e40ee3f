"""A mapping as the bridge plays it: frozen, checked, every default filled in."""

from dataclasses import dataclass
from enum import StrEnum

from daemon.midi.message import Encoding, Kind
from daemon.midi.target import Args, Target


class Does(StrEnum):
    """What a control does to its address."""

    VALUE = "value"  # its position is the value
    TRIGGER = "trigger"  # a press sends, letting go does not
    TOGGLE = "toggle"  # a press goes to the other end
    HOLD = "hold"  # one end while pressed, the other when let go


@dataclass(frozen=True, slots=True)
class Source:
    """What is moved; `fine` is the controller that carries the lower seven bits, `channel` None takes any."""

    kind: Kind
    number: int
    channel: int | None
    fine: int | None = None

    @property
    def bits(self) -> int:
        """The resolution of its values."""
        return 14 if self.kind in (Kind.BEND, Kind.NRPN) or self.fine is not None else 7


@dataclass(frozen=True, slots=True)
class Lamp:
    """What is lit, and by which state; between `low` and `high` it is lit by degrees, or when the state `equals`."""

    kind: Kind  # CC or NOTE
    channel: int
    number: int
    shows: str  # address
    lit: int = 127
    dark: int = 0
    equals: float | str | None = None
    target: Target | None = None  # None: on or off, for a switch or for `equals`
    steps: bool = False  # of a target: on from its middle up, instead of by degrees


@dataclass(frozen=True, slots=True)
class Control:
    """One control and where it leads."""

    source: Source
    target: Target
    does: Does
    send: Args = ()
    velocity: bool = False
    encoding: Encoding | None = None  # of an endless encoder
    step: float = 0.0  # of the way from end to end, for one step of an encoder
    takeover: bool = True
    lamp: Lamp | None = None
    pulse: bool = False  # its 1 goes without an argument: a 1 soon after a 1 would be a button that is held


@dataclass(frozen=True, slots=True)
class Plan:
    """A whole mapping."""

    name: str
    title: str
    ports: tuple[str, ...]  # parts of the names a port may have
    controls: tuple[Control, ...]
    lamps: tuple[Lamp, ...] = ()
