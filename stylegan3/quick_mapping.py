"""The mapping network for a latent or two at a time, as a live show needs it."""

import math

import torch
from torch import Tensor
from torch.nn import functional

from stylegan3.layers import FullyConnected, normalize
from stylegan3.mapping import MappingNetwork


class QuickMapping:
    """Z -> ws with weights that were scaled once; plain PyTorch scales them anew for every latent.

    The gain of each leaky ReLU is in the weights before it, and truncation comes before w is repeated for the layers.
    """

    @torch.inference_mode()
    def __init__(self, network: MappingNetwork, device: torch.device) -> None:
        layers = [network.get_submodule(f"fc{i}") for i in range(network.num_layers)]
        self._layers = [_scaled(layer, math.sqrt(2), device) for layer in layers]
        self._embed = None if network.embed is None else _scaled(network.embed, 1.0, device)
        self._w_avg, self._num_ws = network.w_avg.to(device, torch.float32), network.num_ws

    @torch.inference_mode()
    def __call__(self, z: Tensor, c: Tensor | None, psi: float) -> Tensor:
        """Z [N, z_dim] and, for a conditional network, class weights c [N, c_dim] -> ws [N, num_ws, w_dim]."""
        x = normalize(z)
        if self._embed is not None:
            if c is None:
                raise ValueError("this network is conditional: pass c")
            x = torch.cat([x, normalize(functional.linear(c, *self._embed))], 1)
        for weight, bias in self._layers:
            x = functional.leaky_relu_(functional.linear(x, weight, bias), 0.2)
        if psi != 1:
            x = self._w_avg.lerp(x, psi)
        return x[:, None].repeat(1, self._num_ws, 1)


def _scaled(layer: torch.nn.Module, gain: float, device: torch.device) -> tuple[Tensor, Tensor]:
    assert isinstance(layer, FullyConnected)
    weight, bias = layer.weight * (layer.weight_gain * gain), layer.bias * (layer.bias_gain * gain)
    return weight.to(device, torch.float32).contiguous(), bias.to(device, torch.float32)
