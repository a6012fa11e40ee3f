"""StyleGAN3 prepared: Fourier features, then layers that share two pieces of memory."""

import math
from collections.abc import Sequence
from functools import partial

import torch
from torch import Tensor
from torch.nn import functional

from stylegan3.config import StyleGAN3Config
from stylegan3.layers import SynthesisInput, SynthesisLayer
from stylegan3.noise import Noise
from stylegan3.prepared.bands import Bands
from stylegan3.prepared.convolution import Convolution
from stylegan3.prepared.styles import Demodulation, Styles, double, single
from stylegan3.synthesis import SynthesisNetwork

_UP_ROWS, _DOWN_ROWS = 8, 4  # of a block; measured best of 4..32 and 2..16 at 36..148 pixels
_RANK = 5e-7  # of the largest singular value; below it a part of a radial filter is rounding


def supports(config: StyleGAN3Config) -> bool:
    """Every layer but ToRGB resamples before and after its leaky ReLU."""
    return all(spec.up_taps > 1 and spec.down_taps > 1 for spec in config.layers[:-1])


class AliasFree:
    """Ws -> [H, W, channels]."""

    def __init__(self, synthesis: SynthesisNetwork) -> None:
        config, layers = synthesis.config, synthesis.layers
        hidden = layers[:-1]
        self._features = _Features(synthesis.input)
        self._styles = Styles([layer.affine for layer in layers], range(1, len(layers) + 1))
        weights = [single(layer.normalized_weight()) for layer in layers]
        self._demodulation = Demodulation(weights[:-1], self._styles.channels)
        self._channels = torch.tensor([[layer.spec.in_channels] for layer in hidden])
        self._ema = torch.stack([double(layer.magnitude_ema).rsqrt() for layer in layers])[:, None]
        self._layers = [_Layer(layer, weight) for layer, weight in zip(hidden, weights[:-1], strict=True)]
        near, far = (max(sizes) for sizes in zip(*(layer.floats for layer in self._layers), strict=True))
        memory = torch.zeros(near), torch.zeros(far)
        for layer in self._layers:
            layer.bind(*memory)
        last = layers[-1].spec
        self._to_rgb = Convolution(weights[-1], last.in_size, 0)
        self._bias, self._clamp, self._scale = single(layers[-1].bias), config.conv_clamp, config.output_scale

    def __call__(self, ws: Tensor, noise: Noise) -> Tensor:  # noqa: ARG002 - there is none
        s = self._styles(ws)
        hidden = s[:-1]
        hidden.mul_((hidden.square().sum(1, keepdim=True) / self._channels).rsqrt_())
        d = self._demodulation(hidden).mul_(math.sqrt(2))  # the leaky ReLU's gain, which may as well come before it
        s, d = (s * self._ema).float(), d.float()
        x = self._features(ws[0])
        for layer, scale, demodulation in zip(self._layers, s, d, strict=False):
            x = layer(x, scale, demodulation)
        image = self._to_rgb(x, s[-1, : x.shape[2]]).add_(self._bias)
        if self._clamp is not None:
            image.clamp_(-self._clamp, self._clamp)
        return image.mul_(self._scale)


class _Features:
    """Fourier features that w translates and rotates, as `SynthesisInput` makes them."""

    def __init__(self, source: SynthesisInput) -> None:
        self._source = source  # whose transform is the user's, and changes
        size, channels = source.size, source.channels
        self._weight, self._bias = double(source.affine.weight) * source.affine.weight_gain, double(source.affine.bias)
        self._freqs, self._phases = double(source.freqs), double(source.phases)
        self._mix = (single(source.weight) / math.sqrt(channels)).t().contiguous()
        self._at = ((torch.arange(size).double() + 0.5) / size * 2 - 1) * (0.5 * size / source.rate)
        self._waves, self._out = torch.empty(size, size, channels), torch.empty(size * size, channels)

    def __call__(self, w: Tensor) -> Tensor:
        """W [w_dim] -> [size, size, channels]."""
        source = self._source
        c, s, x, y = torch.addmv(self._bias, self._weight, w.double()).tolist()
        r = math.hypot(c, s)
        c, s, x, y = (v / r for v in (c, s, x, y))
        turn = torch.tensor([[c, -s, s * y - c * x], [s, c, -s * x - c * y], [0, 0, 1]], dtype=torch.float64)
        m = (turn @ source.transform.cpu().double())[:2]
        freqs = self._freqs @ m  # [channels, 3]
        fade = 1 - (freqs[:, :2].norm(dim=1) - source.bandwidth) / (source.rate / 2 - source.bandwidth)
        turns_x = self._at[:, None] * freqs[:, 0]
        turns_y = torch.addcmul(freqs[:, 2] + self._phases, self._at[:, None], freqs[:, 1])
        both = torch.stack([turns_x, turns_y]).mul_(2 * math.pi)
        sin, cos = both.sin(), both.cos()
        fade = fade.clamp_(0, 1)
        # sin(ax + ay) is separable: two outer products instead of size * size sines
        sin_x, cos_x, sin_y, cos_y = (t.float() for t in (sin[0], cos[0], sin[1] * fade, cos[1] * fade))
        torch.mul(sin_y[:, None], cos_x, out=self._waves).addcmul_(cos_y[:, None], sin_x)
        torch.mm(self._waves.view(self._out.shape), self._mix, out=self._out)
        return self._out.view(self._waves.shape)


