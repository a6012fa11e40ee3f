"""What shape a spectrum has: its moments, how flat and how spiky it is, peaks against valleys.

Over the magnitudes of 20 Hz to 10 kHz, as T. Moore (2025) has it. Moments, rolloff, flatness and contrast are librosa
0.11's; skewness, kurtosis, flatness in dB and crest as the reference of FluCoMa's SpectralShape defines them
(G. Peeters, "A large set of audio features", 2004).
"""

import math
from itertools import pairwise

import numpy as np

from daemon.flow import F64

SHAPE_LOW_HZ, SHAPE_HIGH_HZ = 20.0, 10_000.0

_ROLLOFF = 0.95
_LEAST_POWER = 1e-10  # librosa's amin
_SPIKE = 1e5  # kurtosis, and skewness squared, of one bin alone: more is rounding (a sine has some thousands)
_NOTHING = 1e-12  # sum of magnitudes under which there is no spectrum
_RANGE_DB = 80.0  # librosa's top_db
_OCTAVES_FROM, _OCTAVES = 200.0, 6  # librosa's: under it, then six doublings, then the rest
_QUANTILE = 0.02  # share of a band's bins that are its peaks, and its valleys


class Shape:
    """The shape of the spectra of one grid of bins."""

    def __init__(self, sr: int, n_fft: int) -> None:
        hz: F64 = np.arange(0.0, n_fft // 2 + 1) * (sr / n_fft)
        inside = np.flatnonzero((hz >= SHAPE_LOW_HZ) & (hz <= SHAPE_HIGH_HZ))
        self._part = slice(int(inside[0]), int(inside[-1]) + 1)
        self._hz = hz[self._part]
        self._bands = _octaves(self._hz)
        edges = [edge for begin, end, _ in self._bands for edge in (begin, end)]
        self._edges = np.array(edges if edges[-1] < len(self._hz) else edges[:-1])

    def of(self, power: F64) -> tuple[float, ...]:
        """[bins] to centroid, spread, skewness, kurtosis, rolloff, flatness, flatness_db, crest_db and contrast."""
        power = power[self._part]
        magnitude = np.sqrt(power)
        total = float(magnitude.sum())
        if total < _NOTHING:
            return 0.0, 0.0, 0.0, 0.0, 0.0, 1.0, 0.0, 0.0, 0.0
        return *self._moments(magnitude / total), self._rolloff(magnitude), *_spikes(power), self._contrast(magnitude)

    def _moments(self, share: F64) -> tuple[float, float, float, float]:
        centroid = float((self._hz * share).sum())
        away = self._hz - centroid
        square = np.square(away)
        weighed = square * share
        variance = float(weighed.sum())
        spread = math.sqrt(variance)
        if spread < 1e-6:  # Hz: all in one bin
            return centroid, spread, 0.0, 0.0
        third, fourth = float((weighed * away).sum()), float((weighed * square).sum())
        skewness, kurtosis = third / (variance * spread), fourth / (variance * variance)
        return centroid, spread, max(min(skewness, _SPIKE**0.5), -(_SPIKE**0.5)), min(kurtosis, _SPIKE)

    def _rolloff(self, magnitude: F64) -> float:
        heap = magnitude.cumsum()
        return float(self._hz[heap.searchsorted(_ROLLOFF * heap[-1])])

    def _contrast(self, magnitude: F64) -> float:
        peaks = np.maximum.reduceat(magnitude, self._edges)[::2]
        valleys = np.minimum.reduceat(magnitude, self._edges)[::2]
        for band, (begin, end, few) in enumerate(self._bands):
            if few > 1:  # otherwise they are the largest and the smallest
                ranked = np.sort(magnitude[begin:end])
                peaks[band], valleys[band] = ranked[-few:].sum() / few, ranked[:few].sum() / few
        return float((_db(peaks) - _db(valleys)).sum()) / len(self._bands)


def _spikes(power: F64) -> tuple[float, float, float]:
    """Flatness, flatness in dB (of magnitudes), crest in dB."""
    kept = np.maximum(power, _LEAST_POWER)
    geometric = math.exp(float(np.log(kept).sum()) / len(kept))
    flatness = geometric / (float(kept.sum()) / len(kept))
    flatness_db = 10.0 * math.log10(geometric) - 20.0 * math.log10(float(np.sqrt(kept).sum()) / len(kept))
    crest_db = 10.0 * math.log10(float(power.max()) / (float(power.sum()) / len(power)))
    return flatness, flatness_db, crest_db


def _db(magnitude: F64) -> F64:
    found: F64 = 10.0 * np.log10(np.maximum(magnitude, _LEAST_POWER))  # ten of a magnitude: librosa's contrast does so
    return np.maximum(found, float(found.max()) - _RANGE_DB)


def _octaves(hz: F64) -> list[tuple[int, int, int]]:
    """Where each band of the contrast begins and ends, and how many bins are its peaks; as librosa cuts them."""
    edges = [0.0, *(_OCTAVES_FROM * 2.0**i for i in range(_OCTAVES + 1))]
    bands = []
    for low, high in pairwise(edges):
        begin, end = int(np.searchsorted(hz, low)), int(np.searchsorted(hz, high, side="right"))
        begin -= low > 0.0  # each begins a bin early
        last = high == edges[-1]
        end = len(hz) if last else end
        few = max(round(_QUANTILE * (end - begin)), 1)
        bands.append((begin, end if last else end - 1, few))
    return bands
