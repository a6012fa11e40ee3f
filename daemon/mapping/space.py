"""A model's latent space as a mapper knows it: the way to w, and how w lies."""

import math
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from daemon.flow import F32, ModelFacts, frozen
from daemon.mapping.mapper import ToW
from daemon.params import DIRECTIONS

_SAMPLES, _AT_ONCE, _SEED = 4096, 256, 0
_DEAD = 0.01  # of the typical deviation: what a dimension that never moves counts as


@dataclass(frozen=True, eq=False)  # no slots: its weights are kept beside the fields
class Space:
    """Everything in mapping is built from one of these; another model is another space."""

    facts: ModelFacts
    to_w: ToW
    mean: F32  # [w_dim] of w over sampled z
    std: F32  # [w_dim]
    directions: F32  # [<= DIRECTIONS, w_dim] principal components of w, each as long as its standard deviation

    @cached_property
    def _weights(self) -> F32:
        """What the square of a step in each dimension counts, [w_dim]."""
        typical = math.sqrt(float(np.mean(np.square(self.std)))) or 1.0
        return (1.0 / np.square(np.maximum(self.std, _DEAD * typical))).astype(np.float32)

    def deviations(self, step: F32) -> float:
        """How long a step in ws [num_ws, w_dim] is, in standard deviations of w: RMS over dimensions, largest layer."""
        squares = np.einsum("ij,ij,j->i", step, step, self._weights)  # every tick: it makes no other array of ws' size
        return math.sqrt(float(squares.max()) / len(self.std))

    def toward(self, last: F32, ws: F32, most: float) -> F32:
        """`ws`, or as far on the way to it from `last` as `most` standard deviations go."""
        step = ws - last
        length = self.deviations(step)
        return ws if length <= most else last + np.float32(most / length) * step


def survey(facts: ModelFacts, to_w: ToW) -> Space:
    """Measure a space by sampling it: mean, spread and principal directions of w (GANSpace, Härkönen et al. 2020)."""
    z = np.random.default_rng(_SEED).standard_normal((_SAMPLES, facts.z_dim)).astype(np.float32)
    parts = np.split(z, _SAMPLES // _AT_ONCE)  # all at once would be 18 times too much: a w for every layer
    w = np.concatenate([to_w(part, 1.0, np.zeros(0, np.float32))[:, 0] for part in parts]).astype(np.float64)
    mean, std = w.mean(axis=0), w.std(axis=0)
    values, vectors = np.linalg.eigh(np.cov(w.T).reshape(facts.w_dim, facts.w_dim))
    order = np.argsort(values)[::-1][:DIRECTIONS]
    found = (vectors[:, order] * np.sqrt(np.maximum(values[order], 0.0))).T
    signs = np.sign(found[np.arange(len(found)), np.abs(found).argmax(axis=1)])  # eigenvectors have none of their own
    directions = found * np.where(signs == 0, 1.0, signs)[:, None]
    made = Space(facts, to_w, *(a.astype(np.float32) for a in (mean, std, directions)))
    for array in (made.mean, made.std, made.directions):
        frozen(array)
    return made
