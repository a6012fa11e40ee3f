"""Filter banks over a power spectrum, made once at start."""

import math

import numpy as np
from safetensors.numpy import load_file

from daemon.config import ASSETS
from daemon.errors import BadInput
from daemon.flow import F64

LOW_HZ, HIGH_HZ = 20.0, 16_000.0  # the span of the bands

_LINEAR_HZ = 1000.0  # Slaney's scale: linear to here, logarithmic above
_MELS_PER_HZ = 3.0 / 200.0
_MELS_PER_E = 27.0 / math.log(6.4)
_STORED = ASSETS / "banks.safetensors"  # librosa's, by tools/make_filter_banks.py


class FilterBank:
    """Weights of a spectrum's bins; only those that are not 0 are kept, and added up in one order.

    Args:
        weights: [N, bins], each row with at least one weight.
    """

    def __init__(self, weights: F64) -> None:
        rows, self._bins = np.nonzero(weights)
        self._weights = weights[rows, self._bins]
        self._starts = np.searchsorted(rows, np.arange(len(weights)))
        if len(np.unique(rows)) != len(weights):
            raise ValueError("a filter that hears nothing")

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
    """The weights of the bins for each pitch class from C [12, n_fft // 2 + 1], librosa's; BadInput where it has none."""
    name = f"chroma/{sr}/{n_fft}"
    stored = load_file(_STORED)
    if name not in stored:
        have = sorted({f"{rate} Hz" for kind, rate, *_ in (key.split("/") for key in stored if "/" in key)})
        raise BadInput("sample rate", [f"{sr} Hz with windows of {n_fft // 2} cannot be heard; use {', '.join(have)}"])
    return np.asarray(stored[name], np.float64)


def cosines() -> F64:
    """The rows of the discrete cosine transform that make cepstral coefficients of a log-mel spectrum, [13, 40]."""
    return np.asarray(load_file(_STORED)["cosines"], np.float64)


def hann(window: int) -> F64:
    """The periodic Hann window, [window]."""
    weights: F64 = 0.5 - 0.5 * np.cos(np.arange(window) * (2.0 * np.pi / window))
    return weights


def sine_power(window: F64, n_fft: int) -> float:
    """What a full-scale sine brings to the one-sided power spectrum, all bins together (Parseval)."""
    return n_fft * float(np.sum(np.square(window))) / 4.0
