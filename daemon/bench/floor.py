"""The floor: a network's convolutions and nothing else, by PyTorch's own convolution (oneDNN on a CPU).

Every size is timed in both memory layouts; the faster counts. Weights are constant and in memory, inputs lie ready.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

import torch
from torch.nn import functional

from stylegan3 import StyleGAN2Config, StyleGAN3Config

Layout = Literal["channels first", "channels last"]
LAYOUTS: tuple[Layout, ...] = ("channels first", "channels last")


@dataclass(frozen=True, slots=True)
class Convolution:
    """One of a network."""

    name: str  # of its layer
    in_channels: int
    out_channels: int
    size: int  # of the input, square
    kernel: int
    padding: int
    up: bool = False  # to twice the size: transposed, stride 2

    @property
    def gmac(self) -> float:
        """Multiplications with a sample there is, in 10^9: at the borders of transposed ones a few too many."""
        side = self.size if self.up else self.size + 2 * self.padding - self.kernel + 1
        return side**2 * self.kernel**2 * self.in_channels * self.out_channels / 1e9


def convolutions(config: StyleGAN3Config | StyleGAN2Config) -> tuple[Convolution, ...]:
    """All of a network's, in order."""
    if isinstance(config, StyleGAN3Config):
        return tuple(
            Convolution(s.name, s.in_channels, s.out_channels, s.in_size, s.kernel, s.kernel - 1) for s in config.layers
        )
    found = []
    for b in config.blocks:
        if b.in_channels:
            found.append(
                Convolution(f"{b.name}.conv0", b.in_channels, b.out_channels, b.resolution // 2, 3, 1, up=True)
            )
        if b.skip:
            found.append(Convolution(f"{b.name}.skip", b.in_channels, b.out_channels, b.resolution // 2, 1, 0))
        found.append(Convolution(f"{b.name}.conv1", b.out_channels, b.out_channels, b.resolution, 3, 1))
        if b.to_rgb:
            found.append(Convolution(f"{b.name}.torgb", b.out_channels, config.img_channels, b.resolution, 1, 0))
    return tuple(found)


def ready(conv: Convolution, layout: Layout) -> Callable[[int], None]:
    """What does it once; it takes a frame's index, of no meaning to it."""
    memory = torch.contiguous_format if layout == "channels first" else torch.channels_last
    noise = torch.Generator().manual_seed(0)
    ends = (conv.in_channels, conv.out_channels) if conv.up else (conv.out_channels, conv.in_channels)
    x = torch.randn(1, conv.in_channels, conv.size, conv.size, generator=noise).contiguous(memory_format=memory)
    weight = torch.randn(*ends, conv.kernel, conv.kernel, generator=noise).contiguous(memory_format=memory)

    @torch.inference_mode()
    def act(_: int) -> None:
        if conv.up:
            functional.conv_transpose2d(x, weight, stride=2)
        else:
            functional.conv2d(x, weight, padding=conv.padding)

    return act
