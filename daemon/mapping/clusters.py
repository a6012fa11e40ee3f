"""The `clusters` mapper: a weighted spherical blend of named places, chosen by the artist and by what is heard.

After N. Ragazzi and L. Botrugno, the real-time StyleGAN3 visualiser (2025): five descriptors, standardised, through a
net to the weights of semantic clusters; spherical interpolation whose step follows the energy of the sound.
"""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from daemon.flow import F32, F64, Anchor, Features, Tally
from daemon.mapping.mapper import ToW
from daemon.mapping.mlp import Learned
from daemon.mapping.motion import Motion, projection
from daemon.mapping.shelf import Choice
from daemon.mapping.sphere import blend, gaussian, shell
from daemon.mapping.walk import approach
from daemon.params import Params, Place

SLOWEST = 6.0  # times `smoothing` that motion takes in silence
LOUD_DB = -12.0  # dBFS from which it takes `smoothing` itself


class ClustersMapper:
    """Between the named places, as the artist's weights and the sound say; the rest of 1 stays at the seed's point.

    A place's weight is the artist's, times 1 - hearing + hearing * heard: what the net hears of it, 0..1, all together
    1. In silence what is heard eases to 1 each, so the artist's weights stand alone; without a trained file they
    always do. The first file of `trained` is played; anchors of the same name are taken from it. A preset's own places
    go before both; one with numbers of another model is left out.
    """

    def __init__(
        self,
        seed: int,
        bands: int,
        z_dim: int,
        anchors: Sequence[Anchor],
        to_w: ToW,
        trained: Choice | None = None,
        presets: Sequence[Place] = (),
    ) -> None:
        self._trained, self._own = trained, {anchor.name: anchor.z.astype(np.float64) for anchor in anchors}
        self._presets = {place.name: at for place in presets if (at := point(place, z_dim)) is not None}
        self._home = gaussian(seed, z_dim)
        self._push = projection(seed, bands, z_dim)  # [bands, d]
        self._motion = Motion(seed, z_dim, to_w)
        self._before: Tally | None = None  # at the last tick
        self._raw: F64 | None = None  # mean of what was heard since the last tick, as of late
        self._open = 0.0  # how far the ears are, 0..1

    def advance(self, dt: float, features: Features, params: Params) -> F32:
        learned = self._trained.named() if self._trained else None
        mean = None if self._before is None else features.smooth.mean_since(self._before)
        self._before, self._raw = features.smooth, self._raw if mean is None else mean
        self._open += approach(dt, params.attack if features.gate else params.release) * (features.gate - self._open)
        places = (self._own if learned is None else self._own | placed(learned)) | self._presets
        heard = np.ones(len(places)) if learned is None else self._heard(learned, tuple(places), params.hearing)
        weights = heard * [params.cluster(name) for name in places]
        rest = max(0.0, 1.0 - float(weights.sum()))
        place = blend([self._home, *places.values()], [rest, *weights])
        params = replace(params, smoothing=step(features, params))
        return self._motion.advance(dt, place, features.bands @ self._push, params)

    def _heard(self, learned: Learned, names: tuple[str, ...], hearing: float) -> F64:
        """What the artist's weight of each place is multiplied by, [places]; one the net does not know keeps 1."""
        if self._raw is None:
            return np.ones(len(names))
        known = dict(zip(learned.about.clusters, softmax(learned.infer(learned.standard(self._raw))), strict=True))
        share = hearing * self._open
        return np.array([1.0 - share + share * known.get(name, 1.0) for name in names])


def point(place: Place, z_dim: int) -> F64 | None:
    """Where a preset's own place is on the shell, [z_dim]; None when its numbers are another model's."""
    if not place.z:
        return gaussian(place.seed, z_dim)
    return shell(np.array(place.z)) if len(place.z) == z_dim else None


def placed(learned: Learned) -> dict[str, F64]:
    """Where a file's clusters are, by name."""
    return dict(zip(learned.about.clusters, learned.tensors["anchors"], strict=True))


def softmax(x: F64) -> F64:
    """[K] of any numbers -> [K] of 0..1, all together 1."""
    raised: F64 = np.exp(x - x.max())
    shares: F64 = raised / raised.sum()
    return shares


def step(features: Features, params: Params) -> float:
    """The time constant of motion, s: `smoothing` when loud, `SLOWEST` times it in silence, in between by the level.

    smoothing * SLOWEST ** (1 - e), where e goes from 0 at the gate's threshold to 1 at `LOUD_DB`, evenly in dB. So
    quiet passages glide, loud ones follow, and nothing ever stops.
    """
    span = max(LOUD_DB - params.gate, 1.0)
    energy = min(max((features.rms_db - params.gate) / span, 0.0), 1.0)
    return params.smoothing * float(SLOWEST ** (1.0 - energy))
