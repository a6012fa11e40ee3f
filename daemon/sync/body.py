"""One frame's latents as bytes and back: exact, rows that are alike sent once."""

import hashlib
import math
from dataclasses import dataclass
from struct import Struct

import numpy as np

from daemon.control.hands import LARGEST
from daemon.flow import F32, Beat, Latents, ModelFacts, frozen
from daemon.params import NOISES

_HEAD = Struct("<BBfffdHHH")  # what there is, noise, bpm, phase, confidence, heard, layers, w_dim, rows
_BLACK, _PLACED = 1, 2
_TRANSFORM = 36  # bytes


@dataclass(frozen=True, slots=True, eq=False)
class Body:
    """What a frame holds."""

    latents: Latents
    beat: Beat
    heard: float | None  # s on the leader's clock: the sound that is shown


def fingerprint(facts: ModelFacts) -> bytes:
    """Eight bytes that are others for another model: of its dimensions and its mean w."""
    dims = Struct("<III").pack(facts.z_dim, facts.w_dim, facts.num_ws)
    return hashlib.blake2b(dims + facts.w_avg.astype("<f4").tobytes(), digest_size=8).digest()


def pack(body: Body) -> bytes:
    """As bytes."""
    latents, beat = body.latents, body.beat
    ws, placed = latents.ws, latents.transform
    flags = (_BLACK if ws is None else 0) | (0 if placed is None else _PLACED)
    which, rows = (b"", np.zeros((0, 0), "<f4")) if ws is None else _rows(ws)
    heard = math.nan if body.heard is None else body.heard
    dims = (len(which), rows.shape[1], len(rows))
    head = _HEAD.pack(flags, NOISES.index(latents.noise), beat.bpm, beat.phase, beat.confidence, heard, *dims)
    matrix = b"" if placed is None else placed.astype("<f4").tobytes()
    return head + matrix + which + rows.tobytes()


def unpack(data: bytes, layers: int, w_dim: int) -> Body | None:
    """From bytes of anybody, for a model with these dimensions; None when they are not such a body."""
    if len(data) < _HEAD.size:
        return None
    flags, noise, *beat, heard, n, width, count = _HEAD.unpack_from(data)
    at = _HEAD.size
    placed: F32 | None = None
    if flags & _PLACED:
        if (placed := _floats(data, at, 9)) is None:
            return None
        placed = placed.reshape(3, 3)
        turned = placed[:2, :2].astype(np.float64)  # what is undone to cross over, and would show one point at 0
        if not np.array_equal(placed[2], (0, 0, 1)) or abs(np.linalg.det(turned)) < 1e-9:
            return None
        at += _TRANSFORM
    ws: F32 | None = None
    if not flags & _BLACK:
        which = np.frombuffer(data, np.uint8, min(n, max(len(data) - at, 0)), at)
        if (n, width) != (layers, w_dim) or not 1 <= count <= n or len(which) < n or which.max() >= count:
            return None
        if (rows := _floats(data, at + n, count * width)) is None:
            return None
        ws = rows.reshape(count, width)[which]
        frozen(ws)
        at += n + rows.nbytes
    sane = all(map(math.isfinite, beat)) and 0 <= beat[0] <= 1000 and not math.isinf(heard)
    if at != len(data) or noise >= len(NOISES) or flags > (_BLACK | _PLACED) or not sane:
        return None
    told = Beat(beat[0], beat[1] % 1.0, min(max(beat[2], 0.0), 1.0))
    return Body(Latents(ws, placed, NOISES[noise]), told, None if math.isnan(heard) else heard)


def _rows(ws: F32) -> tuple[bytes, F32]:
    """Which row each layer has, and the rows: layers next to one another are mostly alike."""
    new = np.ones(len(ws), bool)
    new[1:] = (ws[1:] != ws[:-1]).any(axis=1)
    return (np.cumsum(new) - 1).astype(np.uint8).tobytes(), np.ascontiguousarray(ws[new], "<f4")


def _floats(data: bytes, at: int, count: int) -> F32 | None:
    """[count] numbers that a network can take."""
    if at + 4 * count > len(data):
        return None
    values = np.frombuffer(data, "<f4", count, at).astype(np.float32)
    return values if bool((np.abs(values) <= LARGEST).all()) else None  # NaN is not, either
