"""Blocks of any size in, the newest sound at every hop out."""

import math
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from daemon.flow import F32, F64

CEILING = 8.0  # samples beyond this (+18 dBFS) are no sound
DC_SECONDS = 1.0  # time constant of the estimate of a constant offset, as cheap inputs have


@dataclass(frozen=True, slots=True, eq=False)
class Hop:
    """The sound up to the end of one hop."""

    recent: F64  # [3, kept] without its constant offset: the mean of the channels, left, right
    samples: F64  # [hop] the mean of the channels as it came, valid until the next hop
    late: int  # samples of the block that came after it


class Hops:
    """Remembers the last `kept` samples."""

    def __init__(self, sr: int, hop: int, kept: int) -> None:
        self._hop, self._kept = hop, kept
        self._ring: F64 = np.zeros((3, kept + hop))  # what was before, then the hop being filled
        self._filled = 0  # samples in that hop
        self._offset: F64 = np.zeros((3, 1))
        self._share = 1.0 - math.exp(-hop / sr / DC_SECONDS)

    def push(self, samples: F32) -> Iterator[Hop]:
        """Each hop that these samples [C, T] complete."""
        x = _channels(samples)
        at, total = 0, x.shape[1]
        while at < total:
            take = min(self._hop - self._filled, total - at)
            begin = self._kept + self._filled
            self._ring[:, begin : begin + take] = x[:, at : at + take]
            at += take
            self._filled += take
            if self._filled == self._hop:
                self._filled = 0
                newest = self._ring[:, self._kept :]
                self._offset += self._share * (newest.sum(axis=1, keepdims=True) / self._hop - self._offset)
                yield Hop(self._ring[:, self._hop :] - self._offset, newest[0], total - at)
                self._ring[:, : self._kept] = self._ring[:, self._hop :]


def _channels(samples: F32) -> F64:
    """[C, T] to their mean, the left and the right one [3, T]; what is no number becomes silence."""
    x = np.asarray(samples, np.float64)
    if not np.isfinite(x).all():
        x = np.nan_to_num(x, nan=0.0, posinf=0.0, neginf=0.0)
    x = np.minimum(np.maximum(x, -CEILING), CEILING)
    if len(x) == 2:
        return np.stack(((x[0] + x[1]) * 0.5, x[0], x[1]))
    return np.repeat(x if len(x) == 1 else np.mean(x, axis=0, keepdims=True), 3, axis=0)
