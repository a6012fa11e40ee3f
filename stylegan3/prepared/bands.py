"""FIR resampling along the leading axis as one batch of small matrix products.

A resampler is a banded Toeplitz matrix. Cut into blocks of as many rows as its period allows, all blocks are the same
matrix, moved by the same number of samples: one `bmm` over overlapping windows of the memory does the whole axis, and
PyTorch shares the blocks among its threads. Nothing is inserted, and little outside the band is multiplied.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

import torch
from torch import Tensor


@dataclass(frozen=True, slots=True, eq=False)
class Bands:
    """A matrix [size_out, size_in] in equal blocks; lanes are samples at one place that have taps of their own.

    The memory it reads has `before` rows of zeros in front of the samples and `after` behind.
    """

    blocks: Tensor  # [blocks, rows * lanes out, span * lanes in]
    size_in: int
    size_out: int
    lanes_in: int
    lanes_out: int
    step: int  # samples from a block's first column to the next one's
    start: int  # the first block's first column, counted with the zeros in front
    before: int
    after: int

    @classmethod
    def make(cls, taps: Tensor, *, up: int, down: int, size_in: int, size_out: int, pad: int, rows: int) -> "Bands":
        """Insert `up` - 1 zeros after each sample, pad by `pad` in front, filter, keep every `down`-th.

        Args:
            taps: [taps] or [lanes out, lanes in, taps], with all gains.
            up: samples out for each sample in, before `down`.
            down: which samples are kept.
            size_in: samples along the axis.
            size_out: samples that come out.
            pad: in samples of the zero-inserted signal; negative crops.
            rows: of a block, about; made a multiple of what repeats.
        """
        f = taps.detach().cpu().double().flip(-1)
        f = f[None, None] if f.ndim == 1 else f
        lanes_out, lanes_in, count = f.shape
        rows = -(-min(rows, size_out) // up) * up
        first = -(pad // up)
        span = ((rows - 1) * down - pad + count - 1) // up - first + 1
        index = (first + torch.arange(span)) * up - torch.arange(rows)[:, None] * down + pad
        picked = torch.where((index >= 0) & (index < count), f[..., index.clamp(0, count - 1)], 0.0)
        block = picked.permute(2, 0, 3, 1).reshape(rows * lanes_out, span * lanes_in)
        n, step, before = -(-size_out // rows), rows * down // up, max(-first, 0)
        needed = max(first, 0) + (n - 1) * step + span
        return cls(
            blocks=block.float().expand(n, -1, -1).contiguous(),  # a stride of zero takes a slower way
            size_in=size_in, size_out=size_out, lanes_in=lanes_in, lanes_out=lanes_out, step=step,
            start=max(first, 0), before=before, after=max(needed - before - size_in, 0),
        )  # fmt: skip

    @property
    def rows_in(self) -> int:
        """Of the memory it reads, zeros and all."""
        return (self.before + self.size_in + self.after) * self.lanes_in

    @property
    def rows_out(self) -> int:
        """Of the memory it writes; those past `size_out` are of no use."""
        return self.blocks.shape[0] * self.blocks.shape[1]

    @property
    def reach(self) -> float:
        """How many times the largest input an output can be, at most."""
        return float(self.blocks[0].abs().sum(1).max())

    def samples(self, source: Tensor, width: int) -> Tensor:
        """Where in `source`, which is flat, the samples go: [size_in * lanes_in, width]."""
        at = self.before * self.lanes_in
        return source[: self.rows_in * width].view(self.rows_in, width)[at : at + self.size_in * self.lanes_in]

    def margins(self, source: Tensor, width: int) -> tuple[Tensor, ...]:
        """What of `source` must be zero around the samples."""
        rows = source[: self.rows_in * width].view(self.rows_in, width)
        front, back = rows[: self.before * self.lanes_in], rows[self.rows_in - self.after * self.lanes_in :]
        return tuple(margin for margin in (front, back) if len(margin))

    def through(
        self, source: Tensor, target: Tensor, width: int, first: int = 0, count: int | None = None
    ) -> tuple[Callable[[], object], Tensor]:
        """What filters `source` into `target`, both flat, and the result [samples * lanes out, width] in there.

        Of all blocks, or of `count` from the `first` on.
        """
        n, rows, span = self.blocks.shape
        count = n if count is None else count
        pitch = self.lanes_in * width
        windows = source.as_strided(
            (count, span, width), (self.step * pitch, width, 1),
            source.storage_offset() + (self.start + first * self.step) * pitch,
        )  # fmt: skip
        out = target[: count * rows * width].view(count, rows, width)
        useful = self.size_out * self.lanes_out - first * rows
        return partial(torch.bmm, self.blocks[:count], windows, out=out), out.view(-1, width)[:useful]
