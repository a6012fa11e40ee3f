"""Datagrams to send: random and mutated ones, and a controller's, every knob moving."""

import random
import struct

from daemon.control.acts import TRANSFORM
from daemon.control.osc import encode
from daemon.control.table import NORM, PREFIX, Kind, Row, rows

Arg = float | int | str | bool | bytes | None

HOUR = 3600 << 32  # of an OSC time tag, whose seconds are its upper half
_EPOCH = 2_208_988_800  # s from 1900, where OSC counts from, to 1970
_IMMEDIATELY = 1
# what changes how much work a picture is, who is told, or whether anything moves: not while pictures are timed
_HEAVY = (
    "preset",
    "model",
    "smaller",
    "mapper",
    "noise",
    "freeze",
    "blackout",
    "subscribe",
    "latent",
    "class",
    "route",
)
_STILL = ("translate", "rotate", "zoom", "pairing", "limit", "layers", "loop")


def bundle(*packets: bytes, tag: int = _IMMEDIATELY) -> bytes:
    """Packets in one bundle with this time tag."""
    return (
        b"#bundle\0" + struct.pack(">Q", tag & (1 << 64) - 1) + b"".join(struct.pack(">i", len(p)) + p for p in packets)
    )


def time_tag(seconds: float) -> int:
    """Seconds since 1970 as OSC writes them."""
    return int((seconds + _EPOCH) * 2**32)


class Hostile:
    """Random bytes, half packets, and valid ones with a few bytes changed; the same for the same seed."""

    def __init__(self, seed: int, *, light: bool = False) -> None:
        """`light`: nothing that changes what a picture costs, so that pictures can be timed meanwhile."""
        self._random = random.Random(seed)
        avoided = (*_HEAVY, *_STILL) if light else ()
        table = rows(("aggressive", "calm", "vibrant"))
        self._addresses = [r.address for r in table if not r.address.removeprefix(PREFIX).startswith(avoided)]
        self._addresses += [f"{address}/norm" for address in self._addresses[::7]]

    def __call__(self) -> bytes:
        """The next one, of at least one byte."""
        rng = self._random
        chance = rng.random()
        if chance < 0.2:
            return rng.randbytes(rng.randrange(1, 300))
        if chance < 0.3:
            return b"/" + rng.randbytes(rng.randrange(1, 100))
        if chance < 0.4:
            size = rng.randrange(-8, 64)
            return b"#bundle\0" + struct.pack(">Qi", 1, size) + rng.randbytes(4 * rng.randrange(25))
        message = encode(rng.choice(self._addresses), *[self._argument()] * rng.randrange(3))
        packet = bytearray(message if rng.random() < 0.6 else self._bundled(message))
        for _ in range(rng.randrange(4)):
            packet[rng.randrange(len(packet))] = rng.randrange(256)
        return bytes(packet[: max(rng.randrange(len(packet)) // 4 * 4, 1)] if rng.random() < 0.1 else packet)

    def _argument(self) -> Arg:
        rng = self._random
        match rng.randrange(8):
            case 0 | 1:
                return rng.uniform(-1, 2)
            case 2:
                return rng.randrange(-2, 70_000)
            case 3:
                return rng.choice(("storm", "mel", "0.5", "nan", "onset", "/latentd/*", "/latentd/gate*", "*" * 60))
            case 4:
                return rng.choice((float("nan"), float("inf"), -float("inf"), 1e38, -1e-40))
            case 5:
                return rng.random() < 0.5
            case 6:
                return rng.randbytes(rng.randrange(1, 40))
            case _:
                return None

    def _bundled(self, message: bytes) -> bytes:
        tag = self._random.choice((0, _IMMEDIATELY, (1 << 64) - 1, self._random.getrandbits(64)))
        return bundle(message, encode("/latentd/psi", 0.5), bundle(message), tag=tag)


class Knobs:
    """So many addresses of numbers, each with a new value at every turn; the last of them wins."""

    def __init__(self, count: int) -> None:
        """Raises `ValueError` for more than there are."""
        plain = [row for row in rows(("aggressive", "calm", "vibrant")) if _knob(row)]
        # first the /norm ones: where both are sent, the plain address comes later and wins
        ways = [*((row, True) for row in plain), *((row, False) for row in plain)][-count:]
        if len(ways) < count:
            raise ValueError(f"there are {len(ways)} knobs to turn, not {count}")
        self._ways = ways

    def turn(self, n: int) -> list[bytes]:
        """The datagrams of turn `n`, one an address, as a controller without bundles sends them."""
        return [encode(row.address + NORM * scaled, value) for row, scaled, value in self._values(n)]

    def settled(self, n: int) -> dict[str, float]:
        """What every plain address is after turn `n`; a route that joins nothing keeps no numbers."""
        return {
            row.address: value
            for row, scaled, value in self._values(n)
            if not scaled and row.kind is not Kind.ROUTE_NUMBER
        }

    def _values(self, n: int) -> list[tuple[Row, bool, float]]:
        """At turn `n` the whole address space stands at another place of its ranges."""
        found = []
        for i, (row, scaled) in enumerate(self._ways):
            at = ((n * 37 + i * 11) % 200 + 28) / 256  # exact in 32 bits
            low, high = (0.0, 1.0) if scaled else (float(row.low or 0), float(row.high or 1))
            value = low + (high - low) * at
            found.append((row, scaled, float(round(value)) if row.kind is Kind.INTEGER and not scaled else value))
        return found


def _knob(row: Row) -> bool:
    """Any number; not the input transform, which some models have not got."""
    return row.norm and row.kind not in (Kind.TOGGLE, Kind.INDEX) and row.key not in TRANSFORM
