"""When the next batch of datagrams is taken: soon, but not from a picture."""

import math
from collections.abc import Callable
from typing import TypeAlias

Lull: TypeAlias = Callable[[float], float]
"""Seconds from a clock time to one at which nothing is painted; 0 where that is so or never comes."""

REST = 4.0  # x the time a burst of work took: the loop keeps four fifths of its time
_PAUSE, _LONG_PAUSE = 0.010, 0.015  # s from one batch to the next, and where many come: both under a tick
_LONGEST = 0.1  # s
_FEW = 16  # datagrams in a batch, up to which nothing is gained by waiting
_FITS = 256  # datagrams, for which the system's buffer has room at the least


def no_picture(now: float) -> float:  # noqa: ARG001
    """Nothing is ever painted."""
    return 0.0


class Pace:
    """Rests between batches; time is passed in.

    While many datagrams come, a batch is left until no picture is being painted, where that leaves time: both want the
    same cores and the same interpreter. It is never left for longer than the system's buffer lasts.
    """

    def __init__(self, lull: Lull) -> None:
        self._lull = lull
        self._before = -math.inf  # s on the clock, when the last batch was taken

    def rest(self, now: float, worked: float, new: int) -> float:
        """Seconds from the end of a batch to the next.

        It was taken at clock time `now`, brought so many new datagrams, and cost so many seconds of CPU time.
        """
        fits = _FITS / new * (now - self._before) if new > _FEW else 0.0
        self._before = now
        rest = min(max(_PAUSE, min(_LONG_PAUSE, fits), worked * REST), _LONGEST)
        begin = now + worked + rest
        last = self._lull(begin + worked)  # the next batch will be much like this one
        wait = max(self._lull(begin), last + worked if last else 0.0)
        return max(rest, min(rest + wait, fits))
