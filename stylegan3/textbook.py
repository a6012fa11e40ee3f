"""The synthesis as a textbook writes it: the baseline that speed is told against, and a second opinion on the sums.

Weights are modulated and demodulated for every picture; resampling inserts zeros, pads, filters at the full rate and
throws samples away (Karras et al. 2021, section 3.1 and appendix C; Karras et al. 2020, section 2.2). Nothing is
prepared and nothing is kept between pictures. Written from the papers for plainness; channels first, as they draw it.
"""

import math

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional

from stylegan3 import stylegan2
from stylegan3.generator import Generator
from stylegan3.inference import to_rgba
from stylegan3.layers import SynthesisInput, SynthesisLayer
from stylegan3.noise import STILL, Noise
from stylegan3.stylegan2 import layers as two
from stylegan3.stylegan2.synthesis import SynthesisBlock
from stylegan3.synthesis import SynthesisNetwork


class TextbookPainter:
    """The zero-insertion form as one more engine."""

    engine = "zero-insertion"
    precision = "float32"

    def __init__(self, G: Generator, threads: int) -> None:
        self._G, self.threads = G, threads

    @torch.inference_mode()
    def image(self, ws: NDArray[np.float32], noise: Noise = STILL) -> Tensor:
        """Ws [num_ws, w_dim] -> [channels, H, W] float32, nominally -1..1."""
        if torch.get_num_threads() != self.threads:
            torch.set_num_threads(self.threads)
        return synthesize(self._G, torch.from_numpy(ws)[None], noise)[0]

    def paint(self, ws: NDArray[np.float32], pixels: NDArray[np.uint8], noise: Noise = STILL) -> None:
        """The same as RGBA [H, W, 4] into `pixels`."""
        to_rgba(self.image(ws, noise), pixels)


def synthesize(G: Generator, ws: Tensor, noise: Noise = STILL) -> Tensor:
    """Ws [1, num_ws, w_dim] -> [1, channels, H, W]."""
    if isinstance(G.synthesis, SynthesisNetwork):
        return _stylegan3(G.synthesis, ws[0])
    return _stylegan2(G.synthesis, ws[0], noise)


def _stylegan3(synthesis: SynthesisNetwork, ws: Tensor) -> Tensor:
    x = fourier(synthesis.input, ws[0])
    for layer, w in zip(synthesis.layers, ws[1:], strict=True):
        x = _layer(layer, x, w)
    return x * synthesis.config.output_scale


def fourier(first: SynthesisInput, w: Tensor) -> Tensor:
    """Fourier features [1, C, H, W]: a sine for every pixel of every channel."""
    cos, sin, x, y = first.affine(w[None])[0].unbind()
    cos, sin, x, y = (v / torch.hypot(cos, sin) for v in (cos, sin, x, y))
    zero, one = torch.zeros_like(x), torch.ones_like(x)
    rotate = torch.stack([cos, -sin, zero, sin, cos, zero, zero, zero, one]).view(3, 3)
    shift = torch.stack([one, zero, -x, zero, one, -y, zero, zero, one]).view(3, 3)
    m = rotate @ shift @ first.transform
    phases, freqs = first.phases + first.freqs @ m[:2, 2], first.freqs @ m[:2, :2]
    amplitudes = (1 - (freqs.norm(dim=1) - first.bandwidth) / (first.rate / 2 - first.bandwidth)).clamp(0, 1)
    at = (torch.arange(first.size, dtype=w.dtype, device=w.device) + 0.5 - first.size / 2) / first.rate
    grid = torch.stack(torch.meshgrid(at, at, indexing="xy"), 2)  # [y, x, 2]
    features = torch.sin((grid @ freqs.t() + phases) * (2 * math.pi)) * amplitudes
    mixed: Tensor = features @ first.weight.t() / math.sqrt(first.channels)
    return mixed.permute(2, 0, 1)[None]


def _layer(layer: SynthesisLayer, x: Tensor, w: Tensor) -> Tensor:
    spec, s = layer.spec, layer.affine(w[None])[0]
    weight: Tensor = layer.weight
    if spec.is_torgb:
        weight = weight * (s / math.sqrt(spec.in_channels * spec.kernel**2))[:, None, None]
    else:
        weight = weight * weight.square().mean([1, 2, 3], keepdim=True).rsqrt()
        weight = demodulated(weight, s * s.square().mean().rsqrt())
    x = functional.conv2d(x, weight * layer.magnitude_ema.rsqrt(), padding=spec.kernel - 1)
    x = x + layer.bias[:, None, None]
    x = fir(insert_zeros(x, spec.up), layer.up_filter, spec.pad, gain=spec.up)
    if not spec.is_torgb:
        x = functional.leaky_relu(x, 0.2) * math.sqrt(2)
    if layer.clamp is not None:
        x = x.clamp(-layer.clamp, layer.clamp)
    return fir(x, layer.down_filter)[:, :, :: spec.down, :: spec.down]


