"""Accents folded over the beat of each of many tempos: a bank of comb filters that keep their phase."""

import math

import numpy as np
from numpy.typing import NDArray

from daemon.flow import F64

SLOWEST, FASTEST = 55.0, 190.0  # bpm
RATIO = 1.012  # from one tempo to the next
BINS = 48  # of a beat
MEMORY = 4.0  # s
WIDTH = 0.025  # s of standard deviation: how near to the beat its accents lie

USUAL, SPREAD = 115.0, 1.5  # bpm, octaves: a log-normal prior over tempo
HALF = 0.2  # what an accent on the half beat counts, beside one on the beat
FEW = 4.0  # squared accents under which nothing is told
CHANCE = 0.36  # likeness of the best beat after a second of noise; it falls with the square root of the time
_NOTHING = 1e-12


class Folds:
    """One leaky histogram of accents over the beat for each tempo. dt: s a hop.

    The best fit is the beat whose pulse has the largest cosine with the accents, times the prior: a matched filter, so
    that a tempo twice or half as fast as the music loses by the square root of two.
    """

    def __init__(self, dt: float) -> None:
        count = round(math.log(FASTEST / SLOWEST) / math.log(RATIO)) + 1
        self.hz: F64 = np.geomspace(SLOWEST, FASTEST, count) / 60.0
        self.likeness: F64 = np.zeros((count, BINS))  # -1..1: cosine with a beat at that tempo, BINS offsets
        self.fit: F64 = np.zeros((count, BINS))  # the same with half beats and the prior
        self._dt, self._keep = dt, math.exp(-dt / MEMORY)
        self._phase: F64 = np.zeros(count)
        self._folded: F64 = np.zeros((count, BINS))
        self._rows: NDArray[np.intp] = np.arange(count)
        self._hops = self._sum = self._squares = 0.0
        self._prior: F64 = np.exp(-0.5 * np.square(np.log2(self.hz * 60.0 / USUAL) / SPREAD))
        self._pulses = np.conj(np.fft.rfft(_pulses(self.hz)))

    def step(self, accent: float, remember: bool) -> None:
        """One more hop; `remember` keeps what was heard from fading."""
        self._phase = (self._phase + self.hz * self._dt) % 1.0
        if not remember:
            self._folded *= self._keep
            self._hops = self._hops * self._keep + 1.0
            self._sum = self._sum * self._keep + accent
            self._squares = self._squares * self._keep + accent * accent
        if accent > 0.0:
            place = self._phase * BINS
            low = place.astype(np.intp)
            part = accent * (place - low)
            self._folded[self._rows, low % BINS] += accent - part
            self._folded[self._rows, (low + 1) % BINS] += part

    @property
    def chance(self) -> float:
        """The likeness that the best beat has in mere noise, as measured."""
        return CHANCE / math.sqrt(max(self._hops * self._dt, 1e-3))

    def look(self) -> None:
        """Work out `likeness` and `fit` anew."""
        self._folded[self._folded < _NOTHING] = 0.0  # numbers this small grow slow
        spread = self._squares - self._sum**2 / max(self._hops, 1.0) + FEW
        norm = math.sqrt(spread * max(self._hops, 1.0))
        self.likeness = np.fft.irfft(np.fft.rfft(self._folded) * self._pulses, BINS) / norm
        half = np.maximum(np.roll(self.likeness, BINS // 2, axis=1), 0.0)
        self.fit = (self.likeness + HALF * half) * self._prior[:, None]

    def best(self) -> tuple[float, float, float, float]:
        """The best of all: (Hz, phase now, fit, likeness)."""
        tempo, offset = divmod(int(np.argmax(self.fit)), BINS)
        phase = (float(self._phase[tempo]) - offset / BINS) % 1.0
        return float(self.hz[tempo]), phase, float(self.fit[tempo, offset]), float(self.likeness[tempo, offset])

    def at(self, hz: float, phase: float) -> tuple[float, float]:
        """The best there is about this beat: (fit, likeness)."""
        tempo = int(np.argmin(np.abs(np.log(self.hz / hz))))
        tempos = np.arange(max(tempo - 1, 0), min(tempo + 2, len(self.hz)))[:, None]
        offsets = np.round((self._phase[tempos] - phase) * BINS).astype(np.intp) + np.arange(-2, 3)
        where = tempos, offsets % BINS
        return float(self.fit[where].max()), float(self.likeness[where].max())


def _pulses(hz: F64) -> F64:
    """[tempos, BINS] a pulse on the beat, of mean 0 and mean square 1."""
    phase = (np.arange(BINS) + BINS // 2) % BINS / BINS - 0.5
    pulses: F64 = np.exp(-0.5 * np.square(phase / (WIDTH * hz[:, None])))
    pulses -= pulses.mean(axis=1, keepdims=True)
    pulses /= np.sqrt(np.mean(np.square(pulses), axis=1, keepdims=True))
    return pulses
