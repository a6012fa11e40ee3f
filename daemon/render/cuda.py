"""An NVIDIA GPU as a device, through PyTorch: two streams, pinned memory, events; and how it is known to be lost.

A frame paints on one stream and is copied on the other, so that the next one can be painted meanwhile. Nothing here
waits but `CudaPage.wait`, which sleeps (a blocking event) on the thread of whoever reads the picture.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from typing import Any

import torch

from daemon.device import DeviceFull, Page
from daemon.errors import DeviceLost
from daemon.flow import U8

_LOST_CODES = frozenset(
    {3, 4, 46, 100, 101, 201, 214, 220, 226, 700, 702, 709, 710, 714, 715, 716, 717, 718, 719, 721, 999}
)
"""cudaError_t values (CUDA runtime API) after which every call of the process fails, or that say there is no device:
214 ECC, 700 illegal address, 702 launch timeout (the Windows watchdog), 719 launch failure, 999 unknown."""
_LOST_WORDS = (
    "illegal memory access", "unspecified launch failure", "launch timed out", "device-side assert",
    "illegal instruction", "misaligned address", "hardware stack error", "invalid program counter", "address space",
    "uncorrectable", "unknown error", "driver shutting down", "no CUDA-capable device", "busy or unavailable",
    "context is destroyed", "_STATUS_EXECUTION_FAILED", "_STATUS_INTERNAL_ERROR", "_STATUS_NOT_INITIALIZED",
    "_STATUS_MAPPING_ERROR",
)  # fmt: skip
"""The same in words, for PyTorch before 2.8, which gives no code, and for cuBLAS and cuDNN, which have their own."""
_FULL_CODE, _FULL_WORDS = 2, ("CUDA error: out of memory", "CUDA driver error: out of memory", "_STATUS_ALLOC_FAILED")
"""What comes in place of an OutOfMemoryError where it is not PyTorch that asked for memory, or it was pinned."""
_LIVE = -2  # priority of the streams of live pictures; graphs are recorded on those of -1, all else is on those of 0


def lost(error: RuntimeError) -> str | None:
    """What a GPU that is lost says, in a line; None when the process may go on using it."""
    said = (str(error).strip() or type(error).__name__).splitlines()[0]
    code = getattr(error, "error_code", None)  # of torch.AcceleratorError
    if isinstance(code, int):
        return said if code in _LOST_CODES else None
    if "CUDA" in said or "CUDNN" in said or "CUBLAS" in said or "cuDNN" in said:
        return said if any(words in said for words in _LOST_WORDS) else None
    return None


def full(error: RuntimeError) -> bool:
    """Whether it says that memory is full, which is no reason to end."""
    if isinstance(error, torch.OutOfMemoryError) or getattr(error, "error_code", None) == _FULL_CODE:
        return True
    return any(words in str(error) for words in _FULL_WORDS)


@contextmanager
def watched() -> Iterator[None]:
    """Whatever is said of a lost GPU in here comes out as `DeviceLost`, and of one without memory as `DeviceFull`."""
    try:
        yield
    except RuntimeError as e:
        if full(e):
            raise DeviceFull(
                "the GPU has no memory left for a picture: close what else uses it, or take a smaller model"
            ) from e
        if (said := lost(e)) is None:
            raise
        raise DeviceLost(f"the GPU is lost to this process ({said}): start latentd again") from e


def settle() -> None:
    """Wait for what this thread has begun; `DeviceLost` where that did not end well, whoever looked away from it."""
    with watched():
        torch.cuda.current_stream().synchronize()


class CudaDevice:
    """One GPU's two streams.

    Args:
        live: whether live pictures are painted on them. PyTorch has 32 streams of a priority and hands them out in
            turn: after a few changes of model a network would be warmed up, or recorded, on the very streams that
            paint, and the live frames recorded with it. Those of another priority are never handed to others.
        lib: stands in for PyTorch.
    """

    def __init__(self, *, live: bool = False, lib: Any = torch) -> None:
        self.lib, priority = lib, _LIVE if live else 0
        with watched():
            self.paint, self.copy = lib.cuda.Stream(priority=priority), lib.cuda.Stream(priority=priority)

    def page(self, height: int, width: int) -> Page:
        with watched():
            return CudaPage(self, height, width)


class CudaPage:
    """A picture on the GPU and its copy in pinned memory, which alone the GPU can write to by itself."""

    def __init__(self, device: CudaDevice, height: int, width: int) -> None:
        self._device, lib = device, device.lib
        shape = (height, width, 4)
        self._host = lib.zeros(shape, dtype=lib.uint8, pin_memory=True)
        self.pixels: U8 = self._host.numpy()
        # taken once, for the allocator to be left alone; of the stream that paints: were it given back while a picture
        # that failed is under way, whoever gets it next comes after that
        with lib.cuda.stream(device.paint):
            self.canvas = lib.empty(shape, dtype=lib.uint8, device="cuda")
        self._begun = lib.cuda.Event(enable_timing=True)
        self._painted = lib.cuda.Event()
        self._fetched = lib.cuda.Event(enable_timing=True, blocking=True)

    @contextmanager
    def painting(self) -> Iterator[None]:
        with watched(), self._device.lib.cuda.stream(self._device.paint):
            self._begun.record(self._device.paint)
            yield
            self._painted.record(self._device.paint)

    def fetch(self) -> None:
        copy = self._device.copy
        with watched(), self._device.lib.cuda.stream(copy):
            copy.wait_event(self._painted)
            self._host.copy_(self.canvas, non_blocking=True)
            self._fetched.record(copy)

    def fetched(self) -> bool:
        with watched():
            done: bool = self._fetched.query()
            return done

    def wait(self) -> None:
        with watched():
            self._fetched.synchronize()

    def seconds(self) -> float:
        with watched():
            return float(self._begun.elapsed_time(self._fetched)) / 1e3


@cache
def cuda_device() -> CudaDevice:
    """The one that all live renderers of this process share, so that one's frames follow the other's."""
    return CudaDevice(live=True)
