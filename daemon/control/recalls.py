"""The acts on presets: recall, step, save."""

from daemon.control.answer import Outcome
from daemon.control.board import Board
from daemon.control.coerce import number, out_of_range, refused, switch, whole
from daemon.control.limits import Bucket
from daemon.control.osc import Message
from daemon.control.refusal import Code, Refusal, listed, plain, spoken
from daemon.control.table import LONGEST_FADE, Row
from daemon.preset import RULE, nameable


def recall(board: Board, row: Row, message: Message, now: float) -> Outcome:
    """A name or an index, and the time to get there."""
    if not 1 <= len(message.args) <= 2:
        return refused(message, row.takes)
    if board.wishes.again(message.address, message.args, now):
        return None
    seconds = _seconds(message)
    if isinstance(seconds, Refusal):
        return seconds
    which, names = message.args[0], board.bank.names
    if isinstance(which, str) and which in names:
        return _recall(board, which, seconds, message, now)
    index = number(which)
    if index is None:
        known = f"one of {listed(names)}" if names else "a preset, and there are none"
        code = Code.NAME if isinstance(which, str) else Code.TYPE
        return Refusal(code, f"{row.address} takes {known}, or an index, not {spoken((which,))}", row.address)
    if not -0.5 <= index < len(names) - 0.5:
        allowed = f"an index from 0 to {len(names) - 1}" if names else "a preset, and there are none"
        return Refusal(Code.RANGE, f"{row.address} takes {allowed}, not {plain(index)}", row.address)
    return _recall(board, names[whole(index)], seconds, message, now)


def index_norm(board: Board, row: Row, message: Message, now: float) -> Outcome:
    """0..1 over all presets, for a knob."""
    if board.wishes.again(message.address, message.args, now):
        return None
    names = board.bank.names
    value = number(message.args[0]) if len(message.args) == 1 else None
    if value is None or not 0 <= value <= 1 or not names:
        return out_of_range(message, 0, 1, row.unit)
    return _recall(board, names[whole(value * (len(names) - 1))], None, message, now)


def _recall(board: Board, name: str, seconds: float | None, message: Message, now: float) -> Outcome:
    """Recall it, unless the sender goes on asking for just that: it may be long gone, by another's wish or the show's.

    The same words are the same wish although the list is another by now, and so is the same preset in other words,
    as of a knob that trembles.
    """
    wishes, address, form = board.wishes, message.address, ("recall", name, seconds)
    if wishes.again(address, form, now):
        return None
    refusal = board.recall(name, now, seconds)
    if refusal is None:
        wishes.made(address, (message.args, form), now)
    return refusal


def step(board: Board, row: Row, by: int, message: Message, now: float) -> Outcome:  # noqa: ARG001
    """A button: fires on 1, ignores 0."""
    pressed = switch(message.args[0]) if len(message.args) == 1 else (None if message.args else True)
    if pressed is None:
        return refused(message, "1, or nothing at all", Code.RANGE)
    return board.step(by, now) if pressed else None


def save(board: Board, row: Row, saves: Bucket, message: Message, now: float) -> Outcome:
    """A name, and the time its fade shall take."""
    if not 1 <= len(message.args) <= 2 or not isinstance(message.args[0], str):
        return refused(message, row.takes)
    seconds = _seconds(message)
    if isinstance(seconds, Refusal):
        return seconds
    name = message.args[0]
    if not nameable(name):
        return Refusal(Code.NAME, f"{row.address} takes {RULE}, not {spoken((name,))}", row.address)
    wishes, address, args = board.wishes, message.address, message.args
    if wishes.again(address, (args, board.fade), now):  # held, and nothing has been set since
        return None
    if not saves.take(now):
        held = wishes.again(address, args, now)
        return None if held else Refusal(Code.BUSY, "presets are saved at most four times a second", row.address)
    refusal = board.save(name, now, seconds)
    if refusal is None:
        wishes.made(address, (args, (args, board.fade)), now)
    return refusal


def _seconds(message: Message) -> float | Refusal | None:
    """The fade time of a recall or a save; None without one."""
    if len(message.args) < 2:
        return None
    value = number(message.args[1])
    if value is not None and 0 <= value <= LONGEST_FADE:
        return value
    code = Code.TYPE if value is None else Code.RANGE
    allowed = f"a fade of 0 to {plain(LONGEST_FADE)} s"
    return Refusal(code, f"{message.address} takes {allowed}, not {spoken(message.args[1:])}", message.address)
