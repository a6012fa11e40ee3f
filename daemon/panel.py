"""The desk as the monitor page steers it: the same table, the same acts, the same sentences as over OSC."""

from collections.abc import Iterator

from daemon.clock import Clock
from daemon.control.desk import Desk
from daemon.control.endpoint import OscEndpoint
from daemon.control.groups import group as group_of
from daemon.control.osc import Message
from daemon.control.refusal import Refusal
from daemon.control.table import PREFIX, Kind, Row
from daemon.flow import Hand
from daemon.mailbox import Mailbox
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
    Kind.PLAYLIST: "name",
    Kind.ENTRY: "index",
    Kind.BUTTON: "button",
}
_ANSWERED = (Kind.QUERY, Kind.SUBSCRIBE, Kind.PING)  # what has a sender to answer
_HAND_GONE = 15.0  # s after the last latent from outside: it is let go of, and the slowest smoothing is over


class DeskPanel:
    """A `Steer` over a desk. Everything but the constructor is for the event loop."""

    def __init__(self, desk: Desk, osc: OscEndpoint, bank: Bank, clock: Clock, hands: Mailbox[Hand]) -> None:
        """`osc`: tells everyone else what was set here. `hands`: latents from outside."""
        self._desk, self._osc, self._bank, self._clock, self._hands = desk, osc, bank, clock, hands

    def panel(self) -> Panel:
        """Every address of the table that has a value of its own, and the names there are."""
        desk = self._desk
        controls = tuple(_controls(desk))
        used = {control.list for control in controls}
        named = (row for row in desk.table if _SHAPES.get(row.kind) == "name" and row.slot == 0)
        lists = {row.key: desk.choices(row) for row in named if row.key in used}
        return Panel(controls, lists)

    def tiles(self) -> tuple[Tile, ...]:
        """The presets, in their order."""
        return tuple(Tile(name, self._bank.get(name).title) for name in self._bank.names)

    def untouched(self) -> bool:
        """Whether what is seen is the preset in force alone: no value was moved, and no latent came from outside."""
        hand, now = self._hands.latest(), self._clock.now()
        lately = (
            given for given in (hand.z, hand.ws, hand.offset) if given is not None and now - given[1] < _HAND_GONE
        )
        return next(lately, None) is None and self._desk.untouched()

    def apply(self, address: str, value: Setting) -> str | None:
        """One address and value, through the act that OSC goes through; the sentence when it is refused."""
        row = next((row for row in self._desk.table if row.address == address), None)
        if row is not None and row.kind in _ANSWERED:
            return f"{address} is asked over OSC: the page has all of it already"
        outcome = self._desk.apply(Message(address, (value,), b""), self._clock.now(), sender=None)
        self._osc.publish()
        return outcome.sentence() if isinstance(outcome, Refusal) else None


def _controls(desk: Desk) -> Iterator[Control]:
    for row in desk.table:
        shape = _SHAPES.get(row.kind)
        lacking = desk.lacks(row)
        if shape is None or (row.of_show and lacking):  # presets are tiles; what is asked or streamed is for OSC
            continue
        group, low, high = group_of(row), row.low or 0.0, 1.0 if row.high is None else row.high
        if row.kind is Kind.CLASS:
            high = max(desk.traits.classes - 1, 0)
        listed = row.key if shape == "name" else ""
        yield Control(
            row.address, group, _label(row, group), shape, row.text, row.unit, float(low), float(high), listed, lacking
        )


def _label(row: Row, group: str) -> str:
    """Gate hold is hold where it stands with the gate."""
    words = row.address.removeprefix(PREFIX).split("/")
    plain = words[1:] if words[0] in (group, group.removesuffix("s")) and len(words) > 1 else words
    if words[0] == "gate" and len(words) == 1:
        return "threshold"
    return " ".join(plain)
