"""Per-pixel noise, which StyleGAN2 adds to its features and StyleGAN3 has none of."""

from dataclasses import dataclass
from typing import Literal, TypeAlias

import torch
from torch import Tensor

NoiseMode: TypeAlias = Literal["const", "random", "none"]


@dataclass(frozen=True, slots=True)
class Noise:
    """`const` is the field stored with the network, `random` a new one for every picture, `none` leaves it out."""

    mode: NoiseMode = "const"
    generator: torch.Generator | None = None  # of random noise: its seed decides the noise on every device alike

    def __post_init__(self) -> None:
        if self.mode not in ("const", "random", "none"):
            raise ValueError(f"there is no noise mode {self.mode!r}: use const, random or none")

    def field(self, const: Tensor, pictures: int) -> Tensor | None:
        """[1 or N, 1, H, W] of the size, type and device of `const` [H, W]; None for nothing."""
        if self.mode == "none":
            return None
        if self.mode == "const":
            return const[None, None]
        device = const.device if self.generator is None else self.generator.device
        drawn = torch.randn(pictures, 1, *const.shape, generator=self.generator, device=device)
        return drawn.to(const.device, const.dtype)


STILL = Noise()
