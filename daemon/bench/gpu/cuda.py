"""An NVIDIA GPU through PyTorch, as the measurements want it; what its driver tells beside that."""

import re
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Self

import torch

from daemon.bench.gpu.device import Condition, Gpu, Kernel, Memory
from daemon.errors import RenderError

_TOLD = ("driver_version", "pstate", "clocks.sm", "clocks.mem", "temperature.gpu", "power.draw")
_PATIENCE = 10.0  # s, for a program of the driver's
_COPIES = ("Memcpy", "Memset")


class CudaEvent:
    """One of PyTorch's, on the current stream."""

    def __init__(self) -> None:
        self._event = torch.cuda.Event(enable_timing=True)  # type: ignore[no-untyped-call]

    def record(self) -> None:
        self._event.record()

    def wait(self) -> None:
        self._event.synchronize()

    def ms_since(self, earlier: Self) -> float:
        return float(earlier._event.elapsed_time(self._event))


class Cuda:
    """The current device. RenderError where PyTorch finds none."""

    def __init__(self) -> None:
        if not torch.cuda.is_available():
            raise RenderError(
                "this PyTorch finds no CUDA device: install its CUDA build and a driver, or measure with --device cpu"
            )
        self.where = torch.device("cuda", torch.cuda.current_device())

    def event(self) -> CudaEvent:
        return CudaEvent()

    def finish(self) -> None:
        torch.cuda.synchronize()

    def forget_peak(self) -> None:
        torch.cuda.empty_cache()
        torch.cuda.reset_peak_memory_stats()

    def memory(self) -> Memory:
        peak, now, held = torch.cuda.max_memory_allocated(), torch.cuda.memory_allocated(), torch.cuda.memory_reserved()
        return Memory(peak / 1e6, now / 1e6, held / 1e6)

    def free_bytes(self) -> int:
        return int(torch.cuda.mem_get_info()[0])

    def pinned(self, shape: tuple[int, ...]) -> torch.Tensor:
        return torch.zeros(shape, dtype=torch.uint8, pin_memory=True)

    def kernels(self, act: Callable[[], None]) -> tuple[Kernel, ...] | None:
        """By PyTorch's profiler, which sees the kernels of a captured graph one by one."""
        activity = torch.profiler.ProfilerActivity.CUDA
        if activity not in torch.profiler.supported_activities():  # type: ignore[no-untyped-call]
            return None
        self.finish()
        with torch.profiler.profile(activities=[activity]) as profiler:
            act()
            self.finish()
        events = [e for e in profiler.events() or () if e.device_type.name == "CUDA"]
        events.sort(key=lambda e: e.time_range.start)
        return tuple(Kernel(e.name, e.time_range.elapsed_us()) for e in events if not e.name.startswith(_COPIES))

    def describe(self) -> Gpu:
        of = torch.cuda.get_device_properties(self.where)
        cudnn = torch.backends.cudnn.version()  # type: ignore[no-untyped-call]
        told = self._told()
        return Gpu(
            name=of.name,
            capability=(of.major, of.minor),
            memory_gb=round(of.total_memory / 1e9, 1),
            multiprocessors=of.multi_processor_count,
            cuda=torch.version.cuda,
            cudnn=None if cudnn is None else str(cudnn),
            driver=told.get("driver_version") or _kernel_driver(),
        )

    def condition(self) -> Condition:
        return condition(self._told())

    def _told(self) -> dict[str, str]:
        """By nvidia-smi, which comes with every driver; nothing where it is not there or says nothing of use."""
        uuid = getattr(torch.cuda.get_device_properties(self.where), "uuid", None)
        which = [] if uuid is None else ["-i", f"GPU-{uuid}"]
        command = ["nvidia-smi", *which, f"--query-gpu={','.join(_TOLD)}", "--format=csv,noheader,nounits"]
        try:
            said = subprocess.run(command, check=True, capture_output=True, timeout=_PATIENCE).stdout
        except (OSError, subprocess.SubprocessError):
            return {}
        return parsed(said)


def parsed(said: bytes) -> dict[str, str]:
    """The first line of nvidia-smi's answer; nothing for one of another shape."""
    lines = said[:4096].decode("ascii", errors="replace").strip().splitlines()
    values = [value.strip() for value in lines[0].split(",")] if lines else []
    return dict(zip(_TOLD, values, strict=True)) if len(values) == len(_TOLD) else {}


def condition(told: dict[str, str]) -> Condition:
    """From what nvidia-smi said; what it does not know it writes as [N/A]."""

    def number(name: str) -> float | None:
        text = told.get(name, "")
        return float(text) if re.fullmatch(r"\d{1,9}(\.\d{1,9})?", text, re.ASCII) else None

    state = told.get("pstate", "")
    return Condition(
        number("clocks.sm"), number("clocks.mem"), number("temperature.gpu"), number("power.draw"),
        state if re.fullmatch(r"P\d{1,2}", state, re.ASCII) else None,
    )  # fmt: skip


def _kernel_driver() -> str | None:
    """The driver's version as Linux tells it."""
    try:
        found = re.search(
            r"Kernel Module\s+(?:for \S+\s+)?(\d[\d.]{1,20})", Path("/proc/driver/nvidia/version").read_text()
        )
    except OSError:
        return None
    return found[1] if found else None
