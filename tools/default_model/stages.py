# ruff: noqa: N803 - G is what the paper and its users call a generator
"""The first two stages: what z means (the mapping network), and the fields (L0..L4). Neither needs the other."""

import math
from collections.abc import Callable, Iterator

import torch
from torch import Tensor, nn
from torch.nn import functional

from stylegan3 import Generator
from tools.default_model import fields
from tools.default_model.network import FIELD_LAYERS, draw_fields, layers
from tools.default_model.recipe import NAMES, Z_DIM, read, widths

FIELDS = len(NAMES) * (fields.HEIGHTS + 1)  # channels of L4 that show one; the next is 1 everywhere, the one after 0
ONE, ZERO = FIELDS, FIELDS + 1
_BEYOND = 4  # samples of L4's canvas around the picture that must be right too
_WEIGHT = {
    "heights": 8.0,
    "lines": 16.0,
    "colours": 2.5,
    "phase": 8.0,
    "spare": 2.0,
    "light": 0.5,
    "inks": 1.5,
}  # what an error costs
Rate = Callable[[float], float]  # progress 0..1 -> learning rate


def cosine(peak: float, floor: float = 0.02, warm: float = 0.01) -> Rate:
    """Up in a moment, down along half a cosine."""
    return lambda p: peak * min(1, p / warm + 0.02) * (floor + (1 - floor) * (0.5 + 0.5 * math.cos(math.pi * p)))


class Readout(nn.Module):
    """What every recipe says, linearly from w, each feature of unit variance."""

    def __init__(self, w_dim: int) -> None:
        super().__init__()
        rows = read(torch.randn(8000, Z_DIM, generator=torch.Generator().manual_seed(3))).row()
        self.register_buffer("mean", rows.mean(0))
        self.register_buffer("std", rows.std(0) + 1e-4)
        self.mean: Tensor
        self.std: Tensor
        weight = torch.cat([torch.full((n,), _WEIGHT.get(part, 1.0)) for part, n in widths().items()])
        self.register_buffer("weight", weight / weight.mean())
        self.weight: Tensor
        self.linear = nn.Linear(w_dim, rows.shape[1])

    def forward(self, w: Tensor) -> Tensor:
        features: Tensor = self.linear(w)
        return features

    def wanted(self, z: Tensor) -> Tensor:
        return (read(z).row() - self.mean) / self.std


def mapping_step(G: Generator, readout: Readout, generator: torch.Generator, batch: int = 512) -> Tensor:
    """Weighted unexplained variance of the features, for fresh z."""
    z = torch.randn(batch, Z_DIM, generator=generator)
    error: Tensor = ((readout(one_w(G, z)) - readout.wanted(z)).square() * readout.weight).mean()
    return error


def one_w(G: Generator, z: Tensor) -> Tensor:
    """[N, w_dim]."""
    return G.mapping(z)[:, 0]  # type: ignore[no-any-return]


def field_targets(resolution: int, beyond: int = _BEYOND) -> Tensor:
    """[fields + 2, n, n]: what L4 shall show up to `beyond` samples around the picture; its last channels are free."""
    made = fields.make(resolution, 2 * beyond).flatten(0, 1)[None]
    half = functional.interpolate(made, scale_factor=0.5, mode="bicubic", antialias=True)[0]
    n = half.shape[1]
    return torch.cat([half, torch.ones(1, n, n), torch.zeros(1, n, n)])


def start_fields(G: Generator) -> None:
    """Styles of the first layers are 1, whatever w."""
    for layer in layers(G)[:FIELD_LAYERS]:
        layer.affine.weight.data.zero_()
    G.synthesis.input.affine.weight.data.zero_()


def field_errors(G: Generator, targets: Tensor) -> Tensor:
    """[fields + 2, n, n]."""
    drawn = draw_fields(G)[0]
    margin = (drawn.shape[1] - targets.shape[1]) // 2
    return drawn[: len(targets), margin:-margin, margin:-margin] - targets


def field_loss(error: Tensor) -> Tensor:
    """Squares, and squares of differences between neighbours: edges count more."""
    steps = [(error.roll(1, d) - error).square().mean() for d in (1, 2)]
    total: Tensor = error.square().mean() + 0.5 * (steps[0] + steps[1])
    return total


def field_parameters(G: Generator) -> Iterator[nn.Parameter]:
    """All that draws the fields."""
    yield G.synthesis.input.weight
    for layer in layers(G)[:FIELD_LAYERS]:
        yield layer.weight
        yield layer.bias
