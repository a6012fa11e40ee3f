"""Convolutions whose weights are constant but for a scale of each input channel."""

import torch
from torch import Tensor
from torch.nn import functional

from stylegan3.prepared.styles import single


class Convolution:
    """k x k over [H, W, C], zeros around it; what is smaller is scaled, the weight or the features."""

    def __init__(self, weight: Tensor, size: int, padding: int) -> None:
        """Weight [out, in, k, k] over features of `size` squared, `padding` zeros on each side."""
        self.weight = single(weight).contiguous(memory_format=torch.channels_last)
        self.channels_out, self.channels_in, self.kernel, _ = weight.shape
        self._padding = padding
        self.scales_features = size**2 < self.channels_out * self.kernel**2
        self._scaled = self.weight if self.scales_features else torch.empty_like(self.weight)

    def __call__(self, x: Tensor, scale: Tensor) -> Tensor:
        """[H, W, in] and scale [in] -> [H', W', out]; the features may be overwritten."""
        if self.scales_features:
            x.mul_(scale)
        else:
            torch.mul(self.weight, scale[:, None, None], out=self._scaled)
        if self.kernel == 1:
            return (x.view(-1, self.channels_in) @ self._scaled[:, :, 0, 0].t()).view(*x.shape[:2], -1)
        y = functional.conv2d(x.permute(2, 0, 1)[None], self._scaled, padding=self._padding)
        return y[0].permute(1, 2, 0)
