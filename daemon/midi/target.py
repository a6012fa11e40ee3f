"""Where a control leads: one OSC address, and the way from a position of 0..1 to its value and back."""

from dataclasses import dataclass
from functools import cache
from typing import TypeAlias

from daemon.control.refusal import Code, Refusal, plain
from daemon.control.table import NORM, PREFIX, Kind, Row, addressable, rows
from daemon.params import MOST_BANDS

Value: TypeAlias = float | int | str
Args: TypeAlias = tuple[Value, ...]

_CLUSTER, _PRESET = PREFIX + "cluster/", PREFIX + "preset"
_WHOLE = (Kind.INTEGER, Kind.TOGGLE, Kind.INDEX, Kind.CLASS)


@cache
def _table() -> dict[str, Row]:
    return {row.address: row for row in rows((), MOST_BANDS)}


def row_of(address: str) -> Row | str:
    """What the table says of an address, or why there is none: clusters are the model's, so any name will do."""
    table = _table()
    if (row := table.get(address)) is not None:
        return row
    name = address.removeprefix(_CLUSTER)
    if address.startswith(_CLUSTER) and addressable(name):
        return Row(address, Kind.WEIGHT, "0..1", "", f"weight of the cluster {name}", 0, 1, key=name)
    if address.endswith(NORM) and address.removesuffix(NORM) in table:
        return f"name the address without {NORM}; a control sends that by itself where it has no low and high"
    return Refusal(Code.UNKNOWN, f"{address!r} is not an address", address, tuple(table)).sentence()


@dataclass(frozen=True, slots=True)
class Target:
    """An address; a control's position 0..1 goes through `curve` and onto `low` to `high`.

    Without a range of the mapping's own it goes out as ADDRESS/norm. `low` is None where nobody knows the range.
    """

    address: str
    low: float | None
    high: float | None
    norm: bool = True
    curve: float = 1.0
    whole: bool = False

    @property
    def known(self) -> bool:
        """Whether a present value can be told from a position."""
        return self.low is not None and self.high is not None

    def value(self, position: float) -> float | int | None:
        """In the address's own unit; None where nobody knows the range."""
        if self.low is None or self.high is None:
            return None
        value = self.low + (self.high - self.low) * float(position**self.curve)
        return round(value) if self.whole else value

    def message(self, position: float) -> tuple[str, Args]:
        """What is sent for a position."""
        if self.norm:
            return self.address + NORM, (position**self.curve,)
        value = self.value(position)
        assert value is not None  # a range of its own has both ends
        return self.address, (value,)

    def position(self, value: float) -> float | None:
        """Where a control stands that made this value; the near end for what lies beyond its range."""
        if self.low is None or self.high is None or self.low == self.high:
            return None
        share = (value - self.low) / (self.high - self.low)
        return float(min(max(share, 0.0), 1.0) ** (1.0 / self.curve))


def target_of(row: Row, low: float | None, high: float | None, curve: float) -> Target:
    """The target of a control with this range of its own, if any."""
    own = low is not None or high is not None
    ends = (row.low if low is None else low, row.high if high is None else high)
    return Target(row.address, *ends, norm=not own, curve=curve, whole=row.kind in _WHOLE)


def movable(row: Row) -> bool:
    """Whether a number moves it."""
    return row.norm or row.kind is Kind.CLASS


def outside(row: Row, number: float) -> str | None:
    """What is wrong with a number for this address, if anything."""
    if row.low is not None and row.high is not None and not row.low <= number <= row.high:
        unit = f" {row.unit}" if row.unit else ""
        return f"{row.address} takes {plain(row.low)} to {plain(row.high)}{unit}, not {plain(number)}"
    return None


def shown_by(address: str, send: Args) -> str:
    """The address whose state tells whether this was sent: a preset by number is told as its index."""
    return f"{_PRESET}/index" if address == _PRESET and send and not isinstance(send[0], str) else address
