"""One act for each address: takes the arguments as the world sends them, changes the board or refuses."""

from collections.abc import Callable, Sequence
from functools import partial
from typing import TypeAlias, assert_never

from daemon.control.answer import Outcome
from daemon.control.asks import Query, ping, subscribe
from daemon.control.board import Board
from daemon.control.coerce import beyond, number, refused, switch, whole
from daemon.control.hands import latent_act
from daemon.control.limits import Bucket
from daemon.control.osc import Message
from daemon.control.presses import one_press
from daemon.control.recalls import index_norm, recall, save, step
from daemon.control.refusal import Code, Refusal, listed, spoken
from daemon.control.routing import name_act
from daemon.control.showing import by_hand, show_act
from daemon.control.table import NORM, Kind, Row, leaves
from daemon.flow import Dims, Traits
from daemon.params import one_class
from daemon.show.show import Show

_made = tuple.__new__  # what a named tuple's own constructor does, in half the time

Act: TypeAlias = Callable[[Message, float], Outcome]
Models: TypeAlias = Callable[[], Sequence[str]]
"""The names of the models there are, now."""

TRANSFORM = ("translate_x", "translate_y", "rotate", "zoom")


def acts(
    board: Board, table: tuple[Row, ...], model: Traits, models: Models, pairings: Models, dims: Dims, show: Show
) -> dict[str, Act]:
    """From address to act for a model with these traits and dimensions, the `/norm` ones included."""
    made: dict[str, Act] = {}
    for row in table:
        if row.of_show:
            act = show_act(show, board, row)
            made[row.address] = one_press(board.wishes, act) if row.kind is Kind.BUTTON else act
            if row.norm:
                made[row.address + NORM] = made[row.address]  # a switch, either way
            continue
        lacking = missing(row, model)
        if lacking is None:
            lists = pairings if row.kind is Kind.PAIRING else models
            made[row.address] = by_hand(show, board, row, _act(board, table, row, model, lists, dims))
        else:
            made[row.address] = lacking
        if row.norm:
            made[row.address + NORM] = by_hand(show, board, row, _norm(board, row)) if lacking is None else lacking
    made.update((leaf, made[row.address]) for leaf, row in leaves(table).items())
    return made


def missing(row: Row, model: Traits) -> Act | None:
    """The refusal of what a model has not got; None for what it has."""
    if row.kind is Kind.WEIGHT:  # its key is a cluster's name, which may be any
        return None
    reasons = {
        **dict.fromkeys(TRANSFORM, None if model.transform else "has no input transform; StyleGAN3 has one"),
        "noise": None if model.noise else "has no noise inputs; StyleGAN2 has them",
        "classes": None if model.classes else "was not trained with classes",
    }
    if (why := reasons.get(row.key)) is None:
        return None
    refusal = Refusal(Code.MODEL, f"{row.address} needs another model: this {model.variant} {why}", row.address)
    return lambda message, now: refusal  # noqa: ARG005


def _act(board: Board, table: tuple[Row, ...], row: Row, model: Traits, names: Models, dims: Dims) -> Act:
    match row.kind:
        case Kind.MODEL | Kind.PAIRING:
            return partial(_listed, board, row, names)
        case Kind.CLASS:
            return partial(_class, board, row, model.classes)
        case Kind.ROUTE_NAME:
            return name_act(board.routes, row)
        case Kind.LATENT_Z | Kind.LATENT_WS:
            return latent_act(board, row, dims)
        case Kind.NUMBER | Kind.INTEGER | Kind.WEIGHT | Kind.BAND | Kind.ROUTE_NUMBER:
            return _number(row, *_span(row), _put(board, row))
        case Kind.TOGGLE:
            return partial(_toggle, board, row)
        case Kind.NAME:
            return partial(_name, board, row)
        case Kind.WEIGHTS:
            return partial(_weights, board, row, tuple(r.key for r in table if r.kind is Kind.WEIGHT))
        case Kind.RECALL | Kind.INDEX:
            return partial(recall, board, row)
        case Kind.NEXT | Kind.PREV:
            return one_press(board.wishes, partial(step, board, row, 1 if row.kind is Kind.NEXT else -1))
        case Kind.SAVE:
            return partial(save, board, row, Bucket(rate=4, size=4))
        case Kind.QUERY:
            return Query(table, lambda asked: asked.of_show or board.value(asked, board.fade.end) is not None)
        case Kind.SUBSCRIBE:
            return partial(subscribe, row)
        case Kind.PING:
            return ping
        case Kind.PLAYLIST | Kind.ENTRY | Kind.BUTTON:
            raise AssertionError(f"{row.address} is the show's")
        case _:
            assert_never(row.kind)


