"""The affine layers that make styles of ws, all of a network's in one product.

In float64: a batch of products with a vector sums in plain order, which costs float32 half of its picture's accuracy.
"""

from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn.utils.rnn import pad_sequence

from stylegan3.layers import FullyConnected


class Styles:
    """Affine layers stacked; those of fewer channels are filled up with zeros."""

    def __init__(self, affines: Sequence[FullyConnected], ws: Sequence[int]) -> None:
        """`ws` says which w each layer takes."""
        self._which = torch.tensor(ws)
        self._weight = pad_sequence([double(a.weight) * a.weight_gain for a in affines], batch_first=True)
        self._bias = pad_sequence([double(a.bias) * a.bias_gain for a in affines], batch_first=True)[..., None]
        self._out = torch.empty_like(self._bias)
        self.channels = self._bias.shape[1]

    def __call__(self, ws: Tensor) -> Tensor:
        """Ws [num_ws, w_dim] -> float64 [layers, most channels]; the next call overwrites it."""
        torch.baddbmm(self._bias, self._weight, ws[self._which].double()[..., None], out=self._out)
        return self._out[..., 0]


class Demodulation:
    """What brings each output channel back to unit second moment, of all layers in one product."""

    def __init__(self, weights: Sequence[Tensor], channels: int) -> None:
        """Weights [out, in, k, k] in the order of the styles, which have so many channels."""
        squares = [w.double().square().sum([2, 3]) for w in weights]
        wide = [nn.functional.pad(s, (0, channels - s.shape[1])) for s in squares]
        self._squares = pad_sequence(wide, batch_first=True)

    def __call__(self, styles: Tensor) -> Tensor:
        """[layers, most channels in] -> [layers, most channels out]."""
        return (self._squares @ styles.square()[..., None])[..., 0].add_(1e-8).rsqrt_()


def single(t: Tensor) -> Tensor:
    """A copy on the CPU in float32."""
    return t.detach().to("cpu", torch.float32, copy=True)


def double(t: Tensor) -> Tensor:
    """A copy on the CPU in float64."""
    return t.detach().to("cpu", torch.float64, copy=True)
