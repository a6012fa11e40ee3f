"""OSC 1.0 bytes to messages and back: bounded, iterative, exact.

What comes in is walked here, argument by argument, and never reaches python-osc: its parser loops, recurses and shifts
arguments on bytes that anybody can send. What goes out is built by it.

Broken framing (sizes, depth, count) refuses the whole datagram; a fault inside one message refuses that message
and leaves the others. Time tags are ignored: everything applies at once. Patterns in addresses mean nothing here.
"""

import math
from functools import lru_cache, partial
from struct import Struct, unpack_from
from typing import NamedTuple

from pythonosc.osc_message_builder import OscMessageBuilder

from daemon.control.refusal import Arg, Code, Refusal, quoted

MAX_BYTES = 65_507  # the most a UDP datagram carries
_DEPTH = 8  # bundles in bundles
_ELEMENTS = 1_024  # messages and bundles in one datagram
_ADDRESS = 255  # bytes
_BYTES, _ARGS = 8_192, 128  # of one message
_LATENT, _LATENT_ARGS = "/latentd/latent/", 8_192  # raw latents come as one long list or blob

_BUNDLE, _HEAD = b"#bundle\0", 16  # bytes, with the time tag
_INT = Struct(">i")
_FLOAT = Struct(">f")
_INT_END = 2**31
_FLOAT_MAX = (2 - 2**-23) * 2.0**127  # the largest of 32 bits
_FIXED = {ord(tag): Struct(code) for tag, code in (("i", ">i"), ("f", ">f"), ("h", ">q"), ("d", ">d"), ("t", ">Q"))}
_CONSTANT: dict[int, bool | None] = {ord("T"): True, ord("F"): False, ord("N"): None, ord("I"): True}  # I: pressed
_STRING, _BLOB, _OPEN, _CLOSE, _SLASH, _COMMA = b"sb[]/,"

_made = tuple.__new__  # what a named tuple's own constructor does, in half the time
_PACKET, _MESSAGE = Code.PACKET, Code.MESSAGE
_NO_PACKET = Refusal(Code.PACKET, "an OSC packet begins with / or #bundle")
_NO_HEAD = Refusal(Code.PACKET, "a bundle is cut off in its head")
_NO_ADDRESS = Refusal(Code.MESSAGE, f"an address begins with / and has at most {_ADDRESS} bytes")
_NO_TEXT = Refusal(Code.MESSAGE, "an address is not UTF-8")


class Message(NamedTuple):
    """One address and its arguments; arrays are flattened. A tuple, since it is made thousands of times a second."""

    address: str
    args: tuple[Arg, ...]
    tail: bytes  # the tags and arguments as they came, for whoever sends them back


def decode(datagram: bytes) -> list[Message | Refusal]:
    """Every message in order, each taken apart or refused; one refusal when the datagram cannot be taken apart."""
    if len(datagram) > MAX_BYTES or len(datagram) % 4 or not datagram:
        return [_made(Refusal, (_PACKET, partial(_odd, len(datagram)), "", ()))]
    if datagram[0] == _SLASH:
        return [_message(datagram, 0, len(datagram))]
    spans = _spans(datagram)
    return [spans] if isinstance(spans, Refusal) else [_message(datagram, at, end) for at, end in spans]


def encode(address: str, *args: Arg) -> bytes:
    """One message; but for a single number, which is most of what is told, by python-osc, which builds no empty blob.

    Integers beyond 32 bits go as 64, floats as 32 bits; text ends at its first NUL.
    """
    if len(args) == 1:
        arg = args[0]
        if type(arg) is float and abs(arg) <= _FLOAT_MAX:  # no NaN
            return _head(address, ",f") + _FLOAT.pack(arg)
        if type(arg) is int and abs(arg) < _INT_END:
            return _head(address, ",i") + _INT.pack(arg)
    builder = OscMessageBuilder(address)
    for arg in args:
        builder.add_arg(_plain(arg))
    return builder.build().dgram


@lru_cache(maxsize=1024)  # every address that has a value
def _head(address: str, tag: str) -> bytes:
    return _text(address) + _text(tag)


def forward(address: str, tail: bytes) -> bytes:
    """Another message's arguments under a new address, untouched."""
    return _text(address) + (tail or _text(","))


def _spans(d: bytes) -> list[tuple[int, int]] | Refusal:
    """Where each message of a bundle begins and ends."""
    if not d.startswith(_BUNDLE):
        return _NO_PACKET
    spans: list[tuple[int, int]] = []
    ends: list[int] = []  # of the bundles around this one
    at, end, elements = _HEAD, len(d), 0
    if at > end:
        return _NO_HEAD
    while True:
        while at == end:
            if not ends:
                return spans
            end = ends.pop()  # and the next element begins where this bundle ended
        size = _INT.unpack_from(d, at)[0]  # whole: every position and end is a multiple of 4
        at += 4
        elements += 1
        if size <= 0 or size % 4 or at + size > end:
            return _made(Refusal, (_PACKET, partial(_cut, size, end - at), "", ()))
        if elements > _ELEMENTS:
            return Refusal(Code.PACKET, f"a bundle holds at most {_ELEMENTS} elements")
        if not d.startswith(_BUNDLE, at, at + size):
            spans.append((at, at + size))
            at += size
            continue
        if len(ends) + 1 >= _DEPTH:
            return Refusal(Code.PACKET, f"bundles nest at most {_DEPTH} deep")
        if size < _HEAD:
            return _NO_HEAD
        ends.append(end)
        at, end = at + _HEAD, at + size


