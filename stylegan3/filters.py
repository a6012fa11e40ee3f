"""Low-pass design: Kaiser-windowed sinc (Karras et al. 2021, appendix C)."""

import numpy as np
from numpy.typing import NDArray
from scipy.signal import firwin


def kaiser_lowpass(taps: int, cutoff: float, half_width: float, rate: float) -> NDArray[np.float32] | None:
    """Separable filter [taps] with unity gain at DC, designed in float64; None where there is nothing to filter."""
    if taps == 1:
        return None
    f: NDArray[np.float64] = firwin(taps, cutoff=cutoff, width=2 * half_width, fs=rate)
    return f.astype(np.float32)
