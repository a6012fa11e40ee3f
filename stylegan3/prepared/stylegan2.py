"""StyleGAN2 prepared: most of its time is convolutions; here little else is left."""

import math
from collections.abc import Iterator

import torch
from torch import Tensor
from torch.nn import functional

from stylegan3.noise import Noise
from stylegan3.prepared.convolution import Convolution, planes
from stylegan3.prepared.styles import Demodulation, Styles, single
from stylegan3.stylegan2.layers import Skip, SynthesisLayer, ToRGB
from stylegan3.stylegan2.synthesis import SynthesisBlock, SynthesisNetwork


class StyleGAN2:
    """Ws -> [H, W, channels]."""

    def __init__(self, synthesis: SynthesisNetwork) -> None:
        blocks = [block for block in synthesis.children() if isinstance(block, SynthesisBlock)]
        layers: list[SynthesisLayer] = []
        painting: list[ToRGB] = []
        ws: list[int] = []
        ws_painting: list[int] = []
        self._blocks: list[_Block] = []
        for block in blocks:
            own = [block.conv0, block.conv1] if block.spec.in_channels else [block.conv1]
            ws += range(len(layers), len(layers) + len(own))
            layers += own
            if block.spec.to_rgb:
                painting.append(block.torgb)
                ws_painting.append(len(layers))
            self._blocks.append(_Block(block))
        self._const = single(blocks[0].const).permute(1, 2, 0)
        self._styles = Styles(
            [*(layer.affine for layer in layers), *(layer.affine for layer in painting)], ws + ws_painting
        )
        self._demodulation = Demodulation([layer.weight for layer in layers], self._styles.channels)
        self._hidden = len(layers)

    def __call__(self, ws: Tensor, noise: Noise) -> Tensor:
        s = self._styles(ws)
        d = self._demodulation(s[: self._hidden]).float()
        s = s.float()
        modulation = iter(zip(s, d, strict=False))  # the convolutions'
        painting = iter(s[self._hidden :])
        x, image = self._const.clone(memory_format=torch.contiguous_format), None
        for block in self._blocks:
            x = block(x, modulation, noise)
            image = block.paint(x, image, painting)
        if image is None:
            raise AssertionError("the last block paints")
        return image


