"""Which samples of a sound lie beside which frames of a film."""

import math
from fractions import Fraction

import numpy as np

from daemon.flow import F32
from daemon.sinks.video.sound import LoopedSound

_SLACK = 0.005  # s: a sound this near its place is in place; each correction is a seam
_PATIENCE = 1.0  # s of film that wait for the sound to begin, so that its beginning is in its place too


class Track:
    """A film's sound, in the order of the film: each sample as often as the film goes on, none twice."""

    def __init__(self, sound: LoopedSound, fps: Fraction) -> None:
        self._sound, self._fps = sound, fps
        self._given = 0  # samples
        self._next: int | None = None  # the place of the next one in the sound, < 0 before its beginning

    def anchor(self, seconds: float | None) -> None:
        """Where in the sound the film begins, s; None while nobody knows."""
        if seconds is None:
            self._next = None
            return
        place = self._given + round(seconds * self._sound.sr)
        if self._next is None or abs(place - self._next) > _SLACK * self._sound.sr:
            self._next = place
            self._sound.seek(max(place, 0))

    def until(self, frames: int) -> F32:
        """What is still to come before so many frames are over, [T, C]; silence where there is none.

        Where the sound cannot be read, nothing has been given: with another anchor it may be asked again.
        """
        count = math.ceil(frames / self._fps * self._sound.sr) - self._given
        if count <= 0 or (self._next is None and self._given == 0 and count <= _PATIENCE * self._sound.sr):
            return np.zeros((0, self._sound.channels), np.float32)
        before = count if self._next is None else min(max(-self._next, 0), count)
        silence = np.zeros((before, self._sound.channels), np.float32)
        samples = np.concatenate((silence, self._sound.read(count - before)))
        self._given += count
        if self._next is not None:
            self._next += count
        return samples
