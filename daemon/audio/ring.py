"""The place between a device that pushes and a reader that pulls."""

from collections import deque
from threading import Condition

import numpy as np

from daemon.errors import SourceError
from daemon.flow import F32, Block


class Ring:
    """Samples in, blocks out, with bounded memory: when nobody reads in time the oldest are lost, and counted.

    One thread writes, another reads.
    """

    def __init__(self, channels: int, capacity: int, sr: int) -> None:
        self._sr, self._capacity = sr, capacity
        self._samples: F32 = np.zeros((channels, capacity), np.float32)  # sample i lies at i % capacity
        self._first = self._end = 0  # indices of what is held: first..end
        self._stamps = deque[tuple[int, float]]()  # (index after a run, s on the clock when it arrived)
        self._error: SourceError | None = None
        self._changed = Condition()
        self.overruns = 0
        self.newest: float | None = None  # s on the clock of the last arrival

    def write(self, samples: F32, stamp: float, lost: int = 0) -> None:
        """Add [C, T], whose last sample arrived at `stamp`, after `lost` samples that never came."""
        with self._changed:
            if lost > 0:
                self.overruns += 1
                self._first = self._end = self._end + lost  # what was not read ends at a gap: a block has none
                self._stamps.clear()
            end = self._end + samples.shape[1]
            kept = samples[:, -self._capacity :]
            at = np.arange(end - kept.shape[1], end) % self._capacity
            self._samples[:, at] = kept
            self._end, self.newest = end, stamp
            self._stamps.append((end, stamp))
            if end - self._first > self._capacity:
                self.overruns += 1
                self._first = end - self._capacity
                self._forget()
            self._changed.notify()

    def fail(self, error: SourceError) -> None:
        """No more will come: readers get what is held, then `error`; the first error stays."""
        with self._changed:
            self._error = self._error or error
            self._changed.notify()

    def read(self, n: int, timeout: float) -> Block | None:
        """Wait for `n` samples; None when `timeout` seconds pass without them."""
        if n > self._capacity:
            raise ValueError(f"a block of {n} samples from a ring of {self._capacity}")
        with self._changed:
            if not self._changed.wait_for(lambda: self._end - self._first >= n or self._error is not None, timeout):
                return None
            if self._end - self._first < n and self._error is not None:
                raise self._error
            start, self._first = self._first, self._first + n
            samples = self._samples[:, np.arange(start, self._first) % self._capacity]
            self._forget()
            end, stamp = self._stamps[0]
            heard = stamp - (end - self._first) / self._sr
            if end == self._first:
                self._stamps.popleft()
            return Block(samples, start, heard)

    def _forget(self) -> None:
        """Drop the stamps of runs that are gone."""
        while self._stamps and self._stamps[0][0] < self._first:
            self._stamps.popleft()
