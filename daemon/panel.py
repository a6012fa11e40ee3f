"""The desk as the monitor page steers it: the same table, the same acts, the same sentences as over OSC."""

from collections.abc import Callable, Iterator, Sequence

from daemon.clock import Clock
from daemon.control.desk import Desk
from daemon.control.endpoint import OscEndpoint
from daemon.control.misfits import TRANSFORM
from daemon.control.osc import Message
from daemon.control.refusal import Refusal
from daemon.control.table import PREFIX, Kind, Row
from daemon.descriptors import LEVELS
from daemon.flow import Traits
from daemon.params import MAPPERS, TARGETS
from daemon.preset import Bank
from daemon.sinks.monitor.steer import Control, Panel, Setting, Shape, Tile

_SHAPES: dict[Kind, Shape] = {
    Kind.NUMBER: "number",
    Kind.INTEGER: "whole",
    Kind.TOGGLE: "switch",
    Kind.NAME: "name",
    Kind.MODEL: "name",
    Kind.PAIRING: "name",
    Kind.CLASS: "whole",
    Kind.WEIGHT: "number",
    Kind.BAND: "number",
    Kind.ROUTE_NAME: "name",
    Kind.ROUTE_NUMBER: "number",
}
_ANSWERED = (Kind.QUERY, Kind.SUBSCRIBE, Kind.PING)  # what has a sender to answer
_HAND, _HEARING = ("freeze", "blackout"), ("attack", "release", "memory", "auto", "beat_ahead")
_MODEL = ("model", "smaller", "classes", "noise")


class DeskPanel:
    """A `Steer` over a desk. Everything but the constructor is for the event loop."""

    def __init__(
        self,
        desk: Desk,
        osc: OscEndpoint,
        bank: Bank,
        traits: Callable[[], Traits],
        models: Callable[[], Sequence[str]],
        pairings: Callable[[], Sequence[str]],
        clock: Clock,
    ) -> None:
        """`traits`: of the model in force. `osc`: tells everyone else what was set here."""
        self._desk, self._osc, self._bank, self._clock = desk, osc, bank, clock
        self._traits, self._models, self._pairings = traits, models, pairings

    def panel(self) -> Panel:
        """Every address of the table that has a value of its own, and the names there are."""
        table, traits = self._desk.table, self._traits()
        bands = sum(row.kind is Kind.BAND for row in table)
        lists = {
            "model": tuple(self._models()),
            "smaller": ("", *self._models()),
            "pairing": ("", *self._pairings()),
            "source": ("", *LEVELS[:5], *(f"band/{i}" for i in range(bands)), *LEVELS[5:]),
            "target": ("", *TARGETS),
            **{row.key: row.names for row in table if row.kind is Kind.NAME},
        }
        return Panel(tuple(_controls(table, traits)), lists)

    def tiles(self) -> tuple[Tile, ...]:
        """The presets, in their order."""
        return tuple(Tile(name, self._bank.get(name).title) for name in self._bank.names)

    def apply(self, address: str, value: Setting) -> str | None:
        """One address and value, through the act that OSC goes through; the sentence when it is refused."""
        row = next((row for row in self._desk.table if row.address == address), None)
        if row is not None and row.kind in _ANSWERED:
            return f"{address} is asked over OSC: the page has all of it already"
        outcome = self._desk.apply(Message(address, (value,), b""), self._clock.now())
        self._osc.publish()
        return outcome.sentence() if isinstance(outcome, Refusal) else None


def _controls(table: Sequence[Row], traits: Traits) -> Iterator[Control]:
    for row in table:
        shape = _SHAPES.get(row.kind)
        if shape is None:  # presets are tiles and buttons; what is asked or streamed is for OSC
            continue
        group, high = _group(row), row.high
        if row.kind is Kind.CLASS:
            high = traits.classes - 1
        yield Control(
            row.address,
            group,
            _label(row, group),
            shape,
            row.text,
            row.unit,
            float(row.low or 0.0),
            1.0 if high is None else float(max(high, 0)),
            row.key if shape == "name" else "",
            _lacking(row.key, traits),
        )


def _group(row: Row) -> str:
    """What a control stands with on the page."""
    of = row.text.partition(":")[0]
    match row.kind:
        case Kind.WEIGHT:
            return "clusters"
        case Kind.BAND:
            return "bands"
        case Kind.ROUTE_NAME | Kind.ROUTE_NUMBER:
            return "routes"
        case _ if of in MAPPERS:
            return of
        case _ if row.key in _HAND:
            return "hand"
        case _ if row.key in _HEARING:
            return "hearing"
        case _ if row.key in _MODEL:
            return "model"
        case _ if row.key in TRANSFORM:
            return "transform"
    head = row.address.removeprefix(PREFIX).partition("/")[0]
    return head if head in ("gate", "layers") or not row.key else "play"


def _label(row: Row, group: str) -> str:
    """Gate hold is hold where it stands with the gate."""
    words = row.address.removeprefix(PREFIX).split("/")
    plain = words[1:] if words[0] in (group, group.removesuffix("s")) and len(words) > 1 else words
    if words[0] == "gate" and len(words) == 1:
        return "threshold"
    return " ".join(plain)


def _lacking(key: str, traits: Traits) -> bool:
    """Whether the model has no use for it; asked all the same, it is refused with the reason."""
    return (
        (key in TRANSFORM and not traits.transform)
        or (key == "noise" and not traits.noise)
        or (key == "classes" and not traits.classes)
    )
