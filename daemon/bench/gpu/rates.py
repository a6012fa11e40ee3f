"""What this GPU can do, measured in the same run as the frames that are told against it.

Tensor cores: square float16 products and a wide 3x3 convolution, the best of them. Without them: a square float32
product with TF32 off, which CUDA cores compute, and chains of fused multiply-adds in a kernel of our own (chains.py),
in float32 and in pairs of float16; a chain of PyTorch's elementwise operations would measure memory, for each goes
there and back. Where our kernel cannot be had, float16 is told from float32 by what the makers say of the two. Memory:
a copy, what is read and what is written.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Literal

import torch
from torch import Tensor
from torch.nn import functional

from daemon.bench.gpu import chains
from daemon.bench.gpu.device import Device, Gpu
from daemon.bench.gpu.events import EventStopwatch
from daemon.bench.slices import Task
from daemon.bench.work import Rates
from stylegan3.errors import EngineError
from stylegan3.gpu import nvrtc

_REPEATS = 10
_COPY = 4e9  # bytes read, and as many written, where there is room
_SHARE = 4  # of the free memory, at most one such part is copied
Kind = Literal["tensor", "fma", "half2", "memory"]
HALF2 = {(7, 0): 2.0, (7, 5): 2.0, (8, 0): 4.0, (9, 0): 2.0}
"""Float16 over float32 without tensor cores, by compute capability, as the makers say; 1 for those not here."""


@dataclass(frozen=True, slots=True)
class Probe:
    """Something whose amount of work is known."""

    name: str
    kind: Kind
    amount: float  # operations; bytes of memory
    act: Callable[[], object]


@dataclass(frozen=True, slots=True)
class Measured:
    """The best time of a probe, and what that makes."""

    name: str
    kind: Kind
    ms: float
    rate: float  # 10^12 operations, or 10^9 bytes, a second


def measured(device: Device, stopwatch: EventStopwatch, scale: int = 1) -> tuple[Measured, ...]:
    """Every probe, each with its own memory; `scale` makes all of them smaller."""
    return tuple(_time(probe, stopwatch) for probe in _probes(device, scale))


def rates(found: Sequence[Measured], gpu: Gpu) -> Rates:
    """The best of each kind; half2, where it was not measured, from float32 by what the makers say of the two."""

    def best(kind: Kind) -> float:
        return max((m.rate for m in found if m.kind == kind), default=0.0)

    half2 = best("half2") or HALF2.get(gpu.capability, 1.0) * best("fma")
    return Rates(best("tensor"), best("fma"), best("memory"), half2 if half2 > best("fma") else None)


def better(a: Sequence[Measured], b: Sequence[Measured]) -> tuple[Measured, ...]:
    """Of two rounds, the faster one of every probe."""
    return tuple(min(pair, key=lambda m: m.ms) for pair in zip(a, b, strict=True))


def _probes(device: Device, scale: int) -> Iterator[Probe]:
    """One after another, each with its own memory."""
    where, copied = device.where, int(min(_COPY, device.free_bytes() / _SHARE) / scale**2)
    for n in (8192, 4096):
        yield _product(n // scale, torch.float16, where)
    yield _convolution(max(512 // scale, 8), max(148 // scale, 4), where)
    for n in (8192, 4096):
        yield _product(n // scale, torch.float32, where)
    yield from _chains(where)
    yield _copy(copied, where)


def _chains(where: torch.device) -> Iterator[Probe]:
    """In our own kernel, where there is a compiler for it."""
    try:
        machine = nvrtc.gpu(where)
        made = [(half2, *chains.ready(machine, half2=half2)) for half2 in (False, True)]
    except (EngineError, OSError, RuntimeError):
        return
    for half2, amount, act in made:
        name = "pairs of float16" if half2 else "float32"
        yield Probe(f"multiply-adds in registers, {name}", "half2" if half2 else "fma", amount, act)


def _product(n: int, dtype: torch.dtype, where: torch.device) -> Probe:
    a, b = (_noise((n, n), where).to(dtype) for _ in range(2))
    out = torch.empty(n, n, device=where, dtype=dtype)
    half = dtype is torch.float16
    return Probe(
        f"{'float16' if half else 'float32'} {n}^3", "tensor" if half else "fma", 2.0 * n**3,
        lambda: torch.mm(a, b, out=out),
    )  # fmt: skip


def _convolution(channels: int, size: int, where: torch.device) -> Probe:
    layout = torch.channels_last
    x = _noise((4, channels, size, size), where).half().contiguous(memory_format=layout)
    weight = _noise((channels, channels, 3, 3), where).half().contiguous(memory_format=layout)
    flop = 2.0 * 4 * size**2 * 9 * channels**2
    act = partial(functional.conv2d, x, weight, padding=1)
    return Probe(f"float16 convolution 3x3, {channels} channels, 4x{size}^2", "tensor", flop, act)


def _copy(size: int, where: torch.device) -> Probe:
    a = torch.zeros(size, device=where, dtype=torch.uint8)
    b = torch.empty_like(a)
    return Probe(f"copy of {size / 1e9:.3g} GB", "memory", 2.0 * size, lambda: b.copy_(a))


def _noise(shape: tuple[int, ...], where: torch.device) -> Tensor:
    """Numbers as a network has them: zeros would draw less power and let the clocks rise."""
    return torch.randn(shape, device=where, generator=torch.Generator(where).manual_seed(0))


def _time(probe: Probe, stopwatch: EventStopwatch) -> Measured:
    def act(_: int) -> None:
        probe.act()

    with torch.inference_mode(), torch.backends.cudnn.flags(enabled=True, benchmark=True, allow_tf32=False):
        ms = min(stopwatch.frames(Task(probe.name, 1, act), range(_REPEATS + 2))[2:])
    return Measured(probe.name, probe.kind, ms, probe.amount / max(ms, 1e-6) / (1e6 if probe.kind == "memory" else 1e9))