class _Layer:
    """Modulated convolution, then filtered leaky ReLU: along y, turned, along x; back the same way."""

    def __init__(self, layer: SynthesisLayer, weight: Tensor) -> None:
        spec = layer.spec
        if layer.up_filter is None or layer.down_filter is None:
            raise ValueError(f"layer {spec.name} does not resample")
        size, act = spec.in_size + spec.kernel - 1, spec.act_size
        up = double(layer.up_filter) * spec.up
        make_down = partial(Bands.make, up=1, down=spec.down, size_in=act, size_out=spec.out_size, pad=0)
        over_x, over_y = factors(layer.down_filter)
        self._size, self._channels_in, self._channels = spec.in_size, spec.in_channels, spec.out_channels
        self._up = Bands.make(
            up, up=spec.up, down=1, size_in=size, size_out=act, pad=spec.pad[0], rows=_UP_ROWS
        )  # fmt: skip
        self._down_x = make_down(over_x[:, None], rows=_DOWN_ROWS)
        self._down_y = make_down(over_y[None], rows=_DOWN_ROWS if len(over_y) == 1 else _DOWN_ROWS // 2)
        self._clamp = layer.clamp
        self._harmless = math.inf if layer.clamp is None else layer.clamp / (1.001 * self._up.reach**2)
        self._convolution = Convolution(weight, spec.in_size, spec.kernel - 1)
        self._bias = single(layer.bias) * math.sqrt(2)
        wide, narrow = act * spec.out_channels, spec.out_size * spec.out_channels
        self.floats = (
            max(size * self._up.rows_in * spec.out_channels, self._up.rows_in * wide, self._down_x.rows_out * wide,
                spec.in_size**2 * spec.in_channels, self._down_y.rows_out * narrow),
            max(self._up.rows_out * size * spec.out_channels, self._up.rows_out * wide, self._down_x.rows_in * wide,
                self._down_y.rows_in * narrow),
        )  # fmt: skip

    def bind(self, near: Tensor, far: Tensor) -> None:
        """Take two flat pieces of memory, shared with the other layers, of `floats` each."""
        up, down_x, down_y, c = self._up, self._down_x, self._down_y, self._channels
        h, a, o = up.size_in, up.size_out, down_x.size_out
        self._y = up.samples(near, h * c).view(h, h, c)
        self._up_y, rows = up.through(near, far, h * c)
        self._turned = up.samples(near, a * c).view(h, a, c)
        self._rows = rows.view(a, h, c).transpose(0, 1)
        self._up_x, act = up.through(near, far, a * c)
        self._act = act
        self._down_x_pass, columns = down_x.through(far, near, a * c)
        lanes = down_x.lanes_out
        self._columns = columns.view(o, lanes, a, c).permute(2, 1, 0, 3)
        self._back = down_y.samples(far, o * c).view(a, lanes, o, c)
        self._down_y_pass, out = down_y.through(far, near, o * c)
        self._out = out.view(o, o, c)
        written = up.rows_out * a * c
        beyond = far[written : down_x.rows_in * a * c]
        self._margins: tuple[Sequence[Tensor], ...] = (
            up.margins(near, h * c), up.margins(near, a * c), (beyond,) * bool(len(beyond)),
            down_y.margins(far, o * c),
        )  # fmt: skip

    def __call__(self, x: Tensor, scale: Tensor, demodulation: Tensor) -> Tensor:
        """[H, W, in], a scale for each channel in and out -> [H', W', out], in memory the next layer overwrites."""
        y = self._convolution(x, scale[: self._channels_in])
        torch.addcmul(self._bias, y, demodulation[: self._channels], out=self._y)
        for margin in self._margins[0]:
            margin.zero_()
        bounded = self._is_bounded()
        self._up_y()
        self._turned.copy_(self._rows)
        for margin in self._margins[1]:
            margin.zero_()
        self._up_x()
        functional.leaky_relu_(self._act, 0.2)
        if self._clamp is not None and not bounded:
            self._act.clamp_(-self._clamp, self._clamp)
        for margin in self._margins[2]:
            margin.zero_()
        self._down_x_pass()
        self._back.copy_(self._columns)
        for margin in self._margins[3]:
            margin.zero_()
        self._down_y_pass()
        return self._out

    def _is_bounded(self) -> bool:
        """Whether no sample can reach the clamp: one look at the few samples before the filter saves a pass after."""
        if self._clamp is None:
            return True
        low, high = self._y.aminmax()
        return max(-low.item(), high.item()) <= self._harmless


def factors(taps: Tensor) -> tuple[Tensor, Tensor]:
    """[taps] or [taps, taps] -> rows over x and over y, [rank, taps] each, whose products sum to the filter."""
    taps = double(taps)
    if taps.ndim == 1:
        return taps[None], taps[None]
    u, s, v = torch.linalg.svd(taps)
    rank = int((s > _RANK * s[0]).sum())
    root = s[:rank].sqrt()[:, None]
    return v[:rank] * root, u.t()[:rank] * root
