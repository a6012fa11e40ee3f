"""What the page may set, and through whom: the page knows no desk, only this."""

from dataclasses import dataclass, field
from typing import Literal, Protocol, TypeAlias

Setting: TypeAlias = float | int | str
Shape: TypeAlias = Literal["number", "whole", "index", "switch", "name", "button"]


@dataclass(frozen=True, slots=True)
class Control:
    """One address as the page draws it."""

    address: str
    group: str  # what it belongs to, such as gate
    label: str
    shape: Shape
    text: str  # what it does
    unit: str = ""
    low: float = 0.0
    high: float = 1.0
    list: str = ""  # a name's: which of the lists it is chosen from
    lacking: bool = False  # whether the model in force has no use for it


@dataclass(frozen=True, slots=True)
class Panel:
    """Everything that can be set, in order, and the lists that names are chosen from."""

    controls: tuple[Control, ...] = ()
    lists: dict[str, tuple[str, ...]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Tile:
    """One preset."""

    name: str
    title: str


class Steer(Protocol):
    """What the page steers by. Everything is called on the event loop's thread, and only while somebody watches."""

    def panel(self) -> Panel:
        """What can be set now: another model has other clusters."""
        ...

    def tiles(self) -> tuple[Tile, ...]:
        """The presets, in their order."""
        ...

    def untouched(self) -> bool:
        """Whether what is seen is the preset in force, and nobody has moved anything since, from wherever."""
        ...

    def apply(self, address: str, value: Setting) -> str | None:
        """Do it as if it had come by OSC; the sentence when it is refused."""
        ...
