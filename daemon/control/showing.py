"""The acts on the show, and the show's eye on acts that a person does by hand."""

from collections.abc import Callable, Sequence
from functools import partial
from typing import TypeAlias

from daemon.control.answer import Outcome
from daemon.control.board import Board
from daemon.control.coerce import number, refused, switch, whole
from daemon.control.osc import Message
from daemon.control.refusal import Code, Refusal, listed, plain, spoken
from daemon.control.table import Kind, Row
from daemon.show.show import Show

Act: TypeAlias = Callable[[Message, float], Outcome]

_RECALLS = (Kind.RECALL, Kind.INDEX, Kind.NEXT, Kind.PREV, Kind.SAVE)


def show_act(show: Show, row: Row) -> Act:
    """What one of the show's addresses does; without a plan it says so."""
    if not show.plan.used:
        refusal = Refusal(
            Code.NAME, f"{row.address} has no show to act on: plan one under show in the config", row.address
        )
        return lambda message, now: refusal  # noqa: ARG005
    match row.key:
        case "show_playlist":
            return partial(_play, show, row)
        case "show_entry":
            return partial(_entry, show, row)
        case "show_next":
            return partial(_button, show.skip)
        case "show_resume":
            return partial(_button, show.resume)
        case "show_enable":
            return partial(_switch, show.enable)
        case _:
            return partial(_switch, show.hold)


def by_hand(show: Show, board: Board, row: Row, act: Act) -> Act:
    """The same act, and the show told of it where it is about what the show does, too."""
    if not show.plan.used:
        return act
    if row.kind is Kind.TOGGLE and row.key == "blackout":
        return partial(_darken, show, act)
    if row.kind not in _RECALLS:
        return act
    return partial(_recall, show, board, row, act)


def told(show: Show, row: Row) -> float | int | str:
    """The present value of one of the show's addresses."""
    match row.key:
        case "show_playlist":
            return show.on.playlist or ""
        case "show_entry":
            return -1 if show.on.entry is None else show.on.entry
        case "show_enable":
            return int(show.enabled)
        case _:
            return int(show.held)


def _recall(show: Show, board: Board, row: Row, act: Act, message: Message, now: float) -> Outcome:
    repeats = row.kind in (Kind.RECALL, Kind.INDEX)
    if repeats and show.overtook(message.address, message.args, now):
        return None
    before = board.preset
    outcome = act(message, now)
    if outcome is not None:
        return outcome
    if repeats:
        show.again(message.address, message.args, now)
    if board.recalled or board.preset != before:
        show.take_over()
    return None


def _darken(show: Show, act: Act, message: Message, now: float) -> Outcome:
    on = switch(message.args[0]) if len(message.args) == 1 else None
    if on is None:
        return act(message, now)  # which takes what `switch` takes, and refuses the rest
    if show.overtook(message.address, message.args, now):
        return None
    show.again(message.address, message.args, now)
    return act(message, now) if show.darken(on) else None


def _switch(put: Callable[[bool], None], message: Message, now: float) -> Outcome:  # noqa: ARG001
    value = switch(message.args[0]) if len(message.args) == 1 else None
    if value is None:
        return refused(message, "0 or 1", Code.RANGE)
    put(value)
    return None


def _button(press: Callable[[], None], message: Message, now: float) -> Outcome:  # noqa: ARG001
    pressed = switch(message.args[0]) if len(message.args) == 1 else (None if message.args else True)
    if pressed is None:
        return refused(message, "1, or nothing at all", Code.RANGE)
    if pressed:
        press()
    return None


def _play(show: Show, row: Row, message: Message, now: float) -> Outcome:
    playlist = _playlist(show.playlists, row, message)
    if isinstance(playlist, Refusal):
        return playlist
    if not show.again(message.address, message.args, now):
        show.play(playlist)
    return None


def _playlist(names: Sequence[str], row: Row, message: Message) -> str | Refusal | None:
    """The playlist that is meant; None to give back to the schedule."""
    which = message.args[0] if message.args else ""
    if len(message.args) > 1:
        return refused(message, row.takes)
    if isinstance(which, str) and (not which or which in names):
        return which or None
    index = number(which)
    known = f"one of {listed(names)}" if names else "a playlist, and there are none"
    if index is None:
        code = Code.NAME if isinstance(which, str) else Code.TYPE
        return Refusal(code, f"{row.address} takes {known}, or an index, not {spoken((which,))}", row.address)
    if not -1.5 <= index < len(names) - 0.5:
        text = f"{row.address} takes an index from -1, for none, to {len(names) - 1}, not {plain(index)}"
        return Refusal(Code.RANGE, text, row.address)
    return names[whole(index)] if index >= -0.5 else None


def _entry(show: Show, row: Row, message: Message, now: float) -> Outcome:  # noqa: ARG001
    index = number(message.args[0]) if len(message.args) == 1 else None
    if index is None:
        return refused(message, "an index")
    playlist = show.plan.playlists.get(show.on.playlist or "")
    if playlist is None:
        return Refusal(Code.RANGE, f"{row.address} needs a playlist that is on, and none is", row.address)
    if not -0.5 <= index < len(playlist.entries) - 0.5 or not show.jump(whole(index)):
        text = f"{row.address} takes an index from 0 to {len(playlist.entries) - 1}, not {plain(index)}"
        return Refusal(Code.RANGE, text, row.address)
    return None
