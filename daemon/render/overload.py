"""Whether a model is too much for this machine: judged by the frames themselves, slowly.

What can give is the model, not its size: the rates at which the layers of a StyleGAN3 network sample are part of what
it has learned, so it has no smaller picture to paint, and making its own smaller costs more, not less.
"""

import math

SHARE = 0.8  # of the period: more leaves no room for a busy moment
RELIEF = 0.65  # of the period: less is no overload any more
SUSTAINED = 3.0  # s of overload after which something must give
CALM = 10.0  # s after a start or a load during which nothing is judged: caches fill, clocks and neighbours settle
_TAU = 0.5  # s, smoothing of the load
_MOST = 2.0  # periods: a frame counts as this at most, so that one long hitch is no overload


class Overload:
    """Written by the render thread with each frame; `take` and `loading` are another thread's, who acts on it.

    The load is the frame's time as a share of its period, smoothed. It has to rise over `SHARE` and then stay over
    `RELIEF` for `SUSTAINED` seconds; where a frame takes the device longer than the host, the device's time counts.
    """

    def __init__(self, fps: float) -> None:
        self.loading = False  # a model is being made ready, which itself takes from the frames
        self.load = 0.0
        self._fps = fps
        self._last: float | None = None  # s on the clock
        self._calm_until = -math.inf
        self._since: float | None = None  # s on the clock: overloaded from here on
        self._due = False

    def frame(self, now: float, seconds: float) -> None:
        """One more frame, done at `now`, took `seconds`."""
        dt = 0.0 if self._last is None else max(now - self._last, 0.0)
        if self._last is None or self.loading:
            self._calm_until = now + CALM
        self._last = now
        share = min(seconds * self._fps, _MOST)
        self.load += (share - self.load) * (1.0 - math.exp(-dt / _TAU))
        if now < self._calm_until or self.load < RELIEF:
            self._since, self._due = None, False
        elif self._since is None:
            self._since = now if self.load > SHARE else None
        elif now - self._since >= SUSTAINED:
            self._due = True

    def take(self) -> bool:
        """Whether it is time to step down; once, until it has lasted as long again."""
        if not self._due:
            return False
        self._since, self._due = None, False
        return True
