"""Motion of mappers whose places are z: a place to be, a push by sound, a walk, and smoothing in seconds."""

import math
from functools import lru_cache

import numpy as np

from daemon.flow import F32, F64, frozen
from daemon.mapping.layers import amounts, spread, thirds
from daemon.mapping.mapper import ToW
from daemon.mapping.sphere import shell
from daemon.mapping.walk import Walk, approach
from daemon.params import Params

_ONE = 1e-6  # of z: nearer than this the thirds of the layers are at one place


@lru_cache(maxsize=32)  # see ahead.py
def projection(seed: int, bands: int, dims: int) -> F64:
    """R [bands, d]: seeded, rows orthogonal, scaled so that all bands at 1 push by the shell's own radius; read-only.

    Orthogonal rows make every band move the picture its own way, and by the same amount. Where there are more bands
    than dimensions, columns are orthogonal instead: bands share ways, and all dimensions are moved alike.
    """
    rng = np.random.default_rng(seed)
    if bands > dims:
        made: F64 = np.linalg.qr(rng.standard_normal((bands, dims)))[0]
    else:
        made = np.linalg.qr(rng.standard_normal((dims, bands)))[0].T * math.sqrt(dims / bands)
    frozen(made)
    return made


class Motion:
    """z' = shell(place + gain * push + drift * walk), smoothed; then w.

    In silence the bands fall to 0 with their own release, so the push eases out and the walk is left.
    """

    def __init__(self, seed: int, dims: int, to_w: ToW) -> None:
        self._to_w = to_w
        self._walk = Walk(seed, dims)
        self._z: F64 | None = None  # where the smoothing is now, [3, d]: for each third of the layers
        self._rest: F64 = np.zeros(dims)  # and where it would be without sound and walk
        self._classes: F64 = np.zeros(0)  # and the class weights

    def advance(self, dt: float, place: F64, push: F64, params: Params) -> F32:
        """Move on by `dt` seconds towards `place` [d] and what `push` adds; ws [num_ws, w_dim].

        `push` is [d], or [3, d] by thirds of the layers.
        """
        target = place + params.gain * push + params.drift * self._walk.advance(dt, params.loop)
        classes = np.array(params.classes or (1.0,))  # none is the first
        if self._z is None:
            self._z, self._rest, self._classes = np.tile(target, (3, 1)) if target.ndim == 1 else target, place, classes
        else:
            part = approach(dt, params.smoothing)
            self._z = self._z + part * (target - self._z)
            self._rest = self._rest + part * (place - self._rest)
            before, after = _of_one_length(self._classes, classes)
            self._classes = before + part * (after - before)
        places = self._z[:1] if np.ptp(self._z, axis=0).max() < _ONE else self._z
        return self._show([shell(z) for z in places], params)

    def _show(self, places: list[F64], params: Params) -> F32:
        """The ws of one place for all layers, or of three, each third taking its amount of the way from the rest."""
        shares, weights = amounts(params), self._classes.astype(np.float32)
        whole = shares == (1.0, 1.0, 1.0)
        z = np.stack(places if whole else [*places, shell(self._rest)]).astype(np.float32)
        made = self._to_w(z, params.psi, weights)  # [N, num_ws, w_dim]
        num_ws = made.shape[1]
        moved: F32 = made[0] if len(places) == 1 else made[thirds(num_ws), np.arange(num_ws)]
        if whole:
            return moved
        rest: F32 = made[-1]
        return rest + spread(shares, num_ws) * (moved - rest)


def _of_one_length(a: F64, b: F64) -> tuple[F64, F64]:
    if len(a) == len(b):  # as in nearly every tick
        return a, b
    count = max(len(a), len(b))
    return np.pad(a, (0, count - len(a))), np.pad(b, (0, count - len(b)))
