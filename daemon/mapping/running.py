"""What is usual: the mean and deviation of numbers over the seconds gone by, forgetting slowly."""

import math

import numpy as np

from daemon.flow import F64

_SUPPOSED = 2.0  # s of numbers of mean 0 and variance 1 heard before the first, so to say
_QUIETEST = 0.1  # deviation under which a number counts as this quiet: what hardly changes is not blown up


class Running:
    """Standardises means of numbers of which `rate` come a second.

    It learns from means and mean squares of any number of them at once, so it does not hang on how they are grouped,
    and only while told to: nothing is learnt from silence.
    """

    def __init__(self, dims: int, rate: float) -> None:
        self._rate = rate
        self._weight = _SUPPOSED * rate
        self._sums: F64 = np.concatenate((np.zeros(dims), np.ones(dims))) * self._weight

    def step(self, mean: F64, count: int, memory: float, *, learn: bool) -> F64:
        """The mean of `count` new ones, [dims] of the numbers and [dims] of their squares -> standardised, [dims]."""
        if learn:
            kept = math.exp(-count / (memory * self._rate))
            self._sums = kept * self._sums + count * mean
            self._weight = kept * self._weight + count
        usual, square = np.split(self._sums / self._weight, 2)
        deviation = np.maximum(np.sqrt(np.maximum(square - np.square(usual), 0.0)), _QUIETEST)
        standard: F64 = (mean[: len(usual)] - usual) / deviation
        return standard
