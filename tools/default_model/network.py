# ruff: noqa: N803 - G is what the paper and its users call a generator
"""The network under training: a plain StyleGAN3-T whose first layers know nothing of z, run whole or on a crop.

L0..L4 draw the fixed fields, one a channel; L5..L7 and ToRGB, modulated, make them a picture. So the fields are
computed once for a whole batch, and the rest can be trained on small squares of many pictures.
"""

from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional

from stylegan3 import Generator, StyleGAN3Config
from stylegan3.layers import SynthesisLayer
from tools.default_model.flrelu import Filtering, flrelu
from tools.default_model.recipe import Z_DIM

FIELD_LAYERS = 5
BRIEF = torch.backends.mkldnn.is_available()  # convolutions in bfloat16: 1.8 times as fast as float32 here


def config(resolution: int) -> StyleGAN3Config:
    """Five wide layers for the fields, each at twice the rate of the last, then three of 32 at the picture's own."""
    scale = resolution / 256
    return StyleGAN3Config(
        img_resolution=resolution, z_dim=Z_DIM, w_dim=512, mapping_layers=3, mapping_lr=1.0,
        channel_base=int(8192 * scale), channel_max=160, num_layers=8, num_critical=3,
        first_cutoff=2.5 * scale, first_stopband=2.7 * scale, last_stopband_rel=1.1, conv_clamp=None,
    )  # fmt: skip


def layers(G: Generator) -> list[SynthesisLayer]:
    """All of them, ToRGB last."""
    return [G.synthesis.get_submodule(spec.name) for spec in G.config.layers]  # type: ignore[misc]


@dataclass(frozen=True, slots=True)
class Window:
    """A square of a layer's canvas."""

    top: int
    left: int
    size: int


def _before(layer: SynthesisLayer, size: int, at: int) -> tuple[int, int, Filtering]:
    """What a layer must be given for outputs [at, at + size): (first input, how many, the filters for them)."""
    spec = layer.spec
    assert layer.up_filter is not None
    assert layer.down_filter is not None
    first_act, last_act = 2 * at, 2 * (at + size - 1) + spec.down_taps - 1
    low = -((spec.pad[0] - first_act) // spec.up)
    high = (spec.up_taps - 1 + last_act - spec.pad[0]) // spec.up
    filtering = Filtering(
        layer.up_filter, layer.down_filter, spec.up, spec.pad[0] + low * spec.up - first_act, high - low + 1, size
    )
    return low - spec.kernel + 1, high - low + spec.kernel, filtering


def modulated(layer: SynthesisLayer, x: Tensor, style: Tensor, filtering: Filtering, padding: int) -> Tensor:
    """One layer with its style given."""
    weight = layer.normalized_weight()
    scale = (style.square() @ weight.square().sum([2, 3]).t() + 1e-8).rsqrt()
    x = (x * style[:, :, None, None]).contiguous(memory_format=torch.channels_last)
    weight = weight.contiguous(memory_format=torch.channels_last)
    if BRIEF:
        y = functional.conv2d(x.bfloat16(), weight.bfloat16(), padding=padding).float()
    else:
        y = functional.conv2d(x, weight, padding=padding)
    return flrelu(y, scale.expand(len(y), -1).contiguous(), layer.bias, filtering)


def draw_fields(G: Generator) -> Tensor:
    """[1, 64, canvas, canvas]: what L4 gives, for every z."""
    x = G.synthesis.input(torch.zeros(1, G.w_dim))
    for layer in layers(G)[:FIELD_LAYERS]:
        x = whole(layer, x, layer.affine.bias[None])
    return x


def whole(layer: SynthesisLayer, x: Tensor, style: Tensor) -> Tensor:
    """One layer over its whole canvas."""
    spec = layer.spec
    assert layer.up_filter is not None
    assert layer.down_filter is not None
    size = spec.in_size + spec.kernel - 1
    f = Filtering(layer.up_filter, layer.down_filter, spec.up, spec.pad[0], size, spec.out_size)
    return modulated(layer, x, style, f, spec.kernel - 1)


def to_rgb(layer: SynthesisLayer, x: Tensor, style: Tensor, output_scale: float) -> Tensor:
    """[N, 32, H, W] -> [N, 3, H, W]."""
    n, c, h, w = x.shape
    weight = layer.normalized_weight()[None, :, :, 0, 0] * style[:, None]
    y = torch.bmm(x.permute(0, 2, 3, 1).reshape(n, h * w, c), weight.transpose(1, 2)) + layer.bias
    return y.view(n, h, w, 3).permute(0, 3, 1, 2) * output_scale


@dataclass(frozen=True, slots=True)
class Step:
    """One layer's share of a crop."""

    layer: SynthesisLayer
    filtering: Filtering
    at: Window  # of its output's canvas


def crop_steps(G: Generator, top: int, left: int, size: int) -> tuple[Window, list[Step]]:
    """Which square of the fields a square of the picture needs, and the layers after it; `top` and `left` even."""
    assert not top % 2
    assert not left % 2
    steps: list[Step] = []
    at = Window(top, left, size)
    for layer in reversed(layers(G)[FIELD_LAYERS:-1]):
        y, n, filtering = _before(layer, at.size, at.top)
        x, _, _ = _before(layer, at.size, at.left)
        steps.insert(0, Step(layer, filtering, at))
        at = Window(y, x, n)
    return at, steps


def activations(G: Generator, fields: Tensor, w: Tensor, top: int, left: int, size: int) -> list[Tensor]:
    """What L5, L6 and L7 show of a square of the picture; each [N, 32, size, size]."""
    window, steps = crop_steps(G, top, left, size)
    x, found = _cut(fields, window), []
    for step in steps:
        x = modulated(step.layer, x, step.layer.affine(w), step.filtering, 0)
        margin = (step.layer.spec.out_size - G.img_resolution) // 2
        y0, x0 = top + margin - step.at.top, left + margin - step.at.left
        found.append(x[:, :, y0 : y0 + size, x0 : x0 + size])
    return found


def paint_crops(G: Generator, fields: Tensor, w: Tensor, corners: list[tuple[int, int]], size: int) -> Tensor:
    """[N, 3, size, size]: squares of the pictures of w [N, w_dim], N / len(corners) of them at each corner."""
    cut = []
    for top, left in corners:
        window, steps = crop_steps(G, top, left, size)
        cut.append(_cut(fields, window).expand(len(w) // len(corners), -1, -1, -1))
    x = torch.cat(cut)
    for step in steps:
        x = modulated(step.layer, x, step.layer.affine(w), step.filtering, 0)
    last = layers(G)[-1]
    return to_rgb(last, x, last.affine(w), G.config.output_scale)


def _cut(fields: Tensor, at: Window) -> Tensor:
    """A square of the canvas, zero where it reaches beyond."""
    n = fields.shape[2]
    before = [max(0, -at.top), max(0, -at.left)]
    after = [max(0, at.top + at.size - n), max(0, at.left + at.size - n)]
    inside = fields[:, :, max(0, at.top) : at.top + at.size, max(0, at.left) : at.left + at.size]
    return functional.pad(inside, [before[1], after[1], before[0], after[0]])
