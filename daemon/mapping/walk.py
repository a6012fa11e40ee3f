"""Motion without sound: a random walk that never runs away and never stands still."""

import math
from functools import lru_cache

import numpy as np

from daemon.flow import F64, frozen

_PARTIALS = 5
_SLOWEST, _FASTEST = 1 / 60, 1 / 12  # Hz: slow enough that a beat always shows against it


class Walk:
    """A smooth, seeded random walk in d dimensions with mean 0 and variance 1 at any time.

    Each dimension is a sum of sinusoids of random frequency and phase (Rice 1944), close to Gaussian. It depends on
    the seconds gone by alone, not on the number of steps they came in. With a loop every frequency is the nearest that
    fits into its length a whole number of times, so the walk closes; only frequencies change with the length, phases
    go on, so a change of it neither jumps nor changes the variance: the phases stay independent and uniform.
    """

    def __init__(self, seed: int, dims: int) -> None:
        self._hz, self._phase = waves(seed, dims)
        self._loop, self._omega = 0.0, 2 * np.pi * self._hz  # s; [partials, d] rad/s
        self._t = 0.0  # s since the frequencies changed last: one sum of few terms, so that loops close exactly

    def advance(self, dt: float, loop: float = 0.0) -> F64:
        """Move on by `dt` seconds, round a loop of `loop` seconds unless that is 0; the place, [d]."""
        if loop != self._loop:
            self._phase = (self._phase + self._omega * self._t) % (2 * np.pi)
            self._loop, self._t = loop, 0.0
            times = np.maximum(np.round(self._hz * loop), 1.0)  # round the loop
            self._omega = 2 * np.pi * (times / loop if loop > 0 else self._hz)
        self._t += dt
        waves: F64 = np.sin(self._omega * self._t + self._phase)
        place: F64 = math.sqrt(2 / _PARTIALS) * waves.sum(axis=0)
        return place


@lru_cache(maxsize=32)  # see ahead.py
def waves(seed: int, dims: int) -> tuple[F64, F64]:
    """Frequencies in Hz and phases of a walk, [partials, d] each; read-only."""
    rng = np.random.default_rng(seed)
    octaves = rng.uniform(np.log(_SLOWEST), np.log(_FASTEST), (_PARTIALS, dims))
    made = np.exp(octaves), rng.uniform(0, 2 * np.pi, (_PARTIALS, dims))
    for array in made:
        frozen(array)
    return made


def approach(dt: float, tau: float) -> float:
    """How much of the remaining way is made in `dt` seconds with time constant `tau` seconds."""
    return 1.0 if tau <= 0 else -math.expm1(-dt / tau)
