"""Datagrams of a wall: OSC messages with one blob, each field bounded, sealed when there is a key."""

import hashlib
import hmac
import math
from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum
from functools import reduce
from operator import xor
from struct import Struct

from daemon.control.osc import decode, encode
from daemon.control.refusal import Refusal

VERSION = 1
PART = 1_200  # bytes of a frame or a state in one datagram: with all heads it fits into one Ethernet packet
MOST_PARTS = 512
LONGEST_DELAY = 2.0  # s
_SEAL = 16  # bytes
_PREFIX = "/latentd/sync/"
_HEAD = Struct("<HQ")  # version, session
_FRAME = Struct("<QQdddd8s")  # index, count, began, t, due, fps, model
_PART = Struct("<HI")  # which, and the size of the whole
_PING = Struct("<Qqh")  # nonce, shown, lag; then the name
_PONG = Struct("<Qdd")  # nonce, received, sent
_MOST_NAME = 64
_LATEST = 2.0**62


class Kind(StrEnum):
    """What a datagram is, and the last part of its address."""

    FRAME = "frame"
    STATE = "state"
    PING = "ping"
    PONG = "pong"


@dataclass(frozen=True, slots=True)
class Head:
    """Which frame, and when. Seconds are on the leader's clock."""

    index: int  # of the tick since the leader began; ticks that were skipped are counted
    count: int  # of the frame since the leader began
    began: float  # s: the leader's first tick
    t: float  # s: the tick
    due: float  # s: when every screen shows it
    fps: float
    model: bytes  # fingerprint, 8 bytes


@dataclass(frozen=True, slots=True)
class Part:
    """A piece of a frame's or a state's bytes; the last of them is the parity of the others."""

    which: int  # 0 to of: that many pieces and their parity
    size: int  # bytes of the whole
    data: bytes

    @property
    def of(self) -> int:
        """How many pieces the whole has, beside their parity."""
        return pieces(self.size)


@dataclass(frozen=True, slots=True)
class FramePart:
    """A part of a frame; the frame's bytes are a `Body`."""

    session: int
    head: Head
    part: Part


@dataclass(frozen=True, slots=True)
class StatePart:
    """A part of what was set; its bytes are a `Said`."""

    session: int
    number: int  # another for every state
    part: Part


@dataclass(frozen=True, slots=True)
class Ping:
    """A follower asks what time it is, and says how it does."""

    session: int  # of the leader that is asked
    nonce: int
    shown: int  # index of the frame that is shown; -1 for none
    lag: int  # frames
    name: str


@dataclass(frozen=True, slots=True)
class Pong:
    """The leader's answer."""

    session: int
    nonce: int
    received: float  # s on the leader's clock
    sent: float


Packet = FramePart | StatePart | Ping | Pong


class Post:
    """Packets to datagrams and back, under one key. What cannot be read is a sentence."""

    def __init__(self, key: str | None = None) -> None:
        self._key = None if key is None else hashlib.sha256(key.encode()).digest()

    def seal(self, packet: Packet) -> bytes:
        """One datagram."""
        kind, blob = _bytes(packet)
        args = (blob,) if self._key is None else (blob, self._sealed(kind, blob))
        return encode(_PREFIX + kind, *args)

    def open(self, datagram: bytes) -> Packet | str:
        """The packet in a datagram from anybody, or what is wrong with it."""
        messages = decode(datagram)
        if len(messages) != 1 or isinstance(message := messages[0], Refusal):
            return "it is not one OSC message"
        name = message.address.removeprefix(_PREFIX)
        if name == message.address or name not in _READERS:
            return "its address is none of /latentd/sync/frame, state, ping and pong"
        match message.args:
            case (bytes(blob),) if self._key is None:
                pass
            case (bytes(blob), bytes(seal)) if self._key is not None:
                if not hmac.compare_digest(seal, self._sealed(name, blob)):
                    return "it is sealed with another key: give all daemons of a wall the same sync.key"
            case (bytes(), bytes()):
                return "it is sealed: give this daemon the sync.key of the others"
            case (bytes(),):
                return "it is not sealed: give all daemons of a wall the same sync.key"
            case _:
                return "it holds no blob"
        if len(blob) < _HEAD.size:
            return "it ends in its head"
        version, session = _HEAD.unpack_from(blob)
        if version != VERSION:
            return f"it is of version {version}, and this daemon speaks {VERSION}: use the same latentd on all machines"
        packet = _READERS[name](session, blob[_HEAD.size :])
        return packet if packet is not None else f"its {name} cannot be read"

    def _sealed(self, kind: str, blob: bytes) -> bytes:
        assert self._key is not None
        return hashlib.blake2b(kind.encode() + b"\0" + blob, key=self._key, digest_size=_SEAL).digest()


