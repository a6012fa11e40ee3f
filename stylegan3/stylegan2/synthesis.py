"""ws -> picture, resolution by resolution."""

import math
from collections.abc import Sequence

import torch
from torch import Tensor, nn

from stylegan3.fresh import normal
from stylegan3.noise import Noise, NoiseMode
from stylegan3.stylegan2.config import BlockSpec, StyleGAN2Config
from stylegan3.stylegan2.layers import Skip, SynthesisLayer, ToRGB, binomial, upsample


class SynthesisBlock(nn.Module):
    """Everything that happens at one resolution."""

    def __init__(self, spec: BlockSpec, config: StyleGAN2Config) -> None:
        super().__init__()
        self.spec = spec
        width = spec.out_channels
        self.register_buffer("resample_filter", binomial())
        self.resample_filter: Tensor
        if spec.in_channels:
            self.conv0 = SynthesisLayer(
                config.w_dim, spec.in_channels, width, spec.resolution, up=True, use_noise=config.use_noise,
                clamp=config.conv_clamp,
            )  # fmt: skip
        else:
            self.const = nn.Parameter(normal(width, spec.resolution, spec.resolution))
        self.conv1 = SynthesisLayer(
            config.w_dim, width, width, spec.resolution, up=False, use_noise=config.use_noise, clamp=config.conv_clamp
        )
        if spec.to_rgb:
            self.torgb = ToRGB(config.w_dim, width, config.img_channels, config.conv_clamp)
        if spec.skip:
            self.skip = Skip(spec.in_channels, width)

    def forward(
        self, x: Tensor | None, image: Tensor | None, ws: Sequence[Tensor], noise: Noise
    ) -> tuple[Tensor, Tensor | None]:
        """Features and picture so far, a w [N, w_dim] for each convolution and one for ToRGB -> both at this size."""
        w = iter(ws)
        if x is None:
            first = next(w)
            x = self.conv1(self.const.expand(len(first), -1, -1, -1), first, noise)
        elif self.spec.skip:
            half = math.sqrt(0.5)  # the sum of two branches keeps its variance
            around = self.skip(x, half)
            x = around + self.conv1(self.conv0(x, next(w), noise), next(w), noise, half)
        else:
            x = self.conv1(self.conv0(x, next(w), noise), next(w), noise)
        if image is not None:
            image = upsample(image, self.resample_filter)
        if self.spec.to_rgb:
            painted = self.torgb(x, next(w))
            image = painted if image is None else image + painted
        return x, image


class SynthesisNetwork(nn.Module):
    """A constant through the blocks of the config, to an image."""

    def __init__(self, config: StyleGAN2Config) -> None:
        super().__init__()
        self.config = config
        for spec in config.blocks:
            self.add_module(spec.name, SynthesisBlock(spec, config))

    def forward(self, ws: Tensor, noise_mode: NoiseMode = "const", generator: torch.Generator | None = None) -> Tensor:
        """Ws [N, num_ws, w_dim] -> [N, channels, H, W], nominally -1..1, not clipped.

        `noise_mode` random draws new noise for every picture from `generator` (PyTorch's own without one), which may
        live on the CPU wherever the network is: the same seed is then the same noise on every device.
        """
        if ws.ndim != 3 or ws.shape[1:] != (self.config.num_ws, self.config.w_dim):
            raise ValueError(f"ws must be [N, {self.config.num_ws}, {self.config.w_dim}], not {list(ws.shape)}")
        noise, at = Noise(noise_mode, generator), 0
        blocks = [self.get_submodule(spec.name) for spec in self.config.blocks]
        w = ws.to(next(self.parameters()).dtype).unbind(1)
        x: Tensor | None = None
        image: Tensor | None = None
        for spec, block in zip(self.config.blocks, blocks, strict=True):
            x, image = block(x, image, w[at : at + spec.convolutions + 1], noise)
            at += spec.convolutions
        if image is None:
            raise AssertionError("the last block paints")
        return image
