"""The `pairs` mapper: latents that an artist paired with moments of sound, and what a net makes of all between.

After T. Moore, "Learned Navigation of StyleGAN3 Latent Space from Audio Descriptors" (2025), section 5: descriptors
smoothed by a leaky integrator, the mean of those in a frame, standardised, through a net with 40 ReLUs.
"""

from collections.abc import Callable
from dataclasses import replace

import numpy as np

from daemon.flow import F32, F64, Features, Tally
from daemon.mapping.mlp import Learned
from daemon.mapping.motion import Motion
from daemon.mapping.plane import Plane
from daemon.mapping.shelf import Choice
from daemon.mapping.space import Space
from daemon.mapping.walk import approach
from daemon.params import Params

_EASE = 0.25  # s: another file takes the place of one at least this slowly


class PairsMapper:
    """What the net hears, seen from the mean of what was paired, where it rests before any sound.

    `gain` scales the distance from that mean (1 is as trained), `drift` adds the walk, psi truncates about the model's
    average. In silence the last sound stays, since its smoothed descriptors stand still. A file that gives w or ws
    says which picture, whatever the class; one that gives z leaves the class of a conditional model to the artist.

    Another file in `trained`, or the same one trained again, is taken up at once, and its distance closed smoothly.
    """

    def __init__(self, seed: int, space: Space, trained: Choice, first: Learned) -> None:
        self._seed, self._space, self._trained = seed, space, trained
        self._file = first
        self._show = self._shower(first)
        self._before: Tally | None = None  # at the last tick
        self._raw: F64 | None = None  # mean of what was heard since the last tick, as of late
        self._known = 0.0  # how far away from the mean of the pairs sound has taken us, 0..1
        self._ws: F32 | None = None  # what the last tick gave
        self._gap: F32 | None = None  # from another file, being closed

    def advance(self, dt: float, features: Features, params: Params) -> F32:
        mean = None if self._before is None else features.smooth.mean_since(self._before)
        self._before, self._raw = features.smooth, self._raw if mean is None else mean
        if self._raw is not None:
            self._known += approach(dt, params.smoothing) * (1.0 - self._known)
        file, smoothed = self._trained.named(params.pairing) or self._file, replace(params, smoothing=0.0)
        changed, self._file = file is not self._file, file
        if changed:
            self._show = self._shower(file)
        ws = self._show(dt, self._push(file), smoothed)
        if changed and self._ws is not None:
            self._gap = self._ws - ws
        elif self._gap is not None:
            self._gap = self._gap * (1.0 - approach(dt, max(params.smoothing, _EASE)))
        self._ws = ws if self._gap is None else ws + self._gap
        return self._ws

    def _push(self, file: Learned) -> F64:
        """From the mean of what was paired to what is heard, [outputs]."""
        if self._raw is None:
            return np.zeros(file.about.outputs)
        given = file.infer(file.standard(self._raw))
        return self._known * (given - file.tensors["rest"])

    def _shower(self, file: Learned) -> Callable[[float, F64, Params], F32]:
        """What makes ws of seconds, a push in the numbers that the file gives, and params."""
        rest, space = file.tensors["rest"], self._space
        if file.about.gives == "z":
            motion = Motion(self._seed, len(rest), space.to_w)
            return lambda dt, push, params: motion.advance(dt, rest, push, params)
        plane, shape = Plane(self._seed, space), (-1, file.about.w_dim)
        return lambda dt, push, params: plane.advance(dt, rest.reshape(shape), push.reshape(shape), params)
