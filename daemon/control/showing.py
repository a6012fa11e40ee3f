"""The acts on the show, and the show's eye on acts that a person does by hand."""

from collections.abc import Callable, Sequence
from functools import partial
from typing import TypeAlias

from daemon.control.answer import Outcome, Told
from daemon.control.board import Board
from daemon.control.coerce import number, refused, switch, whole
from daemon.control.osc import Message
from daemon.control.refusal import Code, Refusal, listed, plain, spoken
from daemon.control.table import NORM, Kind, Row
from daemon.show.dark import Answer
from daemon.show.show import Show
from daemon.show.streams import Said, Sender

Act: TypeAlias = Callable[[Message, float], Outcome]

_RECALLS = (Kind.RECALL, Kind.INDEX, Kind.NEXT, Kind.PREV, Kind.SAVE)


def show_act(show: Show, board: Board, row: Row) -> Act:
    """What one of the show's addresses does; without a plan it says so."""
    if not show.plan.used:
        refusal = Refusal(
            Code.NAME, f"{row.address} has no show to act on: plan one under show in the config", row.address
        )
        return lambda message, now: refusal  # noqa: ARG005
    match row.key:
        case "show_playlist":
            return partial(_play, show, board, row)
        case "show_entry":
            return partial(_entry, show, board, row)
        case "show_next":
            return partial(_button, partial(_skip, show, row))
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
        return partial(_darken, show, board, row, act)
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
    if row.kind not in (Kind.RECALL, Kind.INDEX):
        outcome = _taken(show, board, act, message, now)
        if board.recalled:
            show.stepped(board.wishes.sender)
        return outcome
    sender, address, value = board.wishes.sender, message.address, message.args
    said = show.ask(sender, address, value, now)
    if said is Said.AGAIN:
        show.heard(sender, address, value, now)
        return None
    if said is Said.BACK and _possible(board, message):
        show.heard(sender, address, value, now)
        show.wait(sender, address, now, partial(_late, show, board, act, message, sender))
        return None
    outcome = _taken(show, board, act, message, now)
    if outcome is None:
        show.heard(sender, address, value, now)
    return outcome


def _taken(show: Show, board: Board, act: Act, message: Message, now: float) -> Outcome:
    """A recall, by hand if it changes anything."""
    before = board.preset
    outcome = act(message, now)
    if outcome is None and (board.recalled or board.preset != before):
        show.take_over()
    return outcome


def _late(show: Show, board: Board, act: Act, message: Message, sender: Sender, now: float) -> None:
    """A recall that was no stream's after all."""
    board.wishes.sender = sender
    _taken(show, board, act, message, now)


def _possible(board: Board, message: Message) -> bool:
    """Whether a recall without a time of its own names a preset for sure."""
    which, names = message.args[0] if len(message.args) == 1 else None, board.bank.names
    if isinstance(which, str) and which in names:
        return True
    index = None if which is None else number(which)
    return bool(names) and index is not None and 0 <= index <= (1 if message.address.endswith(NORM) else len(names) - 1)


def _darken(show: Show, board: Board, row: Row, act: Act, message: Message, now: float) -> Outcome:
    on = switch(message.args[0]) if len(message.args) == 1 else None
    if on is None:
        return act(message, now)  # which takes what `switch` takes, and refuses the rest
    sender = board.wishes.sender
    match show.darken(on, now, sender):
        case Answer.SWITCH:
            return act(message, now)
        case Answer.WAIT:
            show.wait(sender, row.address, now, partial(_lift, show, act, message, sender))
            return None
        case Answer.LEFT:
            return Told((row.address,))  # that it is black still, for switches that have gone to the other side
        case Answer.NOTHING:
            return None


def _lift(show: Show, act: Act, message: Message, sender: Sender, now: float) -> None:
    if show.lift(now, sender):
        act(message, now)


def _switch(put: Callable[[bool], None], message: Message, now: float) -> Outcome:  # noqa: ARG001
    value = switch(message.args[0]) if len(message.args) == 1 else None
    if value is None:
        return refused(message, "0 or 1", Code.RANGE)
    put(value)
    return None


def _button(press: Callable[[], Outcome], message: Message, now: float) -> Outcome:  # noqa: ARG001
    pressed = switch(message.args[0]) if len(message.args) == 1 else (None if message.args else True)
    if pressed is None:
        return refused(message, "1, or nothing at all", Code.RANGE)
    return press() if pressed else None


def _skip(show: Show, row: Row) -> Outcome:
    if show.skip():
        return None
    return Refusal(Code.RANGE, f"{row.address} needs a playlist that is on: {show.instead()}", row.address)


def _play(show: Show, board: Board, row: Row, message: Message, now: float) -> Outcome:
    playlist = _playlist(show.playlists, row, message)
    if isinstance(playlist, Refusal):
        return playlist
    # a stream's -1 is its nothing, of which the first must not end a hand's recall
    _once(show, board, message, now, partial(show.play, playlist), patient=playlist is None and show.chosen is None)
    return None


def _once(
    show: Show, board: Board, message: Message, now: float, do: Callable[[], object], *, patient: bool = False
) -> None:
    """What can be done is done once for each wish; `patient`: if it is said but once."""
    sender, address, value = board.wishes.sender, message.address, message.args
    said = show.ask(sender, address, value, now)
    show.heard(sender, address, value, now)
    if said is Said.BACK or (patient and said is Said.NEW):
        show.wait(sender, address, now, lambda t: do())  # noqa: ARG005
    elif said is not Said.AGAIN:
        do()


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
        if not names:
            return Refusal(Code.RANGE, f"{row.address} takes {known}: plan one in the config", row.address)
        text = f"{row.address} takes an index from -1, for none, to {len(names) - 1}, not {plain(index)}"
        return Refusal(Code.RANGE, text, row.address)
    return names[whole(index)] if index >= -0.5 else None


def _nothing() -> None:
    """As it is."""


def _entry(show: Show, board: Board, row: Row, message: Message, now: float) -> Outcome:
    index = number(message.args[0]) if len(message.args) == 1 else None
    if index is None:
        return refused(message, "an index")
    if show.ask(board.wishes.sender, message.address, message.args, now) is Said.AGAIN or -1.5 <= index < -0.5:
        _once(show, board, message, now, _nothing)
        return None  # -1 is what state tells where there is none
    playlist = show.plan.playlists.get(show.on.playlist or "")
    if playlist is None:
        show.heard(board.wishes.sender, message.address, message.args, now)  # once one is on, that is no new wish
        return Refusal(Code.RANGE, f"{row.address} needs a playlist that is on: {show.instead()}", row.address)
    if not -0.5 <= index < len(playlist.entries) - 0.5:
        text = f"{row.address} takes an index from 0 to {len(playlist.entries) - 1}, not {plain(index)}"
        return Refusal(Code.RANGE, text, row.address)
    _once(show, board, message, now, partial(show.jump, whole(index)))
    return None
