"""Motion of mappers whose places are w: straight lines, a walk as wide as w lies, and truncation about its mean."""

import numpy as np

from daemon.flow import F32, F64
from daemon.mapping.layers import amounts, spread
from daemon.mapping.space import Space
from daemon.mapping.walk import Walk, approach
from daemon.params import Params


class Plane:
    """w' = place + gain * push + drift * walk, smoothed: then psi about the average w.

    The walk goes along the principal directions of w, each as far as w itself does: independent steps in every
    dimension would leave the w that the model knows, and hardly move the picture where it is free to move.
    """

    def __init__(self, seed: int, space: Space) -> None:
        self._space = space
        self._walk = Walk(seed, len(space.directions))
        self._ws: F64 | None = None  # where the smoothing is now, [num_ws, w_dim]
        self._rest: F64 = np.zeros(0)  # and where it would be without sound and walk

    def advance(self, dt: float, place: F64 | F32, push: F64 | F32, params: Params) -> F32:
        """Move on by `dt` seconds; ws [num_ws, w_dim].

        Args:
            dt: seconds.
            place: where it rests without sound, [w_dim] or [num_ws, w_dim].
            push: what sound adds at gain 1, of the same shapes.
            params: `gain`, `drift`, `loop`, `smoothing`, `psi` and the amounts of the layers are used.
        """
        facts = self._space.facts
        shape = (facts.num_ws, facts.w_dim)
        walk = self._walk.advance(dt, params.loop) @ self._space.directions
        rest = np.broadcast_to(np.asarray(place, np.float64), shape)
        target = rest + params.gain * push + params.drift * walk
        if self._ws is None:
            self._ws, self._rest = target, rest
        else:
            part = approach(dt, params.smoothing)
            self._ws = self._ws + part * (target - self._ws)
            self._rest = self._rest + part * (rest - self._rest)
        ws = self._rest + spread(amounts(params), facts.num_ws) * (self._ws - self._rest)
        shown: F32 = (facts.w_avg + params.psi * (ws - facts.w_avg)).astype(np.float32)
        return shown
