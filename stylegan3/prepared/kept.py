"""What the first layers drew, for as long as nothing that feeds them changes."""

from collections.abc import Callable

import torch
from torch import Tensor


class Kept:
    """One activation, kept from the first picture on and whenever two in a row are fed alike.

    So a picture that moves every frame is painted as if nothing were kept, without a copy.
    """

    def __init__(self, drawn: Tensor, *, overwritten: bool) -> None:
        """`drawn` is the memory it is always painted into, `overwritten` whether the next layer writes to its input."""
        self._x, self._seat = torch.empty_like(drawn), drawn if overwritten else None
        self._fed: bytes | None = None  # of what is kept
        self._last: bytes | None = None  # of the last picture

    def given(self, fed: bytes, paint: Callable[[], Tensor]) -> Tensor:
        """What `paint` gives for this, painted or kept: the same bits."""
        last, self._last = self._last, fed
        if fed == self._fed:
            return self._x if self._seat is None else self._seat.copy_(self._x)
        x = paint()
        if self._fed is None or fed == last:
            self._fed = None  # until all of it is there
            self._x.copy_(x)
            self._fed = fed
        return x
