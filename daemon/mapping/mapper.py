"""What every mapper is."""

from collections.abc import Callable
from typing import Protocol, TypeAlias

from daemon.flow import F32, Features
from daemon.params import Params

ToW: TypeAlias = Callable[[F32, float, F32], F32]
"""`to_w(z, psi, classes)`: [N, z_dim], truncation, weights [<= classes] -> ws [N, num_ws, w_dim], by the model."""


class Mapper(Protocol):
    """A way from features to latents. It keeps its own state; time is passed in.

    Routes, the smoothing of layers, latents from outside, fades and the step limit are the engine's; the amounts of
    the layers, `smoothing`, `gain`, `drift`, `loop` and `psi` are the mapper's, by `Motion` (z) or `Plane` (w).
    """

    def advance(self, dt: float, features: Features, params: Params) -> F32:
        """Move on by `dt` seconds; the place to render, ws [num_ws, w_dim]."""
        ...
