"""What a StyleGAN2 network is: its keyword arguments, and the blocks that follow from them."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Literal, Self

from stylegan3 import settings
from stylegan3.settings import MAX_LAYERS, MAX_RESOLUTION, MAX_WIDTH

_LIMITS: Mapping[str, tuple[float, float]] = {
    "img_resolution": (4, MAX_RESOLUTION),
    "z_dim": (1, MAX_WIDTH),
    "c_dim": (0, MAX_WIDTH),
    "w_dim": (1, MAX_WIDTH),
    "mapping_layers": (1, MAX_LAYERS),
    "mapping_lr": (1e-6, 1e6),
    "layer_features": (1, MAX_WIDTH),
    "embed_features": (1, MAX_WIDTH),
    "channel_base": (1, 2**24),
    "channel_max": (1, MAX_WIDTH),
    "conv_clamp": (0, 1e9),
}


@dataclass(frozen=True, slots=True)
class BlockSpec:
    """One resolution."""

    resolution: int
    in_channels: int  # 0: it starts from a constant
    out_channels: int
    to_rgb: bool
    skip: bool  # a residual branch around the convolutions

    @property
    def name(self) -> str:
        """As official checkpoints call it."""
        return f"b{self.resolution}"

    @property
    def convolutions(self) -> int:
        """How many; each takes a w of its own, ToRGB shares the next block's first."""
        return 2 if self.in_channels else 1


@dataclass(frozen=True)
class StyleGAN2Config:
    """The arguments of a generator, with the defaults of the paper."""

    img_resolution: int
    z_dim: int = 512
    c_dim: int = 0
    w_dim: int = 512
    img_channels: int = 3
    mapping_layers: int = 8
    mapping_lr: float = 0.01
    layer_features: int | None = None  # widths inside the mapping network; None: w_dim
    embed_features: int | None = None
    channel_base: int = 32768
    channel_max: int = 512
    architecture: Literal["orig", "skip", "resnet"] = "skip"
    use_noise: bool = True
    conv_clamp: float | None = None
    ada: bool = False  # written by stylegan2-ada; the same mathematics

    def __post_init__(self) -> None:
        settings.check(self, _LIMITS)

    @classmethod
    def parse(cls, values: Mapping[str, Any]) -> Self:
        """From values out of a file: each must have the type of its field; ValueError names the first that has not."""
        config = settings.parse(cls, values, "StyleGAN2")
        _ = config.blocks
        return config

    @property
    def variant(self) -> str:
        """What people call it."""
        return f"StyleGAN2{'-ADA' if self.ada else ''} {self.architecture}"

    @property
    def num_ws(self) -> int:
        """One w for each convolution, and one for the last ToRGB."""
        return sum(block.convolutions for block in self.blocks) + 1

    @cached_property
    def blocks(self) -> tuple[BlockSpec, ...]:
        """From 4 pixels to the whole picture."""
        resolutions = [2**i for i in range(2, self.img_resolution.bit_length())]
        widths = [0, *(min(self.channel_base // r, self.channel_max) for r in resolutions)]
        if not all(widths[1:]):
            raise ValueError("these settings leave a block without channels")
        for resolution, width in zip(resolutions, widths[1:], strict=True):
            settings.check_memory(resolution, width)
        return tuple(
            BlockSpec(
                r,
                widths[i],
                widths[i + 1],
                to_rgb=self.architecture == "skip" or r == self.img_resolution,
                skip=self.architecture == "resnet" and i > 0,
            )
            for i, r in enumerate(resolutions)
        )
