"""What one launch of the filtered leaky ReLU computes, from a layer of a network, and its work."""

import math
from dataclasses import dataclass

import torch
from torch import Tensor

from stylegan3.layers import SynthesisLayer

LANE = 8  # channels come in multiples of it: 16 bytes of float16
HALF_ERROR = 4e-4  # of a radial filter, relative L1; below half a unit in the last place of float16 (4.9e-4)
SINGLE_ERROR = 1e-6


@dataclass(frozen=True, slots=True)
class FirSpec:
    """down(clamp(lrelu(up(x * demod + bias)) * gain)) * style; filters convolve, as StyleGAN3 layers keep them."""

    up: int
    down: int
    up_taps: tuple[float, ...]  # along both axes, the gain of `up` in each
    down_factors: tuple[tuple[tuple[float, ...], tuple[float, ...]], ...]  # (vertical, horizontal); products are summed
    pad: tuple[int, int]  # of the zero-inserted grid, before and after; negative crops
    in_size: int  # of the convolution's output
    out_size: int
    gain: float
    slope: float
    clamp: float | None
    channels: int  # a multiple of LANE

    def __post_init__(self) -> None:
        if self.channels < LANE or self.channels % LANE:
            raise ValueError(f"channels is {self.channels}, not a multiple of {LANE}")
        if not self.down_factors or len({len(taps) for pair in self.down_factors for taps in pair}) != 1:
            raise ValueError("every part of the down filter must have the same number of taps")
        if self.up < 1 or self.down < 1 or not self.up_taps:
            raise ValueError("up and down must be at least 1, and there must be a tap")
        if self.gain <= 0 or not 0 <= self.slope <= 1 or (self.clamp is not None and self.clamp < 0):
            raise ValueError("gain must be above 0, slope between 0 and 1, clamp not negative")
        if self.resized(self.in_size) != self.out_size:
            raise ValueError(f"{self.in_size} becomes {self.resized(self.in_size)}, not {self.out_size}")

    @property
    def down_taps(self) -> int:
        return len(self.down_factors[0][0])

    @property
    def rank(self) -> int:
        return len(self.down_factors)

    def activated(self, size: int) -> int:
        """Along one axis: at which size the leaky ReLU runs when the input has `size`."""
        return size * self.up + sum(self.pad) - len(self.up_taps) + 1

    def resized(self, size: int) -> int:
        """Along one axis: the output's size when the input has `size`; below 1 there is none."""
        return (self.activated(size) - self.down_taps) // self.down + 1


@dataclass(frozen=True, slots=True)
class Work:
    """What one launch must do at the least."""

    flops: float  # additions and multiplications of the filters, polyphase; 5 for each activated sample
    bytes: float  # the input read once, the output written once

    def __add__(self, other: "Work") -> "Work":
        return Work(self.flops + other.flops, self.bytes + other.bytes)


def work(spec: FirSpec, item_size: int = 2) -> Work:
    """Of one launch; horizontal filtering first on the way up and on the way down, nothing computed twice."""
    n, a, o = spec.in_size, spec.activated(spec.in_size), spec.out_size
    up = len(spec.up_taps) / spec.up if len(spec.up_taps) > 1 else 0
    down = spec.down_taps * spec.rank if spec.down_taps > 1 else 0
    per_channel = 2 * up * (n * a + a * a) + 5 * a * a + 2 * down * (a * o + o * o) + 3 * n * n
    return Work(spec.channels * per_channel, item_size * spec.channels * (n * n + o * o) + 12 * spec.channels)


def factors(filter_: Tensor, error: float) -> tuple[tuple[tuple[tuple[float, ...], tuple[float, ...]], ...], float]:
    """A filter [taps] or [taps, taps] as few (vertical, horizontal) products as are within `error`, and their error.

    Both are relative L1: what a bounded signal can see of it. A radial low-pass is numerically of rank 2 or 3.
    """
    taps = filter_.detach().cpu().double()
    if taps.ndim == 1:
        return ((tuple(taps.tolist()), tuple(taps.tolist())),), 0.0
    u, s, v = torch.linalg.svd(taps)
    for rank in range(1, len(s) + 1):
        vertical, horizontal = u[:, :rank] * s[:rank].sqrt(), v[:rank] * s[:rank, None].sqrt()
        off = float((vertical @ horizontal - taps).abs().sum() / taps.abs().sum())
        if off <= error:
            break
    return tuple((tuple(a.tolist()), tuple(b.tolist())) for a, b in zip(vertical.t(), horizontal, strict=True)), off


def spec_of(layer: SynthesisLayer, error: float = HALF_ERROR) -> FirSpec:
    """What a layer does after its convolution; ToRGB's filters have one tap. `error`: a radial filter's, as `factors`.

    The channels are rounded up to a multiple of LANE.
    """
    of = layer.spec
    up = torch.ones(1) if layer.up_filter is None else layer.up_filter
    down = torch.ones(1) if layer.down_filter is None else layer.down_filter
    return FirSpec(
        up=of.up,
        down=of.down,
        up_taps=tuple((up.detach().cpu().double() * of.up).tolist()),
        down_factors=factors(down, error)[0],
        pad=of.pad,
        in_size=of.in_size + of.kernel - 1,
        out_size=of.out_size,
        gain=1.0 if of.is_torgb else math.sqrt(2),
        slope=1.0 if of.is_torgb else 0.2,
        clamp=layer.clamp,
        channels=-(-of.out_channels // LANE) * LANE,
    )
