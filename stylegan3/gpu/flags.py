"""How exactly PyTorch may compute on a GPU: flags of the process, set for a while and put back."""

from collections.abc import Iterator
from contextlib import contextmanager

import torch


@contextmanager
def exactly() -> Iterator[None]:
    """Float32 means float32.

    cuDNN takes convolutions of float32 to TF32 (10 bits of mantissa, errors of 1e-3) unless it is told not to, and
    silently: PyTorch's default allows it. `model verify` promises 1e-4, and what other forms are held against must not
    be off itself; so the plain network, and every float32 form, is painted, warmed up and captured inside this.
    What a graph has captured stays as it was captured, whatever the flags are when it is replayed.
    """
    with _set(tf32=False, accumulate=False, benchmark=torch.backends.cudnn.benchmark):
        yield


@contextmanager
def quickly(*, accumulate: bool = False) -> Iterator[None]:
    """Float16 with sums in float32, algorithms chosen by trial; what is float32 in between stays so.

    `accumulate`: matrix products (1x1 convolutions, all of R's) may sum in float16, which GeForce does at twice the
    rate; cuDNN's convolutions, all of T's, do not hear of it. It must pass the same gates, and is off unless asked for.
    """
    with _set(tf32=False, accumulate=accumulate, benchmark=True):
        yield


@contextmanager
def _set(*, tf32: bool, accumulate: bool, benchmark: bool) -> Iterator[None]:
    matmul, cudnn = torch.backends.cuda.matmul, torch.backends.cudnn
    before = (
        matmul.allow_tf32,
        cudnn.allow_tf32,
        matmul.allow_fp16_accumulation,
        matmul.allow_fp16_reduced_precision_reduction,
        cudnn.benchmark,
    )

    def put(values: tuple[bool, bool, bool, bool, bool]) -> None:
        matmul.allow_tf32, cudnn.allow_tf32 = values[:2]
        matmul.allow_fp16_accumulation, matmul.allow_fp16_reduced_precision_reduction = values[2:4]
        cudnn.benchmark = values[4]

    put((tf32, tf32, accumulate, accumulate, benchmark))
    try:
        yield
    finally:
        put(before)
