"""What the capture process says over its pipe: a small header, then so many bytes."""

from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum
from struct import Struct
from typing import BinaryIO

_HEADER = Struct("<4sIdQ")  # kind, bytes that follow, stamp, index
_LARGEST = 1 << 20  # bytes; a second of anything sensible


class Kind(StrEnum):
    """What a message brings; each is four bytes on the wire."""

    DEVICES = "devs"  # JSON: the list of inputs
    OPENED = "open"  # JSON: the input, its rate and channels
    SOUND = "snd "  # interleaved little-endian float32
    NEVER = "nope"  # text: this cannot work here
    FAILED = "fail"  # text: it does not work now
    NOTE = "note"  # text: it works, but whoever runs the daemon should know this


@dataclass(frozen=True, slots=True)
class Message:
    """One message."""

    kind: Kind
    payload: bytes
    stamp: float = 0.0  # s of the machine's performance counter when the sound arrived
    index: int = 0  # of the payload's first frame since the input opened


def say(pipe: BinaryIO, message: Message) -> None:
    """Send one message."""
    header = _HEADER.pack(message.kind.encode(), len(message.payload), message.stamp, message.index)
    pipe.write(header + message.payload)
    pipe.flush()


def messages(pipe: BinaryIO) -> Iterator[Message]:
    """The messages until the pipe ends or makes no sense."""
    while len(header := pipe.read(_HEADER.size)) == _HEADER.size:
        kind, size, stamp, index = _HEADER.unpack(header)
        if kind not in {k.encode() for k in Kind} or size > _LARGEST or len(payload := pipe.read(size)) < size:
            return
        yield Message(Kind(kind.decode()), payload, stamp, index)
