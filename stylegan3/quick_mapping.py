"""The mapping network for a latent or a few at a time, as a live show needs it."""

import math
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from stylegan3.layers import FullyConnected
from stylegan3.mapping import MappingNetwork

F32: TypeAlias = NDArray[np.float32]

_FEW = 8  # latents, up to which each is multiplied by itself
_SLOPE = np.float32(0.2)


class QuickMapping:
    """Z -> ws with weights that were scaled once; plain PyTorch scales them anew for every latent.

    The gain of each leaky ReLU is in the weights before it, and truncation comes before w is repeated for the layers.
    NumPy, not PyTorch: a tick comes after a sleep, with cold caches, where each operation of PyTorch costs some 40 us
    however small it is. What a latent gives does not depend on the few beside it, to the bit.
    """

    def __init__(self, network: MappingNetwork) -> None:
        layers = [network.get_submodule(f"fc{i}") for i in range(network.num_layers)]
        self._layers = [_scaled(layer, math.sqrt(2)) for layer in layers]
        self._embed = None if network.embed is None else _scaled(network.embed, 1.0)
        self._w_avg: F32 = network.w_avg.detach().cpu().numpy().astype(np.float32)
        self._num_ws = network.num_ws

    def __call__(self, z: F32, c: F32 | None, psi: float) -> F32:
        """Z [N, z_dim] and, for a conditional network, class weights c [N, c_dim] -> ws [N, num_ws, w_dim]."""
        x = _normalized(z)
        if self._embed is not None:
            if c is None:
                raise ValueError("this network is conditional: pass c")
            x = np.concatenate([x, _normalized(_linear(c, *self._embed))], 1)
        for weight, bias in self._layers:
            x = _linear(x, weight, bias)
            np.maximum(x, _SLOPE * x, out=x)
        if psi != 1:
            x -= self._w_avg
            x *= np.float32(psi)
            x += self._w_avg
        return np.repeat(x[:, None], self._num_ws, 1)


def _linear(x: F32, weight: F32, bias: F32) -> F32:
    """X [N, in] by weight [in, out]; few rows one by one, so that none depends on another."""
    made: F32 = np.matmul(x[:, None], weight)[:, 0] if len(x) <= _FEW else x @ weight
    made += bias
    return made


def _normalized(x: F32) -> F32:
    """Unit second moment of each row."""
    scale: F32 = np.float32(1) / np.sqrt(np.einsum("ij,ij->i", x, x) / np.float32(x.shape[1]) + np.float32(1e-8))
    return x * scale[:, None]


def _scaled(layer: object, gain: float) -> tuple[F32, F32]:
    assert isinstance(layer, FullyConnected)
    weight, bias = layer.weight * (layer.weight_gain * gain), layer.bias * (layer.bias_gain * gain)
    turned: F32 = np.ascontiguousarray(weight.detach().float().cpu().numpy().T)
    return turned, bias.detach().float().cpu().numpy()
