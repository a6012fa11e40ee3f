"""The table of addresses as OSCQuery's tree of nodes, for JSON.

After the OSCQuery proposal (github.com/Vidvox/OSCQueryProposal). The `/norm` addresses are left out: with RANGE told,
whoever scales can scale.
"""

from collections.abc import Callable, Iterable, Mapping
from typing import Any, TypeAlias

from daemon.control.groups import group
from daemon.control.subscribers import LOWEST_PORT
from daemon.control.table import Kind, Row, leaves

Value: TypeAlias = float | int | str
Json: TypeAlias = dict[str, Any]
Choices: TypeAlias = Callable[[Row], tuple[str, ...]]
Lacks: TypeAlias = Callable[[Row], bool]

ATTRIBUTES = (
    "FULL_PATH", "CONTENTS", "TYPE", "ACCESS", "VALUE", "RANGE", "DESCRIPTION", "UNIT", "TAGS", "CRITICAL",
)  # fmt: skip
NEVER = ("EXTENDED_TYPE", "CLIPMODE", "OVERLOADS", "HTML")  # known to the proposal, and to no node of ours
READ, WRITE = 1, 2  # the bits of ACCESS; 0 is neither
_UNITS = {"s": "time.second", "dB": "gain.db", "dBFS": "gain.db", "degrees": "angle.degree"}  # of the proposal's list
_SENT = {  # what an address without a value is sent
    Kind.SUBSCRIBE: "i",
    Kind.PING: "i",
    Kind.LATENT_Z: "b",
    Kind.LATENT_WS: "b",
}
_STREAMED = (  # the next one makes up for one that is lost; all else is said once
    Kind.NUMBER, Kind.INTEGER, Kind.WEIGHT, Kind.WEIGHTS, Kind.BAND, Kind.ROUTE_NUMBER, Kind.LATENT_Z, Kind.LATENT_WS,
    Kind.QUERY, Kind.SUBSCRIBE, Kind.PING,
)  # fmt: skip


class Tree:
    """One table, looked up by path; what it says of values is passed in."""

    def __init__(self, table: Iterable[Row], choices: Choices, lacks: Lacks, classes: int = 0) -> None:
        """`choices`: the names that a row takes, now. `lacks`: whether what it is for is missing, now.

        `classes`: of a conditional model.
        """
        table = tuple(table)
        self._rows = {row.address: row for row in table} | leaves(table)
        self._choices, self._lacks, self._classes = choices, lacks, classes
        self._clusters = sum(row.kind is Kind.WEIGHT for row in self._rows.values())
        self._children: dict[str, list[str]] = {"/": []}
        for address in self._rows:
            self._grow(address)

    def knows(self, path: str) -> bool:
        """Whether there is a node at this path: an address, or what stands over some."""
        return path in self._children

    def row(self, path: str) -> Row | None:
        """The address at this path; None for what only stands over others."""
        return self._rows.get(path)

    def told(self, values: Mapping[str, Value]) -> dict[str, bool | Value]:
        """Every path with a value, and that in the type that it is told in: switches are true or false."""
        typed: dict[str, bool | Value] = {}
        for path, row in self._rows.items():
            if (value := values.get(row.address)) is not None:
                typed[path] = bool(value) if row.kind is Kind.TOGGLE else value
        return typed

    def node(self, path: str, values: Mapping[str, Value]) -> Json:
        """A node and all under it, as JSON; it must be known."""
        told = self._own(path, values)
        below = self._children[path]
        if below:
            told["CONTENTS"] = {child.rpartition("/")[2]: self.node(child, values) for child in below}
        return told

    def attribute(self, path: str, name: str, values: Mapping[str, Value]) -> Json | None:
        """One attribute of a node that is known; None where it has not got that."""
        told = self.node(path, values) if name == "CONTENTS" else self._own(path, values)
        return {name: told[name]} if name in told else None

    def standing(self) -> dict[str, Json]:
        """Every node by its path, alone, with all but its value: as it is now, to be compared with what it will be."""
        return {path: self._own(path, {}) for path in self._children}

    def _grow(self, address: str) -> None:
        """A place for an address, and for everything over it."""
        if address not in self._children:
            over = address.rpartition("/")[0] or "/"
            self._grow(over)
            self._children[address] = []
            self._children[over].append(address)

    def _own(self, path: str, values: Mapping[str, Value]) -> Json:
        row = self._rows.get(path)
        if row is None:
            return {"FULL_PATH": path, "ACCESS": 0, "DESCRIPTION": path.rpartition("/")[2] or "all"}  # a title, to some
        text = f"{row.text}, {row.unit}" if row.unit and row.unit not in _UNITS else row.text
        told: Json = {"FULL_PATH": path, "ACCESS": self._access(row), "DESCRIPTION": text}
        value = values.get(row.address)
        told["TYPE"] = kind = self._type(row, value)
        if value is not None:
            told["VALUE"] = [bool(value) if row.kind is Kind.TOGGLE else value]
        if (span := self._range(row, kind)) is not None:
            told["RANGE"] = [span] * len(kind)
        if row.unit in _UNITS:
            told["UNIT"] = [_UNITS[row.unit]]
        told["TAGS"] = [group(row)]
        if row.kind not in _STREAMED:
            told["CRITICAL"] = True
        return told

    def _access(self, row: Row) -> int:
        """What would be refused now cannot be written; its value is told all the same."""
        refused = self._lacks(row) or (row.kind is Kind.WEIGHTS and not self._clusters)
        return (READ if row.valued else 0) | (0 if refused else WRITE)

    def _type(self, row: Row, value: Value | None) -> str:
        """OSC type tags: of the value, or of what is sent."""
        if row.kind is Kind.TOGGLE:
            return "T" if value else "F"
        if row.kind is Kind.WEIGHTS:
            return "f" * max(self._clusters, 1)
        if not row.valued:
            return "I" if row.takes == "1" else _SENT.get(row.kind, "s")  # an impulse: clients make a button of it
        if value is None:  # a number of a route that is not in use
            return "f"
        return "s" if isinstance(value, str) else "i" if isinstance(value, int) else "f"

    def _range(self, row: Row, kind: str) -> Json | None:
        if row.kind is Kind.SUBSCRIBE:
            return {"MIN": LOWEST_PORT, "MAX": 65535}
        if row.kind is Kind.WEIGHTS:
            return {"MIN": 0.0, "MAX": 1.0}
        if row.kind is Kind.CLASS:
            return {"MIN": 0, "MAX": max(self._classes - 1, 0)}
        names = self._choices(row)
        if row.kind is Kind.INDEX:
            return {"MIN": 0, "MAX": max(len(names) - 1, 0)}
        if names:
            return {"VALS": list(names)}
        if row.kind is Kind.TOGGLE or row.low is None or row.high is None:
            return None
        as_it_is = int if kind == "i" else float
        return {"MIN": as_it_is(row.low), "MAX": as_it_is(row.high)}
