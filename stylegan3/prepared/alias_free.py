"""StyleGAN3 prepared: Fourier features, then layers that share two pieces of memory."""

import math
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

import torch
from torch import Tensor
from torch.nn import functional

from stylegan3.config import StyleGAN3Config
from stylegan3.deaf import deaf_layers
from stylegan3.layers import SynthesisInput, SynthesisLayer
from stylegan3.noise import Noise
from stylegan3.prepared.bands import Bands
from stylegan3.prepared.convolution import Convolution
from stylegan3.prepared.kept import Kept
from stylegan3.prepared.styles import Demodulation, Styles, double, single
from stylegan3.synthesis import SynthesisNetwork

_UP_ROWS, _DOWN_ROWS = 8, 4  # of a block; measured best of 4..32 and 2..16 at 36..148 pixels
_STRIP = 2**19  # floats at the leaky ReLU at a time; half and twice as many take as long
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
        memory = [torch.zeros(max(floats)) for floats in zip(*(layer.floats for layer in self._layers), strict=True)]
        for layer in self._layers:
            layer.bind(*memory)
        last = layers[-1].spec
        self._to_rgb = Convolution(weights[-1], last.in_size, 0)
        self._bias, self._clamp, self._scale = single(layers[-1].bias), config.conv_clamp, config.output_scale
        self.layers_once = once = deaf_layers(synthesis)
        self._kept: Kept | None = None
        if once:
            convolutions = [*(layer.convolution for layer in self._layers), self._to_rgb]
            self._kept = Kept(self._layers[once - 1].out, overwritten=convolutions[once].scales_features)

    def __call__(self, ws: Tensor, noise: Noise) -> Tensor:  # noqa: ARG002 - there is none
        if self.layers_once:  # zeros for what is deaf: 0 times what is no number would be none, and would be kept
            ws = ws.clone()
            ws[: self.layers_once + 1] = 0
        s = self._styles(ws)
        hidden = s[:-1]
        hidden.mul_((hidden.square().sum(1, keepdim=True) / self._channels).rsqrt_())
        d = self._demodulation(hidden).mul_(math.sqrt(2))  # the leaky ReLU's gain, which may as well come before it
        s, d = (s * self._ema).float(), d.float()
        hearing = slice(self.layers_once, len(self._layers))
        x = self._begun(ws[0], s, d)
        for layer, scale, demodulation in zip(self._layers[hearing], s[hearing], d[hearing], strict=True):
            x = layer(x, scale, demodulation)
        image = self._to_rgb(x, s[-1, : x.shape[2]]).add_(self._bias)
        if self._clamp is not None:
            image.clamp_(-self._clamp, self._clamp)
        return image.mul_(self._scale)

    def _begun(self, w: Tensor, s: Tensor, d: Tensor) -> Tensor:
        """The input, through the layers that are deaf to w."""

        def paint() -> Tensor:
            x = self._features(w)
            for layer, scale, demodulation in zip(self._layers[: self.layers_once], s, d, strict=False):
                x = layer(x, scale, demodulation)
            return x

        return paint() if self._kept is None else self._kept.given(self._features.place(), paint)


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

    def place(self) -> bytes:
        """All that the features depend on besides w, bit for bit: -0 is not 0, and what is no number is itself."""
        return self._source.transform.cpu().double().numpy().tobytes()

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
    """Modulated convolution, then filtered leaky ReLU, a strip of rows at a time.

    What happens at the high resolution of the leaky ReLU stays in the processor's cache: a strip goes up along y, is
    turned, goes up along x, through the leaky ReLU, down along x, and is turned back; all go down along y at the end.
    """

    def __init__(self, layer: SynthesisLayer, weight: Tensor) -> None:
        spec = layer.spec
        if layer.up_filter is None or layer.down_filter is None:
            raise ValueError(f"layer {spec.name} does not resample")
        size, act, c = spec.in_size + spec.kernel - 1, spec.act_size, spec.out_channels
        self._up = up = Bands.make(
            double(layer.up_filter) * spec.up, up=spec.up, down=1, size_in=size, size_out=act, pad=spec.pad[0],
            rows=_UP_ROWS,
        )  # fmt: skip
        over_x, over_y = factors(layer.down_filter)
        make_down = partial(Bands.make, up=1, down=spec.down, size_in=act, size_out=spec.out_size, pad=0)
        self._down_x = make_down(over_x[:, None], rows=_DOWN_ROWS)
        self._down_y = make_down(over_y[None], rows=_DOWN_ROWS if len(over_y) == 1 else _DOWN_ROWS // 2)
        self._channels_in, self._channels, self._clamp = spec.in_channels, c, layer.clamp
        self._harmless = math.inf if layer.clamp is None else layer.clamp / (1.001 * up.reach**2)
        self.convolution = Convolution(weight, spec.in_size, spec.kernel - 1)
        self._bias = single(layer.bias) * math.sqrt(2)
        rows = up.blocks.shape[1]
        self._strip = max(min(round(_STRIP / (rows * act * c)), len(up.blocks)), 1)  # blocks
        width = self._strip * rows * c
        self.floats = (
            max(up.rows_in * size * c, self._down_y.rows_out * spec.out_size * c),
            self._down_y.rows_in * spec.out_size * c,
            max(up.rows_out, self._down_x.rows_in) * width,
            up.rows_in * width,
            self._down_x.rows_out * width,
        )

    def bind(self, near: Tensor, far: Tensor, high: Tensor, turned: Tensor, low: Tensor) -> None:
        """Take flat pieces of memory of `floats` each, shared with the other layers."""
        up, down, c = self._up, self._down_y, self._channels
        size, out = up.size_in, down.size_out
        self._y = up.samples(near, size * c).view(size, size, c)
        back = down.samples(far, out * c).view(down.size_in, down.lanes_in, out, c)
        self._margins = (*up.margins(near, size * c), *down.margins(far, out * c))
        self._strips: list[_Strip] = []
        for first in range(0, len(up.blocks), self._strip):
            count = min(self._strip, len(up.blocks) - first)
            self._strips.append(self._bound(near, back, (high, turned, low), first, count))
        self._down, rows = down.through(far, near, out * c)
        self.out = rows.view(out, out, c)  # where every result lies

    def _bound(
        self, near: Tensor, back: Tensor, memory: tuple[Tensor, Tensor, Tensor], first: int, count: int
    ) -> "_Strip":
        up, down, c = self._up, self._down_x, self._channels
        high, turned, low = memory
        up_y, rows = up.through(near, high, up.size_in * c, first, count)
        n, at = len(rows), first * up.blocks.shape[1]
        up_x, act = up.through(turned, high, n * c)
        down_x, columns = down.through(high, low, n * c)
        beyond = high[up.rows_out * n * c : down.rows_in * n * c]  # read by blocks that are not full
        return _Strip(
            up_y=up_y,
            rows=rows.view(n, up.size_in, c).transpose(0, 1),
            turned=up.samples(turned, n * c).view(up.size_in, n, c),
            up_x=up_x,
            act=act,
            down_x=down_x,
            columns=columns.view(down.size_out, down.lanes_out, n, c).permute(2, 1, 0, 3),
            back=back[at : at + n],
            margins=(*up.margins(turned, n * c), *(beyond,) * bool(len(beyond))),
        )

    def __call__(self, x: Tensor, scale: Tensor, demodulation: Tensor) -> Tensor:
        """[H, W, in], a scale for each channel in and out -> [H', W', out], in memory the next layer overwrites."""
        y = self.convolution(x, scale[: self._channels_in])
        torch.addcmul(self._bias, y, demodulation[: self._channels], out=self._y)
        for margin in self._margins:
            margin.zero_()
        clamp, width = self._needed_clamp(), 0
        for strip in self._strips:
            if strip.act.shape[1] != width:
                width = strip.act.shape[1]
                for margin in strip.margins:
                    margin.zero_()
            strip.up_y()
            strip.turned.copy_(strip.rows)
            strip.up_x()
            functional.leaky_relu_(strip.act, 0.2)
            if clamp is not None:
                strip.act.clamp_(-clamp, clamp)
            strip.down_x()
            strip.back.copy_(strip.columns)
        self._down()
        return self.out

    def _needed_clamp(self) -> float | None:
        """None where no sample can reach it: one look at the few before the filter saves a pass over the many after."""
        if self._clamp is None:
            return None
        low, high = self._y.aminmax()
        return None if max(-low.item(), high.item()) <= self._harmless else self._clamp


@dataclass(frozen=True, slots=True, eq=False)
class _Strip:
    """Some rows of a layer at the leaky ReLU, in the order of what is done."""

    up_y: Callable[[], object]
    rows: Tensor  # [x, y, C], turned as they are read
    turned: Tensor
    up_x: Callable[[], object]
    act: Tensor  # [x, y * C]
    down_x: Callable[[], object]
    columns: Tensor  # [y, lanes, x, C], turned as they are read
    back: Tensor
    margins: tuple[Tensor, ...]  # which must be zero, and are until a strip of another width comes


def factors(taps: Tensor) -> tuple[Tensor, Tensor]:
    """[taps] or [taps, taps] -> rows over x and over y, [rank, taps] each, whose products sum to the filter."""
    taps = double(taps)
    if taps.ndim == 1:
        return taps[None], taps[None]
    u, s, v = torch.linalg.svd(taps)
    rank = int((s > _RANK * s[0]).sum())
    root = s[:rank].sqrt()[:, None]
    return v[:rank] * root, u.t()[:rank] * root
