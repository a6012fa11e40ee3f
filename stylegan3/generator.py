"""The whole network, of either family."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from torch import Tensor, nn

from stylegan3 import stylegan2
from stylegan3.config import StyleGAN3Config
from stylegan3.mapping import MappingNetwork
from stylegan3.stylegan2 import StyleGAN2Config
from stylegan3.synthesis import SynthesisNetwork


@dataclass(frozen=True, slots=True)
class TrainingSet:
    """What the file says its network learned from; None where it says nothing."""

    name: str
    resolution: int | None = None
    labels: bool | None = None


class Generator(nn.Module):
    """z -> ws -> picture. `anchors` are named places in z the file brought with it."""

    def __init__(
        self,
        config: StyleGAN3Config | StyleGAN2Config,
        name: str = "",
        anchors: Mapping[str, Tensor] | None = None,
        training_set: TrainingSet | None = None,
    ) -> None:
        super().__init__()
        self.config, self.name, self.anchors, self.training_set = config, name, dict(anchors or {}), training_set
        self.z_dim, self.c_dim, self.w_dim, self.num_ws = config.z_dim, config.c_dim, config.w_dim, config.num_ws
        self.img_resolution, self.img_channels = config.img_resolution, config.img_channels
        self.synthesis: SynthesisNetwork | stylegan2.SynthesisNetwork
        if isinstance(config, StyleGAN2Config):
            self.synthesis = stylegan2.SynthesisNetwork(config)
            layer_features, embed_features = config.layer_features, config.embed_features
        else:
            self.synthesis = SynthesisNetwork(config)
            layer_features, embed_features = None, None
        self.mapping = MappingNetwork(
            config.z_dim,
            config.c_dim,
            config.w_dim,
            config.num_ws,
            config.mapping_layers,
            lr_multiplier=config.mapping_lr,
            layer_features=layer_features,
            embed_features=embed_features,
        )

    @property
    def variant(self) -> str:
        """What people call this kind of network, such as StyleGAN3-R or StyleGAN2-ADA skip."""
        return self.config.variant

    def forward(
        self,
        z: Tensor,
        c: Tensor | None = None,
        truncation_psi: float = 1.0,
        truncation_cutoff: int | None = None,
        **synthesis: Any,
    ) -> Tensor:
        """Z [N, z_dim] -> [N, channels, H, W], nominally -1..1."""
        image: Tensor = self.synthesis(self.mapping(z, c, truncation_psi, truncation_cutoff), **synthesis)
        return image
