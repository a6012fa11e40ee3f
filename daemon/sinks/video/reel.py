"""Which frame of a film each picture is: pictures come when they are done, frames stand on a grid."""

import cmath
import math
from fractions import Fraction
from typing import Generic, TypeVar

T = TypeVar("T")

_SETTLE = 8  # pictures that are looked at before the grid is laid
_FILLED = 2.0  # s: a longer gap is not filled with copies, the picture before it simply stays


class Reel(Generic[T]):
    """The frames of a film of constant rate, from pictures at any times.

    Each picture becomes the frame that is nearest to when it came, so at most half a frame away; what came before is
    repeated where none came, and one whose frame is taken is left out. Where the encoder was too slow for some, the one
    before stays: copies would take the time it lacks. The grid is laid through the middle of the first few: they are
    held back until then. One laid through the very first, which is often late, could have all others fall between two
    frames, and every jitter make a repeated and a lost one.
    """

    def __init__(self, fps: Fraction) -> None:
        self._fps = float(fps)
        self._waiting: list[tuple[float, T, bool]] = []
        self._last: tuple[int, T] | None = None
        self.origin: float | None = None  # s on the clock of frame 0; None until the grid is laid
        self.left_out = 0  # pictures whose frame was taken

    def add(self, when: float, picture: T, follows: bool = True) -> list[tuple[int, T]]:
        """The frames that a picture completed at `when`, s, decides: numbers and pictures, in order.

        `follows`: none was left out between the one before and this.
        """
        if self.origin is not None:
            return self._place(when, picture, follows)
        self._waiting.append((when, picture, follows))
        return self.settle() if len(self._waiting) == _SETTLE else []

    def settle(self) -> list[tuple[int, T]]:
        """Lay the grid by what there is; the frames that were held back, the first of which is frame 0."""
        waiting, self._waiting = self._waiting, []
        if not waiting:
            return []
        first = waiting[0][0]
        turns = sum(cmath.exp(2j * math.pi * (when - first) * self._fps) for when, _, _ in waiting)
        self.origin = first + cmath.phase(turns) / (2 * math.pi * self._fps)  # half a frame off at most
        return [frame for one in waiting for frame in self._place(*one)]

    def _place(self, when: float, picture: T, follows: bool) -> list[tuple[int, T]]:
        assert self.origin is not None
        if self._last is None:
            self._last = 0, picture
            return [self._last]
        n, (at, before) = round((when - self.origin) * self._fps), self._last
        if n <= at:
            self.left_out += 1
            return []
        self._last = n, picture
        gap = range(at + 1, n) if follows and n - at <= _FILLED * self._fps else ()
        return [*((k, before) for k in gap), self._last]
