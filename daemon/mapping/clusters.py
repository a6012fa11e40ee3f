"""The `clusters` mapper: a weighted spherical blend of the model's named anchors, moved by sound."""

from collections.abc import Sequence

import numpy as np

from daemon.flow import F32, Anchor, Features
from daemon.mapping.mapper import ToW
from daemon.mapping.motion import Motion
from daemon.mapping.sphere import blend, gaussian
from daemon.params import Params


class ClustersMapper:
    """Where the artist's weights say, between the anchors; what they leave of 1 stays at the seed's own point."""

    def __init__(self, seed: int, bands: int, z_dim: int, anchors: Sequence[Anchor], to_w: ToW) -> None:
        self._names = [anchor.name for anchor in anchors]
        self._points = [gaussian(seed, z_dim), *(anchor.z.astype(np.float64) for anchor in anchors)]
        self._motion = Motion(seed, bands, z_dim, to_w)

    def advance(self, dt: float, features: Features, params: Params) -> F32:
        weights = [params.cluster(name) for name in self._names]
        rest = max(0.0, 1.0 - sum(weights))
        return self._motion.advance(dt, blend(self._points, [rest, *weights]), features, params)
