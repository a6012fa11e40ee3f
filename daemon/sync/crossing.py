"""From one who says what is shown to another without a jump: the distance is kept, and taken away over a while."""

import math
from dataclasses import dataclass, replace

import numpy as np

from daemon.flow import F32, F64, Latents
from daemon.mapping.placement import inverse

SECONDS = 1.5  # s from one to the other


@dataclass(frozen=True, slots=True, eq=False)
class _Gap:
    ws: F32 | None  # what was shown, less what was to be shown
    place: F64 | None  # the same of right, up, degrees and log zoom
    began: float  # s on the clock


class Crossing:
    """What is shown, from whoever says so. Once it has arrived it gives exactly what it is given."""

    def __init__(self) -> None:
        self.last: Latents | None = None  # what was shown
        self._source: object = None
        self._gap: _Gap | None = None

    def show(self, t: float, source: object, latents: Latents) -> Latents:
        """What to render at clock time `t`, seconds; another source than before begins a crossing."""
        if self.last is not None and source != self._source:
            self._gap = _between(self.last, latents, t)
        self._source = source
        gap = self._gap
        if gap is not None and t - gap.began >= SECONDS:
            gap = self._gap = None
        self.last = latents if gap is None else _shifted(latents, gap, t)
        return self.last


def _between(last: Latents, latents: Latents, t: float) -> _Gap:
    ws = place = None
    if last.ws is not None and latents.ws is not None and last.ws.shape == latents.ws.shape:
        ws = last.ws - latents.ws
    if last.transform is not None and latents.transform is not None:
        place = _place(last.transform) - _place(latents.transform)
        place[2] = (place[2] + 180.0) % 360.0 - 180.0  # the short way round
    return _Gap(ws, place, t)


def _shifted(latents: Latents, gap: _Gap, t: float) -> Latents:
    left = 1.0 - max(t - gap.began, 0.0) / SECONDS
    left = left * left * (3.0 - 2.0 * left)
    ws, transform = latents.ws, latents.transform
    if ws is not None and gap.ws is not None and ws.shape == gap.ws.shape:
        ws = ws + np.float32(left) * gap.ws
    if transform is not None and gap.place is not None:
        right, up, degrees, log_zoom = _place(transform) + left * gap.place
        transform = inverse(right, up, degrees, math.exp(log_zoom))
    return replace(latents, ws=ws, transform=transform)


def _place(matrix: F32) -> F64:
    """Right, up, degrees and log zoom of an inverse transform: what `inverse` made it of."""
    turned = matrix[:2, :2].astype(np.float64)
    left, up = np.linalg.solve(turned, matrix[:2, 2].astype(np.float64))
    degrees = math.degrees(math.atan2(turned[1, 0], turned[0, 0]))
    return np.array([-left, up, degrees, -math.log(math.hypot(turned[0, 0], turned[1, 0]))])
