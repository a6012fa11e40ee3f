"""The filtered leaky ReLU in plain PyTorch: resampling as blocked banded matrices, nothing ever zero-inserted.

A FIR resampler is a banded Toeplitz matrix. Cut into blocks of rows, each with its own short span of columns, it
becomes a few small GEMMs; with channels last both axes are GEMMs over contiguous memory. Exactly the same sums as the
textbook form (zero-insert, pad, filter, decimate), without the zeros.
"""

from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional

_BLOCK = 32  # rows of a block: measured best of 16..128 at 36..148 pixels on AVX-512, flat around it


@dataclass(frozen=True, slots=True, eq=False)
class Band:
    """Rows [row, row + len) of a banded matrix, which are zero outside columns [low, high)."""

    row: int
    low: int
    high: int
    matrix: Tensor  # [rows, high - low]


@dataclass(frozen=True, slots=True, eq=False)
class Resampler:
    """A banded matrix [size_out, size_in] in blocks."""

    size: int
    bands: tuple[Band, ...]

    @classmethod
    def upsampling(
        cls, taps: Tensor, up: int, size_in: int, size_out: int, pad: int, dtype: torch.dtype
    ) -> "Resampler":
        """Insert `up` - 1 zeros after each sample, pad by `pad` in front, filter, gain `up`."""
        n, m = torch.arange(size_out)[:, None], torch.arange(size_in)[None]
        return cls._cut(_pick(taps, m * up - n + pad) * up, taps.device, dtype)

    @classmethod
    def downsampling(cls, taps: Tensor, down: int, size_in: int, size_out: int, dtype: torch.dtype) -> "Resampler":
        """Filter, keep every `down`-th sample."""
        n, m = torch.arange(size_out)[:, None], torch.arange(size_in)[None]
        return cls._cut(_pick(taps, m - n * down), taps.device, dtype)

    @classmethod
    def _cut(cls, matrix: Tensor, device: torch.device, dtype: torch.dtype) -> "Resampler":
        bands = []
        for row in range(0, len(matrix), _BLOCK):
            block = matrix[row : row + _BLOCK]
            used = (block != 0).any(0).nonzero()
            low, high = (int(used[0]), int(used[-1]) + 1) if len(used) else (0, 1)
            bands.append(Band(row, low, high, block[:, low:high].to(device, dtype).contiguous()))
        return cls(len(matrix), tuple(bands))

    def __call__(self, x: Tensor) -> Tensor:
        """Resample both axes of x [N, H, W, C]."""
        n, h, w, c = x.shape
        rows = x.reshape(n, h, w * c)
        tall = x.new_empty(n, self.size, w * c)
        for b in self.bands:
            tall[:, b.row : b.row + len(b.matrix)] = b.matrix @ rows[:, b.low : b.high]
        tall = tall.view(n, self.size, w, c)
        out = x.new_empty(n, self.size, self.size, c)
        for b in self.bands:
            out[:, :, b.row : b.row + len(b.matrix)] = b.matrix @ tall[:, :, b.low : b.high]
        return out


class Decimator:
    """A filter [taps, taps] that is no product of two: a depthwise convolution at every `step`-th sample."""

    def __init__(self, taps: Tensor, step: int, dtype: torch.dtype) -> None:
        self.step = step
        self.kernel = taps.detach().flip([0, 1]).to(dtype)[None, None]

    def __call__(self, x: Tensor) -> Tensor:
        """Filter and decimate both axes of x [N, H, W, C]."""
        if x.dtype == torch.float64:
            return self._shifted(x)
        c = x.shape[3]
        y = functional.conv2d(x.permute(0, 3, 1, 2), self.kernel.expand(c, -1, -1, -1), stride=self.step, groups=c)
        return y.permute(0, 2, 3, 1)

    def _shifted(self, x: Tensor) -> Tensor:
        """The same sum tap by tap: PyTorch has no fast depthwise convolution of float64, in which references are."""
        taps, step = self.kernel[0, 0], self.step
        h, w = ((side - len(taps)) // step + 1 for side in x.shape[1:3])
        out = x.new_zeros(x.shape[0], h, w, x.shape[3])
        for i, row in enumerate(taps):
            for j, tap in enumerate(row.tolist()):
                out.add_(x[:, i : i + step * h : step, j : j + step * w : step], alpha=tap)
        return out


def _pick(taps: Tensor, index: Tensor) -> Tensor:
    """The flipped filter at `index`, zero outside, in float64."""
    f = taps.detach().cpu().double().flip(0)
    inside = (index >= 0) & (index < len(f))
    return torch.where(inside, f[index.clamp(0, len(f) - 1)], torch.zeros((), dtype=torch.float64))


def filtered_lrelu(
    x: Tensor,
    upsample: Resampler | None,
    downsample: Resampler | Decimator | None,
    *,
    slope: float,
    gain: float,
    clamp: float | None,
) -> Tensor:
    """Up, leaky ReLU with `gain`, clamp, down; x [N, C, H, W] with channels last in memory."""
    y = x.permute(0, 2, 3, 1)
    y = upsample(y) if upsample else y
    if slope != 1:
        y = functional.leaky_relu(y, slope)
    if gain != 1:
        y = y * gain
    if clamp is not None:
        y = y.clamp(-clamp, clamp)
    y = downsample(y) if downsample else y
    return y.permute(0, 3, 1, 2)
