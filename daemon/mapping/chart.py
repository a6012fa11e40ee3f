"""A survey kept on disk beside its model, since that of a large one takes seconds."""

import logging
import os
import tempfile
import zlib
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import safetensors
import safetensors.numpy

from daemon.flow import F32, ModelFacts, frozen
from daemon.mapping.mapper import ToW
from daemon.mapping.space import Space, survey
from daemon.params import DIRECTIONS

logger = logging.getLogger(__name__)

LIMIT = 4 << 20  # bytes: no chart is near this
_VERSION = 1  # of the file, and of how a space is surveyed
_PROBES, _SEED = 8, 1
_ARRAYS = ("mean", "std", "directions", "probes")
_SAME = 1e-3  # of w's spread: nearer than this two networks agree on where the probes lie


def chart(facts: ModelFacts, to_w: ToW, places: Sequence[Path] = ()) -> Space:
    """The survey of a space: from the first of these files that fits, else made, and kept in the first that can be had.

    A file fits when a few probes lie in w where they did; one that is faulty or of another network is made anew.
    """
    z = np.random.default_rng(_SEED).standard_normal((_PROBES, facts.z_dim)).astype(np.float32)
    probes = to_w(z, 1.0, np.zeros(0, np.float32))[:, 0]
    for place in places:
        if (found := _read(place, facts, to_w, probes)) is not None:
            return found
    made = survey(facts, to_w)
    for place in places:
        try:
            _write(place, made, probes)
            break
        except OSError as e:
            logger.debug("%s cannot be written (%s)", place, e.strerror)
    return made


def _read(place: Path, facts: ModelFacts, to_w: ToW, probes: F32) -> Space | None:
    """The space in a file; None when it cannot be used, whatever is in it."""
    try:
        with place.open("rb") as file:
            data = file.read(LIMIT + 1)
        found = dict(safetensors.deserialize(data)) if len(data) <= LIMIT else {}  # type: ignore[no-untyped-call]
    except (OSError, ValueError, safetensors.SafetensorError):
        return None
    if {key: (item["dtype"], tuple(item["shape"])) for key, item in found.items()} != _shapes(facts.w_dim):
        return None
    mean, std, directions, kept = (
        np.frombuffer(found[key]["data"], "<f4").reshape(found[key]["shape"]).astype(np.float32) for key in _ARRAYS
    )
    about = np.frombuffer(found["about"]["data"], "<u4").tolist()
    if about != [_VERSION, _sum(mean, std, directions, kept)]:
        return None
    if not np.abs(kept - probes).max() <= _SAME * max(float(std.max()), 1e-12):  # NaN is not, either
        return None
    for array in (mean, std, directions):
        frozen(array)
    return Space(facts, to_w, mean, std, directions)


def _shapes(w: int) -> dict[str, tuple[str, tuple[int, ...]]]:
    """What is in a file, by name: type and shape."""
    shapes = {"mean": (w,), "std": (w,), "directions": (min(w, DIRECTIONS), w), "probes": (_PROBES, w)}
    return {**{key: ("F32", shape) for key, shape in shapes.items()}, "about": ("U32", (2,))}


def _sum(*arrays: F32) -> int:
    """What tells a damaged file."""
    return zlib.crc32(b"".join(np.ascontiguousarray(array, "<f4").tobytes() for array in arrays))


def _write(place: Path, space: Space, probes: F32) -> None:
    """Replace a file in one step, so that a crash never leaves half of it."""
    arrays = [np.ascontiguousarray(a, np.float32) for a in (space.mean, space.std, space.directions, probes)]
    about = np.array([_VERSION, _sum(*arrays)], np.uint32)
    packed = safetensors.numpy.save({**dict(zip(_ARRAYS, arrays, strict=True)), "about": about})
    place.parent.mkdir(parents=True, exist_ok=True)
    handle, name = tempfile.mkstemp(dir=place.parent, prefix=f".{place.name}.")
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(packed)
        Path(name).chmod(0o644)  # mkstemp's own is for nobody else to read
        Path(name).replace(place)
    except OSError:
        Path(name).unlink(missing_ok=True)
        raise
