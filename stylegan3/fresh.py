"""The numbers a network begins with.

The meta device has none, so nothing is computed there: for its arithmetic PyTorch imports half of itself, which took
every start of the daemon a second.
"""

import torch
from torch import Tensor


def normal(*shape: int, over: float = 1.0) -> Tensor:
    """Of deviation 1 / `over`."""
    x = torch.empty(shape)
    return x if x.is_meta else x.normal_() / over


def turns(count: int) -> Tensor:
    """[count], even between half a turn back and half a turn on."""
    x = torch.empty(count)
    return x if x.is_meta else x.uniform_() - 0.5


def disc(count: int, radius: float) -> Tensor:
    """[count, 2], even over a disc."""
    x = torch.empty(count, 2)
    if x.is_meta:
        return x
    radii = x.normal_().square().sum(1, keepdim=True).sqrt()
    return x / (radii * radii.square().exp().pow(0.25)) * radius
