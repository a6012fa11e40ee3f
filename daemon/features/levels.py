"""Measurements as levels: 0..1 of what was heard of late."""

import numpy as np

from daemon.descriptors import DESCRIPTORS, NAMES
from daemon.features.ranges import Bounds, Ranges
from daemon.flow import F64

_LOGARITHMIC = np.array([d.unit == "Hz" or d.name == "kurtosis" for d in DESCRIPTORS])  # heard, or spread, in octaves
_ENERGY = np.array([name in ("loudness", "onset", "pitch_confidence") for name in NAMES])  # what silence has none of
_REST = np.array([{"loudness": 1.0, "onset": 0.0}.get(name, 0.5) for name in NAMES])
_LEAST_WIDTH = 0.1  # of the usual span: steadier sound than that does not fill its range
_ROOM = 0.5  # usual spans that a range may reach beyond the usual
_LEAST_HIGH = 0.3  # of the usual span: what stays under it is never loud
_BAND_WIDTH, _BAND_HIGH = 0.2, 0.3  # the same of bands: 12 dB, 42 dB under full scale


class Levels:
    """The level of each descriptor. What was learnt stays as it is while nothing sounds."""

    def __init__(self, dt: float) -> None:
        low, high = (_warped(np.array([getattr(d, end) for d in DESCRIPTORS], np.float64)) for end in ("low", "high"))
        span = high - low
        lowest, highest = low - _ROOM * span, high + _ROOM * span
        least_high = np.where(_ENERGY, low + _LEAST_HIGH * span, lowest)
        self._ranges = Ranges(Bounds(low, high, lowest, highest, least_high, _LEAST_WIDTH * span, _REST), dt)
        self._target: F64 = np.zeros(len(DESCRIPTORS))

    def step(self, raw: F64, gate: bool, sounding: bool, memory: float) -> F64:
        """Where the levels go [D]: the measured; the last of what a pause has none of; 0 once the gate is closed."""
        x = _warped(raw)
        if sounding:
            self._ranges.learn(x, memory)
        if not gate:
            self._target = np.zeros(len(DESCRIPTORS))
        elif sounding:
            self._target = self._ranges.of(x)
        else:
            self._target = np.where(_ENERGY, self._ranges.of(x), self._target)
        return self._target


class BandLevels:
    """The levels of bands: absolute, or against what was heard of late, or between."""

    def __init__(self, bands: int, dt: float) -> None:
        none, all_ = np.zeros(bands), np.ones(bands)
        bounds = Bounds(none, all_, none, all_, _BAND_HIGH * all_, _BAND_WIDTH * all_, all_)
        self._ranges = Ranges(bounds, dt)

    def step(self, absolute: F64, sounding: bool, memory: float) -> None:
        """Learn from the levels of one hop [bands], re full scale."""
        if sounding:
            self._ranges.learn(absolute, memory)

    def of(self, absolute: F64, auto: float) -> F64:
        """[..., bands] re full scale to the same, `auto` of the way measured against what was heard."""
        return absolute + auto * (self._ranges.of(absolute) - absolute) if auto > 0.0 else absolute


def _warped(raw: F64) -> F64:
    """Octaves of what is heard in octaves."""
    found: F64 = np.where(_LOGARITHMIC, np.log2(np.maximum(raw, 1.0)), raw)
    return found
