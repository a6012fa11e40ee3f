"""What is said when something is not done: a named refusal, and the words for what was sent."""

from collections.abc import Callable, Sequence
from enum import StrEnum
from typing import NamedTuple, TypeAlias

from daemon.control.alike import nearest

Arg: TypeAlias = int | float | str | bytes | bool | None
"""One OSC argument, as decoded."""

_SHOWN = 64  # characters of foreign text that are repeated back
_LISTED = 12  # names told in one sentence


class Code(StrEnum):
    """Why a message was refused: the first argument of /latentd/error."""

    PACKET = "packet"
    MESSAGE = "message"
    UNKNOWN = "unknown"
    COUNT = "count"
    TYPE = "type"
    RANGE = "range"
    NAME = "name"
    PRESET = "preset"
    MODEL = "model"
    HOST = "host"
    BUSY = "busy"


MEANING = {
    Code.PACKET: "the datagram cannot be taken apart; none of it was applied",
    Code.MESSAGE: "one message cannot be taken apart; the others of its bundle were applied",
    Code.UNKNOWN: "there is no such address",
    Code.COUNT: "too many arguments or too few",
    Code.TYPE: "not the kind of value this address takes",
    Code.RANGE: "a number out of range, or not a number at all",
    Code.NAME: "no such preset, model, mapper or cluster, or not a name for one",
    Code.PRESET: "a preset cannot be read or written",
    Code.MODEL: "the model cannot be had, or has not got this",
    Code.HOST: "a subscriber that may not be, or a sender that is not in osc.allow",
    Code.BUSY: "asked for more often than can be answered",
}


class Refusal(NamedTuple):
    """What is allowed, in one sentence; nothing was changed.

    A tuple, and the sentence only made when it is told: of the thousands a second that a flood makes, ten are.
    """

    code: Code
    said: str | Callable[[], str]
    about: str = ""  # the address at fault; with the code, the cause
    known: tuple[str, ...] = ()  # addresses it may have been meant for

    @property
    def text(self) -> str:
        """The sentence without a hint."""
        return self.said if isinstance(self.said, str) else self.said()

    def sentence(self) -> str:
        """The text, with the known address that may have been meant."""
        near = nearest(self.about[:_SHOWN], self.known)
        return f"{self.text}; did you mean {near}?" if near is not None else self.text


def plain(number: float) -> str:
    """A number as a person writes it: 0.1 for the 32-bit float nearest to it, 16777215, -100."""
    return str(int(number)) if abs(number) < 1e15 and number == int(number) else f"{number:.7g}"


def quoted(text: str) -> str:
    """Foreign text as it may be shown: cut short, and nothing in it but plain characters."""
    head = text[: _SHOWN + 1]
    plainly = head if head.isascii() and head.isprintable() else ascii(head)[1:-1]  # up to ten characters for one
    return plainly if len(plainly) <= _SHOWN else plainly[:_SHOWN] + "..."


def spoken(args: tuple[Arg, ...]) -> str:
    """What was sent, in words."""
    if len(args) != 1:
        return f"{len(args)} values" if args else "nothing"
    match args[0]:
        case bool(value):
            return "true" if value else "false"
        case int(value) | float(value):
            return plain(value)
        case str(value):
            return f"the text '{quoted(value)}'"
        case bytes(value):
            return f"a blob of {len(value)} bytes"
        case None:
            return "nil"


def listed(names: Sequence[str]) -> str:
    """Names in a sentence, cut short."""
    return ", ".join(quoted(name) for name in names[:_LISTED]) + (", ..." if len(names) > _LISTED else "")
