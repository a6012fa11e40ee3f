"""Convolutions whose weights are constant but for a scale of each input channel."""

import torch
from torch import Tensor
from torch.nn import functional

from stylegan3.prepared.styles import single


class Convolution:
    """k x k over [H, W, C], or its transpose of stride 2; what is smaller is scaled, the weight or the features."""

    def __init__(self, weight: Tensor, size: int, padding: int = 0, *, doubling: bool = False) -> None:
        """Weight [out, in, k, k] over features of `size` squared, `padding` zeros on each side."""
        self.channels_out, self.channels_in, self.kernel, _ = weight.shape
        self._padding, self._doubling = padding, doubling
        weight = single(weight).transpose(0, 1) if doubling else single(weight)
        self._weight = weight.contiguous(memory_format=torch.channels_last)
        self.scales_features = size**2 < self.channels_out * self.kernel**2  # they are overwritten then
        self._scaled = self._weight if self.scales_features else torch.empty_like(self._weight)

    def __call__(self, x: Tensor, scale: Tensor) -> Tensor:
        """[H, W, in] and scale [in] -> [H', W', out]; the features may be overwritten."""
        if self.scales_features:
            x.mul_(scale)
        else:
            wide = scale[:, None, None, None] if self._doubling else scale[:, None, None]
            torch.mul(self._weight, wide, out=self._scaled)
        if self.kernel == 1:
            return (x.reshape(-1, self.channels_in) @ self._scaled[:, :, 0, 0].t()).view(*x.shape[:2], -1)
        if self._doubling:
            y = functional.conv_transpose2d(planes(x), self._scaled, stride=2)
        else:
            y = functional.conv2d(planes(x), self._scaled, padding=self._padding)
        return y[0].permute(1, 2, 0)


def planes(x: Tensor) -> Tensor:
    """[H, W, C] -> [1, C, H, W], with strides by which PyTorch knows that the channels are innermost."""
    return x[None].permute(0, 3, 1, 2)
