"""The samples of a sound file by their place in it, over and over."""

from pathlib import Path

import numpy as np
import soundfile

from daemon.flow import F32

SIDES = 2  # channels a film has at most, as many as are heard
FAULTS = (OSError, soundfile.SoundFileError, RuntimeError, ValueError, TypeError)  # of a file that cannot be read
_FINE = ("24", "32", "FLOAT", "DOUBLE")  # in the names of encodings with more than 16 bits


class LoopedSound:
    """A sound file that begins anew at its end, without a seam, as a looped source plays it. Raises any of `FAULTS`."""

    def __init__(self, path: Path) -> None:
        self._file = soundfile.SoundFile(path)
        self.sr: int = self._file.samplerate
        self.channels: int = min(self._file.channels, SIDES)
        self.fine = any(word in self._file.subtype for word in _FINE)
        self._frames: int = self._file.frames  # which an MP3 only guesses, until it has been through once
        self._at = 0

    def seek(self, place: int) -> None:
        """Go to a sample, counted through all rounds."""
        self._at = place % max(self._frames, 1)
        self._file.seek(self._at)

    def read(self, count: int) -> F32:
        """The next samples, [count, C]."""
        parts: list[F32] = []
        while count > 0:
            part: F32 = self._file.read(count, dtype="float32", always_2d=True)
            if len(part) < count:
                if self._at + len(part) == 0:
                    raise RuntimeError("there is no sound in it any more")
                self._frames = self._at + len(part)
                self._file.seek(0)
                self._at = -len(part)
            self._at += len(part)
            count -= len(part)
            parts.append(_sides(part))
        return np.concatenate(parts) if parts else np.zeros((0, self.channels), np.float32)

    def close(self) -> None:
        self._file.close()


def _sides(part: F32) -> F32:
    """[T, C] to [T, at most 2], as it is heard: odd channels left, even ones right; what is no number is silence."""
    if part.shape[1] > SIDES:
        part = np.stack([part[:, side::SIDES].mean(axis=1, dtype=np.float32) for side in range(SIDES)], axis=1)
    return part if np.isfinite(part).all() else np.nan_to_num(part, nan=0.0, posinf=0.0, neginf=0.0)
