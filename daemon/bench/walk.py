# ruff: noqa: N803 - G is what the paper and its users call a generator
"""What is painted while it is timed: a new w every frame, and the picture moving where the network can move it."""

import math
from dataclasses import dataclass

import numpy as np
import torch

from daemon.flow import F32
from stylegan3 import Generator

_SEED = 0
_AROUND = 240  # frames
_STEP = 2 * math.pi / _AROUND  # of the circle a frame; a show goes about as fast


@dataclass(frozen=True, slots=True, eq=False)
class Walk:
    """Latents in the order they are painted; it begins again at its end."""

    z: F32  # [n, z_dim]
    c: torch.Tensor  # [1, c_dim], the first class
    ws: F32  # [n, num_ws, w_dim]
    transforms: F32  # [240, 3, 3], inverse, for StyleGAN3's input, each another; the first is none


@torch.inference_mode()
def walk(G: Generator, frames: int) -> Walk:
    """A great circle of z through two random places, while the picture turns and drifts a little."""
    n = max(1, min(frames, _AROUND))
    ends = np.random.default_rng(_SEED).standard_normal((2, G.z_dim))
    angle = _STEP * np.arange(_AROUND)[:, None]
    z = (np.cos(angle[:n]) * ends[0] + np.sin(angle[:n]) * ends[1]).astype(np.float32)
    c = torch.zeros(1, G.c_dim)
    c[:, :1] = 1
    ws: F32 = G.mapping(torch.from_numpy(z), c.expand(n, -1)).numpy()
    cos, sin = np.cos(angle[:, 0]), np.sin(angle[:, 0])
    transforms = np.tile(np.eye(3, dtype=np.float32), (_AROUND, 1, 1))
    transforms[:, 0, 0], transforms[:, 0, 1], transforms[:, 0, 2] = cos, -sin, 0.1 * sin
    transforms[:, 1, 0], transforms[:, 1, 1] = sin, cos
    return Walk(z, c, ws, transforms)
