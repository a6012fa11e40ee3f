# ruff: noqa: N803 - G is what the paper and its users call a generator
"""The last stage: pictures. The modulated layers learn, from squares of pictures of fresh z."""

from collections.abc import Iterator

import torch
from torch import Tensor, nn
from torch.nn import functional

from stylegan3 import Generator
from tools.default_model.anchors import members
from tools.default_model.network import FIELD_LAYERS, layers, paint_crops
from tools.default_model.recipe import Z_DIM, read
from tools.default_model.stages import one_w
from tools.default_model.teacher import Teacher

NEAR = 0.12  # of the z lie near the clusters' members
_WIDE = 0.3  # how near
_SHARP = 3.0  # of how much neighbours differ


def draw_z(count: int, generator: torch.Generator) -> Tensor:
    """[count, 64]: N(0, I), and some around the anchors."""
    z = torch.randn(count, Z_DIM, generator=generator)
    known = members(12)
    near = torch.rand(count, 1, generator=generator) < NEAR
    which = torch.randint(len(known), (count,), generator=generator)
    return torch.where(near, known[which] + _WIDE * z, z)


def parameters(G: Generator) -> Iterator[nn.Parameter]:
    """The modulated layers: all that learns here."""
    for layer in layers(G)[FIELD_LAYERS:]:
        yield from (layer.weight, layer.bias, layer.affine.weight, layer.affine.bias)


def picture_loss(seen: Tensor, wanted: Tensor) -> Tensor:
    """Squares, absolute values and differences between neighbours; beyond white and black nothing is wrong.

    And how much they differ, over 8 x 8 pixels: an edge in the wrong place is better than none.
    """
    seen = torch.where(seen.abs() > 1, seen.sign() + 0.02 * (seen - seen.sign()), seen)
    error = seen - wanted
    total = 2 * error.square().mean() + 0.25 * error.abs().mean()
    for d in (2, 3):
        steps, right = seen.diff(dim=d), wanted.diff(dim=d)
        total = total + 0.1 * (steps - right).abs().mean()
        total = total + _SHARP * (functional.avg_pool2d(steps.abs() - right.abs(), 8)).abs().mean()
    return total


def colour_step(
    G: Generator, teacher: Teacher, fields: Tensor, generator: torch.Generator, *, corners: int, each: int, size: int
) -> Tensor:
    """The loss over corners * each squares of pictures."""
    z = draw_z(corners * each, generator)
    drawn = torch.randint(0, (teacher.size - size) // 2 + 1, (corners, 2), generator=generator).mul(2).tolist()
    places = [(int(top), int(left)) for top, left in drawn]
    with torch.no_grad():
        wanted = torch.cat([
            teacher.paint(read(part), *place, size) for part, place in zip(z.chunk(corners), places, strict=True)
        ])  # fmt: skip
        w = one_w(G, z)
    return picture_loss(paint_crops(G, fields, w, places, size), wanted)
