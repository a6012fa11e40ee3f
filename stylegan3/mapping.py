"""z -> w."""

import math

import torch
from torch import Tensor, nn
from torch.nn import functional

from stylegan3.layers import FullyConnected, normalize


class MappingNetwork(nn.Module):
    """A few fully connected layers; truncation pulls w towards its average."""

    def __init__(
        self,
        z_dim: int,
        c_dim: int,
        w_dim: int,
        num_ws: int,
        num_layers: int,
        *,
        lr_multiplier: float = 0.01,
        layer_features: int | None = None,  # None: w_dim, as for the embedding of c
        embed_features: int | None = None,
    ) -> None:
        super().__init__()
        self.z_dim, self.c_dim, self.w_dim, self.num_ws, self.num_layers = z_dim, c_dim, w_dim, num_ws, num_layers
        embedded = (embed_features or w_dim) if c_dim else 0
        self.embed = FullyConnected(c_dim, embedded) if c_dim else None
        widths = [z_dim + embedded, *[layer_features or w_dim] * (num_layers - 1), w_dim]
        for i in range(num_layers):
            self.add_module(f"fc{i}", FullyConnected(widths[i], widths[i + 1], lr_multiplier))
        self.register_buffer("w_avg", torch.zeros(w_dim))
        self.w_avg: Tensor

    def forward(
        self, z: Tensor, c: Tensor | None = None, truncation_psi: float = 1.0, truncation_cutoff: int | None = None
    ) -> Tensor:
        """Z [N, z_dim] and, for a conditional network, c [N, c_dim] -> ws [N, num_ws, w_dim].

        `truncation_psi` 1 is as trained, 0 the average; `truncation_cutoff` limits it to the first so many ws.
        c is one class as trained (a single 1), or weights over classes, which blend their embeddings.
        """
        dtype = self.w_avg.dtype
        x = normalize(z.to(dtype))
        if self.embed is not None:
            if c is None:
                raise ValueError(f"this network is conditional: pass c [N, {self.c_dim}]")
            x = torch.cat([x, normalize(self.embed(c.to(dtype)))], 1)
        for i in range(self.num_layers):
            x = functional.leaky_relu(self.get_submodule(f"fc{i}")(x), 0.2) * math.sqrt(2)
        ws = x[:, None].repeat(1, self.num_ws, 1)
        if truncation_psi != 1:
            ws[:, :truncation_cutoff] = self.w_avg.lerp(ws[:, :truncation_cutoff], truncation_psi)
        return ws
