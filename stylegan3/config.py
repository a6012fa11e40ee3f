"""What a StyleGAN3 network is: its keyword arguments, and the layer table that follows from them."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Self

import numpy as np

from stylegan3 import settings
from stylegan3.settings import MAX_LAYERS, MAX_RESOLUTION, MAX_WIDTH

_LIMITS: Mapping[str, tuple[float, float]] = {
    "img_resolution": (8, MAX_RESOLUTION),
    "z_dim": (1, MAX_WIDTH),
    "c_dim": (0, MAX_WIDTH),
    "w_dim": (1, MAX_WIDTH),
    "mapping_layers": (1, MAX_LAYERS),
    "mapping_lr": (1e-6, 1e6),
    "channel_base": (1, 2**24),
    "channel_max": (1, MAX_WIDTH),
    "num_layers": (3, MAX_LAYERS),
    "num_critical": (1, MAX_LAYERS),
    "first_cutoff": (2**-10, MAX_RESOLUTION),
    "first_stopband": (2**-10, MAX_RESOLUTION),
    "last_stopband_rel": (1, 16),
    "margin_size": (0, 256),
    "conv_kernel": (1, 9),
    "filter_size": (1, 32),
    "lrelu_upsampling": (1, 8),
    "conv_clamp": (0, 1e9),
    "output_scale": (-1e6, 1e6),
}


@dataclass(frozen=True, slots=True)
class LayerSpec:
    """One synthesis layer; sizes are square, rates in samples per unit, cutoffs and half widths in cycles per unit."""

    index: int
    is_torgb: bool
    is_critical: bool
    in_channels: int
    out_channels: int
    in_size: int
    out_size: int
    in_rate: float
    out_rate: float
    act_rate: float  # the leaky ReLU's
    in_cutoff: float
    out_cutoff: float
    in_half_width: float
    out_half_width: float
    kernel: int
    up: int
    down: int
    up_taps: int  # 1: no filter
    down_taps: int
    radial: bool  # the down filter is a disc in frequency, not a square
    pad: tuple[int, int]  # of the zero-inserted grid, before and after; negative crops

    @property
    def name(self) -> str:
        """As official checkpoints call it."""
        return f"L{self.index}_{self.out_size}_{self.out_channels}"

    @property
    def act_size(self) -> int:
        """The size at which the leaky ReLU runs."""
        return (self.in_size + self.kernel - 1) * self.up + sum(self.pad) - self.up_taps + 1


@dataclass(frozen=True)
class StyleGAN3Config:
    """The arguments of a generator, with the defaults of the paper (Karras et al. 2021, appendix C).

    T is `conv_kernel` 3 with separable filters, R is 1 with radial ones (and twice the channels).
    """

    img_resolution: int
    z_dim: int = 512
    c_dim: int = 0
    w_dim: int = 512
    img_channels: int = 3
    mapping_layers: int = 2
    mapping_lr: float = 0.01
    channel_base: int = 32768
    channel_max: int = 512
    num_layers: int = 14
    num_critical: int = 2
    first_cutoff: float = 2.0
    first_stopband: float = 2**2.1
    last_stopband_rel: float = 2**0.3
    margin_size: int = 10
    conv_kernel: int = 3
    filter_size: int = 6
    lrelu_upsampling: int = 2
    use_radial_filters: bool = False
    conv_clamp: float | None = 256.0
    output_scale: float = 0.25

    def __post_init__(self) -> None:
        settings.check(self, _LIMITS)
        if self.num_critical >= self.num_layers:
            raise ValueError(f"num_critical is {self.num_critical}, not below num_layers {self.num_layers}")

    @classmethod
    def parse(cls, values: Mapping[str, Any]) -> Self:
        """From values out of a file: each must have the type of its field; ValueError names the first that has not."""
        config = settings.parse(cls, values, "StyleGAN3")
        _ = config.layers  # settings may also be impossible together
        return config

    @property
    def variant(self) -> str:
        """What people call it."""
        match self.conv_kernel, self.use_radial_filters:
            case 3, False:
                return "StyleGAN3-T"
            case 1, True:
                return "StyleGAN3-R"
            case kernel, radial:
                return f"StyleGAN3, {kernel}x{kernel} and {'radial' if radial else 'separable'}"

    @property
    def num_ws(self) -> int:
        """One w for the input, one for each layer, one for ToRGB."""
        return self.num_layers + 2

    @cached_property
    def layers(self) -> tuple[LayerSpec, ...]:
        """All layers in order, ToRGB last."""
        n = self.num_layers
        last = self.img_resolution / 2
        e = np.minimum(np.arange(n + 1) / (n - self.num_critical), 1)
        cutoff = self.first_cutoff * (last / self.first_cutoff) ** e
        stopband = self.first_stopband * (last * self.last_stopband_rel / self.first_stopband) ** e
        rate = np.exp2(np.ceil(np.log2(np.minimum(stopband * 2, self.img_resolution))))
        half_width = np.maximum(stopband, rate / 2) - cutoff
        size = rate + 2 * self.margin_size
        size[-2:] = self.img_resolution
        channels = np.rint(np.minimum((self.channel_base / 2) / cutoff, self.channel_max))
        channels[-1] = self.img_channels
        if channels.min() < 1 or rate.min() < 1 or half_width.min() <= 0:
            raise ValueError("these settings leave a layer without channels, samples or band")

        def layer(i: int) -> LayerSpec:
            p, torgb = max(i - 1, 0), i == n
            act = max(rate[p], rate[i]) * (1 if torgb else self.lrelu_upsampling)
            up, down, kernel = int(act / rate[p]), int(act / rate[i]), 1 if torgb else self.conv_kernel
            up_taps = 1 if torgb or up == 1 else self.filter_size * up
            down_taps = 1 if torgb or down == 1 else self.filter_size * down
            total = (int(size[i]) - 1) * down + 1 - (int(size[p]) + kernel - 1) * up + up_taps + down_taps - 2
            before = (total + up) // 2
            critical = i >= n - self.num_critical
            return LayerSpec(
                index=i,
                is_torgb=torgb,
                is_critical=critical,
                in_channels=int(channels[p]),
                out_channels=int(channels[i]),
                in_size=int(size[p]),
                out_size=int(size[i]),
                in_rate=float(rate[p]),
                out_rate=float(rate[i]),
                act_rate=float(act),
                in_cutoff=float(cutoff[p]),
                out_cutoff=float(cutoff[i]),
                in_half_width=float(half_width[p]),
                out_half_width=float(half_width[i]),
                kernel=kernel,
                up=up,
                down=down,
                up_taps=up_taps,
                down_taps=down_taps,
                radial=self.use_radial_filters and not critical and down_taps > 1,
                pad=(before, total - before),
            )

        found = tuple(layer(i) for i in range(n + 1))
        for spec in found[:-1]:
            cutoffs = [c for c, t in ((spec.in_cutoff, spec.up_taps), (spec.out_cutoff, spec.down_taps)) if t > 1]
            if any(cutoff >= spec.act_rate / 2 for cutoff in cutoffs) or spec.act_size < spec.down_taps:
                raise ValueError(f"these settings leave layer {spec.index} nothing to filter")
            settings.check_memory(spec.act_size, max(spec.in_channels, spec.out_channels))
        return found
