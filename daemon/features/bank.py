"""Filter banks over a power spectrum, made once at start."""

import math

import numpy as np
from safetensors import safe_open

from daemon.config import ASSETS
from daemon.errors import BadInput
from daemon.flow import F64

LOW_HZ, HIGH_HZ = 20.0, 16_000.0  # the span of the bands

_LINEAR_HZ = 1000.0  # Slaney's scale: linear to here, logarithmic above
_MELS_PER_HZ = 3.0 / 200.0
_MELS_PER_E = 27.0 / math.log(6.4)
_STORED = ASSETS / "banks.safetensors"  # librosa's, by tools/make_filter_banks.py


class FilterBank:
    """Weights of a spectrum's bins [N, bins]; only those that are not 0 are kept, and added up in one order."""

    def __init__(self, weights: F64) -> None:
        heard = weights != 0.0
        heard[:, 0] |= ~heard.any(axis=1)  # a filter between two bins hears nothing, in one bin
        rows, self._bins = np.nonzero(heard)
        self._weights = weights[rows, self._bins]
        self._starts = np.searchsorted(rows, np.arange(len(weights)))

    def of(self, power: F64) -> F64:
        """[..., bins] to [..., N]."""
        found: F64 = np.add.reduceat(power[..., self._bins] * self._weights, self._starts, axis=-1)
        return found


def mel(hz: float) -> float:
    """Hz to mel on Slaney's scale (Auditory Toolbox, 1998), which librosa uses too."""
    return min(hz, _LINEAR_HZ) * _MELS_PER_HZ + _MELS_PER_E * math.log(max(hz, _LINEAR_HZ) / _LINEAR_HZ)


def hertz(mels: F64) -> F64:
    """The inverse of `mel`."""
    knee = _LINEAR_HZ * _MELS_PER_HZ
    found: F64 = np.minimum(mels, knee) / _MELS_PER_HZ * np.exp(np.maximum(mels - knee, 0.0) / _MELS_PER_E)
    return found


def mel_bank(sr: int, n_fft: int, bands: int, low: float = LOW_HZ, high: float = HIGH_HZ, unit: bool = False) -> F64:
    """Triangles evenly spaced in mel, each reaching to its neighbours' centres.

    Args:
        sr: sample rate, Hz.
        n_fft: length of the transform.
        bands: how many.
        low: Hz, where the first begins.
        high: Hz, where the last ends, or half of `sr`.
        unit: whether each has area 1 (Hz) rather than height 1: librosa's norm "slaney" and None.

    Returns:
        [bands, n_fft // 2 + 1] weights of the power spectrum's bins.
    """
    edges = hertz(np.linspace(mel(low), mel(min(high, sr / 2)), bands + 2))
    bins = np.arange(n_fft // 2 + 1) * (sr / n_fft)
    begin, centre, end = edges[:-2, None], edges[1:-1, None], edges[2:, None]
    weights: F64 = np.maximum(np.minimum((bins - begin) / (centre - begin), (end - bins) / (end - centre)), 0.0)
    return weights * (2.0 / (end - begin)) if unit else weights


def chroma_bank(sr: int, n_fft: int) -> F64:
    """The bins' weights for each pitch class from C [12, n_fft // 2 + 1], librosa's; BadInput where there are none."""
    name = f"chroma/{sr}/{n_fft}"
    with safe_open(_STORED, "numpy") as stored:
        if name not in stored.keys():  # noqa: SIM118 - it is no dict
            grids = [key.split("/")[1:] for key in stored.keys() if key.startswith("chroma/")]  # noqa: SIM118
            rates, windows = (sorted({int(grid[i]) for grid in grids}) for i in (0, 1))
            listed = [", ".join(str(n // d) for n in these) for these, d in ((rates, 1), (windows, 2))]
            fault = f"{sr} Hz in windows of {n_fft // 2} cannot be heard; use {listed[0]} Hz and windows of {listed[1]}"
            raise BadInput("analysis", [fault])
        return np.asarray(stored.get_tensor(name), np.float64)


def cosines() -> F64:
    """The rows of the discrete cosine transform that make cepstral coefficients of a log-mel spectrum, [13, 40]."""
    with safe_open(_STORED, "numpy") as stored:
        return np.asarray(stored.get_tensor("cosines"), np.float64)


def hann(window: int) -> F64:
    """The periodic Hann window, [window]."""
    weights: F64 = 0.5 - 0.5 * np.cos(np.arange(window) * (2.0 * np.pi / window))
    return weights


def sine_power(window: F64, n_fft: int) -> float:
    """What a full-scale sine brings to the one-sided power spectrum, all bins together (Parseval)."""
    return n_fft * float(np.sum(np.square(window))) / 4.0
