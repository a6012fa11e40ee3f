"""Envelopes: one-pole followers that rise and fall at different speeds."""

import math

import numpy as np

from daemon.flow import F64


class Envelopes:
    """One follower a band; `attack` and `release` are time constants in seconds (63 % of the way)."""

    def __init__(self, bands: int, dt: float) -> None:
        self._dt = dt  # s a step
        self._level: F64 = np.zeros(bands)

    def step(self, target: F64, attack: float, release: float) -> F64:
        """One step of `dt` towards `target` [bands]; the new levels, valid until the next step."""
        rising = target > self._level
        self._level += np.where(rising, self._share(attack), self._share(release)) * (target - self._level)
        return self._level

    def _share(self, tau: float) -> float:
        """How much of the way is gone in one step."""
        return 1.0 - math.exp(-self._dt / tau) if tau > 0 else 1.0
