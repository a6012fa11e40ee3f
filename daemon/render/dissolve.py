"""From the last picture of one model to the live ones of the next.

What a model leaves is a still: both of them live would be two pictures a tick, and a machine that can just paint one
cannot paint two. A still does not hear, so it goes sooner than the fade's numbers arrive (half of it in a third of the
time), and in a few seconds however long the fade is.
"""

from dataclasses import dataclass, replace

import numpy as np

from daemon.device import Device
from daemon.flow import U8, FrameFormat, Latents
from daemon.params import Fade
from daemon.render.blending import WHOLE, blend, scaled
from daemon.render.renderer import Blending, Launcher
from daemon.slots import Slot

_LEAST = 1.0  # s it takes where no fade is under way: the model took longer to load, or was asked for without one
_MOST = 10.0  # s that a picture may be looked at which does not move


@dataclass(slots=True)
class Still:
    """A picture [H, W, 4]; on a device it is copied when its turn comes, behind what may still be painting it."""

    picture: object
    copied: bool = False

    def on(self, launcher: Blending, canvas: object) -> object:
        """In the launcher's memory, of the size of this canvas."""
        if not self.copied:
            self.picture, self.copied = launcher.still(self.picture, canvas), True
        return self.picture


@dataclass(frozen=True, slots=True)
class Over:
    """A launcher that lays `share` of 256 of a still over what another one paints."""

    launcher: Blending
    still: Still
    share: int

    @property
    def device(self) -> Device:
        return self.launcher.device

    def launch(self, latents: Latents, canvas: object) -> None:
        """Black stays black."""
        still = self.still.on(self.launcher, canvas)  # first: this may be the canvas that it is copied from
        self.launcher.launch(latents, canvas)
        if latents.ws is not None:
            self.launcher.blend(still, canvas, self.share)


class Dissolve:
    """A still and how much of it is seen. Used by the render thread alone; while there is none, it does nothing.

    It ends with the fade in force, in its curve, counted from where it begins, as the latents' gap does. A fade given
    another length takes it along, one of no seconds ends it, and while the picture is held, so is the still.
    """

    def __init__(self) -> None:
        self._still: Still | None = None
        self._course: _Course | None = None
        self._brought: tuple[float, float] | None = None  # timing of the fade that brought its model

    def begin(
        self,
        last: Slot | None,
        before: Launcher | None,
        after: Launcher | None,
        format: FrameFormat,  # noqa: A002 - the field's own word
        fade: Fade,
        since: float,
    ) -> None:
        """Another stage is taken up, and none of its slots painted into yet.

        Args:
            last: shown last; None for nothing, and for black, of which nothing is left.
            before: what painted that on a device; None: it was painted in host memory.
            after: what paints on a device from now on; None: it is painted in host memory.
            format: of the pictures from now on.
            fade: in force.
            since: s on the clock, when `last` was due.
        """
        self._still = None  # whatever happens: it may be of another size
        least, timing = _LEAST, (fade.t0, fade.seconds)
        if fade.start.model != fade.end.model and timing != self._brought:  # a recall has asked for this model
            least, self._brought = min(_LEAST, fade.seconds), timing
        self._course = _course(1.0, since, fade, least)
        if last is not None and self._course.share > 0:
            self._still = _still(last, before, after, format)

    def end(self) -> None:
        """Forget it."""
        self._still = self._course = None

    def share(self, t: float, fade: Fade) -> int:
        """How much of the still is seen at `t`, s, with this fade in force, of 256; it is forgotten when that is 0."""
        course = self._course
        if self._still is None or course is None:
            return 0
        timing = fade.t0, fade.seconds
        if (timing, fade.end.freeze) != (course.timing, course.held):
            least = min(_LEAST, fade.seconds) if timing != course.timing else _LEAST
            self._course = course = _course(course.left(t), t, fade, least)
        share = round(WHOLE * course.left(t))
        if share <= 0:
            self.end()
        return share

    def blend(self, pixels: U8, share: int, format: FrameFormat) -> None:  # noqa: A002
        """Lay so much of it over a frame [H, W, 4] in host memory."""
        if self._still is not None and isinstance(still := self._still.picture, np.ndarray):
            blend(still, pixels, share, format.alpha)

    def through(self, launcher: Launcher, share: int) -> Launcher:
        """What paints with so much of it laid over."""
        if not share or self._still is None:
            return launcher
        assert isinstance(launcher, Blending)  # else there were no still
        return Over(launcher, self._still, share)


@dataclass(frozen=True, slots=True)
class _Course:
    """How much of the still is seen when."""

    share: float  # of 1, where it begins
    fade: Fade  # of its own begin, length and curve
    timing: tuple[float, float]  # begin and length of the fade it was made for, s
    held: bool

    def left(self, t: float) -> float:
        """Of 1. It begins to go at once, also where the curve begins slowly: nothing is to be seen standing still."""
        if self.held:
            return self.share
        rest = self.fade.t0 + self.fade.seconds - t
        return self.share * min(rest / self.fade.seconds, 1.0) * (1.0 - self.fade.way(t)) if rest > 0 else 0.0


def _course(share: float, t: float, fade: Fade, least: float) -> _Course:
    """From `t` on this goes away by the end of the fade, in `least` seconds at least; none is at once."""
    ends = min(max(fade.t0 + fade.seconds, t + least), t + _MOST)
    own = replace(fade, t0=t, seconds=ends - t)
    return _Course(share if least > 0 else 0.0, own, (fade.t0, fade.seconds), fade.end.freeze)


def _still(last: Slot, before: Launcher | None, after: Launcher | None, format: FrameFormat) -> Still | None:  # noqa: A002
    """What is left of the picture shown last, copied once; None where it cannot be had without waiting for it."""
    if after is not None:
        if not isinstance(after, Blending):
            return None
        if before is not None and before.device is after.device:
            return Still(last.page.canvas)
    if before is not None and last.flying:
        return None
    if after is not None:
        return Still(last.pixels)  # nobody writes there before it is copied
    return Still(scaled(last.pixels.copy(), format.height, format.width), copied=True)
