"""CUDA C to a launch, without a compiler on the machine: NVRTC out of PyTorch's own wheel, and the driver.

Both are NVIDIA's documented C interfaces, through ctypes (CUDA documentation: "NVRTC", "CUDA Driver API").
"""

import contextlib
import ctypes
import importlib.util
import os
import re
import sys
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Protocol

import torch

from stylegan3.errors import EngineError
from stylegan3.gpu.cubins import Cubins

_DRIVER = "nvcuda.dll" if sys.platform == "win32" else "libcuda.so.1"
_PATTERN = "nvrtc64_*_0.dll" if sys.platform == "win32" else "libnvrtc[.-]*so*"
_FOLDERS = ("lib", "bin", "bin/x86_64", "bin/x64")  # of a wheel of CUDA 12 or 13, on Linux and on Windows
_BUILTINS = "nvrtc-builtins64_*.dll" if sys.platform == "win32" else "libnvrtc-builtins*"
_DIALECT = "--std=c++17"  # what NVRTC takes unasked from CUDA 12 on
_LOG_LIMIT = 400  # characters of a compiler's complaint that are shown
_AT_ONCE = 8  # kernels that are compiled side by side, at most


def candidates(roots: Sequence[Path], major: str) -> Iterator[Path]:
    """Libraries of NVRTC below PyTorch's and NVIDIA's folders, those of CUDA `major` first."""
    found = [
        path
        for root in roots
        for folder in (root, *(inner / name for inner in sorted(root.glob("*")) for name in _FOLDERS))
        for path in sorted(folder.glob(_PATTERN))
        if "builtins" not in path.name and ".alt." not in path.name  # the same with another allocator
    ]
    yield from sorted(found, key=lambda path: not re.search(rf"(?:so\.|64_){major}(?:\.|0_|$)", path.name))


def wheels() -> tuple[Path, ...]:
    """Where PyTorch's and NVIDIA's wheels keep their libraries."""
    spec = importlib.util.find_spec("nvidia")
    places = [Path(place) for place in (spec.submodule_search_locations or ())] if spec else []
    return (*(Path(place) / "lib" for place in torch.__path__), *places)


def elsewhere(major: str) -> Path:
    """What the system's own CUDA, or conda's, calls NVRTC: the loader knows where it is, if it is anywhere."""
    return Path(f"nvrtc64_{major}0_0.dll" if sys.platform == "win32" else f"libnvrtc.so.{major}")