def demodulated(weight: Tensor, s: Tensor) -> Tensor:
    """Weight [O, I, k, k] for styles s [I]: scaled, then every output channel to unit norm."""
    weight = weight * s[:, None, None]
    return weight * (weight.square().sum([1, 2, 3], keepdim=True) + 1e-8).rsqrt()


def insert_zeros(x: Tensor, up: int) -> Tensor:
    """[1, C, H, W] -> [1, C, up H, up W]: `up` - 1 zeros after every sample."""
    _, c, h, w = x.shape
    wide = x.new_zeros(1, c, h, up, w, up)
    wide[:, :, :, 0, :, 0] = x
    return wide.view(1, c, h * up, w * up)


def fir(x: Tensor, taps: Tensor | None, pad: tuple[int, int] = (0, 0), gain: float = 1.0) -> Tensor:
    """Pad, then filter both axes at the full rate, each with `gain`; taps [n] along each axis or [n, n] at once."""
    x = functional.pad(x, [*pad, *pad])
    if taps is None:
        return x
    f, c = taps.flip(list(range(taps.ndim))).to(x.dtype), x.shape[1]
    for kernel in (f[None] * gain, f[:, None] * gain) if f.ndim == 1 else (f * gain**2,):
        x = functional.conv2d(x, kernel.expand(c, 1, -1, -1), groups=c)
    return x


def _stylegan2(synthesis: stylegan2.SynthesisNetwork, ws: Tensor, noise: Noise) -> Tensor:
    x = image = None
    at = 0
    for spec in synthesis.config.blocks:
        block = synthesis.get_submodule(spec.name)
        if not isinstance(block, SynthesisBlock):
            raise TypeError(spec.name)
        x, image = _block(block, x, image, ws[at : at + spec.convolutions + 1], noise)
        at += spec.convolutions
    if image is None:
        raise AssertionError("the last block paints")
    return image


def _block(
    block: SynthesisBlock, x: Tensor | None, image: Tensor | None, ws: Tensor, noise: Noise
) -> tuple[Tensor, Tensor | None]:
    around, gain = None, 1.0
    if x is None:
        x = block.const[None]
    else:
        if block.spec.skip:
            gain = math.sqrt(0.5)
            around = _up(functional.conv2d(x, block.skip.weight * block.skip.weight_gain), block.skip)
        x = _convolution(block.conv0, x, ws[0], noise, 1.0)
    x = _convolution(block.conv1, x, ws[block.spec.convolutions - 1], noise, gain)
    x = x if around is None else x + around * gain
    image = None if image is None else _up(image, block)
    if block.spec.to_rgb:
        s = block.torgb.affine(ws[-1][None])[0] * block.torgb.weight_gain
        painted = functional.conv2d(x, block.torgb.weight * s[:, None, None], block.torgb.bias)
        if block.torgb.clamp is not None:
            painted = painted.clamp(-block.torgb.clamp, block.torgb.clamp)
        image = painted if image is None else image + painted
    return x, image


def _up(x: Tensor, of: SynthesisBlock | two.Skip) -> Tensor:
    """To twice the size: zeros between the samples, then the block's filter."""
    return fir(insert_zeros(x, 2), of.resample_filter, (2, 1), gain=2)


def _convolution(layer: two.SynthesisLayer, x: Tensor, w: Tensor, noise: Noise, gain: float) -> Tensor:
    weight = demodulated(layer.weight, layer.affine(w[None])[0])
    if layer.up:
        # one operation everywhere; a dense convolution over the zeros would take four times as long for nothing
        x = functional.conv_transpose2d(x, weight.transpose(0, 1), stride=2)
        x = fir(x, layer.resample_filter, (1, 1), gain=2)
    else:
        x = functional.conv2d(x, weight, padding=1)
    if layer.use_noise and (field := noise.field(layer.noise_const, 1)) is not None:
        x = x + field * layer.noise_strength
    x = functional.leaky_relu(x + layer.bias[:, None, None], 0.2) * (math.sqrt(2) * gain)
    return x if layer.clamp is None else x.clamp(-layer.clamp * gain, layer.clamp * gain)
