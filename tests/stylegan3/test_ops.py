"""The blocked banded GEMMs against the textbook: zero-insert, pad, filter, decimate."""

import math

import pytest
import torch
from torch import Tensor
from torch.nn import functional

from stylegan3 import GeneratorConfig
from stylegan3.layers import SynthesisLayer
from stylegan3.ops import Resampler, filtered_lrelu


def textbook(x: Tensor, layer: SynthesisLayer, clamp: float | None) -> Tensor:
    spec, c = layer.spec, x.shape[1]
    n, _, h, w = x.shape
    y = functional.pad(x.reshape(n, c, h, 1, w, 1), [0, spec.up - 1, 0, 0, 0, spec.up - 1]).reshape(
        n, c, h * spec.up, w * spec.up
    )
    y = functional.pad(y, [*spec.pad, *spec.pad])

    def fir(t: Tensor, taps: Tensor) -> Tensor:
        f = taps.flip(0).double()
        t = functional.conv2d(t, f.view(1, 1, 1, -1).expand(c, -1, -1, -1), groups=c)
        return functional.conv2d(t, f.view(1, 1, -1, 1).expand(c, -1, -1, -1), groups=c)

    y = fir(y.double(), layer.up_filter * spec.up)
    y = functional.leaky_relu(y, 0.2) * math.sqrt(2)
    y = y if clamp is None else y.clamp(-clamp, clamp)
    return fir(y, layer.down_filter)[:, :, :: spec.down, :: spec.down]


@pytest.mark.parametrize("filter_size", [4, 5, 6])
@pytest.mark.parametrize("clamp", [None, 0.7])
def test_resampling_equals_the_zero_insertion_form(filter_size: int, clamp: float | None) -> None:
    torch.manual_seed(0)
    config = GeneratorConfig(img_resolution=64, num_layers=6, channel_max=3, filter_size=filter_size)
    for spec in config.layers[:-1]:
        layer = SynthesisLayer(spec, 4, clamp)
        size = spec.in_size + 2
        x = torch.randn(2, 3, size, size)
        up = Resampler.upsampling(layer.up_filter, spec.up, size, spec.act_size, spec.pad[0])
        down = Resampler.downsampling(layer.down_filter, spec.down, spec.act_size, spec.out_size)
        got = filtered_lrelu(x, up, down, slope=0.2, gain=math.sqrt(2), clamp=clamp)
        want = textbook(x, layer, clamp)
        assert got.shape == want.shape == (2, 3, spec.out_size, spec.out_size)
        assert (got - want).abs().max() < 1e-5, spec.name
