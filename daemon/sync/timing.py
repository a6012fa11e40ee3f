"""What another machine's clock says: offset and drift from pings, whose shortest round trips count most.

As in NTP (Mills 1991) a ping sent at t0, received at t1, answered at t2 and back at t3 gives the offset
((t1 - t0) + (t2 - t3)) / 2, wrong by at most half of what its round trip lasted longer than need be.
"""

import math
from dataclasses import dataclass

_WINDOW, _MOST = 60.0, 256  # s and pings looked back on
_SURE = 2e-4  # s: how exact the shortest round trip is taken to be
_DRIFT = 1e-4  # 100 ppm: what quartz does
_FASTEST = 1e-3  # no clock that works drifts more
_SLACK = 5e-3  # s beyond its bounds by which a ping contradicts what was thought
_CONTRADICTIONS = 3  # in a row, after which a clock has jumped
_SLOWEST = 1.0  # s: a round trip that says nothing
LEAST = 3  # pings until the other's time is told


@dataclass(frozen=True, slots=True)
class Timing:
    """The other's clock against ours, as a straight line."""

    at: float  # s on our clock
    there: float  # s on the other's clock then
    drift: float = 0.0  # how much faster it runs

    def theirs(self, ours: float) -> float:
        """The other's clock when ours says this."""
        return self.there + (ours - self.at) * (1.0 + self.drift)

    def ours(self, theirs: float) -> float:
        """Our clock when the other's says this."""
        return self.at + (theirs - self.there) / (1.0 + self.drift)


@dataclass(frozen=True, slots=True)
class _Sample:
    at: float  # s on our clock: the middle of the ping
    offset: float  # s
    trip: float  # s


class Timekeeper:
    """Pings in, the other's time out. Times are passed in."""

    def __init__(self) -> None:
        self._samples: list[_Sample] = []
        self._contradictions = 0
        self.timing: Timing | None = None  # None before `LEAST` pings

    @property
    def offset(self) -> float:
        """Seconds that the other's clock is ahead."""
        return 0.0 if self.timing is None else self.timing.there - self.timing.at

    @property
    def trip(self) -> float:
        """The shortest round trip of late, s."""
        return min((sample.trip for sample in self._samples), default=0.0)

    def add(self, t0: float, t1: float, t2: float, t3: float) -> None:
        """A ping: sent and back by our clock, received and answered by the other's."""
        trip = (t3 - t0) - (t2 - t1)
        if not 0.0 <= t3 - t0 < _SLOWEST or trip < -_SLACK:
            return
        sample = _Sample((t0 + t3) / 2, ((t1 - t0) + (t2 - t3)) / 2, max(trip, 0.0))
        if self._contradicts(sample):
            self._contradictions += 1
            if self._contradictions < _CONTRADICTIONS:
                return
            self._samples = []
        self._contradictions = 0
        old = sample.at - _WINDOW
        self._samples = [kept for kept in self._samples[1 - _MOST :] if kept.at > old]
        self._samples.append(sample)
        self.timing = self._fit() if len(self._samples) >= LEAST else None

    def _contradicts(self, sample: _Sample) -> bool:
        timing = self.timing
        if timing is None:
            return False
        told = timing.theirs(sample.at) - sample.at
        return abs(sample.offset - told) > sample.trip / 2 + _SLACK

    def _fit(self) -> Timing:
        """Least squares, each ping as sure as its trip was short, the drift likely small (a Gaussian prior)."""
        last, shortest = self._samples[-1], self.trip
        sw = sx = sxx = sy = sxy = 0.0
        for sample in self._samples:
            x, y = sample.at - last.at, sample.offset - last.offset
            w = 1.0 / (_SURE + (sample.trip - shortest) / 2) ** 2
            sw, sx, sxx, sy, sxy = sw + w, sx + w * x, sxx + w * x * x, sy + w * y, sxy + w * x * y
        sxx += 1.0 / _DRIFT**2
        drift = (sw * sxy - sx * sy) / (sw * sxx - sx * sx)
        drift = math.copysign(min(abs(drift), _FASTEST), drift)
        return Timing(last.at, last.at + last.offset + (sy - drift * sx) / sw, drift)
