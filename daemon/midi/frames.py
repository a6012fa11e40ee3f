"""What the two ends of a port holder's pipe say to each other: a kind, a length, so many bytes."""

from enum import StrEnum
from struct import Struct
from typing import BinaryIO, NamedTuple

HEADER = Struct("<cH")
_LARGEST = 0xFFFF


class Said(StrEnum):
    """The kind of a frame."""

    MIDI = "m"  # one message, in either direction
    PORTS = "p"  # JSON: what there is
    OPENED = "o"  # JSON: the system and the names of the ports that are held
    WAITING = "w"  # text: no port answers to the name, and which there are
    ALIVE = "a"  # nothing: it still turns round
    FAILED = "f"  # text: it ended, and may work again
    NEVER = "n"  # text: it cannot work here


class Frame(NamedTuple):
    """One frame."""

    kind: Said
    payload: bytes = b""

    def packed(self) -> bytes:
        return HEADER.pack(self.kind.encode(), len(self.payload[:_LARGEST])) + self.payload[:_LARGEST]

    @property
    def text(self) -> str:
        return self.payload.decode(errors="replace")


def head(data: bytes) -> tuple[Said, int] | None:
    """The kind and length of the frame that begins so; None when that is nonsense."""
    kind, length = HEADER.unpack(data)
    try:
        return Said(kind.decode(errors="replace")), length
    except ValueError:
        return None


def read(pipe: BinaryIO) -> Frame | None:
    """The next frame, waited for; None when there will be none."""
    data = pipe.read(HEADER.size)
    said = head(data) if len(data) == HEADER.size else None
    if said is None:
        return None
    payload = pipe.read(said[1])
    return Frame(said[0], payload) if len(payload) == said[1] else None
