"""What every mapper's motion is made of: a place to be, a push by sound, a walk, and smoothing in seconds."""

import math

import numpy as np

from daemon.flow import F32, F64, Features
from daemon.mapping.mapper import ToW
from daemon.mapping.sphere import shell
from daemon.mapping.walk import Walk
from daemon.params import Params


def projection(seed: int, bands: int, dims: int) -> F64:
    """R [bands, d]: seeded, rows orthogonal, scaled so that all bands at 1 push by the shell's own radius.

    Orthogonal rows make every band move the picture its own way, and by the same amount.
    """
    if bands > dims:
        raise ValueError(f"{bands} bands cannot be orthogonal in {dims} dimensions")
    q, _ = np.linalg.qr(np.random.default_rng(seed).standard_normal((dims, bands)))
    return q.T * math.sqrt(dims / bands)


class Motion:
    """z' = shell(place + gain * bands @ R + drift * walk), smoothed; then w.

    In silence the bands fall to 0 with their own release, so the push eases out and the walk is left.
    """

    def __init__(self, seed: int, bands: int, dims: int, to_w: ToW) -> None:
        self._to_w = to_w
        self._push = projection(seed, bands, dims)
        self._walk = Walk(seed, dims)
        self._t = 0.0  # s of motion
        self._z: F64 | None = None  # where the smoothing is now, [d]
        self._rest: F64 = np.zeros(dims)  # and where it would be without sound and walk
        self._classes: F64 = np.zeros(0)  # and the class weights

    def advance(self, dt: float, place: F64, features: Features, params: Params) -> F32:
        """Move on by `dt` seconds towards `place` [d] and what the sound adds; ws [num_ws, w_dim]."""
        self._t += dt
        target = place + params.gain * (features.bands @ self._push) + params.drift * self._walk.at(self._t)
        classes = np.array(params.classes or (1.0,))  # none is the first
        if self._z is None:
            self._z, self._rest, self._classes = target, place, classes
        else:
            part = approach(dt, params.smoothing)
            self._z = self._z + part * (target - self._z)
            self._rest = self._rest + part * (place - self._rest)
            before, after = _of_one_length(self._classes, classes)
            self._classes = before + part * (after - before)
        z, weights = shell(self._z), self._classes.astype(np.float32)
        amounts = (params.layers_coarse, params.layers_mid, params.layers_fine)
        ws: F32
        if amounts == (1.0, 1.0, 1.0):
            ws = self._to_w(z.astype(np.float32)[None], params.psi, weights)[0]
        else:
            rest, moved = self._to_w(np.stack([shell(self._rest), z]).astype(np.float32), params.psi, weights)
            ws = rest + spread(amounts, len(rest)) * (moved - rest)
        return ws


def _of_one_length(a: F64, b: F64) -> tuple[F64, F64]:
    if len(a) == len(b):  # as in nearly every tick
        return a, b
    count = max(len(a), len(b))
    return np.pad(a, (0, count - len(a))), np.pad(b, (0, count - len(b)))


def spread(amounts: tuple[float, float, float], num_ws: int) -> F32:
    """The amounts of the coarse, middle and fine thirds of the layers, one for each of ws: [num_ws, 1]."""
    thirds = np.arange(num_ws) * 3 // num_ws
    return np.array(amounts, np.float32)[thirds, None]


def approach(dt: float, tau: float) -> float:
    """How much of the remaining way is made in `dt` seconds with time constant `tau` seconds."""
    return 1.0 if tau <= 0 else -math.expm1(-dt / tau)
