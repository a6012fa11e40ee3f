"""Sound made here: a test tone, and silence."""

import numpy as np

from daemon.flow import F32, Block

_SECONDS = 8  # of one round of the tone
_CHORD = (55, 110, 165, 220, 275, 330, 440)  # Hz, whole numbers: every partial closes its circle in a second


class ToneSource:
    """A slowly moving chord and a pulse twice a second, endless, stereo; the same to the bit in blocks of any size."""

    device: str | None = None
    overruns = 0

    def __init__(self, sr: int = 48_000) -> None:
        self._sr, self._at = sr, 0
        self._round = _tone(sr)

    @property
    def sr(self) -> int:
        return self._sr

    def read(self, n: int) -> Block | None:
        start, self._at = self._at, self._at + n
        samples = self._round.take(np.arange(start, self._at), axis=1, mode="wrap")
        return Block(samples, start, self._at / self._sr)

    def close(self) -> None:
        """Nothing to let go of."""


class SilentSource:
    """Digital silence for ever, mono: what `none` hears."""

    device: str | None = None
    overruns = 0

    def __init__(self, sr: int = 48_000) -> None:
        self._sr, self._at = sr, 0

    @property
    def sr(self) -> int:
        return self._sr

    def read(self, n: int) -> Block | None:
        start, self._at = self._at, self._at + n
        return Block(np.zeros((1, n), np.float32), start, self._at / self._sr)

    def close(self) -> None:
        """Nothing to let go of."""


def _tone(sr: int) -> F32:
    """One round, [2, T]: partials of a chord that swell one after the other, and a decaying low pulse."""
    t = np.arange(_SECONDS * sr) / sr
    turn = 2 * np.pi * t / _SECONDS
    sides = []
    for side in (0.0, np.pi / 3):  # the right channel swells a little later
        chord = sum(np.sin(2 * np.pi * f * t) * (0.5 - 0.5 * np.cos(turn - i - side)) for i, f in enumerate(_CHORD))
        since = t % 0.5  # s since the last pulse
        pulse = np.sin(2 * np.pi * 60 * since) * np.exp(-since / 0.08)
        sides.append(0.06 * chord + 0.45 * pulse)
    return np.stack(sides).astype(np.float32)
