"""The table of routes over OSC: one number or name an address, edited while they work."""

from collections.abc import Callable
from dataclasses import replace
from functools import partial
from typing import Any

from daemon.control.answer import Outcome
from daemon.control.coerce import refused
from daemon.control.osc import Message
from daemon.control.refusal import Code, Refusal, listed, spoken
from daemon.control.table import Kind, Row
from daemon.descriptors import LEVELS, is_level
from daemon.params import MOST_ROUTES, TARGETS, Route, Value, strongest

Edits = dict[tuple[int, str], Value]
"""What is to change: by slot and field of `Route`."""

_EMPTY = Route()


def name_act(edits: Edits, row: Row) -> Callable[[Message, float], Outcome]:
    """What sets the source or target of one route."""
    known = is_level if row.key == "source" else TARGETS.__contains__
    some = ("band/0 and on", *LEVELS) if row.key == "source" else ("direction/0 and on", *TARGETS)
    return partial(_name, edits, row, known, some)


def edited(routes: tuple[Route, ...], edits: Edits) -> tuple[Route, ...]:
    """The table with these changes; empty slots at its end are dropped.

    Numbers may come before the names they are for. A route that loses its last name loses its numbers as well.
    """
    before = [*strongest(routes), *[_EMPTY] * (MOST_ROUTES - len(routes))]
    table = before.copy()
    for (slot, field), value in edits.items():
        change: dict[str, Any] = {field: value}
        table[slot] = replace(table[slot], **change)
    table = [_EMPTY if _named(old) and not _named(new) else new for old, new in zip(before, table, strict=True)]
    while table and table[-1] == _EMPTY:
        table.pop()
    return tuple(table)


def route_value(routes: tuple[Route, ...], row: Row) -> float | str | None:
    """The present value; None for a number of a slot that is not in use."""
    used = row.slot < len(routes) and _named(routes[row.slot])
    if row.kind is Kind.ROUTE_NAME:
        return str(getattr(routes[row.slot], row.key)) if used else ""
    return float(f"{getattr(routes[row.slot], row.key):.7g}") if used else None  # as many digits as 32 bits carry


def _named(route: Route) -> bool:
    """Whether it has a source or a target, so that it is in use."""
    return bool(route.source or route.target)


def _name(
    edits: Edits,
    row: Row,
    known: Callable[[str], bool],
    some: tuple[str, ...],
    message: Message,
    now: float,  # noqa: ARG001
) -> Outcome:
    match message.args:
        case () | ("",):
            edits[row.slot, row.key] = ""
        case (str(name),) if known(name):
            edits[row.slot, row.key] = name
        case (str(name),) if known(plain := name.replace("/", "_")):  # as its address has it: translate/x
            edits[row.slot, row.key] = plain
        case (str(name),):
            return Refusal(Code.NAME, f"{row.address} takes one of {listed(some)}, not {spoken((name,))}", row.address)
        case _:
            return refused(message, row.takes)
    return None
