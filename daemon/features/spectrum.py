"""The spectrum of a window: one transform a hop, whatever is asked of it later."""

import numpy as np

from daemon.features.bank import hann, sine_power
from daemon.flow import F64


class Spectrum:
    """Hann-weighted, zero-padded to twice the window; every other bin is that of the window without the padding."""

    def __init__(self, window: int) -> None:
        self.n_fft = 2 * window
        self._hann = hann(window)
        self.sine = sine_power(self._hann, self.n_fft)  # what a full-scale sine brings, all bins together
        self._real: F64 = np.zeros(self.n_fft)
        self._pair = np.zeros(self.n_fft, np.complex128)
        self._mirror = -np.arange(window + 1)  # where the conjugate of each bin lies

    def mono(self, x: F64) -> F64:
        """[window] to power [window + 1]."""
        half = self.n_fft // 2
        np.multiply(x, self._hann, out=self._real[:half])
        return _power(np.fft.rfft(self._real))

    def stereo(self, left: F64, right: F64) -> tuple[F64, F64]:
        """Two [window] to the power of their mean [window + 1] and their own [2, window + 1]; one complex transform."""
        half = self.n_fft // 2
        np.multiply(left, self._hann, out=self._pair.real[:half])
        np.multiply(right, self._hann, out=self._pair.imag[:half])
        both = np.fft.fft(self._pair)
        here, there = both[: half + 1], np.conj(both[self._mirror])
        sides = np.stack((here + there, (here - there) * -1j)) * 0.5  # of a real and an imaginary signal in one
        return _power((sides[0] + sides[1]) * 0.5), _power(sides)


def _power(z: np.ndarray[tuple[int, ...], np.dtype[np.complex128]]) -> F64:
    power: F64 = np.square(z.real) + np.square(z.imag)
    return power
