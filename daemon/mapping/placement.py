"""Where the picture lies: StyleGAN3's input transform, moved smoothly (Karras et al. 2021, section 3.2)."""

import math

import numpy as np

from daemon.flow import F32, F64
from daemon.mapping.walk import approach
from daemon.params import Params

_DEGREES = 2  # where the angle is kept


def inverse(right: float, up: float, degrees: float, zoom: float) -> F32:
    """The matrix [3, 3] that takes a place in the picture to the place in the pattern that is shown there.

    Moving is in picture widths, turning counter-clockwise about the centre. Rows run downwards, so up is -y.
    """
    cos, sin = math.cos(math.radians(degrees)) / zoom, math.sin(math.radians(degrees)) / zoom
    return np.array(  # unzoom @ unturn @ unmove
        [[cos, -sin, -cos * right - sin * up], [sin, cos, cos * up - sin * right], [0.0, 0.0, 1.0]], np.float32
    )


class Placement:
    """The transform on its way to where the artist wants it, with the time constant of all motion."""

    def __init__(self) -> None:
        self._at: F64 | None = None  # right, up, degrees, log zoom

    def advance(self, dt: float, params: Params) -> F32:
        """Move on by `dt` seconds; the inverse transform, [3, 3]."""
        wanted = np.array([params.translate_x, params.translate_y, params.rotate, math.log(params.zoom)])
        if self._at is None:
            self._at = wanted
        way = wanted - self._at
        way[_DEGREES] = _wrapped(way[_DEGREES])  # the short way round
        self._at = self._at + approach(dt, params.smoothing) * way
        self._at[_DEGREES] = _wrapped(self._at[_DEGREES])
        right, up, degrees, log_zoom = self._at
        return inverse(right, up, degrees, math.exp(log_zoom))


def _wrapped(degrees: float) -> float:
    """The same angle, -180 to 180."""
    return (degrees + 180.0) % 360.0 - 180.0
