"""What is said when something is not done: a named refusal, and the words for what was sent."""

from collections.abc import Sequence
from dataclasses import dataclass
from difflib import SequenceMatcher
from enum import StrEnum
from typing import TypeAlias

Arg: TypeAlias = int | float | str | bytes | bool | None
"""One OSC argument, as decoded."""

_SHOWN = 64  # characters of foreign text that are repeated back
_ALIKE = 0.65  # likeness from which an address may have been meant: pis is psi, xyz is nothing
_COMPARED = 256  # addresses looked at for a hint: a model may have any number of clusters
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


@dataclass(frozen=True, slots=True)
class Refusal:
    """One sentence that says what is allowed; nothing was changed."""

    code: Code
    text: str
    about: str = ""  # the address at fault; with the code, the cause
    known: tuple[str, ...] = ()  # addresses it may have been meant for

    def sentence(self) -> str:
        """The text with a hint; finding one is slow, so it is looked for only when the refusal is sent."""
        near = _nearest(self.about[:_SHOWN], self.known)
        return f"{self.text}; did you mean {near}?" if near is not None else self.text


def _nearest(address: str, known: Sequence[str]) -> str | None:
    """The known address most like this one; None when that is not much."""
    scored = [(_likeness(address, other), other) for other in known[:_COMPARED]]
    score, near = max(scored, key=lambda pair: pair[0], default=(0.0, ""))
    return near if score >= _ALIKE else None


def _likeness(address: str, other: str) -> float:
    """0..1. The last part says most, what all addresses share nothing."""
    a, b = _distinct(address), _distinct(other)
    if a.endswith("/norm") and b.endswith("/norm"):
        a, b = a.removesuffix("/norm"), b.removesuffix("/norm")
    whole = SequenceMatcher(None, a, b)
    last = SequenceMatcher(None, a.rpartition("/")[2], b.rpartition("/")[2])
    if _weighed(whole.quick_ratio(), last.quick_ratio()) < _ALIKE:  # at least as high, and soon known
        return 0.0
    return _weighed(whole.ratio(), last.ratio())


def _weighed(whole: float, last: float) -> float:
    return max(0.75 * whole, 0.4 * whole + 0.6 * last)


def _distinct(address: str) -> str:
    """What sets an address apart from the others: translate/x of /latentd/state/Translate_X."""
    return address.lower().removeprefix("/latentd/").removeprefix("state/").replace("_", "/").strip("/")


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
