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
from daemon.params import MOST_ROUTES, TARGETS, Route, Value

Edits = dict[tuple[int, str], Value]
"""What is to change: by slot and field of `Route`."""

_EMPTY = Route()


def name_act(edits: Edits, row: Row) -> Callable[[Message, float], Outcome]:
    """What sets the source or target of one route."""
    known = is_level if row.key == "source" else TARGETS.__contains__
    some = ("band/0 and on", *LEVELS) if row.key == "source" else TARGETS
    return partial(_name, edits, row, known, some)


def edited(routes: tuple[Route, ...], edits: Edits) -> tuple[Route, ...]:
    """The table with these changes; empty slots at its end are dropped."""
    table = [*routes, *[_EMPTY] * (MOST_ROUTES - len(routes))]
    for (slot, field), value in edits.items():
        change: dict[str, Any] = {field: value}
        table[slot] = replace(table[slot], **change)
    while table and not (table[-1].source or table[-1].target):
        table.pop()
    return tuple(table)


def route_value(routes: tuple[Route, ...], row: Row) -> float | str | None:
    """The present value; None for a number of a slot that is not in use."""
    used = row.slot < len(routes) and bool(routes[row.slot].source or routes[row.slot].target)
    if row.kind is Kind.ROUTE_NAME:
        return str(getattr(routes[row.slot], row.key)) if used else ""
    return float(f"{getattr(routes[row.slot], row.key):.7g}") if used else None  # as many digits as 32 bits carry


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
        case (str(name),):
            return Refusal(Code.NAME, f"{row.address} takes one of {listed(some)}, not {spoken((name,))}", row.address)
        case _:
            return refused(message, row.takes)
    return None
