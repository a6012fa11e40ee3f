"""Low-pass design: Kaiser-windowed sinc and jinc (Karras et al. 2021, appendix C)."""

import math

import numpy as np
from numpy.typing import NDArray
from scipy.signal import firwin, kaiser_atten, kaiser_beta
from scipy.special import j1


def separable_lowpass(taps: int, cutoff: float, half_width: float, rate: float) -> NDArray[np.float32]:
    """[taps] with unity gain at DC, to be used along both axes; designed in float64."""
    f: NDArray[np.float64] = firwin(taps, cutoff=cutoff, width=2 * half_width, fs=rate)
    return f.astype(np.float32)


def radial_lowpass(taps: int, cutoff: float, half_width: float, rate: float) -> NDArray[np.float32]:
    """[taps, taps] with unity gain at DC, the same in every direction: a disc in frequency; designed in float64."""
    x = (np.arange(taps) - (taps - 1) / 2) / rate
    r = np.hypot(*np.meshgrid(x, x))
    centre = r == 0  # the limit there is pi cutoff^2, and only odd taps have it
    safe = np.where(centre, 1, r)
    jinc = np.where(centre, math.pi * cutoff**2, cutoff * j1(2 * math.pi * cutoff * safe) / safe)
    window = np.kaiser(taps, kaiser_beta(kaiser_atten(taps, 2 * half_width / (rate / 2))))
    f: NDArray[np.float64] = jinc * np.outer(window, window)
    f /= f.sum()
    return f.astype(np.float32)
