"""What a StyleGAN3-T network is: its keyword arguments, and the layer table that follows from them."""

from dataclasses import dataclass, fields
from functools import cached_property
from types import NoneType
from typing import Any, Self, get_args

import numpy as np

_MAX_RESOLUTION, _MAX_WIDTH, _MAX_LAYERS = 4096, 8192, 64  # beyond these a file is damaged or hostile, not a network


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
    in_cutoff: float
    out_cutoff: float
    in_half_width: float
    out_half_width: float
    kernel: int
    up: int
    down: int
    up_taps: int  # 1: no filter
    down_taps: int
    pad: tuple[int, int]  # of the zero-inserted grid, before and after; negative crops

    @property
    def name(self) -> str:
        """As official checkpoints call it."""
        return f"L{self.index}_{self.out_size}_{self.out_channels}"

    @property
    def act_rate(self) -> float:
        """The rate at which the leaky ReLU runs."""
        return max(self.in_rate, self.out_rate) * (1 if self.is_torgb else 2)

    @property
    def act_size(self) -> int:
        """The size at which the leaky ReLU runs."""
        return (self.in_size + self.kernel - 1) * self.up + sum(self.pad) - self.up_taps + 1


@dataclass(frozen=True)
class GeneratorConfig:
    """The arguments of a generator, with the defaults of the paper (Karras et al. 2021, appendix C)."""

    img_resolution: int
    z_dim: int = 512
    c_dim: int = 0
    w_dim: int = 512
    img_channels: int = 3
    mapping_layers: int = 2
    channel_base: int = 32768
    channel_max: int = 512
    num_layers: int = 14
    num_critical: int = 2
    first_cutoff: float = 2.0
    first_stopband: float = 2**2.1
    last_stopband_rel: float = 2**0.3
    margin_size: int = 10
    filter_size: int = 6
    conv_clamp: float | None = 256.0
    output_scale: float = 0.25

    def __post_init__(self) -> None:
        limits = {
            "img_resolution": (8, _MAX_RESOLUTION), "z_dim": (1, _MAX_WIDTH), "c_dim": (0, _MAX_WIDTH), "w_dim": (1,
            _MAX_WIDTH),
            "img_channels": (3, 3), "mapping_layers": (1, _MAX_LAYERS), "channel_base": (1, 2**24),
            "channel_max": (1, _MAX_WIDTH),
            "num_layers": (3, _MAX_LAYERS), "num_critical": (1, _MAX_LAYERS), "first_cutoff": (2**-10, _MAX_RESOLUTION),
            "first_stopband": (2**-10, _MAX_RESOLUTION), "last_stopband_rel": (1.0, 16.0), "margin_size": (0, 256),
            "filter_size": (1, 32), "conv_clamp": (0, 1e9), "output_scale": (-1e6, 1e6),
        }  # fmt: skip
        for f in fields(self):
            low, high = limits[f.name]
            value = getattr(self, f.name)
            if value is not None and not low <= value <= high:
                raise ValueError(f"{f.name} is {value}, not within {low}..{high}")
        if self.img_resolution & (self.img_resolution - 1):
            raise ValueError(f"img_resolution is {self.img_resolution}, not a power of two")
        if self.num_critical >= self.num_layers:
            raise ValueError(f"num_critical is {self.num_critical}, not below num_layers {self.num_layers}")

    @classmethod
    def parse(cls, values: dict[str, Any]) -> Self:
        """From values out of a file: each must have the type of its field; ValueError names the first that has not."""
        known = {f.name: f for f in fields(cls)}
        for name in values:
            if name not in known:
                raise ValueError(f"{name} is no setting of a StyleGAN3-T network")
        if "img_resolution" not in values:
            raise ValueError("img_resolution is missing")
        return cls(**{name: _typed(name, known[name].type, value) for name, value in values.items()})

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
        if channels.min() < 1 or rate.min() < 1:
            raise ValueError("these settings leave a layer without channels or samples")

        def layer(i: int) -> LayerSpec:
            p, torgb = max(i - 1, 0), i == n
            act = max(rate[p], rate[i]) * (1 if torgb else 2)
            up, down, kernel = int(act / rate[p]), int(act / rate[i]), 1 if torgb else 3
            up_taps = 1 if torgb or up == 1 else self.filter_size * up
            down_taps = 1 if torgb or down == 1 else self.filter_size * down
            total = (int(size[i]) - 1) * down + 1 - (int(size[p]) + kernel - 1) * up + up_taps + down_taps - 2
            before = (total + up) // 2
            return LayerSpec(
                i, torgb, i >= n - self.num_critical, int(channels[p]), int(channels[i]), int(size[p]), int(size[i]),
                float(rate[p]), float(rate[i]), float(cutoff[p]), float(cutoff[i]), float(half_width[p]),
                float(half_width[i]),
                kernel, up, down, up_taps, down_taps, (before, total - before),
            )  # fmt: skip

        return tuple(layer(i) for i in range(n + 1))


def _typed(name: str, want: Any, value: Any) -> Any:
    kinds = get_args(want) or (want,)
    if value is None and NoneType in kinds:
        return None
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise ValueError(f"{name} is a {type(value).__name__}, not a number")
    if not abs(value) < 1e12:  # also NaN
        raise ValueError(f"{name} is not within any network's limits")
    if float in kinds:
        return float(value)
    if value != int(value):
        raise ValueError(f"{name} is {value}, not a whole number")
    return int(value)