class Compiler:
    """NVRTC. Calls hold no lock of Python's, and may come from several threads."""

    def __init__(self, path: Path) -> None:
        """A library, or its bare name."""
        try:
            if path.is_absolute():
                if sys.platform == "win32":
                    os.add_dll_directory(str(path.parent))
                for builtins in path.parent.glob(_BUILTINS):  # it looks for them by name, not beside itself
                    if ".alt." not in builtins.name:
                        ctypes.CDLL(str(builtins))
            self._library = ctypes.CDLL(str(path))
            major, minor = ctypes.c_int(), ctypes.c_int()
            self._library.nvrtcGetErrorString.restype = ctypes.c_char_p
            self._check(self._library.nvrtcVersion(ctypes.byref(major), ctypes.byref(minor)))
            count = ctypes.c_int()
            self._check(self._library.nvrtcGetNumSupportedArchs(ctypes.byref(count)))
            known = (ctypes.c_int * count.value)()
            self._check(self._library.nvrtcGetSupportedArchs(known))
        except (OSError, AttributeError) as e:
            raise EngineError(f"NVRTC at {path.name} does not load ({e})") from e
        self.version = f"{major.value}.{minor.value}"
        self.architectures = tuple(known)

    def target(self, architecture: int) -> str:
        """What to compile for a device of compute capability `architecture` (90 for 9.0): its own code, or PTX."""
        if architecture in self.architectures:
            return f"sm_{architecture}"
        older = [known for known in self.architectures if known < architecture]
        if not older:
            raise EngineError(f"NVRTC {self.version} does not know this GPU (compute capability {architecture / 10})")
        return f"compute_{max(older)}"

    def compile(self, source: str, target: str, options: Sequence[str] = ()) -> tuple[bytes, str]:
        """A cubin, or PTX where the target is a `compute_`, and what the compiler said."""
        n, program = self._library, ctypes.c_void_p()
        self._check(n.nvrtcCreateProgram(ctypes.byref(program), source.encode(), b"fir.cu", 0, None, None))
        try:
            flags = [f"--gpu-architecture={target}", _DIALECT, *options]
            failed = n.nvrtcCompileProgram(program, len(flags), (ctypes.c_char_p * len(flags))(*map(str.encode, flags)))
            log = self._read(program, "ProgramLog").rstrip(b"\0").decode(errors="replace")
            if failed:
                reason = n.nvrtcGetErrorString(failed).decode(errors="replace")
                said = next((line for line in log.splitlines() if "error" in line), reason)
                raise EngineError(f"the GPU kernel does not compile for {target}: {said[:_LOG_LIMIT]}")
            return self._read(program, "CUBIN" if target.startswith("sm_") else "PTX"), log
        finally:
            n.nvrtcDestroyProgram(ctypes.byref(program))

    def _read(self, program: ctypes.c_void_p, what: str) -> bytes:
        size = ctypes.c_size_t()
        self._check(getattr(self._library, f"nvrtcGet{what}Size")(program, ctypes.byref(size)))
        held = ctypes.create_string_buffer(size.value)
        self._check(getattr(self._library, f"nvrtcGet{what}")(program, held))
        return held.raw

    def _check(self, status: int) -> None:
        if status:
            raise EngineError(f"NVRTC: {self._library.nvrtcGetErrorString(status).decode(errors='replace')}")


@cache
def compiler() -> Compiler:
    """The first NVRTC that loads, of PyTorch's own version of CUDA where there is one; EngineError says what to do."""
    complaint = "PyTorch's wheel for CUDA brings it, as does `pip install nvidia-cuda-nvrtc`"
    major = (torch.version.cuda or "").partition(".")[0] or "13"
    for path in candidates(wheels(), major):
        try:
            return Compiler(path)
        except EngineError as e:
            complaint = str(e)
    with contextlib.suppress(EngineError):
        return Compiler(elsewhere(major))
    raise EngineError(f"no NVRTC was found, so the fused GPU kernels cannot be compiled: {complaint}")


class Driver:
    """The CUDA driver, as far as a launch needs it."""

    def __init__(self, library: str | Path = _DRIVER) -> None:
        try:
            self._library = ctypes.CDLL(str(library))
            version = ctypes.c_int()
            self._check(self._library.cuDriverGetVersion(ctypes.byref(version)), "the CUDA driver")
        except (OSError, AttributeError) as e:
            raise EngineError(f"no CUDA driver was found ({e}): install NVIDIA's") from e
        self.version = str(version.value)

    def enter(self, ordinal: int) -> None:
        """Have this thread work in a device's context, which PyTorch shares, unless it works in one already.

        A thread that has asked PyTorch for no more than memory it had at hand works in none yet.
        """
        library, context, device = self._library, ctypes.c_void_p(), ctypes.c_int()
        self._check(library.cuCtxGetCurrent(ctypes.byref(context)), "asking for a context")
        if context.value is None:
            self._check(library.cuDeviceGet(ctypes.byref(device), ctypes.c_int(ordinal)), "finding the GPU")
            # never released: PyTorch's own hold on it ends with the process as well
            self._check(library.cuDevicePrimaryCtxRetain(ctypes.byref(context), device), "opening the GPU")
            self._check(library.cuCtxSetCurrent(context), "entering the GPU")

    def load(self, image: bytes, name: str) -> "Kernel":
        """The kernel `name` of a cubin, or of PTX, which the driver compiles."""
        module, function, library = ctypes.c_void_p(), ctypes.c_void_p(), self._library
        held = ctypes.create_string_buffer(image)  # with a zero behind it, as PTX wants
        self._check(library.cuModuleLoadDataEx(ctypes.byref(module), held, 0, None, None), f"loading {name}")
        self._check(library.cuModuleGetFunction(ctypes.byref(function), module, name.encode()), f"finding {name}")
        return Kernel(self, name, module, function)

    def launch(
        self,
        kernel: "Kernel",
        grid: tuple[int, int, int],
        threads: int,
        stream: int,
        arguments: "Sequence[ctypes.c_void_p | ctypes.c_int]",
    ) -> None:
        """On a stream (its address), with no dynamic shared memory; returns at once."""
        pointers = (ctypes.c_void_p * len(arguments))(*map(ctypes.addressof, arguments))
        self._check(
            self._library.cuLaunchKernel(
                kernel.function, *map(ctypes.c_uint, (*grid, threads, 1, 1, 0)), ctypes.c_void_p(stream), pointers, None
            ),
            f"launching {kernel.name}",
        )

    def _check(self, status: int, doing: str) -> None:
        if status:
            said = ctypes.c_char_p()
            self._library.cuGetErrorString(status, ctypes.byref(said))
            raise EngineError(f"{doing} failed: {(said.value or b'no reason given').decode(errors='replace')}")


