"""The filtered leaky ReLU on a GPU: one launch, and its definition in ATen."""

import ctypes
from collections.abc import Sequence
from functools import cache, lru_cache
from pathlib import Path

import torch
from torch import Tensor
from torch.nn import functional

from stylegan3.errors import EngineError
from stylegan3.gpu import nvrtc
from stylegan3.gpu.spec import HALF_ERROR, LANE, SINGLE_ERROR, FirSpec, Work, factors, spec_of, work
from stylegan3.gpu.tiling import Tiling, defines, tile
from stylegan3.ops import Resampler

__all__ = [
    "HALF_ERROR", "LANE", "SINGLE_ERROR", "Fir", "FirSpec", "Work", "factors", "firs", "reference", "source", "spec_of",
    "work",
]  # fmt: skip

_ITEMS = {torch.float16: "half", torch.float32: "float"}


def reference(spec: FirSpec, x: Tensor, demod: Tensor, bias: Tensor, style: Tensor) -> Tensor:
    """The definition. x [H, W, C] (any H and W), the others [C] -> [H', W', C] in the type of x.

    Sums are float64 where x is, float32 elsewhere. Outside x the signal is 0, not `bias`.
    """
    dtype = torch.float64 if x.dtype == torch.float64 else torch.float32
    y = x.to(dtype) * demod.to(dtype) + bias.to(dtype)
    for axis in (0, 1):
        y = _along(axis, _up(spec, y.shape[axis], dtype, y.device), y)
    y = functional.leaky_relu(y, spec.slope) * spec.gain
    if spec.clamp is not None:
        y = y.clamp(-spec.clamp, spec.clamp)
    height, width = (spec.resized(size) for size in x.shape[:2])
    parts = [
        _along(0, _down(spec, v, y.shape[0], height, dtype, y.device),
               _along(1, _down(spec, h, y.shape[1], width, dtype, y.device), y))
        for v, h in spec.down_factors
    ]  # fmt: skip
    return (sum(parts[1:], parts[0]) * style.to(dtype)).to(x.dtype)


@lru_cache(maxsize=256)
def _up(spec: FirSpec, size: int, dtype: torch.dtype, device: torch.device) -> Resampler:
    taps = torch.tensor(spec.up_taps, dtype=torch.float64, device=device) / spec.up
    return Resampler.upsampling(taps, spec.up, size, spec.activated(size), spec.pad[0], dtype)


@lru_cache(maxsize=256)
def _down(
    spec: FirSpec, taps: tuple[float, ...], size_in: int, size_out: int, dtype: torch.dtype, device: torch.device
) -> Resampler:
    f = torch.tensor(taps, dtype=torch.float64, device=device)
    return Resampler.downsampling(f, spec.down, size_in, size_out, dtype)


def _along(axis: int, by: Resampler, x: Tensor) -> Tensor:
    """One axis of [H, W, C] resampled."""
    h, w, c = x.shape
    if axis:
        out = x.new_empty(h, by.size, c)
        for b in by.bands:
            out[:, b.row : b.row + len(b.matrix)] = b.matrix @ x[:, b.low : b.high]
        return out
    tall, rows = x.new_empty(by.size, w * c), x.reshape(h, w * c)
    for b in by.bands:
        tall[b.row : b.row + len(b.matrix)] = b.matrix @ rows[b.low : b.high]
    return tall.view(by.size, w, c)


class Fir:
    """One launch of fir.cu, specialised to a layer; it allocates nothing and waits for nothing, so graphs record it."""

    def __init__(
        self, spec: FirSpec, dtype: torch.dtype, machine: nvrtc.Machine, tiling: Tiling, kernel: nvrtc.Kernel
    ) -> None:
        self.spec, self.dtype, self.tiling = spec, dtype, tiling
        self._machine, self._kernel, self.device = machine, kernel, machine.device
        self._sizes = tuple(map(ctypes.c_int, (*[spec.in_size] * 2, *[spec.out_size] * 2, tiling.band)))

    def __call__(self, x: Tensor, demod: Tensor, bias: Tensor, style: Tensor, out: Tensor) -> None:
        """As `reference`, into `out`, on PyTorch's current stream; x [in, in, C] and out [out, out, C] of its type."""
        spec = self.spec
        for name, tensor, shape, dtype in (
            ("x", x, (spec.in_size, spec.in_size, spec.channels), self.dtype),
            ("out", out, (spec.out_size, spec.out_size, spec.channels), self.dtype),
            *((n, t, (spec.channels,), torch.float32) for n, t in (("demod", demod), ("bias", bias), ("style", style))),
        ):
            if tensor.shape != shape or tensor.dtype != dtype or not tensor.is_contiguous():
                raise ValueError(f"{name} must be contiguous {list(shape)} {dtype}")
            if tensor.device != self.device:
                raise ValueError(f"{name} must be on {self.device}, not {tensor.device}")
        pointers = [ctypes.c_void_p(tensor.data_ptr()) for tensor in (x, demod, bias, style, out)]
        self._kernel.driver.launch(
            self._kernel, self.tiling.grid, self.tiling.threads, self._machine.stream(), (*pointers, *self._sizes)
        )


def firs(
    specs: Sequence[FirSpec], dtype: torch.dtype, device: torch.device, machine: nvrtc.Machine | None = None
) -> list[Fir]:
    """Launches for every layer of a frame, compiled side by side, or found in the cache; EngineError where they cannot.

    `machine` is the device's own unless told.
    """
    if dtype not in _ITEMS:
        raise EngineError(f"the fused GPU kernel does not know {dtype}")
    on = nvrtc.gpu(device) if machine is None else machine
    tilings = [tile(spec, on.processors) for spec in specs]
    options = [defines(spec, tiling, _ITEMS[dtype]) for spec, tiling in zip(specs, tilings, strict=True)]
    images = nvrtc.compiled(on, source(), options)
    kernels = {key: on.load(image, "fir") for key, image in images.items()}
    return [
        Fir(spec, dtype, on, tiling, kernels[key]) for spec, tiling, key in zip(specs, tilings, options, strict=True)
    ]


@cache
def source() -> str:
    """The kernel's text."""
    return Path(__file__).with_name("fir.cu").read_text(encoding="utf-8")
