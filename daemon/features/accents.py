"""How strongly something begins, hop by hop: what the beat is found in."""

import math

import numpy as np

from daemon.features.tempo import FLOOR_DB, MEL_BANDS
from daemon.flow import F64

RISE = 0.02  # s over which a band's rise is measured
DEPTH_DB = 45.0  # under the loudest band of late nothing counts
FALL_DB = 3.0  # dB/s: how fast that loudest is forgotten
MOST_DB = 15.0  # one band's rise counts no more

GROUPS = (0, 2, 12)  # the first band of the drums' low, middle and high parts: from 20, 150 and 1100 Hz
WEIGHTS = np.array([1.0, 0.6, 0.6])  # of these, each measured against its own mean
MEMORY = 4.0  # s of that mean
LEAST_DB = 0.2  # a group whose rises are smaller than this is not made louder
CURVE = 0.75  # exponent: a loud drum is not to outshout the beat


class Accents:
    """Half-wave rectified rise of a log-mel spectrum, in groups of bands that count alike. dt: s a hop."""

    def __init__(self, dt: float) -> None:
        self._past: F64 = np.full((max(1, round(RISE / dt)), MEL_BANDS), FLOOR_DB)
        self._at = 0  # of the oldest hop in it
        self._loudest = FLOOR_DB
        self._fall = FALL_DB * dt
        self._sizes = np.diff((*GROUPS, MEL_BANDS))
        self._power: F64 = np.ones(len(GROUPS))  # dB^2, mean of each group
        self._share = 1.0 - math.exp(-dt / MEMORY)

    def step(self, log_mel: F64, gate: bool) -> float:
        """The accent of one hop: 0 where nothing begins, around 5 on a drum."""
        self._loudest = max(float(log_mel.max()), self._loudest - self._fall)
        floor = self._loudest - DEPTH_DB
        rise = np.maximum(log_mel, floor) - np.maximum(self._past[self._at], floor)
        self._past[self._at] = log_mel
        self._at = (self._at + 1) % len(self._past)
        if not gate:
            return 0.0
        groups = np.add.reduceat(np.clip(rise, 0.0, MOST_DB), GROUPS) / self._sizes
        self._power += self._share * (np.square(groups) - self._power)
        least = max(0.05 * float(self._power.max()), LEAST_DB**2)
        return math.pow(float(np.sum(WEIGHTS * groups / np.sqrt(np.maximum(self._power, least)))), CURVE)
