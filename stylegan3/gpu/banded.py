"""The filtered leaky ReLU in ATen alone, for a GPU without our kernel: every pass one batched matrix product.

A FIR resampler is a banded Toeplitz matrix. Cut into blocks of equally many rows, all blocks are the same matrix and
move along by the same number of samples, so one `bmm` over overlapping windows of the memory does an axis, on tensor
cores where the type has them. Rows of samples are stored so wide that the windows of all of them follow one another
at one stride. Windows that run over the end of a row read the next one: what they see there is multiplied by zero or
ends in samples that nobody takes, and it was written in this same frame, so it is a number wherever the frame is.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional

from stylegan3.gpu.spec import LANE, FirSpec

_ROWS = 16  # of a block on the way down, about: the shortest side that fills tensor cores
_MOST = 2**15  # products in one launch; some versions of cuBLAS refuse more than 65535


class Memory:
    """Pieces that filters share which run one after another: each as large as the largest asks for."""

    def __init__(self, dtype: torch.dtype, device: torch.device) -> None:
        self.dtype, self.device = dtype, device
        self._pieces: dict[str, Tensor] = {}

    def reserve(self, name: str, count: int) -> None:
        held = self._pieces.get(name)
        if held is None or len(held) < count:
            self._pieces[name] = torch.zeros(count, dtype=self.dtype, device=self.device)

    def __call__(self, name: str, *shape: int) -> Tensor:
        """The beginning of a piece that was reserved."""
        count = torch.Size(shape).numel()
        return self._pieces[name][:count].view(shape)


class BandedFilters:
    """Makes the filters of a frame, which share their memory."""

    def __call__(self, specs: Sequence[FirSpec], dtype: torch.dtype, device: torch.device) -> "list[BandedFilter]":
        memory = Memory(dtype, device)
        return [BandedFilter(spec, memory) for spec in specs]


@dataclass(frozen=True, slots=True)
class _Layout:
    """Block b reads samples from `offset` + b `step`, makes activated ones from b `act`, outputs from b `rows`."""

    rows: int
    act: int
    step: int
    before: int  # zeros in front of the samples
    offset: int
    wide: int  # blocks along x
    down_y: int  # blocks along y, on the way down and up
    up_y: int
    height: int  # rows of the padded input
    high: int  # rows that go up along x
    tall: int  # rows that go down along x

    @classmethod
    def of(cls, spec: FirSpec, span_up: int, span_down: int) -> "_Layout":
        """From the end: what each stage reads of the one before."""
        rows, act, step, first = _steps(spec)
        activated, before = spec.activated(spec.in_size), max(-first, 0)
        seen = (activated - 1 - spec.pad[0] + len(spec.up_taps) - 1) // spec.up + 1  # samples that count
        wide = max(
            _over(spec.out_size, rows), _over(activated, act), _over(before + spec.in_size, step), _over(seen, step)
        )
        down_y = _over(spec.out_size, rows)
        tall = (down_y - 1) * act + span_down
        offset = first + before
        high = tall + _over(span_down - act, wide * act)  # more rows, for the last window along x runs over
        up_y = _over(high + _over(offset + span_up - step, wide * step), act)
        height = max(offset + (up_y - 1) * step + span_up, before + spec.in_size)
        return cls(rows, act, step, before, offset, wide, down_y, up_y, height, high, tall)


def _over(a: int, b: int) -> int:
    return -(-a // b)


def _steps(spec: FirSpec) -> tuple[int, int, int, int]:
    """Rows of a block down and up, samples it moves along, and the first column of the first."""
    rows = _over(_ROWS, spec.up) * spec.up
    return rows, rows * spec.down, rows * spec.down // spec.up, -(spec.pad[0] // spec.up)


def _up(spec: FirSpec) -> Tensor:
    """[act, span]: zeros inserted, padded in front, filtered."""
    _, act, _, first = _steps(spec)
    span = (act - 1 - spec.pad[0] + len(spec.up_taps) - 1) // spec.up - first + 1
    column = torch.arange(_over(span, LANE) * LANE)[None] + first
    return _pick(spec.up_taps, column * spec.up - torch.arange(act)[:, None] + spec.pad[0])


def _down(spec: FirSpec, taps: tuple[float, ...]) -> Tensor:
    """[rows, span]: filtered, every `down`-th kept."""
    rows, *_ = _steps(spec)
    span = (rows - 1) * spec.down + len(taps)
    return _pick(taps, torch.arange(_over(span, LANE) * LANE)[None] - torch.arange(rows)[:, None] * spec.down)


def _pick(taps: tuple[float, ...], index: Tensor) -> Tensor:
    """The flipped filter at `index`, zero outside."""
    f = torch.tensor(taps, dtype=torch.float64).flip(0)
    inside = (index >= 0) & (index < len(f))
    return torch.where(inside, f[index.clamp(0, len(f) - 1)], torch.zeros((), dtype=torch.float64))


class BandedFilter:
    """One layer's."""

    def __init__(self, spec: FirSpec, memory: Memory) -> None:
        self._spec, self._memory, c = spec, memory, spec.channels
        up = _up(spec)
        downs = [(_down(spec, vertical), _down(spec, horizontal)) for vertical, horizontal in spec.down_factors]
        self._layout = at = _Layout.of(spec, up.shape[1], downs[0][0].shape[1])

        def here(matrix: Tensor) -> Tensor:
            return matrix.to(memory.device, memory.dtype)[None]

        self._up_x, self._up_y = here(up), here(up * spec.gain)  # which may come before the leaky ReLU as well
        self._downs = [(here(vertical), here(horizontal)) for vertical, horizontal in downs]
        width = at.wide * at.rows * c
        memory.reserve("near", max(at.height * at.wide * at.step * c, at.down_y * at.rows * width))
        memory.reserve("far", max(at.up_y * at.act * at.wide * at.step * c, at.tall * width))
        memory.reserve("high", at.high * at.wide * at.act * c)

    def __call__(self, x: Tensor, demod: Tensor, bias: Tensor, style: Tensor, out: Tensor) -> None:
        spec, at, memory, c = self._spec, self._layout, self._memory, self._spec.channels
        padded = memory("near", at.height, at.wide * at.step, c)
        inside = slice(at.before, at.before + spec.in_size)
        padded.zero_()
        torch.addcmul(bias, x, demod, out=padded[inside, inside])
        tall = memory("far", at.up_y, at.act, at.wide * at.step * c)
        _along(self._up_y, padded, tall, at.step * tall.shape[2], at.offset * tall.shape[2])
        high = memory("high", at.high * at.wide, at.act, c)
        _along(self._up_x, tall, high, at.step * c, at.offset * c)
        if spec.slope != 1:
            functional.leaky_relu_(high, spec.slope)
        if spec.clamp is not None:
            high.clamp_(-spec.clamp, spec.clamp)
        short = memory("far", at.tall * at.wide, at.rows, c)
        low = memory("near", at.down_y, at.rows, at.wide * at.rows * c)
        for i, (vertical, horizontal) in enumerate(self._downs):
            _along(horizontal, high, short, at.act * c, 0)
            _along(vertical, short, low, at.act * low.shape[2], 0, add=i > 0)
        picture = low.view(at.down_y * at.rows, at.wide * at.rows, c)
        torch.mul(picture[: spec.out_size, : spec.out_size], style, out=out)


def _along(matrix: Tensor, x: Tensor, out: Tensor, stride: int, offset: int, *, add: bool = False) -> None:
    """Each window of x, `stride` after the one before, times the matrix: out [windows, rows, lanes]."""
    lanes, base = out.shape[2], x.storage_offset() + offset
    for first in range(0, len(out), _MOST):
        into = out[first : first + _MOST]
        windows = x.as_strided((len(into), matrix.shape[2], lanes), (stride, lanes, 1), base + first * stride)
        many = matrix.expand(len(into), -1, -1)
        if add:
            into.baddbmm_(many, windows)
        else:
            torch.bmm(many, windows, out=into)