def _number(row: Row, low: float, high: float, put: Callable[[float], None]) -> Act:
    """The path nearly every message takes: one float in range, stored."""
    unit, count, type_, range_ = row.unit, Code.COUNT, Code.TYPE, Code.RANGE  # looked up once

    def act(message: Message, now: float) -> Outcome:  # noqa: ARG001
        args, code = message.args, count
        if len(args) == 1:
            value = args[0] if type(args[0]) is float else number(args[0])
            if value is None:
                code = type_
            elif low <= value <= high:  # NaN is in no range
                put(value)
                return None
            else:
                code = range_
        return _made(Refusal, (code, partial(beyond, message, low, high, unit), message.address, ()))

    return act


def _norm(board: Board, row: Row) -> Act:
    """0..1 over the range of a row."""
    if row.kind is Kind.INDEX:
        return partial(index_norm, board, row)
    if row.kind is Kind.TOGGLE:
        return partial(_toggle, board, row)  # a switch, either way
    low, high = _span(row)
    put = _put(board, row)
    plain_row = Row(row.address + NORM, Kind.NUMBER, "0..1", "", row.text, 0, 1)
    return _number(plain_row, 0.0, 1.0, lambda value: put(low + (high - low) * value))


def _put(board: Board, row: Row) -> Callable[[float], None]:
    """How a number in range gets on the board."""
    fields, weights, key, slot = board.fields, board.weights, row.key, row.slot
    match row.kind:
        case Kind.BAND:
            return lambda value: board.bands.__setitem__(slot, value)
        case Kind.ROUTE_NUMBER:
            return lambda value: board.routes.__setitem__((slot, key), value)
        case Kind.WEIGHT:
            return lambda value: weights.__setitem__(key, value)
        case Kind.INTEGER:
            return lambda value: fields.__setitem__(key, whole(value))
        case _:
            return lambda value: fields.__setitem__(key, value)


def _toggle(board: Board, row: Row, message: Message, now: float) -> Outcome:  # noqa: ARG001
    value = switch(message.args[0]) if len(message.args) == 1 else None
    if value is None:
        return refused(message, "0 or 1", Code.RANGE)
    board.fields[row.key] = value
    return None


def _name(board: Board, row: Row, message: Message, now: float) -> Outcome:  # noqa: ARG001
    match message.args:
        case (str(name),) if name in row.names:
            board.fields[row.key] = name
            return None
        case (str(),):
            return Refusal(Code.NAME, f"{row.address} takes {row.takes}, not {spoken(message.args)}", row.address)
    return refused(message, row.takes)


def _listed(board: Board, row: Row, names: Models, message: Message, now: float) -> Outcome:  # noqa: ARG001
    match message.args:
        case (str(name),):
            known = names()
            none = not name and row.key != "model"  # something always renders
            if none or name in known or name == getattr(board.fade.end, row.key):
                board.fields[row.key] = name
                return None
            if not known:
                why = "nothing was paired for this model yet; see latentd train pairs"
                return Refusal(Code.NAME, f"{row.address}: {why}", row.address)
            return Refusal(Code.NAME, f"{row.address} takes one of {listed(known)}, not {spoken((name,))}", row.address)
    return refused(message, row.takes)


def _class(board: Board, row: Row, count: int, message: Message, now: float) -> Outcome:  # noqa: ARG001
    values = [number(arg) for arg in message.args]
    if len(values) == 1 and values[0] is not None and -0.5 <= values[0] < count - 0.5:
        board.classes = one_class(whole(values[0]))
        return None
    weights = tuple(value for value in values if value is not None and 0 <= value <= 1)
    if len(values) == len(weights) == count > 1 and any(weights):
        board.classes = weights
        return None
    allowed = f"an index from 0 to {count - 1}, or {count} weights of 0 to 1 that are not all 0"
    return Refusal(Code.RANGE, f"{row.address} takes {allowed}, not {spoken(message.args)}", row.address)


def _weights(board: Board, row: Row, clusters: tuple[str, ...], message: Message, now: float) -> Outcome:  # noqa: ARG001
    if not clusters:
        return Refusal(Code.NAME, "this model has no clusters", row.address)
    values = [number(arg) for arg in message.args]
    if len(values) != len(clusters):
        return refused(message, f"{len(clusters)} weights ({listed(clusters)})")
    for name, value, arg in zip(clusters, values, message.args, strict=True):
        if value is None or not 0 <= value <= 1:
            code = Code.TYPE if value is None else Code.RANGE
            return Refusal(code, f"{row.address} takes 0 to 1 for {name}, not {spoken((arg,))}", row.address)
    board.weights.update((name, value) for name, value in zip(clusters, values, strict=True) if value is not None)
    return None


def _span(row: Row) -> tuple[float, float]:
    return float(row.low or 0), float(row.high if row.high is not None else 1)
