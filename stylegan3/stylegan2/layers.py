"""The parts of StyleGAN2 (Karras et al. 2020, figures 2 and 7)."""

import math

import torch
from torch import Tensor, nn
from torch.nn import functional

from stylegan3.fresh import normal
from stylegan3.layers import FullyConnected
from stylegan3.noise import Noise


def binomial() -> Tensor:
    """[4, 4], the low-pass of all resampling; DC gain 1."""
    f = (1.0, 3.0, 3.0, 1.0)
    return torch.tensor([[a * b / 64 for b in f] for a in f])


def upsample(x: Tensor, taps: Tensor) -> Tensor:
    """[N, C, H, W] -> [N, C, 2H, 2W]: a zero after every sample, then the filter with gain 4."""
    c = x.shape[1]
    kernel = (taps * 4)[None, None].expand(c, -1, -1, -1)
    return functional.conv_transpose2d(x, kernel, stride=2, padding=1, groups=c)


def smooth(x: Tensor, taps: Tensor) -> Tensor:
    """The filter with gain 4 over [N, C, 2H + 1, 2W + 1], which has a zero after every sample -> [N, C, 2H, 2W]."""
    c = x.shape[1]
    kernel = (taps.flip([0, 1]) * 4)[None, None].expand(c, -1, -1, -1)
    return functional.conv2d(x, kernel, padding=1, groups=c)


class SynthesisLayer(nn.Module):
    """Modulated 3x3 convolution, noise, leaky ReLU; with `up`, to twice the size."""

    def __init__(
        self, w_dim: int, in_channels: int, out_channels: int, resolution: int, *, up: bool, use_noise: bool,
        clamp: float | None,
    ) -> None:  # fmt: skip
        super().__init__()
        self.up, self.use_noise, self.clamp = up, use_noise, clamp
        self.affine = FullyConnected(w_dim, in_channels)
        self.affine.bias.data.fill_(1.0)
        self.weight = nn.Parameter(normal(out_channels, in_channels, 3, 3))
        self.bias = nn.Parameter(torch.zeros(out_channels))
        self.register_buffer("resample_filter", binomial())
        self.resample_filter: Tensor
        if use_noise:
            self.noise_strength = nn.Parameter(torch.zeros([]))
            self.register_buffer("noise_const", normal(resolution, resolution))
            self.noise_const: Tensor

    def forward(self, x: Tensor, w: Tensor, noise: Noise, gain: float = 1.0) -> Tensor:
        """[N, Cin, H, W] and w [N, w_dim] -> [N, Cout, H or 2H, ...].

        Modulation scales the input and demodulation the output, which is the same as scaling the weight of each sample
        and leaves one convolution with constant weights for the whole batch.
        """
        s = self.affine(w)
        x = (x * s[:, :, None, None]).contiguous(memory_format=torch.channels_last)
        if self.up:
            y = smooth(functional.conv_transpose2d(x, self.weight.transpose(0, 1), stride=2), self.resample_filter)
        else:
            y = functional.conv2d(x, self.weight, padding=1)
        d = (s.square() @ self.weight.square().sum([2, 3]).t() + 1e-8).rsqrt()
        y = y * d[:, :, None, None]
        if self.use_noise and (field := noise.field(self.noise_const, len(x))) is not None:
            y = y + field * self.noise_strength
        y = functional.leaky_relu(y + self.bias[:, None, None], 0.2) * (math.sqrt(2) * gain)
        return y if self.clamp is None else y.clamp(-self.clamp * gain, self.clamp * gain)


class ToRGB(nn.Module):
    """Modulated 1x1 convolution without demodulation."""

    def __init__(self, w_dim: int, in_channels: int, out_channels: int, clamp: float | None) -> None:
        super().__init__()
        self.clamp = clamp
        self.affine = FullyConnected(w_dim, in_channels)
        self.affine.bias.data.fill_(1.0)
        self.weight = nn.Parameter(normal(out_channels, in_channels, 1, 1))
        self.bias = nn.Parameter(torch.zeros(out_channels))
        self.weight_gain = 1 / math.sqrt(in_channels)

    def forward(self, x: Tensor, w: Tensor) -> Tensor:
        """[N, C, H, W] and w [N, w_dim] -> [N, picture channels, H, W]."""
        s = self.affine(w) * self.weight_gain
        y = functional.conv2d(x * s[:, :, None, None], self.weight, self.bias)
        return y if self.clamp is None else y.clamp(-self.clamp, self.clamp)


class Skip(nn.Module):
    """The residual branch: a 1x1 convolution at twice the size."""

    def __init__(self, in_channels: int, out_channels: int) -> None:
        super().__init__()
        self.weight = nn.Parameter(normal(out_channels, in_channels, 1, 1))
        self.weight_gain = 1 / math.sqrt(in_channels)
        self.register_buffer("resample_filter", binomial())
        self.resample_filter: Tensor

    def forward(self, x: Tensor, gain: float = 1.0) -> Tensor:
        """[N, Cin, H, W] -> [N, Cout, 2H, 2W]."""
        return upsample(functional.conv2d(x, self.weight * (self.weight_gain * gain)), self.resample_filter)
