"""The beat by ear: tempo and phase, causal, one hop at a time.

Accents (accents.py) are folded at each of a bank of tempos (folding.py); the fold most like a beat starts an
oscillator, and a running regression of the accents' distances from its beats keeps it in tempo and in phase.
"""

import math

from daemon.features.accents import Accents
from daemon.features.folding import FASTEST, MEMORY, SLOWEST, WIDTH, Folds
from daemon.flow import F64, Beat

LATENCY = 0.018  # s, as measured: from a sound's begin to the hop that shows most of it

LOOK = 0.1  # s from one look at the folds to the next
FIRST = 2.0  # s of sound before the first beat is told
LEAST = 0.12  # likeness under which nothing is a beat
BETTER = 1.5  # how many times better a rival must fit, once the ear is used to a beat
HABIT = 6.0  # s until it is
KIN = (0.5, 1.0, 2.0)  # tempos between which the ear need not grow used to the beat again
PATIENCE = 0.8  # s for which it must do so

LINE = 3.0  # s of the regression
TO_PHASE, TO_TEMPO = 0.2, 1.0  # s: time constants of its corrections
SLEW = 0.25  # of the tempo: the most by which the phase told is hurried or held back

SURE = 0.45  # likeness that is certainty
SURENESS, DOUBT = 1.0, 5.0  # s: time constants of the confidence, with sound and without


class BeatTracker:
    """A `Tempo` that listens. dt: s a hop."""

    def __init__(self, dt: float) -> None:
        self._dt = dt
        self._accents, self._folds, self._oscillator = Accents(dt), Folds(dt), Oscillator(dt)
        self._every = max(1, round(LOOK / dt))
        self._heard = 0  # hops with sound
        self._quiet = 0  # hops since
        self._likeness = self._confidence = 0.0
        self._held = self._rival = 0.0  # s since the beat was taken up, s for which another fits better
        self._share = 1.0 - math.exp(-dt / SURENESS)
        self._fade = math.exp(-dt / DOUBT)

    def step(self, log_mel: F64, heard: float, gate: bool, ahead: float) -> Beat:  # noqa: ARG002
        accent = self._accents.step(log_mel, gate)
        self._quiet = 0 if gate else self._quiet + 1
        self._folds.step(accent, remember=self._quiet * self._dt > 2.0 * MEMORY)
        self._oscillator.step(accent)
        if gate:
            self._heard += 1
            if self._heard % self._every == 0 and self._heard * self._dt >= FIRST:
                self._look()
            chance = self._folds.chance
            sure = min(max((self._likeness - chance) / (SURE - chance), 0.0), 1.0) if chance < SURE else 0.0
            self._confidence += self._share * (sure - self._confidence)
        else:
            self._confidence *= self._fade
        oscillator = self._oscillator
        phase = (oscillator.told + oscillator.hz * (ahead + LATENCY)) % 1.0
        return Beat(oscillator.hz * 60.0, phase, self._confidence)

    def _look(self) -> None:
        """Keep to the beat there is, or take up a better one."""
        folds, oscillator, dt = self._folds, self._oscillator, self._every * self._dt
        folds.look()
        hz, phase, fit, likeness = folds.best()
        if oscillator.hz:
            kept, self._likeness = folds.at(oscillator.hz, oscillator.phase)
            used = min(self._held / HABIT, 1.0) ** 2
            kept *= 1.0 + (BETTER - 1.0) * used
            self._held += dt
            self._rival = self._rival + dt if fit > max(kept, LEAST) else 0.0
            if self._rival < PATIENCE * used:
                return
        elif fit <= LEAST:
            return
        if not any(abs(hz / (oscillator.hz or 1.0) / ratio - 1.0) < 0.03 for ratio in KIN):
            self._held = 0.0
        oscillator.begin(hz, phase)
        self._likeness, self._rival = likeness, 0.0


class Oscillator:
    """A beat that goes on by itself and is drawn to the accents near it. dt: s a hop."""

    def __init__(self, dt: float) -> None:
        self.hz = 0.0  # 0 while there is none
        self.phase = 0.0  # as the accents say
        self.told = 0.0  # the same, which never leaps and never goes back
        self._dt, self._line = dt, Line(dt)
        self._near = 1.0  # mean accent on the beat
        self._share = 1.0 - math.exp(-dt / MEMORY)

    def begin(self, hz: float, phase: float) -> None:
        """Go on from here at this tempo."""
        self.hz, self.phase, self.told = hz, phase, phase
        self._line = Line(self._dt)

    def step(self, accent: float) -> None:
        """One hop on."""
        if not self.hz:
            return
        turn = self.hz * self._dt
        self.phase = (self.phase + turn) % 1.0
        error = _wrapped(self.phase)
        weight = accent * math.exp(-0.5 * (error / (1.5 * WIDTH * self.hz)) ** 2)
        self._near += self._share * (weight - self._near)
        off, drift = self._line.step(weight / max(self._near, 1e-6), error)
        off *= self._dt / TO_PHASE
        drift *= self._dt / TO_TEMPO
        self._line.move(off, drift)
        self.phase -= off
        self.hz = min(max(self.hz - drift, 0.98 * SLOWEST / 60.0), 1.02 * FASTEST / 60.0)
        late = _wrapped(self.phase - self.told - turn)
        self.told = (self.told + turn + min(max(late, -SLEW * turn), SLEW * turn)) % 1.0


class Line:
    """A running straight line through the accents' distances from the beat: least squares that forget. dt: s a hop."""

    def __init__(self, dt: float) -> None:
        self._dt, self._keep, self._share = dt, math.exp(-dt / LINE), dt / LINE
        self._w = self._wt = self._wtt = self._we = self._wte = 0.0  # sums of weight, time (0 now, s), error

    def step(self, weight: float, error: float) -> tuple[float, float]:
        """One hop on: (beats off now, beats/s it goes off by)."""
        dt, keep = self._dt, self._keep
        self._wtt = (self._wtt - dt * (2.0 * self._wt - dt * self._w)) * keep
        self._wt = (self._wt - dt * self._w) * keep
        self._wte = (self._wte - dt * self._we) * keep
        self._w = self._w * keep + weight * self._share
        self._we = self._we * keep + weight * self._share * error
        w, wtt = self._w + 0.05, self._wtt + 0.05 * LINE**2  # as if the line had been 0 before: few accents move little
        inverse = 1.0 / (w * wtt - self._wt**2)
        off = (self._we * wtt - self._wte * self._wt) * inverse
        return off, (self._wte * w - self._we * self._wt) * inverse

    def move(self, off: float, drift: float) -> None:
        """Measure from a beat moved by `off` beats and slowed by `drift` beats/s from now on and all along."""
        self._we -= off * self._w + drift * self._wt
        self._wte -= off * self._wt + drift * self._wtt


def _wrapped(phase: float) -> float:
    """The distance from the nearest beat, -0.5..0.5 beats."""
    return (phase + 0.5) % 1.0 - 0.5
