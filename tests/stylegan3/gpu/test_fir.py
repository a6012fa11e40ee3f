"""The definition of a launch, against the textbook and against the layers themselves."""

from dataclasses import replace

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
        assert float((got - want).abs().max()) < 1e-8  # filters are float32, their products float64


def test_a_radial_filter_is_few_products_within_the_error_that_is_asked_for():
    for layer in layers(R):
        if not layer.spec.radial:
            continue
        taps = layer.down_filter.double()
        before = 0
        for error in (1e-1, fir.HALF_ERROR, fir.SINGLE_ERROR, 1e-12):
            found, off = fir.factors(layer.down_filter, error)
            made = sum(torch.outer(*torch.tensor(pair, dtype=torch.float64)) for pair in found)
            assert off == pytest.approx(float((made - taps).abs().sum() / taps.abs().sum()), rel=1e-3, abs=1e-15)
            assert off <= error
            assert len(found) >= before
            before = len(found)
        assert len(fir.spec_of(layer).down_factors) <= 4


def test_a_launch_is_one_that_can_be():
    spec = fir.spec_of(layers(T)[0])
    for wrong in (
        {"channels": 12}, {"channels": 0}, {"down_factors": ()}, {"up": 0}, {"out_size": spec.out_size + 1},
                  {"down_factors": (((1.0,), (1.0, 0.0)),)}, {"gain": 0.0}, {"slope": 1.5}, {"clamp": -1.0},
    ):  # fmt: skip
        with pytest.raises(ValueError, match=r"must|not|becomes"):
            replace(spec, **wrong)


def test_the_work_of_the_published_networks_is_what_was_counted():
    """GMAC of the filters alone, and MB, in ../shared/STYLEGAN3.md's table of costs: T-1024 has 22.32."""
    config = StyleGAN3Config(img_resolution=1024)
    total = fir.Work(0, 0)
    for layer in config.layers[:-1]:
        spec = replace(fir.spec_of(SynthesisLayer(replace(layer, in_channels=1), 1, 256.0)), channels=8)
        total += replace(fir.work(spec), flops=fir.work(spec).flops * layer.out_channels / 8,
                         bytes=fir.work(spec).bytes * layer.out_channels / 8)  # fmt: skip
    act = sum(5 * layer.act_size**2 * layer.out_channels for layer in config.layers[:-1])
    loads = sum(3 * (layer.in_size + 2) ** 2 * layer.out_channels for layer in config.layers[:-1])
    assert (total.flops - act - loads) / 2e9 == pytest.approx(22.32, rel=0.005)
    assert total.bytes / 1e6 == pytest.approx(1055, rel=0.02)  # there with ToRGB
