"""Loudness: the K-weighting of ITU-R BS.1770-5, annex 1, applied to a power spectrum."""

import math

import numpy as np

from daemon.flow import F64, SILENCE_DB

_STATED_AT = 48_000.0  # Hz, the rate of the published coefficients
_SHELF = (1.53512485958697, -2.69169618940638, 1.19839281085285), (1.0, -1.69065929318241, 0.73248077421585)
_HIGH_PASS = (1.0, -2.0, 1.0), (1.0, -1.99004745483398, 0.99007225036621)
_OFFSET_DB = -0.691


class Loudness:
    """LKFS of one channel's window."""

    def __init__(self, sr: int, n_fft: int, sine: float) -> None:
        """`sine`: what a full-scale sine brings to the power spectrum, all bins together."""
        hz: F64 = np.arange(0.0, n_fft // 2 + 1) * (sr / n_fft)
        self._weights = k_weights(hz) * (0.5 / sine)  # a full-scale sine has a mean square of a half

    def of(self, power: F64) -> float:
        """[bins] to LKFS."""
        mean_square = float((self._weights * power).sum())
        return max(_OFFSET_DB + 10.0 * math.log10(mean_square), SILENCE_DB) if mean_square > 0.0 else SILENCE_DB


def k_weights(hz: F64) -> F64:
    """The power response of K-weighting: of the published filters at 48 kHz, and of their end beyond 24 kHz."""
    turn = np.exp(-2j * np.pi * np.minimum(hz, _STATED_AT / 2.0) / _STATED_AT)
    response: F64 = np.ones_like(hz)
    for above, below in (_SHELF, _HIGH_PASS):
        response = response * np.square(np.abs(np.polyval(above[::-1], turn) / np.polyval(below[::-1], turn)))
    return response
