"""Geometry of the shell on which Gaussian latents live.

Almost all of N(0, I) in d dimensions lies close to the sphere of radius sqrt(d); a point inside it is a latent the
model never saw, and shows as a washed-out picture. Everything here stays on that sphere.
"""

import math
from collections.abc import Sequence
from functools import lru_cache

import numpy as np

from daemon.flow import F32, F64, frozen

_ROUNDS = 8  # of the Fréchet iteration; it converges to 1e-6 in 4 to 6


def shell(z: F64) -> F64:
    """The nearest point of the sphere of radius sqrt(d); [d] -> [d]."""
    return z * (math.sqrt(z.size) / max(float(np.linalg.norm(z)), 1e-12))


@lru_cache(maxsize=32)  # see ahead.py
def gaussian(seed: int, dims: int) -> F64:
    """The point a seed stands for: N(0, I) put on the shell, [d]; read-only."""
    point = shell(np.random.default_rng(seed).standard_normal(dims))
    frozen(point)
    return point


def slerp(a: F64, b: F64, mix: float) -> F64:
    """The point `mix` of the way along the great circle from `a` to `b`, [d] (Shoemake 1985)."""
    return blend((a, b), (1.0 - mix, mix))


def blend(points: Sequence[F64] | Sequence[F32], weights: Sequence[float]) -> F64:
    """The weighted mean of points on the shell, measured along the shell, [d].

    The Fréchet (Karcher) mean on the unit sphere by fixed-point iteration; for two points it is slerp. Weights need
    not add up to 1; all zero counts as all equal. Opposite points with equal weights have no mean: the first wins.
    """
    units = np.stack([np.asarray(p, np.float64) / max(float(np.linalg.norm(p)), 1e-12) for p in points])  # [N, d]
    share = np.maximum(np.asarray(weights, np.float64), 0.0)
    share = share / share.sum() if share.sum() > 0 else np.full(len(units), 1 / len(units))
    mean: F64 = share @ units
    if np.linalg.norm(mean) < 1e-6:
        mean = units[int(np.argmax(share))]
    mean /= np.linalg.norm(mean)
    for _ in range(_ROUNDS):
        cosine = np.clip(units @ mean, -1.0, 1.0)  # [N]
        angle = np.arccos(cosine)
        sine = np.sqrt(1.0 - cosine**2)
        pull = np.where(sine > 1e-9, angle / np.maximum(sine, 1e-9), 1.0) * share  # log map, weighted
        tangent = pull @ (units - cosine[:, None] * mean)
        reach = float(np.linalg.norm(tangent))
        if reach < 1e-9:
            break
        mean = np.cos(reach) * mean + np.sin(reach) * (tangent / reach)
        mean /= np.linalg.norm(mean)
    return shell(mean)
