"""Latents from outside: a place in the mapper's stead, or an offset of the seed's z, each while it is fresh."""

from typing import TypeAlias

import numpy as np

from daemon.flow import F32, F64, Hand
from daemon.mapping.space import Space
from daemon.mapping.sphere import gaussian, shell
from daemon.mapping.walk import approach
from daemon.params import Params

FRESH = 1.0  # s without another after which one no longer counts
_NEAR = 1e-4  # of an offset's length: nearer than this there is none

_Given: TypeAlias = tuple[F32, float] | None


class Outside:
    """What a hand outside holds of the latent."""

    def __init__(self, space: Space) -> None:
        self._space = space
        self._offset: F64 | None = None  # as smoothed, [z_dim]; None while there is none
        self._seed: tuple[int, F64] | None = None  # and the point it stands for

    def place(self, t: float, hand: Hand, params: Params) -> tuple[str, F32 | None]:
        """The newest of z and ws, by its name, as ws [num_ws, w_dim]; "" and None while there is none."""
        facts = self._space.facts
        z = hand.z if _usable(hand.z, (facts.z_dim,), t) else None
        ws = hand.ws if _usable(hand.ws, (facts.num_ws, facts.w_dim), t) else None
        if ws is not None and (z is None or ws[1] >= z[1]):
            return "ws", ws[0]
        if z is not None:
            return "z", self._space.to_w(z[0][None].astype(np.float32), params.psi, _classes(params))[0]
        return "", None

    def shift(self, dt: float, t: float, hand: Hand, params: Params) -> F32 | None:
        """What an offset of the seed's z moves in w, [num_ws, w_dim], after `smoothing`; None while there is none.

        It is the way from the seed's own w to that of its shifted z, so it serves every mapper alike.
        """
        offset, dims = hand.offset, self._space.facts.z_dim
        given = offset is not None and _usable(offset, (dims,), t)
        if not given and self._offset is None:
            return None
        wanted = offset[0] if offset is not None and given else np.zeros(dims)
        before = np.zeros(dims) if self._offset is None else self._offset
        self._offset = before + approach(dt, params.smoothing) * (wanted - before)
        if not wanted.any() and float(np.linalg.norm(self._offset)) < _NEAR:
            self._offset = None
            return None
        if self._seed is None or self._seed[0] != params.seed:
            self._seed = params.seed, gaussian(params.seed, dims)
        rest = self._seed[1]
        z = np.stack([rest, shell(rest + self._offset)]).astype(np.float32)
        before, after = self._space.to_w(z, params.psi, _classes(params))
        moved: F32 = after - before
        return moved


def _usable(given: _Given, shape: tuple[int, ...], t: float) -> bool:
    """Whether this came of late, and for a model like this one."""
    return given is not None and t - given[1] < FRESH and given[0].shape == shape


def _classes(params: Params) -> F32:
    return np.array(params.classes or (1.0,), np.float32)  # none is the first
