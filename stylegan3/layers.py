"""The parts StyleGAN3 is made of; the first two serve StyleGAN2 as well."""

import math
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional

from stylegan3.config import LayerSpec
from stylegan3.filters import radial_lowpass, separable_lowpass
from stylegan3.fresh import disc, normal, turns
from stylegan3.ops import Decimator, Resampler, filtered_lrelu


def normalize(x: Tensor) -> Tensor:
    """Unit second moment over dim 1."""
    return x * (x.square().mean(dim=1, keepdim=True) + 1e-8).rsqrt()


class FullyConnected(nn.Module):
    """A linear layer with equalised learning rate: stored weights are `lr_multiplier` times too large."""

    def __init__(self, in_features: int, out_features: int, lr_multiplier: float = 1.0) -> None:
        super().__init__()
        self.weight = nn.Parameter(normal(out_features, in_features, over=lr_multiplier))
        self.bias = nn.Parameter(torch.zeros(out_features))
        self.weight_gain = lr_multiplier / math.sqrt(in_features)
        self.bias_gain = lr_multiplier

    def forward(self, x: Tensor) -> Tensor:
        return functional.linear(x, self.weight * self.weight_gain, self.bias * self.bias_gain)


class SynthesisInput(nn.Module):
    """Fourier features that w translates and rotates (Karras et al. 2021, section 3.2)."""

    def __init__(self, w_dim: int, channels: int, size: int, rate: float, bandwidth: float) -> None:
        super().__init__()
        self.channels, self.size, self.rate, self.bandwidth = channels, size, rate, bandwidth
        freqs = disc(channels, bandwidth)
        self.weight = nn.Parameter(normal(channels, channels))
        self.affine = FullyConnected(w_dim, 4)
        self.affine.weight.data.zero_()
        self.affine.bias.data.copy_(torch.tensor([1.0, 0.0, 0.0, 0.0]))
        home = [[1.0, 0.0, 0.0], [0.0, 1.0, 0.0], [0.0, 0.0, 1.0]]
        self.register_buffer("transform", torch.tensor(home))  # the user's, inverse
        self.register_buffer("freqs", freqs)
        self.register_buffer("phases", turns(channels))
        self.transform: Tensor
        self.freqs: Tensor
        self.phases: Tensor

    def forward(self, w: Tensor) -> Tensor:
        """Features [N, channels, size, size] from w [N, w_dim].

        Angles are float64: every pixel hangs on them, and in float32 they were most of a picture's error.
        """
        t = self.affine(w).double()
        t = t / t[:, :2].norm(dim=1, keepdim=True)
        cos, sin, zero, one = t[:, 0], t[:, 1], torch.zeros_like(t[:, 0]), torch.ones_like(t[:, 0])
        rotate = torch.stack([cos, -sin, zero, sin, cos, zero, zero, zero, one], 1).view(-1, 3, 3)
        shift = torch.stack([one, zero, -t[:, 2], zero, one, -t[:, 3], zero, zero, one], 1).view(-1, 3, 3)
        m = rotate @ shift @ self.transform.double()  # [N, 3, 3]
        phases = self.phases + (self.freqs.double() @ m[:, :2, 2:]).squeeze(2)  # [N, C]
        freqs = self.freqs.double() @ m[:, :2, :2]  # [N, C, 2]
        fade = (1 - (freqs.norm(dim=2) - self.bandwidth) / (self.rate / 2 - self.bandwidth)).clamp(0, 1)
        at = torch.arange(self.size, device=w.device, dtype=torch.float64) + 0.5
        at = (at / self.size * 2 - 1) * (0.5 * self.size / self.rate)
        ax = 2 * math.pi * at[:, None] * freqs[:, None, :, 0]  # [N, size, C]
        ay = 2 * math.pi * (at[:, None] * freqs[:, None, :, 1] + phases[:, None])
        # sin(ax + ay) is separable: two outer products instead of size * size sines
        rows_sin, rows_cos = (ay.sin() * fade[:, None]).to(w.dtype), (ay.cos() * fade[:, None]).to(w.dtype)
        x = rows_sin[:, :, None] * ax.cos().to(w.dtype)[:, None] + rows_cos[:, :, None] * ax.sin().to(w.dtype)[:, None]
        x = x @ (self.weight / math.sqrt(self.channels)).t()  # [N, y, x, C]
        out: Tensor = x.permute(0, 3, 1, 2)
        return out


