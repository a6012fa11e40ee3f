"""What a StyleGAN3 frame has to compute and move, layer by layer, and the least time that takes: the two-kernel floor.

Two kernels a layer: a convolution (constant weights, full padding), and one that upsamples, bends, clamps and
downsamples without the fine grid ever reaching memory. Activations and weights are 16-bit. Each kernel takes at least
the longer of its arithmetic at the machine's rate and its bytes at the machine's bandwidth; launches, caches, Fourier
features, styles and channels padded to a multiple of eight are left out, so nothing real reaches the floor.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from stylegan3 import StyleGAN2Config, StyleGAN3Config
from stylegan3.config import LayerSpec
from stylegan3.filters import radial_lowpass

_BYTES = 2  # of a float16
_SAME = 5e-4  # of a radial filter's taps, summed: what may be missing (float16 rounds as coarsely)


@dataclass(frozen=True, slots=True)
class Rates:
    """What a machine was measured or said to do; 10^12 operations and 10^9 bytes a second."""

    tensor_tflops: float  # float16 products, summed in float32
    fma_tflops: float  # float32, no tensor cores
    gb: float  # read and written
    half2_tflops: float | None = None  # float16 without tensor cores, where that is faster

    @property
    def filter_tflops(self) -> float:
        """The fastest arithmetic a filter kernel could use."""
        return max(self.fma_tflops, self.half2_tflops or 0.0)


@dataclass(frozen=True, slots=True)
class LayerWork:
    """One layer's; a multiplication with its addition is two operations."""

    name: str
    conv_flop: float
    conv_bytes: float  # in, out and weights
    fir_flop: float  # separable; radial filters as the sum of `rank` separable ones, or whole where that is less
    fir_flop_whole: float  # radial filters tap by tap
    fir_bytes: float
    rank: int  # of its downsampling filter

    def conv_ms(self, rates: Rates) -> float:
        """The convolution's least."""
        return _least(self.conv_flop, rates.tensor_tflops, self.conv_bytes, rates.gb)

    def fir_ms(self, rates: Rates) -> float:
        """The filters' least."""
        return _least(self.fir_flop, rates.filter_tflops, self.fir_bytes, rates.gb)

    def floor_ms(self, rates: Rates) -> float:
        """Both kernels'."""
        return self.conv_ms(rates) + self.fir_ms(rates)


def work(config: StyleGAN3Config | StyleGAN2Config) -> tuple[LayerWork, ...]:
    """Of every layer, ToRGB last; nothing for StyleGAN2, whose kernels were not counted."""
    return tuple(map(_layer, config.layers)) if isinstance(config, StyleGAN3Config) else ()


def floor_ms(layers: Sequence[LayerWork], rates: Rates) -> float:
    """Of a whole frame."""
    return sum(layer.floor_ms(rates) for layer in layers)


@lru_cache(maxsize=256)
def rank(spec: LayerSpec) -> int:
    """How many separable filters its downsampling filter is the sum of, but for a two-thousandth."""
    if not spec.radial:
        return 1
    taps = radial_lowpass(spec.down_taps, spec.out_cutoff, spec.out_half_width, spec.act_rate).astype(np.float64)
    u, s, v = np.linalg.svd(taps)
    for r in range(1, len(s)):
        if np.abs(taps - (u[:, :r] * s[:r]) @ v[:r]).sum() < _SAME * np.abs(taps).sum():
            return r
    return len(s)


def _layer(spec: LayerSpec) -> LayerWork:
    full, fine, out, cout = spec.in_size + spec.kernel - 1, spec.act_size, spec.out_size, spec.out_channels
    weights = spec.kernel**2 * spec.in_channels * cout
    up = 0 if spec.up_taps == 1 else (fine * full + fine**2) * spec.up_taps // spec.up * cout
    apart = 0 if spec.down_taps == 1 else (fine * out + out**2) * spec.down_taps * cout
    whole = out**2 * spec.down_taps**2 * cout if spec.radial else apart
    terms = rank(spec)
    return LayerWork(
        name=spec.name,
        conv_flop=2.0 * full**2 * weights,
        conv_bytes=float(_BYTES * (spec.in_size**2 * spec.in_channels + full**2 * cout + weights)),
        fir_flop=2.0 * (up + min(whole, terms * apart)),
        fir_flop_whole=2.0 * (up + whole),
        fir_bytes=float(_BYTES * (full**2 + out**2) * cout),
        rank=terms,
    )


def _least(flop: float, tflops: float, moved: float, gb: float) -> float:
    return max(flop / (1e9 * tflops), moved / (1e6 * gb))
