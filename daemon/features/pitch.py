"""Pitch: YIN, its correlation by the fast Fourier transform (de Cheveigné and Kawahara, 2002)."""

import math

import numpy as np

from daemon.flow import F64

LOWEST_HZ, HIGHEST_HZ = 50.0, 2000.0
VOICED = 0.5  # confidence from which a pitch is believed
UNHEARD_HZ = math.sqrt(LOWEST_HZ * HIGHEST_HZ)  # before there was any

_TROUGH = 0.1  # the first difference under it is the period
_SILENT = 1e-6  # samples that are all smaller have no period
_TINY = 1e-30


class Pitch:
    """The fundamental of the newest sound; while there is none, the last one stays."""

    def __init__(self, sr: int) -> None:
        self._sr = sr
        self.frame = 1 << math.ceil(math.log2(2.0 * sr / LOWEST_HZ))  # samples: two of the longest periods, and more
        self._shortest, self._longest = math.floor(sr / HIGHEST_HZ), math.ceil(sr / LOWEST_HZ)
        self._n_fft = _fast(self.frame + self._longest + 1)
        self._lags: F64 = np.arange(1.0, self._longest + 1)
        self._hz = UNHEARD_HZ

    def step(self, x: F64, sounding: bool) -> tuple[float, float]:
        """[frame] to Hz and confidence."""
        if not sounding or float(np.abs(x).max()) < _SILENT:
            return self._hz, 0.0
        hz, confidence = self.of(x)
        if confidence >= VOICED:
            self._hz = hz
        return self._hz, confidence

    def of(self, x: F64) -> tuple[float, float]:
        """[frame] to Hz, as librosa.yin finds it, and 1 minus the normalised difference there."""
        difference = self._difference(x)
        before, here, after = difference[:-2], difference[1:-1], difference[2:]
        troughs = np.flatnonzero((here < _TROUGH) & (here < before) & (here <= after))
        if difference[0] < min(_TROUGH, difference[1]):
            at = 0
        else:
            at = int(troughs[0]) + 1 if len(troughs) else int(np.argmin(difference))
        confidence = min(max(1.0 - float(difference[at]), 0.0), 1.0)
        return self._sr / (self._shortest + at + _vertex(difference, at)), confidence

    def _difference(self, x: F64) -> F64:
        """The cumulative mean normalised difference at every lag from the shortest to the longest period."""
        longest = self._longest
        spectrum = np.fft.rfft(x, self._n_fft)
        correlation = np.fft.irfft(np.square(spectrum.real) + np.square(spectrum.imag), self._n_fft)
        energy = np.square(x[:longest]).cumsum()
        plain = 2.0 * (correlation[0] - correlation[1 : longest + 1]) - energy
        mean = plain.cumsum() / self._lags
        found: F64 = plain[self._shortest - 1 :] / (mean[self._shortest - 1 :] + _TINY)
        return found


def _vertex(y: F64, at: int) -> float:
    """Where the parabola through a point and its neighbours is lowest, from that point; 0 where it is further off."""
    if not 0 < at < len(y) - 1:
        return 0.0
    left, here, right = (float(v) for v in y[at - 1 : at + 2])
    bend, slope = left + right - 2.0 * here, (right - left) / 2.0
    return 0.0 if abs(slope) >= abs(bend) else -slope / bend


def _fast(least: int) -> int:
    """The smallest length from `least` on that transforms fast: a power of two, or one and a half of it."""
    power = 1 << math.ceil(math.log2(least))
    return power * 3 // 4 if power * 3 // 4 >= least else power
