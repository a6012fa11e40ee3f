"""From what a file or a device gives to what the analysis takes."""

import numpy as np
import soxr

from daemon.audio.devices import MOST_CHANNELS
from daemon.flow import F32


class Converter:
    """Interleaved frames at any rate and width to at most two channels at the analysis rate, as one endless stream."""

    def __init__(self, sr_in: int, channels_in: int, sr_out: int) -> None:
        self.channels = min(channels_in, MOST_CHANNELS)
        self._sr_out = sr_out
        self._resampler = (
            None if sr_in == sr_out else soxr.ResampleStream(sr_in, sr_out, self.channels, dtype="float32")
        )

    def convert(self, frames: F32, last: bool = False) -> F32:
        """[T, C in] to [C, T']; `last` brings out what the resampler still holds."""
        x = _finite(_narrow(frames))
        if self._resampler is not None:
            x = self._resampler.resample_chunk(np.ascontiguousarray(x), last)
        return np.ascontiguousarray(x.T)

    @property
    def delay(self) -> float:
        """Seconds by which what came out is behind what went in."""
        return 0.0 if self._resampler is None else float(self._resampler.delay()) / self._sr_out


def _narrow(frames: F32) -> F32:
    """[T, C] to [T, at most 2]: the odd channels are heard left, the even ones right; a mean never clips."""
    if frames.shape[1] <= MOST_CHANNELS:
        return frames
    return np.stack([frames[:, side::2].mean(axis=1, dtype=np.float32) for side in range(MOST_CHANNELS)], axis=1)


def _finite(x: F32) -> F32:
    """What is no number becomes silence, before it can spread through a filter."""
    return x if np.isfinite(x).all() else np.nan_to_num(x, nan=0.0, posinf=0.0, neginf=0.0)
