"""The beat by ear: causal tempo and phase out of a log-mel spectrum, one hop at a time.

Onset strength is folded into one leaky histogram of phase for each of a bank of tempos (a comb filter that keeps its
phase); the tempo whose histogram looks most like a beat wins, and an oscillator is held on it by a running regression.
"""

import math

import numpy as np

from daemon.features.tempo import FLOOR_DB, MEL_BANDS
from daemon.flow import F64, Beat

SLOWEST, FASTEST = 55.0, 190.0  # bpm
USUAL, SPREAD = 115.0, 1.5  # bpm and octaves: the log-normal prior over tempo
STEP = 1.012  # from one tempo of the bank to the next
BINS = 48  # of a histogram of phase
WIDTH = 0.025  # s: how far onsets lie about a beat
HALF = 0.2  # what counts the half beat
MEMORY = 4.0  # s of the histograms
HOLD = 3.0  # s of the regression
LATENCY = 0.018  # s from the onset in the sound to the hop that shows it, as measured

RISE = 0.02  # s over which a rise is measured
DEPTH_DB = 45.0  # under the loudest of late, nothing counts
RISE_DB = 15.0  # a rise in one band counts no more than this

EDGES = (0, 2, 12)  # first bands of the groups
SIZES = np.diff((*EDGES, MEL_BANDS))
GROUPS = np.array([1.0, 0.6, 0.6])
POWER = 0.75

LOOK = 0.1  # s between looks at the bank
BETTER = 1.25  # how much more likely another beat must be
STICK = 0.3
PATIENCE = 0.8  # s for which it must be so
FORGET = 5.0  # s: fall of the confidence while there is no sound
SURE = (0.12, 0.5)  # likeness that is confidence 0 and 1
SLEW = 0.25  # of the tempo: the most the phase is hurried or held


class Onsets:
    """Onset strength: the rise of the log-mel spectrum, in dB a band, low bands counting as much as high."""

    def __init__(self, dt: float) -> None:
        self._lag = max(1, round(RISE / dt))
        self._past = np.full((self._lag, MEL_BANDS), FLOOR_DB)
        self._at = 0
        self._loudest = FLOOR_DB
        self._fall = 3.0 * dt  # dB a hop
        self._power = np.ones(len(EDGES))
        self._share = 1.0 - math.exp(-dt / 4.0)

    def step(self, log_mel: F64, gate: bool) -> float:
        self._loudest = max(float(log_mel.max()), self._loudest - self._fall)
        floor = self._loudest - DEPTH_DB
        rise = np.maximum(log_mel, floor) - np.maximum(self._past[self._at], floor)
        self._past[self._at] = log_mel
        self._at = (self._at + 1) % self._lag
        if not gate:
            return 0.0
        groups = np.add.reduceat(np.minimum(np.maximum(rise, 0.0), RISE_DB), EDGES) / SIZES
        self._power += self._share * (groups * groups - self._power)
        level = groups / np.sqrt(np.maximum(self._power, 0.05 * self._power.max() + 1e-6))
        return float(level @ GROUPS) ** POWER


