"""Motion without sound: a random walk that never runs away and never stands still."""

import math

import numpy as np

from daemon.flow import F64

_PARTIALS = 5
_SLOWEST, _FASTEST = 1 / 60, 1 / 12  # Hz: slow enough that a beat always shows against it


class Walk:
    """A smooth, seeded random walk in d dimensions with mean 0 and variance 1 in each, at any time.

    Each dimension is a sum of sinusoids of random frequency and phase (Rice 1944), close to Gaussian. The place is
    a function of time alone: it does not depend on the frame rate, and a skipped tick changes nothing.
    """

    def __init__(self, seed: int, dims: int) -> None:
        rng = np.random.default_rng(seed)
        octaves = rng.uniform(np.log(_SLOWEST), np.log(_FASTEST), (_PARTIALS, dims))
        self._omega = 2 * np.pi * np.exp(octaves)  # [partials, d] rad/s
        self._phase = rng.uniform(0, 2 * np.pi, (_PARTIALS, dims))

    def at(self, t: float) -> F64:
        """The place at `t` seconds, [d]."""
        waves: F64 = np.sin(self._omega * t + self._phase)
        place: F64 = math.sqrt(2 / _PARTIALS) * waves.sum(axis=0)
        return place
