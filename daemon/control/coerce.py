"""Arguments as they come from the world, taken for what an address wants; None where they cannot be."""

import math
from functools import partial

from daemon.control.osc import Message
from daemon.control.refusal import Arg, Code, Refusal, plain, spoken

_LONGEST_NUMBER = 64  # characters


def number(arg: Arg) -> float | None:
    """A number or the text of one: TouchDesigner's OSC Out DAT sends text."""
    if type(arg) is float:
        return arg
    if isinstance(arg, bool) or not isinstance(arg, int | str):
        return None
    if isinstance(arg, str) and (len(arg) > _LONGEST_NUMBER or "_" in arg):
        return None
    try:
        return float(arg)
    except ValueError:
        return None


def whole(value: float) -> int:
    """The nearest integer, halves up."""
    return math.floor(value + 0.5)


def switch(arg: Arg) -> bool | None:
    """True and false, 0 and 1; a controller on its way between them counts as where it is nearer."""
    if isinstance(arg, bool):
        return arg
    value = number(arg)
    return value >= 0.5 if value is not None and 0 <= value <= 1 else None


def out_of_range(message: Message, low: float, high: float, unit: str) -> Refusal:
    """A number that is too much, or no number."""
    return Refusal(_fault(message, Code.RANGE), partial(beyond, message, low, high, unit), message.address)


def refused(message: Message, allowed: str, if_number: Code = Code.TYPE) -> Refusal:
    """Too many things, too few, or the wrong one; a number may be the right kind of thing, but the wrong number."""
    return Refusal(_fault(message, if_number), partial(_takes, message, allowed), message.address)


def beyond(message: Message, low: float, high: float, unit: str) -> str:
    """What is said of a number out of this range, or of what is no number."""
    return _takes(message, f"{plain(low)} to {plain(high)}{' ' if unit else ''}{unit}")


def _fault(message: Message, if_number: Code) -> Code:
    args = message.args
    return Code.COUNT if len(args) != 1 else Code.TYPE if number(args[0]) is None else if_number


def _takes(message: Message, allowed: str) -> str:
    return f"{message.address} takes {allowed}, not {spoken(message.args)}"
