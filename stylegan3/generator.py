"""The whole network."""

from collections.abc import Mapping
from typing import Any

from torch import Tensor, nn

from stylegan3.config import GeneratorConfig
from stylegan3.mapping import MappingNetwork
from stylegan3.synthesis import SynthesisNetwork


class Generator(nn.Module):
    """StyleGAN3-T: z -> ws -> picture. `anchors` are named places in z the file brought with it."""

    def __init__(self, config: GeneratorConfig, name: str = "", anchors: Mapping[str, Tensor] | None = None) -> None:
        super().__init__()
        self.config, self.name, self.anchors = config, name, dict(anchors or {})
        self.z_dim, self.c_dim, self.w_dim, self.num_ws = config.z_dim, config.c_dim, config.w_dim, config.num_ws
        self.img_resolution, self.img_channels = config.img_resolution, config.img_channels
        self.mapping = MappingNetwork(config.z_dim, config.c_dim, config.w_dim, config.num_ws, config.mapping_layers)
        self.synthesis = SynthesisNetwork(config)

    def forward(
        self,
        z: Tensor,
        c: Tensor | None = None,
        truncation_psi: float = 1.0,
        truncation_cutoff: int | None = None,
        **synthesis: Any,
    ) -> Tensor:
        """Z [N, z_dim] -> [N, 3, H, W], nominally -1..1."""
        image: Tensor = self.synthesis(self.mapping(z, c, truncation_psi, truncation_cutoff), **synthesis)
        return image
