"""Layers that draw the same whatever w is: a painter need not paint them again while the picture stands still."""

from itertools import takewhile

from stylegan3.layers import SynthesisInput, SynthesisLayer
from stylegan3.synthesis import SynthesisNetwork


def deaf_layers(synthesis: SynthesisNetwork) -> int:
    """How many of the first layers hear nothing of w: their affine weights, and the input's, are exactly zero.

    What they give depends on the input's transform alone. 0 where the input or L0 hears; ToRGB is not counted.
    """
    hidden = takewhile(_is_deaf, synthesis.layers[:-1])
    return sum(1 for _ in hidden) if _is_deaf(synthesis.input) else 0


def _is_deaf(part: SynthesisInput | SynthesisLayer) -> bool:
    return not bool(part.affine.weight.any())  # what is no number is not zero
