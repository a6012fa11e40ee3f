"""What a measurement wants of a GPU: events on its own clock, memory, a list of its kernels, and what it is."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol, Self

import torch


class Event(Protocol):
    """A mark in the device's work; it may be set again once it has been read."""

    def record(self) -> None:
        """Here, after all that was asked for so far; returns at once."""
        ...

    def wait(self) -> None:
        """Until the device has come to it."""
        ...

    def ms_since(self, earlier: Self) -> float:
        """Of the device's own time; both must have happened."""
        ...


@dataclass(frozen=True, slots=True)
class Kernel:
    """One piece of a frame's work on the device, in the order of their begin."""

    name: str
    us: float


@dataclass(frozen=True, slots=True)
class Memory:
    """PyTorch's, MB (10^6 bytes)."""

    peak: float  # allocated at most since it was last asked to forget
    allocated: float  # now
    reserved: float  # held from the device now


@dataclass(frozen=True, slots=True)
class Gpu:
    """What it is."""

    name: str
    capability: tuple[int, int]
    memory_gb: float
    multiprocessors: int
    cuda: str | None
    cudnn: str | None
    driver: str | None


@dataclass(frozen=True, slots=True)
class Condition:
    """How it is just now; None where nobody tells."""

    sm_mhz: float | None = None
    memory_mhz: float | None = None
    celsius: float | None = None
    watts: float | None = None
    power_state: str | None = None  # P0 is the fastest


class Device(Protocol):
    """A GPU, or in tests a stand-in for one."""

    where: torch.device

    def event(self) -> Event: ...

    def finish(self) -> None:
        """Wait for everything; never inside a slice."""
        ...

    def forget_peak(self) -> None:
        """And give back what is kept for later."""
        ...

    def memory(self) -> Memory: ...

    def free_bytes(self) -> int: ...

    def pinned(self, shape: tuple[int, ...]) -> torch.Tensor:
        """Bytes in host memory that the device writes to by itself."""
        ...

    def kernels(self, act: Callable[[], None]) -> tuple[Kernel, ...] | None:
        """Of what `act` asks for, copies and fills left out; None where the profiler is not to be had."""
        ...

    def describe(self) -> Gpu: ...

    def condition(self) -> Condition: ...