def pieces(size: int) -> int:
    """How many pieces so many bytes are cut into."""
    return -(-size // PART)


def cut(data: bytes) -> list[Part]:
    """Bytes, some at least, as parts that fit into a datagram each; any one of them may be lost."""
    found = [data[at : at + PART] for at in range(0, len(data), PART)]
    return [Part(which, len(data), piece) for which, piece in enumerate([*found, parity(found)])]


def parity(found: Iterable[bytes]) -> bytes:
    """The exclusive or of pieces, as long as the longest: with all others but one it gives the one."""
    found = list(found)
    number = reduce(xor, (int.from_bytes(piece, "little") for piece in found))
    return number.to_bytes(max(map(len, found)), "little")


def _bytes(packet: Packet) -> tuple[Kind, bytes]:
    head = _HEAD.pack(VERSION, packet.session)
    match packet:
        case FramePart(_, h, part):
            fixed = _FRAME.pack(h.index, h.count, h.began, h.t, h.due, h.fps, h.model)
            return Kind.FRAME, head + fixed + _PART.pack(part.which, part.size) + part.data
        case StatePart(_, number, part):
            return Kind.STATE, head + Struct("<Q").pack(number) + _PART.pack(part.which, part.size) + part.data
        case Ping(_, nonce, shown, lag, name):
            return Kind.PING, head + _PING.pack(nonce, shown, lag) + name.encode()[:_MOST_NAME]
        case Pong(_, nonce, received, sent):
            return Kind.PONG, head + _PONG.pack(nonce, received, sent)


def _frame(session: int, body: bytes) -> FramePart | None:
    if len(body) < _FRAME.size:
        return None
    head = Head(*_FRAME.unpack_from(body))
    times = (head.began, head.t, head.due)
    if not all(math.isfinite(t) and abs(t) < _LATEST for t in times) or not head.began <= head.t <= head.due:
        return None
    if not 1.0 <= head.fps <= 240.0 or head.due - head.t > LONGEST_DELAY or head.index >= 2**62:
        return None
    part = _part(body[_FRAME.size :])
    return None if part is None else FramePart(session, head, part)


def _state(session: int, body: bytes) -> StatePart | None:
    part = _part(body[8:])
    return None if part is None else StatePart(session, int.from_bytes(body[:8], "little"), part)


def _part(body: bytes) -> Part | None:
    if not _PART.size < len(body) <= _PART.size + PART:
        return None
    which, size = _PART.unpack_from(body)
    part = Part(which, size, body[_PART.size :])
    last = size - (part.of - 1) * PART
    whole = min(size, PART) if which != part.of - 1 else last  # of bytes it must have
    return part if which <= part.of <= MOST_PARTS and len(part.data) == whole else None


def _ping(session: int, body: bytes) -> Ping | None:
    if not _PING.size <= len(body) <= _PING.size + _MOST_NAME:
        return None
    name = body[_PING.size :].decode(errors="replace")
    nonce, shown, lag = _PING.unpack_from(body)
    return Ping(session, nonce, shown, lag, "".join(c if c.isprintable() else "?" for c in name))


def _pong(session: int, body: bytes) -> Pong | None:
    if len(body) != _PONG.size:
        return None
    pong = Pong(session, *_PONG.unpack(body))
    sane = all(math.isfinite(t) and abs(t) < _LATEST for t in (pong.received, pong.sent))
    return pong if sane and 0.0 <= pong.sent - pong.received < 1.0 else None


_READERS = {Kind.FRAME.value: _frame, Kind.STATE.value: _state, Kind.PING.value: _ping, Kind.PONG.value: _pong}
