"""What fields are made of: waves, gradient noise, Voronoi cells; float64 tensors in, the same out."""

import math
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor


def wave(v: Tensor) -> Tensor:
    """A sine that is cheap for leaky ReLUs: the triangle wave of period 2 pi, -1..1, rising through 0."""
    return 4 * ((v / (2 * math.pi) - 0.25) % 1 - 0.5).abs() - 1


class Noise:
    """Gradient noise (Perlin 2002) over a seeded table; about -1..1."""

    def __init__(self, seed: int) -> None:
        angles = np.random.default_rng(seed).random((64, 64)) * 2 * math.pi
        self._angles = torch.from_numpy(angles)

    def __call__(self, x: Tensor, y: Tensor) -> Tensor:
        xi, yi = x.floor().long(), y.floor().long()
        fx, fy = x - xi, y - yi

        def corner(dx: int, dy: int) -> Tensor:
            a = self._angles[(xi + dx) % 64, (yi + dy) % 64]
            return a.cos() * (fx - dx) + a.sin() * (fy - dy)

        u, v = (f * f * f * (f * (f * 6 - 15) + 10) for f in (fx, fy))
        top, bottom = corner(0, 0).lerp(corner(1, 0), u), corner(0, 1).lerp(corner(1, 1), u)
        return 1.5 * top.lerp(bottom, v)

    def sum(self, x: Tensor, y: Tensor, octaves: int = 3, gain: float = 0.5, *, ridged: bool = False) -> Tensor:
        """Octaves of it, each turned and twice as fine; ridged: with creases where the noise is 0."""
        total, amplitude = torch.zeros_like(x), 1.0
        for i in range(octaves):
            n = self(x + 7.3 * i, y - 3.1 * i)
            total = total + amplitude * (1 - 2 * n.abs() if ridged else n)
            amplitude *= gain
            x, y = 1.6 * x - 1.2 * y, 1.2 * x + 1.6 * y
        return total


@dataclass(frozen=True, slots=True)
class Cells:
    """A Voronoi diagram at each point of a grid."""

    nearest: Tensor  # distance
    second: Tensor
    x: Tensor  # offset to the nearest seed
    y: Tensor
    a: Tensor  # random numbers of the nearest seed, -1..1
    b: Tensor
    c: Tensor

    @property
    def facet(self) -> Tensor:
        """A plane a cell, each tilted its own way: cut glass."""
        return 0.9 * self.c + 1.6 * ((3.1 * self.a).cos() * self.x + (3.1 * self.a).sin() * self.y)


def voronoi(x: Tensor, y: Tensor, cells: float, seed: int, jitter: float = 0.9) -> Cells:
    """About `cells` cells across 2 units; seeds are jittered from a grid (Worley 1996)."""
    rng = np.random.default_rng(seed)
    seeds, values = torch.from_numpy(rng.random((32, 32, 2))), torch.from_numpy(rng.random((32, 32, 3)) * 2 - 1)
    gx, gy = x / 2 * cells, y / 2 * cells
    xi, yi = gx.floor().long(), gy.floor().long()
    distances, offsets, drawn = [], [], []
    for i in (-1, 0, 1):
        for j in (-1, 0, 1):
            p = 0.5 + jitter * (seeds[(xi + i) % 32, (yi + j) % 32] - 0.5)
            offset = torch.stack([xi + i + p[..., 0] - gx, yi + j + p[..., 1] - gy], -1)
            distances.append(offset.square().sum(-1).sqrt())
            offsets.append(offset)
            drawn.append(values[(xi + i) % 32, (yi + j) % 32])
    ordered, index = torch.stack(distances).sort(0)

    def pick(parts: list[Tensor]) -> Tensor:
        stacked = torch.stack(parts)
        return stacked.gather(0, index[:1, ..., None].expand(1, *stacked.shape[1:]))[0]

    offset, value = pick(offsets), pick(drawn)
    return Cells(ordered[0], ordered[1], offset[..., 0], offset[..., 1], value[..., 0], value[..., 1], value[..., 2])
