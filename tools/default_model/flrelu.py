"""The filtered leaky ReLU with its adjoint: flrelu.cpp where a compiler is found, plain PyTorch elsewhere."""

import ctypes
import math
import subprocess
import sys
import sysconfig
import tempfile
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import cache
from itertools import pairwise
from pathlib import Path
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional

from stylegan3.ops import Resampler, filtered_lrelu

GAIN, SLOPE = math.sqrt(2), 0.2
_LANE, _TAPS = 16, 6
_SOURCE = Path(__file__).with_name("flrelu.cpp")
_FLAGS = [
    "-x",
    "c++",
    "-std=c++17",
    "-O3",
    "-fno-math-errno",  # no -ffast-math: gcc links into such a library what flushes denormals in the whole process
    "-fno-trapping-math",
    "-ffp-contract=fast",
    "-shared",
    "-fPIC",
    "-fno-exceptions",
    "-fno-rtti",
    "-Wno-psabi",
]


class _Job(ctypes.Structure):
    _fields_ = (
        *(
            (name, ctypes.c_void_p)
            for name in ("x", "scale", "bias", "y0", "up_taps", "down_taps", "out", "sums", "signs")
        ),
        *((name, ctypes.c_int) for name in ("channels", "in_size", "out_size", "pad", "first", "act_size")),
        ("gain", ctypes.c_float),
        ("slope", ctypes.c_float),
        ("begin", ctypes.c_int),
        ("end", ctypes.c_int),
    )


@cache
def _library() -> ctypes.CDLL | None:
    """Compiled for this machine, once a process; None without a compiler."""
    compilers = [
        [sys.executable, "-m", "ziglang", "c++", "-nostdlib++", "-fno-sanitize=undefined", "-mcpu=native"],
        [(sysconfig.get_config_var("CXX") or "c++").split()[0], "-march=native"],
    ]
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:
        target = Path(folder) / "flrelu.so"
        for compiler in reversed(compilers):
            try:
                done = subprocess.run(
                    [*compiler, *_FLAGS, str(_SOURCE), "-o", str(target)], capture_output=True, check=False
                )
            except OSError:
                continue
            if done.returncode == 0:
                return ctypes.CDLL(str(target))
    return None


@cache
def _pool(threads: int) -> ThreadPoolExecutor:
    return ThreadPoolExecutor(threads)


def _call(name: str, up: int, samples: int, job: dict[str, Any]) -> None:
    """Split by samples and blocks of channels over the threads PyTorch has."""
    library = _library()
    assert library is not None
    total, threads = samples * job["channels"] // _LANE, torch.get_num_threads()
    cuts = [total * i // threads for i in range(threads + 1)]
    jobs = [_Job(**job, gain=GAIN, slope=SLOPE, begin=a, end=b) for a, b in pairwise(cuts) if a < b]
    function = getattr(library, name)
    if len(jobs) == 1:
        function(ctypes.byref(jobs[0]), up)
    else:
        list(_pool(threads).map(lambda one: function(ctypes.byref(one), up), jobs))


@dataclass(frozen=True, slots=True)
class Filtering:
    """One layer's filters, over one size: the picture's or a crop's."""

    up_taps: Tensor
    down_taps: Tensor
    up: int
    pad: int
    in_size: int
    out_size: int

    @property
    def act_size(self) -> int:
        return 2 * (self.out_size - 1) + 2 * _TAPS


class _Fused(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, y: Tensor, scale: Tensor, bias: Tensor, f: Filtering) -> Tensor:
        y, scale, bias = y.contiguous(memory_format=torch.channels_last), scale.contiguous(), bias.contiguous()
        n, c, act = y.shape[0], y.shape[1], f.act_size
        out = torch.empty((n, c, f.out_size, f.out_size), memory_format=torch.channels_last)
        signs = torch.empty((n * c // _LANE, act, act), dtype=torch.int16) if any(ctx.needs_input_grad[:3]) else None
        up_taps = f.up_taps * f.up
        _call("flrelu_forward", f.up, n, {
            "x": y.data_ptr(), "scale": scale.data_ptr(), "bias": bias.data_ptr(), "y0": None, "sums": None,
            "up_taps": up_taps.data_ptr(), "down_taps": f.down_taps.data_ptr(), "out": out.data_ptr(),
            "signs": None if signs is None else signs.data_ptr(), "channels": c, "in_size": f.in_size,
            "out_size": f.out_size, "pad": f.pad, "first": 0, "act_size": act,
        })  # fmt: skip
        if signs is not None:
            ctx.save_for_backward(y, scale, signs)
        ctx.f = f
        return out

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> Any:
        y, scale, signs = ctx.saved_tensors
        f: Filtering = ctx.f
        grad = grads[0].contiguous(memory_format=torch.channels_last)
        n, c = y.shape[:2]
        out, sums, up_taps = torch.empty_like(y), torch.empty(n, 2, c), f.up_taps * f.up
        _call("flrelu_adjoint", f.up, n, {
            "x": grad.data_ptr(), "scale": scale.data_ptr(), "bias": None, "y0": y.data_ptr(), "sums": sums.data_ptr(),
            "up_taps": f.down_taps.data_ptr(), "down_taps": up_taps.data_ptr(), "out": out.data_ptr(),
            "signs": signs.data_ptr(), "channels": c, "in_size": f.out_size, "out_size": f.in_size,
            "pad": 2 * _TAPS - 1, "first": f.pad - _TAPS * f.up + 1, "act_size": f.act_size,
        })  # fmt: skip
        return out, sums[:, 1], sums[:, 0].sum(0), None


def flrelu(y: Tensor, scale: Tensor, bias: Tensor, f: Filtering) -> Tensor:
    """[N, C, in, in], scale [N, C], bias [C] -> [N, C, out, out], channels last; differentiable in all three."""
    fits = y.device.type == "cpu" and y.dtype == torch.float32
    if fits and f.up in (2, 4) and _taps(f) == (_TAPS * f.up, 2 * _TAPS) and _library() is not None:
        spare = -y.shape[1] % _LANE
        if spare:
            y, scale, bias = (
                functional.pad(y, [0, 0, 0, 0, 0, spare]),
                functional.pad(scale, [0, spare]),
                functional.pad(bias, [0, spare]),
            )
        out: Tensor = _Fused.apply(y, scale, bias, f)
        return out[:, : out.shape[1] - spare]
    return plain(y, scale, bias, f)


def plain(y: Tensor, scale: Tensor, bias: Tensor, f: Filtering) -> Tensor:
    """The same from PyTorch's own pieces."""
    y = y * scale[:, :, None, None] + bias[:, None, None]
    up = Resampler.upsampling(f.up_taps, f.up, f.in_size, f.act_size, f.pad, y.dtype)
    down = Resampler.downsampling(f.down_taps, 2, f.act_size, f.out_size, y.dtype)
    return filtered_lrelu(y, up, down, slope=SLOPE, gain=GAIN, clamp=None)


def _taps(f: Filtering) -> Sequence[int]:
    return len(f.up_taps), len(f.down_taps)
