"""A StyleGAN3 network as a GPU wants it: constant weights, channels in eights, all styles in a few products.

Modulation scales what a convolution reads and demodulation what it gives; both are folded into the filters around it.
So the weights stay what they are for all time: normalised, divided by sqrt(fan in) so that float16 cannot overflow
before demodulation, channels last, and padded with zeros to a multiple of eight, which tensor cores ask for.
"""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional

from stylegan3.deaf import deaf_layers
from stylegan3.gpu.spec import HALF_ERROR, LANE, SINGLE_ERROR, FirSpec, spec_of
from stylegan3.layers import SynthesisLayer
from stylegan3.synthesis import SynthesisNetwork

_EXACT_ERROR = 1e-13  # of a radial filter, for float64: every part of it that is more than rounding
_WASTE = 2**19  # floats of padding that cost as much as one more launch: 2 MB at 1 TB/s, 2 us
_EPS = 1e-8  # of demodulation


def wide(dtype: torch.dtype) -> torch.dtype:
    """In which type styles, biases and the picture are, where the layers are `dtype`."""
    return torch.float64 if dtype == torch.float64 else torch.float32


def lanes(channels: int) -> int:
    """So many channels, rounded up to a multiple of eight."""
    return -(-channels // LANE) * LANE


@dataclass(frozen=True, slots=True, eq=False)
class PackedLayer:
    """One convolution and what follows it; channels are padded."""

    index: int
    size: int  # of its input, square
    kernel: int
    weight: Tensor  # [out, in, k, k], channels last
    bias: Tensor  # [out]
    fir: FirSpec | None  # None: ToRGB

    @property
    def channels_in(self) -> int:
        return self.weight.shape[1]

    @property
    def channels_out(self) -> int:
        return self.weight.shape[0]


class Packed:
    """The constants of one network on one device, in one type of number; and the styles of a picture."""

    def __init__(
        self, synthesis: SynthesisNetwork, dtype: torch.dtype, device: torch.device, *, whole: bool = False
    ) -> None:
        """`dtype` is the layers'; `whole`: radial filters are every product they are the sum of.

        ValueError for a layer that the filters cannot express.
        """
        config, layers = synthesis.config, synthesis.layers
        self.dtype, self.device, self.source = dtype, device, synthesis.input
        self.num_ws, self.w_dim = config.num_ws, config.w_dim
        self.size, self.channels = config.img_resolution, config.img_channels
        self.clamp, self.output_scale = config.conv_clamp, config.output_scale
        self.layers = tuple(_pack(layer, dtype, device, whole=whole) for layer in layers)
        self.once = once = deaf_layers(synthesis)  # the first so many hear nothing of w
        self.styles = Styles(layers[once:], once, wide(dtype), device)
        self.constant = tuple(_constant(layer, wide(dtype), device) for layer in layers[:once])


class Styles:
    """What w does to each layer: a scale for each channel in, a demodulation for each channel out.

    Layers of like width share a product: a launch costs as much as some padding. The norm of the styles and the gain
    of magnitude_ema are in the constants wherever they can be.
    """

    def __init__(self, layers: Sequence[SynthesisLayer], first: int, dtype: torch.dtype, device: torch.device) -> None:
        """The layers from number `first` on, ToRGB last."""
        hidden, n = layers[:-1], len(layers)
        wide_in = [lanes(layer.spec.in_channels) for layer in layers]
        wide_out = [lanes(layer.spec.out_channels) for layer in hidden]

        def zeros(*shape: int) -> Tensor:
            return torch.zeros(shape, dtype=dtype, device=device)

        self.scale, self.demod = zeros(n, max(wide_in)), zeros(len(hidden), max(wide_out, default=LANE))
        self._squares, self._norm = torch.zeros_like(self.scale), zeros(n, 1)
        self._hidden, self._first = len(hidden), first
        gains = [
            float(layer.magnitude_ema.double().rsqrt()) * (1.0 if layer.spec.is_torgb else layer.spec.in_channels**0.5)
            for layer in layers
        ]
        self._gain = torch.tensor(gains, dtype=dtype, device=device)[:, None]
        self._affines: list[_Product] = []
        for at in _runs([(c,) for c in wide_in]):
            weight = zeros(len(at), max(wide_in[i] for i in at), layers[0].affine.weight.shape[1])
            bias = zeros(*weight.shape[:2], 1)
            for i, layer in zip(range(len(at)), layers[at.start : at.stop], strict=True):
                c = layer.spec.in_channels
                weight[i, :c] = layer.affine.weight.detach().double() * layer.affine.weight_gain
                bias[i, :c, 0] = layer.affine.bias.detach().double() * layer.affine.bias_gain
            self._affines.append(_Product(at, weight, bias))
        self._demods: list[_Product] = []
        for at in _runs(list(zip(wide_out, wide_in, strict=False))):
            shape = (len(at), max(wide_out[i] for i in at), max(wide_in[i] for i in at))
            squares, eps = zeros(*shape), torch.ones(*shape[:2], 1, dtype=dtype, device=device)
            for i, layer in zip(range(len(at)), hidden[at.start : at.stop], strict=True):
                spec, (sums, small) = layer.spec, _squares(layer)
                squares[i, : spec.out_channels, : spec.in_channels] = sums * spec.in_channels
                eps[i, : spec.out_channels] = small
            self._demods.append(_Product(at, squares, eps))

    def __call__(self, ws: Tensor) -> None:
        """Ws [num_ws, w_dim] -> `scale` [layers, most in] and `demod` [layers, most out], overwritten by the next."""
        s, hidden = self.scale, self.scale[: self._hidden]
        for p in self._affines:
            begin = self._first + 1 + p.layers.start
            p(ws[begin : begin + len(p.layers), :, None], s)
        if self._hidden:
            q, norm = self._squares[: self._hidden], self._norm[: self._hidden]
            torch.mul(hidden, hidden, out=q)
            torch.sum(q, 1, keepdim=True, out=norm)
            norm.rsqrt_()
            hidden.mul_(norm)
            torch.mul(hidden, hidden, out=q)
            for p in self._demods:
                p(q[p.layers.start : p.layers.stop, : p.matrix.shape[2], None], self.demod)
            self.demod.rsqrt_()
        s.mul_(self._gain)


@dataclass(frozen=True, slots=True, eq=False)
class _Product:
    """Matrices of neighbouring layers with vectors of theirs, in one launch."""

    layers: range
    matrix: Tensor  # [layers, out, in]
    offset: Tensor  # [layers, out, 1]

    def __call__(self, vectors: Tensor, out: Tensor) -> None:
        into = out[self.layers.start : self.layers.stop, : self.matrix.shape[1], None]
        torch.baddbmm(self.offset, self.matrix, vectors, out=into)


def _runs(shapes: Sequence[tuple[int, ...]]) -> Iterator[range]:
    """Neighbours that are padded to the largest of them, for as long as that wastes little."""
    start = 0
    for stop in range(1, len(shapes) + 1):
        if stop < len(shapes):
            run = shapes[start : stop + 1]
            padded = len(run) * math.prod(map(max, *run))
            if padded - sum(map(math.prod, run)) <= _WASTE:
                continue
        yield range(start, stop)
        start = stop


def _fan_in(layer: SynthesisLayer) -> int:
    return layer.spec.in_channels * layer.spec.kernel**2


def _weight(layer: SynthesisLayer) -> Tensor:
    """Normalised and divided by sqrt(fan in), in float64; ToRGB's has its own such gain."""
    weight = layer.weight.detach().double().cpu()
    gain = _fan_in(layer) ** -0.5
    if not layer.spec.is_torgb:
        weight = weight * weight.square().mean([1, 2, 3], keepdim=True).rsqrt()
    scaled: Tensor = weight * gain
    return scaled


def _squares(layer: SynthesisLayer) -> tuple[Tensor, float]:
    """[out, in] sums of squared weights over their pixels, and the 1e-8 beside them, both divided by the fan in."""
    return _weight(layer).square().sum([2, 3]), _EPS / _fan_in(layer)


def _pack(layer: SynthesisLayer, dtype: torch.dtype, device: torch.device, *, whole: bool) -> PackedLayer:
    spec, weight = layer.spec, _weight(layer)
    more_out, more_in = lanes(spec.out_channels) - spec.out_channels, lanes(spec.in_channels) - spec.in_channels
    padded = functional.pad(weight, (0, 0, 0, 0, 0, more_in, 0, more_out)).to(device, dtype)
    bias = functional.pad(layer.bias.detach().cpu().double(), (0, more_out)).to(device, wide(dtype))
    error = _EXACT_ERROR if whole else {torch.float64: _EXACT_ERROR, torch.float32: SINGLE_ERROR}.get(dtype, HALF_ERROR)
    fir = None if spec.is_torgb else spec_of(layer, error)
    return PackedLayer(
        spec.index, spec.in_size, spec.kernel, padded.contiguous(memory_format=torch.channels_last), bias, fir
    )


def _constant(layer: SynthesisLayer, dtype: torch.dtype, device: torch.device) -> tuple[Tensor, Tensor]:
    """Scale [in] and demodulation [out] of a layer that is deaf to w."""
    spec, (squares, eps) = layer.spec, _squares(layer)
    s = layer.affine.bias.detach().cpu().double() * layer.affine.bias_gain
    s = s * s.square().mean().rsqrt()
    d = (squares @ s.square() + eps).rsqrt()
    scale = s * layer.magnitude_ema.cpu().double().rsqrt()
    pads = lanes(spec.in_channels) - spec.in_channels, lanes(spec.out_channels) - spec.out_channels
    made = [functional.pad(t, (0, pad)).to(device, dtype) for t, pad in zip((scale, d), pads, strict=True)]
    return made[0], made[1]
