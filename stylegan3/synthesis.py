"""ws -> picture."""

import torch
from torch import Tensor, nn

from stylegan3.config import StyleGAN3Config
from stylegan3.layers import SynthesisInput, SynthesisLayer
from stylegan3.noise import NoiseMode


class SynthesisNetwork(nn.Module):
    """Fourier features through the layers of the config, to an image."""

    def __init__(self, config: StyleGAN3Config) -> None:
        super().__init__()
        self.config = config
        first = config.layers[0]
        self.input = SynthesisInput(config.w_dim, first.in_channels, first.in_size, first.in_rate, first.in_cutoff)
        for spec in config.layers:
            self.add_module(spec.name, SynthesisLayer(spec, config.w_dim, config.conv_clamp))

    @property
    def layers(self) -> tuple[SynthesisLayer, ...]:
        """In order, ToRGB last."""
        found = (self.get_submodule(spec.name) for spec in self.config.layers)
        return tuple(layer for layer in found if isinstance(layer, SynthesisLayer))

    def forward(
        self,
        ws: Tensor,
        noise_mode: NoiseMode = "const",  # noqa: ARG002 - there is none; StyleGAN2 networks take the same arguments
        generator: torch.Generator | None = None,  # noqa: ARG002
    ) -> Tensor:
        """Ws [N, num_ws, w_dim] -> [N, channels, H, W], nominally -1..1, not clipped."""
        if ws.ndim != 3 or ws.shape[1:] != (self.config.num_ws, self.config.w_dim):
            raise ValueError(f"ws must be [N, {self.config.num_ws}, {self.config.w_dim}], not {list(ws.shape)}")
        w = ws.to(self.input.weight.dtype).unbind(1)
        x = self.input(w[0])
        for layer, wi in zip(self.layers, w[1:], strict=True):
            x = layer(x, wi)
        image: Tensor = x * self.config.output_scale
        return image
