"""What is loud and what is quiet: the running range of a set of numbers."""

from dataclasses import dataclass

import numpy as np

from daemon.flow import F64

OUTSIDE = 0.05  # share of the sound that lies under a range, and above it

_SPEED = 0.5 / OUTSIDE  # so that a range that is too wide shrinks to a third (1/e) in `memory` seconds
_MOST = 0.5  # of its width that an end may move in one step


@dataclass(frozen=True, slots=True, eq=False)
class Bounds:
    """Where ranges begin and what they may become; each array is [N]."""

    low: F64  # at start
    high: F64
    lowest: F64  # neither end goes further down
    highest: F64
    least_high: F64  # the upper end stays above it: silence does not become loud
    least_width: F64
    rest: F64  # 0..1: where in its range lies what never changes


class Ranges:
    """Ends that follow the 5th and the 95th percentile: each steps out far when passed and in a little when not.

    Where the share passed is right the steps out and in are even (the stochastic approximation of H. Robbins and
    S. Monro, 1951). Steps are in proportion to the width, so a range widens fast and shrinks slowly.
    """

    def __init__(self, bounds: Bounds, dt: float) -> None:
        self._bounds, self._dt = bounds, dt  # dt: s a step
        self._low, self._high = bounds.low.copy(), bounds.high.copy()

    def learn(self, x: F64, memory: float) -> None:
        """One step of `dt` at these values [N]; `memory`: s in which they count."""
        bounds = self._bounds
        step = min(self._dt / memory * _SPEED, _MOST) * np.maximum(self._high - self._low, bounds.least_width)
        self._low += step * (OUTSIDE - (x < self._low))
        self._high += step * ((x > self._high) - OUTSIDE)
        self._low = np.minimum(np.maximum(self._low, bounds.lowest), bounds.highest)
        self._high = np.minimum(np.maximum(self._high, bounds.least_high), bounds.highest)

    def of(self, x: F64) -> F64:
        """[..., N] to 0..1 of their ranges."""
        base, width = self.span()
        found: F64 = np.minimum(np.maximum((x - base) / width, 0.0), 1.0)
        return found

    def span(self) -> tuple[F64, F64]:
        """Where each range begins [N], and its width, which is at least the least."""
        width = self._high - self._low
        wide = np.maximum(width, self._bounds.least_width)
        return self._low - (wide - width) * self._bounds.rest, wide
