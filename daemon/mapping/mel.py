"""The `mel` mapper: each mel band pushes the latent its own way (after T. Jaratz, Síntesis audiorrítmica, 2025)."""

from daemon.flow import F32, Features
from daemon.mapping.mapper import ToW
from daemon.mapping.motion import Motion
from daemon.mapping.sphere import gaussian
from daemon.params import Params


class MelMapper:
    """Band envelopes through a seeded projection, around the seed's own point."""

    def __init__(self, seed: int, bands: int, z_dim: int, to_w: ToW) -> None:
        self._place = gaussian(seed, z_dim)
        self._motion = Motion(seed, bands, z_dim, to_w)

    def advance(self, dt: float, features: Features, params: Params) -> F32:
        return self._motion.advance(dt, self._place, features, params)
