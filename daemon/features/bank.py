"""The mel filter bank and the window that goes with it, made once at start."""

import math

import numpy as np

from daemon.flow import F64

LOW_HZ, HIGH_HZ = 40.0, 16_000.0  # the span of the bands

_LINEAR_HZ = 1000.0  # Slaney's scale: linear to here, logarithmic above
_MELS_PER_HZ = 3.0 / 200.0
_MELS_PER_E = 27.0 / math.log(6.4)


def mel(hz: float) -> float:
    """Hz to mel on Slaney's scale (Auditory Toolbox, 1998), which librosa uses too."""
    return min(hz, _LINEAR_HZ) * _MELS_PER_HZ + _MELS_PER_E * math.log(max(hz, _LINEAR_HZ) / _LINEAR_HZ)


def hertz(mels: F64) -> F64:
    """The inverse of `mel`."""
    knee = _LINEAR_HZ * _MELS_PER_HZ
    found: F64 = np.minimum(mels, knee) / _MELS_PER_HZ * np.exp(np.maximum(mels - knee, 0.0) / _MELS_PER_E)
    return found


def mel_bank(sr: int, n_fft: int, bands: int) -> F64:
    """Triangles of height 1, evenly spaced in mel, each reaching to its neighbours' centres.

    Returns:
        [bands, n_fft // 2 + 1] weights of the power spectrum's bins.
    """
    edges = hertz(np.linspace(mel(LOW_HZ), mel(min(HIGH_HZ, sr / 2)), bands + 2))
    bins = np.arange(n_fft // 2 + 1) * (sr / n_fft)
    low, centre, high = edges[:-2, None], edges[1:-1, None], edges[2:, None]
    weights: F64 = np.maximum(np.minimum((bins - low) / (centre - low), (high - bins) / (high - centre)), 0.0)
    return weights


def hann(window: int) -> F64:
    """The periodic Hann window, [window]."""
    weights: F64 = 0.5 - 0.5 * np.cos(np.arange(window) * (2.0 * np.pi / window))
    return weights


def sine_power(window: F64, n_fft: int) -> float:
    """What a full-scale sine brings to the one-sided power spectrum, all bins together (Parseval)."""
    return n_fft * float(np.sum(np.square(window))) / 4.0