def _forget(module: nn.Module, _: object) -> None:
    if isinstance(module, SynthesisLayer):
        module.forget()


class SynthesisLayer(nn.Module):
    """Modulated convolution, then filtered leaky ReLU; ToRGB is the same without the filters."""

    def __init__(self, spec: LayerSpec, w_dim: int, clamp: float | None) -> None:
        super().__init__()
        self.spec, self.clamp = spec, clamp
        self.affine = FullyConnected(w_dim, spec.in_channels)
        self.affine.bias.data.fill_(1.0)
        self.weight = nn.Parameter(normal(spec.out_channels, spec.in_channels, spec.kernel, spec.kernel))
        self.bias = nn.Parameter(torch.zeros(spec.out_channels))
        self.register_buffer("magnitude_ema", torch.ones([]))
        up = down = None
        if spec.up_taps > 1:
            up = torch.from_numpy(separable_lowpass(spec.up_taps, spec.in_cutoff, spec.in_half_width, spec.act_rate))
        if spec.down_taps > 1:
            design = radial_lowpass if spec.radial else separable_lowpass
            down = torch.from_numpy(design(spec.down_taps, spec.out_cutoff, spec.out_half_width, spec.act_rate))
        self.register_buffer("up_filter", up)
        self.register_buffer("down_filter", down)
        self.magnitude_ema: Tensor
        self.up_filter: Tensor | None
        self.down_filter: Tensor | None
        self._filters: _Filters | None = None
        self.register_load_state_dict_post_hook(_forget)  # type: ignore[no-untyped-call]

    def forget(self) -> None:
        """Drop what was derived from the filters."""
        self._filters = None

    def normalized_weight(self) -> Tensor:
        """The weight with unit second moment per output channel (ToRGB: with its constant gain)."""
        if self.spec.is_torgb:
            return self.weight / math.sqrt(self.spec.in_channels * self.spec.kernel**2)
        return self.weight * self.weight.square().mean([1, 2, 3], keepdim=True).rsqrt()

    def forward(self, x: Tensor, w: Tensor) -> Tensor:
        """[N, Cin, H, W] and w [N, w_dim] -> [N, Cout, H', W'], channels last in memory.

        Modulation scales the input and demodulation the output, which is the same as scaling the weight of each sample
        and leaves one convolution with constant weights for the whole batch.
        """
        spec, weight = self.spec, self.normalized_weight()
        s = self.affine(w)
        if not spec.is_torgb:
            s = s * s.square().mean().rsqrt()
        scale = s * self.magnitude_ema.rsqrt()
        x = (x * scale[:, :, None, None]).contiguous(memory_format=torch.channels_last)
        y = functional.conv2d(x, weight, padding=spec.kernel - 1)
        if not spec.is_torgb:
            d = (s.square() @ weight.square().sum([2, 3]).t() + 1e-8).rsqrt()
            y = y * d[:, :, None, None]
        y = y + self.bias[:, None, None]
        filters = self._filtering(y)
        slope, gain = (1.0, 1.0) if spec.is_torgb else (0.2, math.sqrt(2))
        return filtered_lrelu(y, filters.up, filters.down, slope=slope, gain=gain, clamp=self.clamp)

    def _filtering(self, y: Tensor) -> "_Filters":
        if self._filters is None or (self._filters.device, self._filters.dtype) != (y.device, y.dtype):
            spec = self.spec
            up: Resampler | None = None
            down: Resampler | Decimator | None = None
            size = spec.in_size + spec.kernel - 1
            if self.up_filter is not None or spec.pad != (0, 0):
                taps = torch.ones(1, device=y.device) if self.up_filter is None else self.up_filter
                up = Resampler.upsampling(taps, spec.up, size, spec.act_size, spec.pad[0], y.dtype)
            if self.down_filter is not None and spec.radial:
                down = Decimator(self.down_filter, spec.down, y.dtype)
            elif self.down_filter is not None:
                down = Resampler.downsampling(self.down_filter, spec.down, spec.act_size, spec.out_size, y.dtype)
            self._filters = _Filters(y.device, y.dtype, up, down)
        return self._filters


@dataclass(frozen=True, slots=True)
class _Filters:
    """A layer's filters made ready for one device and type of number."""

    device: torch.device
    dtype: torch.dtype
    up: Resampler | None
    down: Resampler | Decimator | None
