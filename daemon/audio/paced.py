"""Real time for sources that could be read faster."""

from threading import Event

from daemon.audio.source import Source
from daemon.clock import Clock
from daemon.flow import Block

LATE = 0.5  # s behind which the schedule begins anew


class Paced:
    """Hands out each block when its last sample would have been heard, the first sample being heard at the first read.

    More than `LATE` behind is an overrun: the schedule begins anew from then, nothing is skipped and nothing chased.
    Once `stop` is set, `read` returns None.
    """

    def __init__(self, source: Source, clock: Clock, stop: Event | None = None) -> None:
        self._source, self._clock, self._stop = source, clock, stop or Event()
        self._zero: float | None = None  # s on the clock when sample 0 is heard
        self._late = 0

    @property
    def sr(self) -> int:
        return self._source.sr

    @property
    def device(self) -> str | None:
        return self._source.device

    @property
    def overruns(self) -> int:
        return self._source.overruns + self._late

    def read(self, n: int) -> Block | None:
        if self._zero is None:
            self._zero = self._clock.now()
        block = self._source.read(n)
        if block is None:
            return None
        end = (block.start + block.samples.shape[1]) / self.sr
        if (now := self._clock.now()) > self._zero + end + LATE:
            self._late += 1
            self._zero = now - end
        heard = self._zero + end
        if not self._clock.wait_until(heard, self._stop):
            return None
        return Block(block.samples, block.start, heard)

    def close(self) -> None:
        self._source.close()
