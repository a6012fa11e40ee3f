"""The distance that a change would have jumped, on its way to nothing."""

from daemon.flow import F32
from daemon.params import Fade, Params

_SETTLE = 3.0  # time constants of smoothing that a change outside a fade may take


class Gap:
    """Kept when the mapper changes, taken away over the fade: what is new starts at once and nothing jumps.

    A change in the middle of another cannot jump either, and a fade given another length takes the gap along.
    """

    def __init__(self) -> None:
        self._open: F32 | None = None  # ws left to close since the last change
        self._began, self._ends = 0.0, 0.0  # s on the clock
        self._timing: tuple[float, float] | None = None  # of the fade in force: begin and length, s

    def close(self) -> None:
        """Forget it."""
        self._open = None

    def cuts(self, fade: Fade) -> bool:
        """Whether this fade is a recall of no seconds that came with this tick."""
        return fade.seconds <= 0 and (fade.t0, fade.seconds) != self._timing

    def bridge(self, t: float, ws: F32, last: F32 | None, fade: Fade, params: Params, *, jumps: bool) -> F32:
        """Where to be at `t`, s, between `last`, what was shown before, and `ws`, which may be somewhere else now."""
        timing = (fade.t0, fade.seconds)
        retimed, self._timing = timing != self._timing, timing
        if jumps and last is not None:
            self._begin(last - ws, t, fade, params)
        elif retimed and self._open is not None:
            self._begin(self._open * self._left(t), t, fade, params)
        if self._open is not None and t >= self._ends:
            self._open = None
        return ws if self._open is None else ws + self._open * self._left(t)

    def _begin(self, gap: F32, t: float, fade: Fade, params: Params) -> None:
        """From now on this is taken away: by the end of the fade, or as smoothing has it if that is later."""
        self._open, self._began = gap, t
        self._ends = max(fade.t0 + fade.seconds, t + _SETTLE * params.smoothing)

    def _left(self, t: float) -> float:
        """How much of it there still is, 1 to 0."""
        span = self._ends - self._began
        return _ease(min(max((self._ends - t) / span, 0.0), 1.0)) if span > 0 else 0.0


def _ease(x: float) -> float:
    """0..1 -> 0..1 with no corner at either end (smoothstep)."""
    return x * x * (3.0 - 2.0 * x)