class _Block:
    """Everything that happens at one resolution."""

    def __init__(self, block: SynthesisBlock) -> None:
        spec = block.spec
        gain = math.sqrt(0.5) if spec.skip else 1.0  # the sum of two branches keeps its variance
        self._first = _Layer(block.conv0, spec.resolution) if spec.in_channels else None
        self._second = _Layer(block.conv1, spec.resolution, gain)
        self._skip = _Around(block.skip, spec.resolution // 2, gain) if spec.skip else None
        self._to_rgb = _ToRGB(block.torgb) if spec.to_rgb else None
        channels = block.torgb.bias.shape[0] if spec.to_rgb else 0
        self._doubler = Doubler(spec.resolution // 2, channels) if spec.to_rgb and spec.in_channels else None

    def __call__(self, x: Tensor, modulation: Iterator[tuple[Tensor, Tensor]], noise: Noise) -> Tensor:
        """[H, W, in], which is overwritten -> [H', W', out]."""
        around = None if self._skip is None else self._skip(x)
        if self._first is not None:
            x = self._first(x, *next(modulation), noise)
        x = self._second(x, *next(modulation), noise)
        return x if around is None else x.add_(around)

    def paint(self, x: Tensor, image: Tensor | None, styles: Iterator[Tensor]) -> Tensor | None:
        """The picture so far at half the size -> at this one."""
        if self._to_rgb is None:
            return image
        painted = self._to_rgb(x, next(styles))
        if image is None or self._doubler is None:
            return painted
        return painted.add_(self._doubler(image))


class _Layer:
    """Modulated 3x3 convolution, noise, leaky ReLU; its gains are folded into the scale and bias before it."""

    def __init__(self, layer: SynthesisLayer, resolution: int, gain: float = 1.0) -> None:
        self._gain = gain * math.sqrt(2)
        self._clamp = None if layer.clamp is None else layer.clamp * gain
        self._convolution = Convolution(
            layer.weight, resolution // (1 + layer.up), padding=1, doubling=layer.up
        )  # fmt: skip
        self._in, self._out = self._convolution.channels_in, self._convolution.channels_out
        self._bias = single(layer.bias) * self._gain
        self._taps = single(layer.resample_filter).flip([0, 1]) * 4 if layer.up else None
        self._field: Tensor | None = None
        if layer.use_noise:
            self._field, self._strength = single(layer.noise_const), float(layer.noise_strength) * self._gain
            self._still = (self._field * self._strength)[..., None]

    def __call__(self, x: Tensor, scale: Tensor, demodulation: Tensor, noise: Noise) -> Tensor:
        """[H, W, in], which may be overwritten -> [H or 2H, ..., out]."""
        y = self._convolution(x, scale[: self._in])
        d = demodulation[: self._out] * self._gain
        if self._taps is None:
            torch.addcmul(self._bias, y, d, out=y)
        else:  # each channel has a filter of its own anyway
            taps = self._taps * d[:, None, None, None]
            y = functional.conv2d(planes(y), taps, self._bias, padding=1, groups=self._out)[0].permute(1, 2, 0)
        if self._field is not None and (drawn := self._noise(noise, self._field)) is not None:
            y.add_(drawn)
        functional.leaky_relu_(y, 0.2)
        return y if self._clamp is None else y.clamp_(-self._clamp, self._clamp)

    def _noise(self, noise: Noise, field: Tensor) -> Tensor | None:
        if noise.mode == "const":
            return self._still
        drawn = noise.field(field, 1)
        return None if drawn is None else drawn[0, 0, :, :, None].mul_(self._strength)


class _ToRGB:
    """Modulated 1x1 convolution without demodulation."""

    def __init__(self, layer: ToRGB) -> None:
        # the features go on to the next block, so it is the weight that is scaled
        self._weight = single(layer.weight)[:, :, 0, 0].t() * layer.weight_gain
        self._bias, self._clamp = single(layer.bias), layer.clamp

    def __call__(self, x: Tensor, style: Tensor) -> Tensor:
        """[H, W, in] -> [H, W, picture channels]."""
        y = (x.reshape(-1, len(self._weight)) @ (self._weight * style[: len(self._weight), None])).add_(self._bias)
        if self._clamp is not None:
            y.clamp_(-self._clamp, self._clamp)
        return y.view(*x.shape[:2], -1)


class _Around:
    """The residual branch: a 1x1 convolution at twice the size."""

    def __init__(self, skip: Skip, size: int, gain: float) -> None:
        self._weight = (single(skip.weight)[:, :, 0, 0] * (skip.weight_gain * gain)).t().contiguous()
        self._doubler = Doubler(size, self._weight.shape[1])

    def __call__(self, x: Tensor) -> Tensor:
        """[H, W, in] -> [2H, 2W, out]."""
        return self._doubler((x.reshape(-1, len(self._weight)) @ self._weight).view(*x.shape[:2], -1))


class Doubler:
    """Twice the size through the binomial filter 1 3 3 1: each sample is a quarter of the way to its neighbour."""

    def __init__(self, size: int, channels: int) -> None:
        self._tall = torch.empty(size, 2, size, channels)
        self._out = torch.empty(2 * size, size, 2, channels)

    def __call__(self, x: Tensor) -> Tensor:
        """[size, size, channels] -> [2 size, 2 size, channels]; the next call overwrites it."""
        _between(x, self._tall[:, 0], self._tall[:, 1])
        size, _, _, channels = self._tall.shape
        wide = self._out.transpose(0, 1)  # [x, y, 2, channels]
        _between(self._tall.view(2 * size, size, channels).transpose(0, 1), wide[:, :, 0], wide[:, :, 1])
        return self._out.view(2 * size, 2 * size, channels)


def _between(x: Tensor, even: Tensor, odd: Tensor) -> None:
    """Samples a quarter before and a quarter after each along the leading axis, with zeros outside."""
    torch.lerp(x[1:], x[:-1], 0.25, out=even[1:])
    torch.mul(x[0], 0.75, out=even[0])
    torch.lerp(x[:-1], x[1:], 0.25, out=odd[:-1])
    torch.mul(x[-1], 0.75, out=odd[-1])
