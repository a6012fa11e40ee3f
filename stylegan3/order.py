"""In which order a network paints its colours."""

import torch
from torch import Tensor, nn

from stylegan3.generator import Generator
from stylegan3.layers import SynthesisLayer
from stylegan3.stylegan2.layers import ToRGB


@torch.no_grad()
def swap_red_and_blue(G: Generator) -> None:
    """Have a network paint blue, green, red: what it paints with is put in that order, for good. Alpha stays the last.

    Whatever is built of it afterwards paints so without knowing. A picture is the sum of what one layer or several
    paint, channel by channel, so that every number of it is the one it was.
    """
    if G.img_channels < 3:
        return
    for module in G.synthesis.modules():
        if isinstance(module, ToRGB) or (isinstance(module, SynthesisLayer) and module.spec.is_torgb):
            for of_channels in (module.weight, module.bias):
                _swap(of_channels)


def _swap(of_channels: nn.Parameter) -> None:
    first: Tensor = of_channels[0].clone()
    of_channels[0] = of_channels[2]
    of_channels[2] = first
