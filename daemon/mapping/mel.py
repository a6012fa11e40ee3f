"""The `mel` mapper: each mel band pushes the latent its own way (after T. Jaratz, Síntesis audiorrítmica, 2025).

Beside the original: the projection is seeded, times are in seconds, silence eases out instead of snapping to zero,
and z is kept on the shell that the network was trained on.
"""

import math
from functools import cached_property

import numpy as np

from daemon.flow import F32, F64, Features
from daemon.mapping.mapper import ToW
from daemon.mapping.motion import Motion, projection
from daemon.mapping.sphere import gaussian
from daemon.params import Params

_OTHER = 1 << 24  # beyond every seed an artist can set


class MelMapper:
    """Band envelopes through a seeded projection, around the seed's own point.

    In stereo the left bands push by (R + S) / 2 and the right ones by (R - S) / 2: two projections that are orthogonal
    to one another, and together R, so what is in the middle pushes as mono sound does.
    """

    def __init__(self, seed: int, bands: int, z_dim: int, to_w: ToW) -> None:
        self._bands, self._seed = bands, seed
        self._place = gaussian(seed, z_dim)
        self._middle = projection(seed, bands, z_dim)  # R [bands, d]
        self._motion = Motion(seed, z_dim, to_w)

    @cached_property
    def _side(self) -> F64:
        """S; a third of a mapper's making, and of use in stereo alone."""
        return beside(self._middle, self._seed)

    def advance(self, dt: float, features: Features, params: Params) -> F32:
        gains = self._fit(np.array(params.bands), 1.0)
        middle, side = self._fit(features.bands, 0.0) * gains, None
        if params.stereo and features.sides.shape[1] > 0:
            left, right = (self._fit(one, 0.0) * gains for one in features.sides)
            middle, side = (left + right) / 2, (left - right) / 2
        if params.split > 0:  # [3, bands]: what each third of the layers hears
            heard = shares(self._bands, params.split)
            middle, side = middle * heard, None if side is None else side * heard
        push = middle @ self._middle
        return self._motion.advance(dt, self._place, push if side is None else push + side @ self._side, params)

    def _fit(self, values: F32 | F64, rest: float) -> F64:
        """As many values as there are bands: those beyond are left out, missing ones are `rest`."""
        fitted = np.full(self._bands, rest)
        count = min(len(values), self._bands)
        fitted[:count] = values[:count]
        return fitted


def beside(push: F64, seed: int) -> F64:
    """S: a projection like `push` [bands, d], orthogonal to it where there are dimensions enough."""
    bands, dims = push.shape
    drawn = np.random.default_rng([seed, 1]).standard_normal((dims, bands))
    if 2 * bands > dims:
        return projection(seed ^ _OTHER, bands, dims)
    drawn -= push.T @ (push @ drawn) * (bands / dims)
    return np.linalg.qr(drawn)[0].T * math.sqrt(dims / bands)


def shares(bands: int, split: float) -> F64:
    """How much of each band each third of the layers hears, [3, bands]: all of all at 0, a third of its own at 1.

    A third that hears fewer bands hears those louder, so that all bands at 1 move every layer as far as ever.
    """
    third = np.arange(bands) * 3 // bands
    own = third == np.arange(3)[:, None]
    louder = np.sqrt(bands / np.maximum(own.sum(axis=1, keepdims=True), 1))
    made: F64 = np.where(own, 1.0 + split * (louder - 1.0), 1.0 - split)
    return made