@dataclass(frozen=True, slots=True)
class Kernel:
    """Loaded for as long as the process lives: a recorded graph may hold it after all else has let go."""

    driver: Driver
    name: str
    module: ctypes.c_void_p
    function: ctypes.c_void_p


class Machine(Protocol):
    """A device that kernels run on."""

    @property
    def device(self) -> torch.device: ...

    @property
    def processors(self) -> int: ...

    def compile(self, source: str, options: Sequence[str]) -> bytes:
        """Code for the device, from the cache if it is there; may be called from any thread."""

    def load(self, image: bytes, name: str) -> Kernel:
        """The kernel of that name, ready to be launched."""

    def stream(self) -> int:
        """The address of the stream that PyTorch works on."""


class Gpu:
    """A CUDA device as PyTorch knows it."""

    def __init__(self, device: torch.device, cubins: Cubins | None = None) -> None:
        index = torch.cuda.current_device() if device.index is None else device.index
        self.device, self._index = torch.device("cuda", index), index
        properties = torch.cuda.get_device_properties(self.device)
        self._cubins = cubins or Cubins.of_the_user()
        self._architecture = 10 * int(properties.major) + int(properties.minor)
        self.processors = int(properties.multi_processor_count)
        self._driver = Driver()

    def compile(self, source: str, options: Sequence[str]) -> bytes:
        nvrtc = compiler()
        target = nvrtc.target(self._architecture)
        return self._cubins.get(
            (source, _DIALECT, *options, target, nvrtc.version, self._driver.version),
            lambda: nvrtc.compile(source, target, options)[0],
        )

    def load(self, image: bytes, name: str) -> Kernel:
        with torch.cuda.device(self.device):
            self._driver.enter(self._index)
            return self._driver.load(image, name)

    def stream(self) -> int:
        return int(torch.cuda.current_stream(self.device).cuda_stream)


def compiled(machine: Machine, source: str, each: Sequence[tuple[str, ...]]) -> dict[tuple[str, ...], bytes]:
    """Code for each set of options, compiled side by side; EngineError of the first that does not compile."""
    wanted = list(dict.fromkeys(each))
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    with ThreadPoolExecutor(max(1, min(_AT_ONCE, cores, len(wanted))), "nvrtc") as pool:
        jobs = [pool.submit(machine.compile, source, options) for options in wanted]
        try:
            return {options: job.result() for options, job in zip(wanted, jobs, strict=True)}
        finally:  # the first has failed: what has not begun need not begin
            for job in jobs:
                job.cancel()


@cache
def gpu(device: torch.device) -> Gpu:
    """One for each device; EngineError where it cannot be."""
    if device.type != "cuda" or torch.version.cuda is None or not torch.cuda.is_available():
        raise EngineError("the fused GPU kernels need an NVIDIA GPU, and a PyTorch that sees it")
    return Gpu(device)