class Bank:
    """Onsets folded at each of many tempos."""

    def __init__(self, dt: float) -> None:
        count = round(math.log(FASTEST / SLOWEST) / math.log(STEP)) + 1
        self.hz: F64 = np.geomspace(SLOWEST, FASTEST, count) / 60.0
        self.prior: F64 = np.exp(-0.5 * (np.log2(self.hz * 60.0 / USUAL) / SPREAD) ** 2)
        self._dt = dt
        self._keep = math.exp(-dt / MEMORY)
        self._phase = np.zeros(count)
        self._folded = np.zeros((count, BINS))
        self._rows = np.arange(count)
        self._time = self._sum = self._energy = 0.0
        phase = (np.arange(BINS) + BINS // 2) % BINS / BINS - 0.5
        beat = np.exp(-0.5 * (phase / (WIDTH * self.hz[:, None])) ** 2)
        beat -= beat.mean(axis=1, keepdims=True)
        beat /= np.sqrt(np.mean(beat**2, axis=1, keepdims=True))
        self._matched = np.conj(np.fft.rfft(beat))
        self.likeness = np.zeros((count, BINS))

    def step(self, onset: float) -> None:
        self._phase += self.hz * self._dt
        self._phase %= 1.0
        self._folded *= self._keep
        self._time = self._time * self._keep + 1.0
        self._sum = self._sum * self._keep + onset
        self._energy = self._energy * self._keep + onset * onset
        if onset > 0.0:
            place = self._phase * BINS
            low = place.astype(np.intp)
            part = place - low
            self._folded[self._rows, low % BINS] += onset * (1.0 - part)
            self._folded[self._rows, (low + 1) % BINS] += onset * part

    def look(self) -> None:
        """Work out `likeness` [tempos, BINS]: the cosine between the onsets and a beat at that tempo and offset."""
        spread = self._energy - self._sum**2 / max(self._time, 1e-9)
        norm = math.sqrt(max(spread * self._time, 1e-12))
        self.likeness = np.fft.irfft(np.fft.rfft(self._folded) * self._matched, BINS) / norm
        self.fit = self.likeness + HALF * np.maximum(np.roll(self.likeness, BINS // 2, axis=1), 0.0)
        self.fit *= self.prior[:, None]

    def phase_of(self, offset: F64) -> F64:
        """Where the beat is now, for the beat whose histogram begins at `offset` bins."""
        found: F64 = (self._phase - offset / BINS) % 1.0
        return found


class Regression:
    """A running straight line through the onsets' distances from the beat: how far off, and how fast it goes off."""

    def __init__(self, dt: float) -> None:
        self._dt, self._keep = dt, math.exp(-dt / HOLD)
        self.clear()

    def clear(self) -> None:
        self._w = self._wt = self._wtt = self._we = self._wte = 0.0

    def step(self, weight: float, error: float) -> tuple[float, float]:
        """After one more hop: (beats off, beats a second it goes off by)."""
        dt, keep = self._dt, self._keep
        self._wtt = (self._wtt - 2 * dt * self._wt + dt * dt * self._w) * keep
        self._wt = (self._wt - dt * self._w) * keep
        self._wte = (self._wte - dt * self._we) * keep
        self._w = self._w * keep + weight
        self._we = self._we * keep + weight * error
        a, b, d = self._w + 0.05, self._wt, self._wtt + 0.05 * HOLD**2
        det = a * d - b * b
        off = (self._we * d - self._wte * b) / det
        going = (self._wte * a - self._we * b) / det
        return off, going

    def moved(self, off: float, going: float) -> None:
        """The line it is measured from has moved by this much."""
        self._we -= off * self._w + going * self._wt
        self._wte -= off * self._wt + going * self._wtt


class BeatTracker:
    """A `Tempo` that listens. dt: s a hop."""

    def __init__(self, dt: float) -> None:
        self._dt = dt
        self._onsets, self._bank, self._line = Onsets(dt), Bank(dt), Regression(dt)
        self._hops = 0
        self._every = max(1, round(LOOK / dt))
        self._hz = 0.0  # 0 while there is none
        self._phase = self._shown = 0.0
        self._likeness = 0.0
        self._confidence = 0.0
        self._rival = 0.0  # s for which another was better
        self._level = 0.0
        self._held = 0.0
        self._near = 1.0
        self._fade = math.exp(-dt / FORGET)
        self._sure_share = 1.0 - math.exp(-dt / 0.5)

    def step(self, log_mel: F64, heard: float, gate: bool, ahead: float) -> Beat:
        onset = self._onsets.step(log_mel, gate)
        self._level += (onset - self._level) * min(1.0, self._dt / 4.0)
        self._bank.step(onset)
        self._hops += 1
        self._turn(onset)
        if self._hops % self._every == 0 and self._hops * self._dt > 1.0 and gate:
            self._choose()
        if gate:
            low, high = SURE
            sure = min(max((self._likeness - low) / (high - low), 0.0), 1.0)
            self._confidence += self._sure_share * (sure - self._confidence)
        else:
            self._confidence *= self._fade
        return Beat(self._hz * 60.0, (self._shown + self._hz * (ahead + LATENCY)) % 1.0, self._confidence)

    def _turn(self, onset: float) -> None:
        if not self._hz:
            return
        dt = self._dt
        self._phase = (self._phase + self._hz * dt) % 1.0
        error = (self._phase + 0.5) % 1.0 - 0.5
        width = 1.5 * WIDTH * self._hz
        weight = onset * math.exp(-0.5 * (error / width) ** 2) / max(self._level, 1e-9)
        self._near += (weight - self._near) * min(1.0, dt / 4.0)
        off, going = self._line.step(weight * dt / HOLD / max(self._near, 1e-9), error)
        off, going = off * dt / 0.2, going * dt / 1.0
        self._line.moved(off, going)
        self._phase -= off
        self._hz = min(max(self._hz - going, SLOWEST / 60.0 * 0.97), FASTEST / 60.0 * 1.03)
        late = (self._phase - self._shown - self._hz * dt + 0.5) % 1.0 - 0.5
        most = SLEW * self._hz * dt
        self._shown = (self._shown + self._hz * dt + min(max(late, -most), most)) % 1.0

    def _choose(self) -> None:
        bank = self._bank
        bank.look()
        offsets = np.argmax(bank.fit, axis=1)
        best = bank.fit[bank._rows, offsets]
        winner = int(np.argmax(best))
        if self._hz:
            mine = int(np.argmin(np.abs(np.log(bank.hz / self._hz))))
            near = slice(max(mine - 1, 0), mine + 2)
            bins = np.arange(near.start, min(near.stop, len(bank.hz)))
            at = np.round((bank._phase[bins] - self._phase) * BINS).astype(int)[:, None] + np.arange(-2, 3)
            kept = float(bank.fit[bins[:, None], at % BINS].max())
            self._likeness = float(bank.likeness[bins[:, None], at % BINS].max())
        else:
            kept = 0.0
        better = BETTER + STICK * (1.0 - math.exp(-self._held / 8.0))
        if best[winner] > better * kept and best[winner] > SURE[0]:
            self._rival += self._every * self._dt
        else:
            self._rival = 0.0
        self._held += self._every * self._dt
        if self._rival >= (PATIENCE if self._hz else 0.0) and self._rival > 0.0:
            self._hz = float(bank.hz[winner])
            self._phase = float((bank._phase[winner] - offsets[winner] / BINS) % 1.0)
            self._shown = self._phase
            self._likeness = float(bank.likeness[winner, offsets[winner]])
            self._line.clear()
            self._rival = self._held = 0.0
