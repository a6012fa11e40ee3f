"""The definition of a launch, against the textbook and against the layers themselves."""

import pytest
import torch

from stylegan3.config import StyleGAN3Config
from stylegan3.gpu import fir
from stylegan3.layers import SynthesisLayer
from stylegan3.ops import filtered_lrelu

T = StyleGAN3Config(img_resolution=32, channel_base=512, channel_max=24, num_layers=6, margin_size=5)
R = StyleGAN3Config(
    img_resolution=32, channel_base=512, channel_max=24, num_layers=6, margin_size=5, conv_kernel=1,
    use_radial_filters=True,
)  # fmt: skip


def layers(config: StyleGAN3Config):
    torch.manual_seed(1)
    return [SynthesisLayer(spec, 8, config.conv_clamp) for spec in config.layers]


def through_the_layer(layer: SynthesisLayer, y: torch.Tensor) -> torch.Tensor:
    """y [N, C, H, W] after the convolution."""
    f = layer._filtering(y)
    slope, gain = (1.0, 1.0) if layer.spec.is_torgb else (0.2, 2**0.5)
    return filtered_lrelu(y, f.up, f.down, slope=slope, gain=gain, clamp=layer.clamp)


@pytest.mark.parametrize("config", [T, R], ids=["T", "R"])
def test_the_reference_is_what_a_layer_does_after_its_convolution(config):
    for layer in layers(config):
        layer.clamp = 1.5
        spec = fir.spec_of(layer, error=1e-12)
        x = torch.randn(spec.in_size, spec.in_size, spec.channels, dtype=torch.float64)
        demod, bias, style = (torch.rand(spec.channels, dtype=torch.float64) + 0.5 for _ in range(3))
        y = (x * demod + bias).permute(2, 0, 1)[None]
        want = through_the_layer(layer, y)[0].permute(1, 2, 0) * style
        got = fir.reference(spec, x, demod, bias, style)
        assert got.shape == (spec.out_size, spec.out_size, spec.channels)
        assert (
            float((got - want).abs().max()) < 1e-8
        )  # filters are float32, their products float64