def _message(d: bytes, at: int, end: int) -> Message | Refusal:
    """The message in d[at:end]; both are multiples of 4, so every padded end is, too."""
    stop = d.find(0, at, end)
    if d[at] != _SLASH or stop < 0 or stop - at > _ADDRESS:
        return _NO_ADDRESS
    try:
        address = d[at:stop].decode()
    except UnicodeDecodeError:
        return _NO_TEXT
    begin = (stop | 3) + 1
    if begin == end:
        return Message(address, (), b"")
    stop = d.find(0, begin, end)
    if d[begin] != _COMMA or stop < 0:
        return _made(Refusal, (_MESSAGE, partial(_untyped, address), address, ()))
    tags, first = d[begin + 1 : stop], (stop | 3) + 1
    if tags == b"f" and end - first == 4:  # nearly everything that ever comes
        return _made(Message, (address, _FLOAT.unpack_from(d, first), d[begin:end]))
    if len(tags) == 1 and (fixed := _FIXED.get(tags[0])) is not None and end - first == fixed.size:
        return _made(Message, (address, fixed.unpack_from(d, first), d[begin:end]))
    raw = address.startswith(_LATENT)
    if len(tags) > (_LATENT_ARGS if raw else _ARGS) or not (raw or end - at <= _BYTES):
        return _made(Refusal, (_MESSAGE, partial(_long, address), address, ()))
    args = _arguments(d, first, end, tags)
    if isinstance(args, str):
        return _made(Refusal, (_MESSAGE, partial(_unread, address, args), address, ()))
    return _made(Message, (address, args, d[begin:end]))


def _arguments(d: bytes, at: int, end: int, tags: bytes) -> tuple[Arg, ...] | str:
    """Every argument walked by its tag, or what is wrong."""
    if tags.count(b"f") == len(tags) and end - at == 4 * len(tags):
        return unpack_from(f">{len(tags)}f", d, at)
    args: list[Arg] = []
    arrays = 0
    for tag in tags:
        if (fixed := _FIXED.get(tag)) is not None:
            if at + fixed.size > end:
                return "it ends before its values do"
            args.append(fixed.unpack_from(d, at)[0])
            at += fixed.size
        elif tag in _CONSTANT:
            args.append(_CONSTANT[tag])
        elif tag == _STRING:
            stop = d.find(0, at, end)
            if stop < 0:
                return "a text has no end"
            try:
                args.append(d[at:stop].decode())
            except UnicodeDecodeError:
                return "a text is not UTF-8"
            at = (stop | 3) + 1
        elif tag == _BLOB:
            size = _INT.unpack_from(d, at)[0] if at + 4 <= end else -1
            if size < 0 or at + 4 + size > end:
                return "a blob's size is not the size of the blob"
            args.append(d[at + 4 : at + 4 + size])
            at += 4 + -(-size // 4) * 4
        elif tag in (_OPEN, _CLOSE):
            arrays += 1 if tag == _OPEN else -1
            if arrays < 0:
                return "an array ends that never began"
        else:
            return f"type tag {chr(tag)!a} is not one of ifsbhdtTFNI[]"
    if arrays:
        return "an array has no end"
    return tuple(args) if at == end else "it has more bytes than its type tags say"


def _odd(size: int) -> str:
    return f"OSC comes in 4 to {MAX_BYTES} bytes, a multiple of 4, not {size}"


def _cut(size: int, left: int) -> str:
    return f"a bundle element says it has {size} bytes where {left} are left"


def _untyped(address: str) -> str:
    return f"{quoted(address)} came without type tags"


def _long(address: str) -> str:
    return f"{quoted(address)} came with more than {_ARGS} values or {_BYTES} bytes"


def _unread(address: str, why: str) -> str:
    return f"{quoted(address)} cannot be read: {why}"


def _text(text: str) -> bytes:
    data = text.partition("\0")[0].encode(errors="replace")
    return data + b"\0" * (4 - len(data) % 4)


def _plain(arg: Arg) -> Arg:
    """What python-osc takes without an exception: text that ends and is UTF-8, floats of 32 bits."""
    match arg:
        case str():
            return arg.partition("\0")[0].encode(errors="replace").decode()
        case float() if abs(arg) > _FLOAT_MAX and math.isfinite(arg):
            return math.copysign(math.inf, arg)
        case _:
            return arg
