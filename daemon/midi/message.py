"""MIDI 1.0 messages: bytes to events and back, and the scales of their numbers."""

from enum import StrEnum
from typing import NamedTuple

_DATA = 128  # one more than the most a data byte holds


class Kind(StrEnum):
    """What moves on a controller."""

    CC = "cc"
    NOTE = "note"
    BEND = "bend"
    PROGRAM = "program"
    NRPN = "nrpn"  # put together of several messages: nrpn.py


class Event(NamedTuple):
    """One message. `number` is the controller or the note, 0 for the rest; `value` is 0..127, of a bend 0..16383.

    Of NRPN both are 0..16383.
    """

    kind: Kind
    channel: int  # 1..16
    number: int
    value: int


def parse(data: bytes) -> Event | None:
    """One whole message; None for what means nothing here, and for what is none."""
    if not data or max(data[1:], default=0) >= _DATA:
        return None
    status, channel, length = data[0] >> 4, (data[0] & 15) + 1, len(data)
    match status, length:
        case 0x8, 3:
            return Event(Kind.NOTE, channel, data[1], 0)
        case 0x9, 3:
            return Event(Kind.NOTE, channel, data[1], data[2])
        case 0xB, 3:
            return Event(Kind.CC, channel, data[1], data[2])
        case 0xC, 2:
            return Event(Kind.PROGRAM, channel, 0, data[1])
        case 0xE, 3:
            return Event(Kind.BEND, channel, 0, data[1] | data[2] << 7)
    return None


def build(event: Event) -> bytes:
    """The message of an event; a note of value 0 is a note-on of velocity 0, which every lamp understands."""
    channel = event.channel - 1
    match event.kind:
        case Kind.NOTE:
            return bytes((0x90 | channel, event.number, event.value))
        case Kind.CC:
            return bytes((0xB0 | channel, event.number, event.value))
        case Kind.PROGRAM:
            return bytes((0xC0 | channel, event.value))
        case Kind.BEND:
            return bytes((0xE0 | channel, event.value & 127, event.value >> 7))
        case Kind.NRPN:
            raise ValueError(event)  # it is several messages


def fraction(value: int, bits: int) -> float:
    """0..1: least, centre and most are exactly 0, 0.5 and 1, as when MIDI 2.0 scales up (M2-115-U, min-center-max)."""
    centre = 1 << (bits - 1)
    if value <= centre:
        return value / (2 * centre)
    return 0.5 + (value - centre) / (2 * (centre - 1))


def steps(position: float, bits: int) -> int:
    """The number nearest to a position of 0..1: undoes `fraction`."""
    centre = 1 << (bits - 1)
    if position <= 0.5:
        return round(max(position, 0.0) * 2 * centre)
    return centre + round((min(position, 1.0) - 0.5) * 2 * (centre - 1))


class Encoding(StrEnum):
    """How an endless encoder says how far it was turned."""

    TWOS = "twos"  # two's complement: 1, 2 ... up; 127, 126 ... down
    SIGN = "sign"  # signed bit: 1, 2 ... up; 65, 66 ... down
    OFFSET = "offset"  # binary offset: 65, 66 ... up; 63, 62 ... down


def turned(value: int, encoding: Encoding) -> int:
    """Steps to the right; negative ones to the left."""
    match encoding:
        case Encoding.TWOS:
            return value if value < 64 else value - 128
        case Encoding.SIGN:
            return value if value < 64 else 64 - value
        case Encoding.OFFSET:
            return value - 64
