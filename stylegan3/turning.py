"""A picture that moves while it is timed: what painters keep of one that stands still is then of no use to them."""

import math
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from itertools import count

import torch

from stylegan3.generator import Generator
from stylegan3.synthesis import SynthesisNetwork

Turning = Callable[[], AbstractContextManager[Callable[[], None]]]  # `turned`, of some network
_STEP = 0.05  # rad; no multiple of it is a whole turn


@contextmanager
def turned(G: Generator) -> Iterator[Callable[[], None]]:
    """What turns G's picture a little further with each call; in the end it lies where it lay, bit for bit.

    StyleGAN2's cannot be moved, and is not.
    """
    if not isinstance(G.synthesis, SynthesisNetwork):
        yield lambda: None
        return
    source, steps = G.synthesis.input, count(1)
    with torch.inference_mode():
        lay = source.transform.clone()

    @torch.inference_mode()
    def turn() -> None:
        angle = _STEP * next(steps)
        c, s = math.cos(angle), math.sin(angle)
        source.transform.copy_(lay @ lay.new_tensor([[c, -s, 0], [s, c, 0], [0, 0, 1]]))

    try:
        yield turn
    finally:
        with torch.inference_mode():
            source.transform.copy_(lay)
