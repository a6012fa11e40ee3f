# ruff: noqa: N803 - G is what the paper and its users call a generator
"""The third stage: L5..ToRGB started as what the teacher does, layer by layer, so that training only has to polish.

L5 bends the height (and the line field) at every corner of a palette; L6 adds those hinges up to triangle waves; L7
cuts the waves into one hat a stop; ToRGB colours the hats. Weights are solved for by ridge regression on what the layer
before really gives; styles are rows of the readout.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

import torch
from torch import Tensor

from stylegan3 import Generator
from stylegan3.layers import SynthesisLayer
from tools.default_model import teacher as paint
from tools.default_model.network import FIELD_LAYERS, activations, layers
from tools.default_model.recipe import NAMES, ROOM, STOPS, Z_DIM, read, widths
from tools.default_model.stages import FIELDS, ONE, ZERO, Readout, one_w
from tools.default_model.teacher import Teacher

# hinges of L5, and which way each opens; n creases need n + 1 of them, for a leaky ReLU has a slope on either side
_HEIGHT_HINGES = [(k, 1 if k > 0 else -1) for k in range(-8, 8)]  # sixths of a period: where a hat starts, peaks, ends
_LAST_LINE = 5  # halves of the line field's period; lines are where it is odd
_LINE_HINGES = [(k, 1 if k > 0 else -1) for k in range(-_LAST_LINE, _LAST_LINE + 1)] + [(0, 1)]
_TURNS, _LINE_TURNS = len(_HEIGHT_HINGES), len(_LINE_HINGES)
_SLOPE = _TURNS + _LINE_TURNS  # and both slopes, there and back, of which a leaky ReLU leaves the whole
_CROP, _CORNERS, _SAMPLES, _RIDGE = 24, 32, 640, 1e-8  # many small squares: what is rare must be among them
_ABOVE = 1.3  # offset that keeps a value in -1..1 on the straight side of a leaky ReLU


@dataclass(frozen=True, slots=True)
class Rows:
    """Styles as linear functions of the recipe."""

    readout: Readout
    of: dict[str, slice]

    @classmethod
    def over(cls, readout: Readout) -> "Rows":
        starts, of = 0, {}
        for name, width in widths().items():
            of[name] = slice(starts, starts + width)
            starts += width
        return cls(readout, of)

    def set(self, layer: SynthesisLayer, matrix: Tensor, constant: Tensor) -> None:
        """Style [C] = matrix [C, features] @ recipe + constant [C]."""
        r = self.readout
        by_unit = matrix * r.std
        layer.affine.weight.data.copy_(by_unit @ r.linear.weight / layer.affine.weight_gain)
        layer.affine.bias.data.copy_(by_unit @ r.linear.bias + matrix @ r.mean + constant)

    @property
    def count(self) -> int:
        return len(self.readout.mean)


def start(
    G: Generator,
    readout: Readout,
    fields: Tensor,
    teacher: Teacher,
    seed: int,
    to_w: Callable[[Tensor], Tensor] | None = None,
) -> None:
    """Set L5..ToRGB; the mapping network (or `to_w` in its place) and the fields are what they are."""
    generator = torch.Generator().manual_seed(seed)
    rows = Rows.over(readout)
    with torch.no_grad():
        _bend(layers(G)[FIELD_LAYERS], rows, generator)
        at = _Sample.draw(G, teacher, fields, generator, to_w or partial(one_w, G))
        _solve(G, rows, at, 1, _waves(at), generator)
        unit = _solve(G, rows, at, 2, _hats(at), generator)
        _colour(layers(G)[-1], unit, rows)


@dataclass(frozen=True, slots=True)
class _Sample:
    """Crops of pictures: what the network has so far, and what the teacher has."""

    G: Generator
    fields: Tensor
    w: Tensor
    corners: list[tuple[int, int]]
    height: Tensor  # [pixels]
    line: Tensor
    light: Tensor

    @classmethod
    def draw(
        cls,
        G: Generator,
        teacher: Teacher,
        fields: Tensor,
        generator: torch.Generator,
        to_w: Callable[[Tensor], Tensor],
    ) -> "_Sample":
        z = torch.randn(_SAMPLES, Z_DIM, generator=generator)
        n = teacher.size - _CROP
        drawn = torch.randint(0, n // 2, (_CORNERS, 2), generator=generator).mul(2).tolist()
        corners = [(int(a), int(b)) for a, b in drawn]
        found = []
        for part, (top, left) in zip(z.chunk(_CORNERS), corners, strict=True):
            recipe = read(part)
            b = teacher.buffers(recipe, top, left, _CROP)
            light = torch.einsum("nd,ndyx->nyx", recipe.light, b.slope)
            found.append(torch.stack([b.height.flatten(), b.line.flatten(), light.flatten()]))
        height, line, light = torch.cat(found, 1)
        return cls(G, fields, to_w(z), corners, height, line, light)

    def seen(self, depth: int) -> Tensor:
        """[pixels, channels]: what the `depth`-th layer after the fields gives."""
        parts = [
            activations(self.G, self.fields, w, top, left, _CROP)[depth]
            for w, (top, left) in zip(self.w.chunk(_CORNERS), self.corners, strict=True)
        ]
        return torch.cat([x.permute(0, 2, 3, 1).flatten(0, 2) for x in parts])


def _bend(layer: SynthesisLayer, rows: Rows, generator: torch.Generator) -> None:
    """L5: hinges on the height, on the line field, and the slope both ways."""
    matrix, constant = torch.zeros(layer.spec.in_channels, rows.count), torch.zeros(layer.spec.in_channels)
    height_channels = [f * 4 + j for f in range(len(NAMES)) for j in range(3)]
    line_channels = [f * 4 + 3 for f in range(len(NAMES))]
    for part, channels in (("heights", height_channels), ("lines", line_channels), ("phase", [ONE]), ("spare", [ZERO])):
        span = rows.of[part]
        matrix[channels, torch.arange(span.start, span.stop)] = 1
    rows.set(layer, matrix, constant)
    weight = torch.zeros_like(layer.weight)
    weight[:, FIELDS + 2 :] = 0.02 * torch.randn(weight[:, FIELDS + 2 :].shape, generator=generator)
    layer.bias.zero_()
    centre = weight[:, :, 1, 1]
    for i, (k, sign) in enumerate(_HEIGHT_HINGES):
        centre[i, [*height_channels, ONE, ZERO]] = sign
        layer.bias[i] = -sign * k / STOPS / math.sqrt(ROOM)
    for i, (k, sign) in enumerate(_LINE_HINGES):
        centre[_TURNS + i, line_channels] = sign
        layer.bias[_TURNS + i] = -sign * k * paint.LINE_PERIOD / 2
    for row, (dy, dx) in zip(weight[_SLOPE:], ((0, 1), (0, -1), (1, 0), (-1, 0)), strict=True):
        row[height_channels, 1 + dy, 1 + dx] = 1
        row[height_channels, 1 - dy, 1 - dx] = -1
    layer.weight.copy_(weight)


def _wave(height: Tensor, stop: int) -> Tensor:
    """1 at a stop of the palette, -1 at the one across."""
    return 1 - 4 * ((height - stop / STOPS + 0.5) % 1 - 0.5).abs()


def _away(line: Tensor) -> Tensor:
    """From a fine line: 0 on it, 1 between two; ever farther beyond the last one that L5 has a hinge for."""
    turns = 2 * line.abs() / paint.LINE_PERIOD
    return torch.where(turns < _LAST_LINE, (turns % 2 - 1).abs(), turns - _LAST_LINE)


def _waves(at: _Sample) -> Tensor:
    """What L6 shall have before its leaky ReLU: [pixels, rows]."""
    waves = [_wave(at.height, m) for m in range(3)]
    away = _away(at.line)
    lights = [at.light.clamp(-2.5, 2.5) - knee for knee in (-1.0, 1.0, 0.6, 1.6)]
    return torch.stack([
        *(w + _ABOVE for w in waves), *(_ABOVE - w for w in waves), *waves,
        away + 0.1, 1 - away / paint.LINE_WIDTH, *lights, (-at.line - 0.2).clamp(0, 2) + 0.1,
    ], 1)  # fmt: skip


def _hats(at: _Sample) -> Tensor:
    """What L7 shall have before its leaky ReLU."""
    waves = [1.5 * _wave(at.height, m) - 0.5 for m in range(STOPS)]
    light = at.light.clamp(-1, 1)
    return torch.stack([
        *(w for w in waves for _ in range(3)),
        (1 - _away(at.line) / paint.LINE_WIDTH).clamp(min=0),
        (at.light - 0.6).clamp(0, 1), (-at.line - 0.2).clamp(0, 2),
        *[_ABOVE + light] * 3, *[_ABOVE - light] * 3,
    ], 1)  # fmt: skip


def _solve(G: Generator, rows: Rows, at: _Sample, depth: int, wanted: Tensor, generator: torch.Generator) -> Tensor:
    """Weights and biases by ridge regression; rows left over start at random.

    Back come the lengths that demodulation divides by: [rows].
    """
    layer = layers(G)[FIELD_LAYERS + depth]
    matrix, constant = torch.zeros(layer.spec.in_channels, rows.count), torch.ones(layer.spec.in_channels)
    seen = at.seen(depth - 1)
    if depth == 1:  # the slopes are weighed by where the light comes from
        span = rows.of["light"]
        matrix[_SLOPE:, span] = torch.eye(2).repeat_interleave(2, 0)
        constant[_SLOPE:] = 0
    rows.set(layer, matrix, constant)
    style = layer.affine(at.w)[:, None].expand(-1, _CROP * _CROP, -1).flatten(0, 1)
    x = torch.cat([seen * style, torch.ones(len(seen), 1)], 1).double()
    gram, cross = x.t() @ x / len(x), x.t() @ wanted.double() / len(x)
    penalty = _RIDGE * gram.diagonal().mean() * torch.eye(len(gram), dtype=torch.float64)
    penalty[-1, -1] = 0
    found = torch.linalg.solve(gram + penalty, cross).float()  # [channels + 1, rows]
    n = found.shape[1]
    weight = torch.zeros_like(layer.weight)
    weight[n:, :, 1, 1] = torch.randn(weight.shape[0] - n, weight.shape[1], generator=generator)
    weight[:n, :, 1, 1] = found[:-1].t()
    layer.weight.copy_(weight * weight.square().mean([1, 2, 3], keepdim=True).rsqrt())
    length = (found[:-1].square() * style.square().mean(0)[:, None]).sum(0).sqrt()
    layer.bias[:n] = found[-1] / length
    rest = torch.nn.functional.normalize(weight[n:, :, 1, 1], dim=1)
    layer.bias[n:] = -(rest @ (seen * style).mean(0))
    return length


def _colour(layer: SynthesisLayer, lengths: Tensor, rows: Rows) -> None:
    """ToRGB: the palette on the hats, undoing what leaks through; lines, light, shine and shade on top.

    All that leaks adds up to nearly nothing, so hats can say how colours differ but not what they have in common: that
    lies on the light, which comes bright side and dark side, and so on their sum.
    """
    stop = torch.arange(STOPS)
    across = 1 - (2 / 3) * ((stop[:, None] - stop[None] + 3) % STOPS - 3).abs()
    leak = 0.8 * torch.eye(STOPS) + 0.2 * (1.5 * across - 0.5)  # hats -> leaky hats
    undo = torch.linalg.inv(leak) @ (torch.eye(STOPS) - 1 / STOPS)
    matrix, constant = torch.zeros(layer.spec.in_channels, rows.count), torch.zeros(layer.spec.in_channels)
    weight = 0.01 * torch.ones_like(layer.weight)
    unit = lengths / math.sqrt(2)  # L7's output in units of what was asked of it
    scale = math.sqrt(4 * math.sqrt(layer.spec.in_channels))  # shared between style and weight
    colours, inks = rows.of["colours"].start, rows.of["inks"].start
    for m in range(STOPS):
        for c in range(3):
            i = 3 * m + c
            matrix[i, [colours + 3 * k + c for k in range(STOPS)]] = undo[:, m] * scale
            weight[:, i], weight[c, i] = 0, scale * unit[i]
    lines, shine, shade, bright, dark = (3 * STOPS + i for i in (0, 1, 2, 3, 6))
    for ink, (i, how_much) in enumerate(((lines, paint.LINES), (shine, paint.SHINE), (shade, -paint.SHADE))):
        matrix[i, inks + ink] = scale
        weight[:, i] = how_much * scale * unit[i]
    for c in range(3):
        for i, side in ((bright + c, 1), (dark + c, -1)):
            matrix[i, [colours + 3 * k + c for k in range(STOPS)]] = scale / STOPS / (2 * _ABOVE)
            constant[i] = side * paint.LIGHT / 2 * scale
            weight[:, i], weight[c, i] = 0, scale * unit[i]
    rows.set(layer, matrix, constant)
    layer.weight.copy_(weight)
    layer.bias.zero_()
