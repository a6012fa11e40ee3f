"""How the shared memory lies, version 1: two blocks, all numbers little-endian and on multiples of their size.

`NAME` is small and keeps its size: who writes, whether it lives, and where the pictures are. `NAME.G` holds the
pictures of generation G; another size or byte order is another generation. docs/SHM.md shows these tables.
"""

import struct
from dataclasses import dataclass

VERSION = 1
CONTROL_MAGIC, PICTURES_MAGIC = b"LATENTDC", b"LATENTDP"
CONTROL_SIZE = 4096  # bytes of NAME
HEADER_SIZE = 256  # bytes of NAME.G before its first buffer
HEAD_SIZE = 64  # bytes of a buffer before its pixels
ALIGNMENT = 64  # of every buffer's pixels, bytes
BUFFERS = 3  # a reader that has begun with the newest picture has two frames' time to copy it
GENERATIONS = 99_999  # then from 1 again: macOS takes 30 characters for a name
GONE_NS = 3_000_000_000  # a writer that has not said for so long that it lives does not


@dataclass(frozen=True, slots=True)
class Item:
    """One field."""

    offset: int  # bytes
    code: str  # of the struct module
    name: str
    meaning: str


CONTROL = (
    Item(0, "8s", "magic", "`LATENTDC`"),
    Item(8, "I", "version", "1; in every version the first 64 bytes lie like this"),
    Item(12, "I", "header", "bytes of header, 64"),
    Item(16, "Q", "generation", "G of the block `NAME.G` with the pictures; 0: none yet"),
    Item(24, "Q", "state", "1: a writer has it; 0: it was closed, open `NAME` again"),
    Item(32, "Q", "pid", "process id of the writer"),
    Item(40, "Q", "session", "a number the writer drew; another one: another writer took over"),
    Item(48, "Q", "heartbeat", "when the writer was last alive, ns on the clock; 3 s ago or more: it is gone"),
    Item(56, "Q", "size", "bytes of the block `NAME.G`"),
)
PICTURES = (
    Item(0, "8s", "magic", "`LATENTDP`"),
    Item(8, "I", "version", "1"),
    Item(12, "I", "first", "where the first buffer begins, bytes from the start of the block, 256"),
    Item(16, "Q", "generation", "G"),
    Item(
        24,
        "Q",
        "newest",
        "N, from 1, of the newest picture; it is in buffer (N - 1) modulo `buffers`; 0: none yet",
    ),
    Item(32, "I", "width", "pixels"),
    Item(36, "I", "height", "pixels"),
    Item(40, "I", "stride", "bytes from a row to the next"),
    Item(44, "4s", "order", "`BGRA` or `RGBA`: the bytes of a pixel"),
    Item(48, "I", "alpha", "0: opaque, 255 everywhere; 1: straight, colours not multiplied by it"),
    Item(52, "I", "top_down", "1: the first row is the top one"),
    Item(56, "8s", "colour", "`sRGB`, zeros behind"),
    Item(64, "I", "buffers", "how many, 3"),
    Item(68, "I", "pixels", "where pixels begin in a buffer, bytes from its start, 64"),
    Item(72, "Q", "distance", "bytes from a buffer to the next"),
    Item(80, "Q", "trailer", "where a buffer's trailer is, bytes from the buffer's start"),
)
BUFFER = (
    Item(0, "Q", "sequence", "2 N when picture N is here, 2 N - 1 while it is being written"),
    Item(8, "Q", "index", "of the frame, from 0"),
    Item(16, "Q", "rendered", "when the picture was complete, ns on the clock"),
)
"""Behind it, at `pixels`, the rows; behind those, at `trailer`, the sequence once more, written last of all."""


@dataclass(frozen=True, slots=True)
class Sizes:
    """How large things are for pictures of `width` x `height`."""

    width: int
    height: int

    @property
    def stride(self) -> int:
        return 4 * self.width

    @property
    def trailer(self) -> int:
        """Bytes from a buffer's start."""
        return HEAD_SIZE + -(-self.stride * self.height // ALIGNMENT) * ALIGNMENT

    @property
    def distance(self) -> int:
        """Bytes from a buffer to the next."""
        return self.trailer + ALIGNMENT

    @property
    def whole(self) -> int:
        """Bytes of NAME.G."""
        return HEADER_SIZE + BUFFERS * self.distance


def pack(items: tuple[Item, ...], **values: int | bytes) -> bytes:
    """A header; what is not given is 0."""
    size = items[-1].offset + struct.calcsize(items[-1].code)
    out = bytearray(size)
    for item in items:
        empty: int | bytes = b"" if item.code.endswith("s") else 0
        struct.pack_into("<" + item.code, out, item.offset, values.pop(item.name, empty))
    if values:
        raise ValueError(f"no such fields: {', '.join(values)}")
    return bytes(out)


def word(items: tuple[Item, ...], name: str) -> int:
    """Which 64-bit word a field is, counted from its header's start."""
    item = next(item for item in items if item.name == name)
    assert item.code == "Q"
    return item.offset // 8
