"""How exactly PyTorch may compute on a GPU: flags of the process, set for a while and put back."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from threading import Lock

import torch


@contextmanager
def exactly() -> Iterator[None]:
    """Float32 means float32.

    cuDNN takes convolutions of float32 to TF32 (10 bits of mantissa, errors of 1e-3) unless it is told not to, and
    silently: PyTorch's default allows it. `model verify` promises 1e-4, and what other forms are held against must not
    be off itself; so the plain network, and every float32 form, is painted, warmed up and captured inside this.
    What a graph has captured stays as it was captured, whatever the flags are when it is replayed.
    """
    with _held(_Flags(accumulate=False, benchmark=None)):
        yield


@contextmanager
def quickly(*, accumulate: bool = False) -> Iterator[None]:
    """Float16 with sums in float32, algorithms chosen by trial; what is float32 in between stays so.

    `accumulate`: matrix products may sum in float16, which GeForce does at twice the rate; cuDNN's convolutions do not
    hear of it (`shifted` makes products of them). It must pass the same gates.
    """
    with _held(_Flags(accumulate=accumulate, benchmark=True)):
        yield


@dataclass(frozen=True, slots=True, eq=False)
class _Flags:
    """What is asked for; TF32 never is."""

    accumulate: bool
    benchmark: bool | None  # None: as the process has it


_LOCK = Lock()
_HOLDING: list[_Flags] = []  # the last one's are in force
_own: tuple[bool, ...] = ()  # the process's, while there are others in force


@contextmanager
def _held(flags: _Flags) -> Iterator[None]:
    """Set for as long as this lasts.

    Flags are the process's, and one thread makes a network ready while another paints: who is done first must not put
    back what the other still works by.
    """
    global _own  # noqa: PLW0603 - what it stands for is the process's as well
    with _LOCK:
        if not _HOLDING:
            _own = _read()
        _HOLDING.append(flags)
        _follow(flags)
    try:
        yield
    finally:
        with _LOCK:
            _HOLDING.remove(flags)
            if _HOLDING:
                _follow(_HOLDING[-1])
            else:
                _put(*_own)


def _follow(flags: _Flags) -> None:
    benchmark = _own[-1] if flags.benchmark is None else flags.benchmark
    _put(False, False, flags.accumulate, flags.accumulate, benchmark)


def _read() -> tuple[bool, ...]:
    matmul, cudnn = torch.backends.cuda.matmul, torch.backends.cudnn
    return (
        matmul.allow_tf32,
        cudnn.allow_tf32,
        matmul.allow_fp16_accumulation,
        matmul.allow_fp16_reduced_precision_reduction,
        cudnn.benchmark,
    )


def _put(*values: bool) -> None:
    matmul, cudnn = torch.backends.cuda.matmul, torch.backends.cudnn
    matmul.allow_tf32, cudnn.allow_tf32 = values[:2]
    matmul.allow_fp16_accumulation, matmul.allow_fp16_reduced_precision_reduction = values[2:4]
    cudnn.benchmark = values[4]
