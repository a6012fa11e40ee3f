"""Layers and their filters against the textbook: zero-insert, pad, filter, decimate, all in float64."""

import math

import numpy as np
import pytest
import torch
from torch import Tensor
from torch.nn import functional

from stylegan3 import StyleGAN3Config
from stylegan3.filters import radial_lowpass, separable_lowpass
from stylegan3.layers import SynthesisLayer


def textbook(x: Tensor, w: Tensor, layer: SynthesisLayer) -> Tensor:
    """A layer as the paper has it, each sample with its own weights."""
    spec = layer.spec
    s = layer.affine(w)
    weight = layer.weight * layer.weight.square().mean([1, 2, 3], keepdim=True).rsqrt()
    s = s * s.square().mean().rsqrt()
    own = weight[None] * s[:, None, :, None, None]  # [N, O, I, k, k]
    own = own * (own.square().sum([2, 3, 4], keepdim=True) + 1e-8).rsqrt() * layer.magnitude_ema.rsqrt()
    y = torch.cat(
        [functional.conv2d(one[None], k, padding=spec.kernel - 1) for one, k in zip(x, own, strict=True)]
    ) + layer.bias[:, None, None]  # fmt: skip
    n, c, size, _ = y.shape
    y = functional.pad(y.reshape(n, c, size, 1, size, 1), [0, spec.up - 1, 0, 0, 0, spec.up - 1])
    y = functional.pad(y.reshape(n, c, size * spec.up, size * spec.up), [*spec.pad, *spec.pad])

    def fir(t: Tensor, taps: Tensor | None) -> Tensor:
        if taps is None:
            return t
        f = taps.double().flip(list(range(taps.ndim)))
        for kernel in (f,) if f.ndim == 2 else (f[None], f[:, None]):
            t = functional.conv2d(t, kernel.expand(c, 1, -1, -1), groups=c)
        return t

    y = fir(y, layer.up_filter) * spec.up**2
    y = functional.leaky_relu(y, 0.2) * math.sqrt(2)
    y = y if layer.clamp is None else y.clamp(-layer.clamp, layer.clamp)
    return fir(y, layer.down_filter)[:, :, :: spec.down, :: spec.down]


@pytest.mark.parametrize(
    "settings",
    [
        {"filter_size": 4, "conv_clamp": 0.7},
        {"filter_size": 5, "conv_clamp": None},
        {"filter_size": 6, "conv_clamp": 0.7},
        {"conv_kernel": 1, "use_radial_filters": True, "conv_clamp": 0.7},
        {"conv_kernel": 3, "use_radial_filters": True},
        {"conv_kernel": 1},
        {"conv_kernel": 2, "filter_size": 4},
        {"conv_kernel": 5, "num_critical": 1},
        {"lrelu_upsampling": 1},
        {"lrelu_upsampling": 3, "filter_size": 5, "use_radial_filters": True},
        {"lrelu_upsampling": 4, "filter_size": 3},
    ],
    ids=lambda s: "-".join(f"{k}={v}" for k, v in s.items()),
)
def test_every_layer_of_every_setting_is_the_textbooks(settings: dict[str, object]) -> None:
    torch.manual_seed(0)
    config = StyleGAN3Config(img_resolution=16, num_layers=5, channel_base=64, channel_max=4, margin_size=4, **settings)
    for spec in config.layers[:-1]:
        layer = SynthesisLayer(spec, 4, config.conv_clamp).double().requires_grad_(requires_grad=False)
        layer.bias.normal_()
        layer.magnitude_ema.fill_(0.6)
        x = torch.randn(2, spec.in_channels, spec.in_size, spec.in_size, dtype=torch.float64)
        w = torch.randn(2, 4, dtype=torch.float64)
        want = textbook(x, w, layer)
        assert want.shape == (2, spec.out_channels, spec.out_size, spec.out_size)
        exact = layer(x, w)
        assert exact.dtype == torch.float64
        assert (exact - want).abs().max() < 1e-7 * want.std(), spec.name  # the 1e-8 of demodulation differs in place
        assert (layer.float()(x.float(), w.float()) - want).abs().max() < 2e-5 * want.std(), spec.name


def response(f: np.ndarray, rate: float, cycles: np.ndarray, angle: float = 0.0) -> np.ndarray:
    """Gain at some frequencies along a direction."""
    at = (np.arange(len(f)) - (len(f) - 1) / 2) / rate
    along = f if f.ndim == 2 else np.outer(f, f)
    phase = at[:, None] * math.sin(angle) + at[None] * math.cos(angle)
    return np.array([abs((along * np.exp(-2j * np.pi * c * phase)).sum()) for c in cycles])


@pytest.mark.parametrize("config", [
    StyleGAN3Config(img_resolution=256), StyleGAN3Config(img_resolution=1024, use_radial_filters=True, conv_kernel=1),
])  # fmt: skip
def test_filters_pass_their_band_and_stop_above_it(config: StyleGAN3Config) -> None:
    for spec in config.layers[:-1]:
        design = radial_lowpass if spec.radial else separable_lowpass
        f = design(spec.down_taps, spec.out_cutoff, spec.out_half_width, spec.act_rate).astype(float)
        wide = 2 * spec.out_half_width
        passed = response(f, spec.act_rate, np.linspace(0, max(spec.out_cutoff - wide, 0), 5))
        stopped = response(f, spec.act_rate, np.linspace(spec.out_cutoff + wide, spec.act_rate / 2, 5))
        assert f.sum() == pytest.approx(1, abs=1e-6)
        assert np.abs(passed - 1).max() < 0.08, spec.name
        assert spec.out_cutoff + wide > spec.act_rate / 2 or stopped.max() < 0.06, spec.name


def test_a_radial_filter_is_the_same_in_every_direction_and_a_separable_one_is_not() -> None:
    spec = StyleGAN3Config(img_resolution=256, use_radial_filters=True, conv_kernel=1).layers[9]
    cycles = np.linspace(0, spec.out_cutoff + spec.out_half_width, 12)
    args = (spec.down_taps, spec.out_cutoff, spec.out_half_width, spec.act_rate)

    def unevenness(f: np.ndarray) -> float:
        rings = np.stack([response(f.astype(float), spec.act_rate, cycles, a) for a in np.linspace(0, np.pi / 4, 7)])
        return float(np.ptp(rings, axis=0).max())

    assert unevenness(radial_lowpass(*args)) < 0.05
    assert unevenness(separable_lowpass(*args)) > 0.2
    assert radial_lowpass(11, *args[1:]).sum() == pytest.approx(1, abs=1e-6)  # odd: the middle is a limit
