"""When the next batch of datagrams is taken: soon, but not from a picture."""

import math
from collections.abc import Callable
from typing import Protocol, TypeAlias

Lull: TypeAlias = Callable[[float], float]
"""Seconds from a clock time to one at which nothing is painted; 0 where that is so or never comes."""


class Pictures(Protocol):
    """What is known of the thread that paints."""

    @property
    def at_work(self) -> bool:
        """Whether it paints at this moment."""
        ...

    def lull(self, now: float) -> float:
        """As `Lull` says."""
        ...


class NoPictures:
    """Nothing is ever painted."""

    at_work = False

    def lull(self, now: float) -> float:  # noqa: ARG002
        return 0.0


REST = 4.0  # x the time a burst of work took: the loop keeps four fifths of its time
_PAUSE, _LONG_PAUSE = 0.010, 0.015  # s from one batch to the next, and where many come: both under a tick
_LONGEST = 0.1  # s
_FEW = 16  # datagrams in a batch, up to which nothing is gained by waiting
_MARGIN = 0.003  # s before the next picture by which a batch is to be over: timers are late, batches differ
_LOOK = 0.001  # s from one look at a picture that lasts longer than those before it to the next
_FITS = 256  # datagrams, for which the system's buffer has room at the least


class Pace:
    """Rests between batches; time is passed in.

    While many datagrams come, a batch is left until no picture is being painted, where that leaves time: both want the
    same cores and the same interpreter. It is never left for longer than the system's buffer lasts.
    """

    def __init__(self, pictures: Pictures) -> None:
        self._pictures = pictures
        self._before = -math.inf  # s on the clock, when the last batch was taken
        self._latest = -math.inf  # and when the next one must be

    def rest(self, now: float, worked: float, new: int) -> float:
        """Seconds from the end of a batch to the next.

        It was taken at clock time `now`, brought so many new datagrams, and cost so many seconds of CPU time.
        """
        fits = _FITS / new * (now - self._before) if new > _FEW else 0.0
        self._before = now
        rest = min(max(_PAUSE, min(_LONG_PAUSE, fits), worked * REST), _LONGEST)
        self._latest = now + worked + max(rest, fits)
        begin, lull = now + worked + rest, self._pictures.lull
        last = lull(begin + worked + _MARGIN)  # the next batch will be much like this one
        wait = max(lull(begin), last + worked + _MARGIN if last else 0.0)
        return max(rest, min(rest + wait, fits))

    def more(self, now: float) -> float:
        """Seconds more to rest after that: the picture that should be done by now is not."""
        left = self._latest - now
        return min(_LOOK, left) if left > 0 and self._pictures.at_work else 0.0
