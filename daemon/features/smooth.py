"""Smoothed descriptors as a running sum, for whoever comes by less often than the hops."""

import math

from daemon.flow import F64, Tally, frozen


class Smooth:
    """A leaky integrator of each descriptor and the sum of all it gave; both repeat themselves while nothing sounds."""

    def __init__(self, dt: float) -> None:
        self._dt = dt  # s a step
        self._state: F64 | None = None
        self._tally = Tally()  # empty before any sound

    def step(self, raw: F64, sounding: bool, tau: float) -> Tally:
        """One step of `dt` towards `raw` [D], with the time constant `tau` in s."""
        if sounding:
            share = 1.0 - math.exp(-self._dt / tau) if tau > 0 else 1.0
            self._state = raw if self._state is None else self._state + share * (raw - self._state)
        if self._state is not None:
            count = self._tally.count + 1
            total = self._tally.total + self._state if count > 1 else self._state.copy()
            frozen(total)
            self._tally = Tally(count, total)
        return self._tally
