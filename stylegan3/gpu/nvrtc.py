"""CUDA C to a launch, without a compiler on the machine: NVRTC out of PyTorch's own wheel, and the driver.

Both are NVIDIA's documented C interfaces, through ctypes (CUDA documentation: "NVRTC", "CUDA Driver API").
"""

import ctypes
import importlib.util
import os
import re
import sys
from collections.abc import Iterator, Sequence
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
_LOG_LIMIT = 400  # characters of a compiler's complaint that are shown


def candidates(roots: Sequence[Path], major: str) -> Iterator[Path]:
    """Libraries of NVRTC below PyTorch's and NVIDIA's folders, those of CUDA `major` first."""
    found = [
        path
        for root in roots
        for folder in (root, *(inner / name for inner in sorted(root.glob("*")) for name in _FOLDERS))
        for path in sorted(folder.glob(_PATTERN))
        if "builtins" not in path.name
    ]
    yield from sorted(found, key=lambda path: not re.search(rf"(?:so\.|64_){major}(?:\.|0_|$)", path.name))


def wheels() -> tuple[Path, ...]:
    """Where PyTorch's and NVIDIA's wheels keep their libraries."""
    spec = importlib.util.find_spec("nvidia")
    places = [Path(place) for place in (spec.submodule_search_locations or ())] if spec else []
    return (*(Path(place) / "lib" for place in torch.__path__), *places)


class Compiler:
    """NVRTC. Calls hold no lock of Python's, and may come from several threads."""

    def __init__(self, path: Path) -> None:
        if sys.platform == "win32":
            os.add_dll_directory(str(path.parent))
        try:
            for builtins in path.parent.glob("libnvrtc-builtins*"):  # it looks for them by name, not beside itself
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
            flags = [f"--gpu-architecture={target}", *options]
            failed = n.nvrtcCompileProgram(program, len(flags), (ctypes.c_char_p * len(flags))(*map(str.encode, flags)))
            log = self._read(program, "ProgramLog").rstrip(b"\0").decode(errors="replace")
            if failed:
                said = next((line for line in log.splitlines() if "error" in line), "no reason given")
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
    for path in candidates(wheels(), (torch.version.cuda or "").partition(".")[0] or "13"):
        try:
            return Compiler(path)
        except EngineError as e:
            complaint = str(e)
    raise EngineError(f"no NVRTC was found, so the fused GPU kernels cannot be compiled: {complaint}")


class Driver:
    """The CUDA driver, as far as a launch needs it. A context must be current: PyTorch's is, once it has a tensor."""

    def __init__(self, library: str | Path = _DRIVER) -> None:
        try:
            self._library = ctypes.CDLL(str(library))
            version = ctypes.c_int()
            self._check(self._library.cuDriverGetVersion(ctypes.byref(version)), "the CUDA driver")
        except (OSError, AttributeError) as e:
            raise EngineError(f"no CUDA driver was found ({e}): install NVIDIA's") from e
        self.version = str(version.value)

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

    def kernel(self, source: str, name: str, options: Sequence[str]) -> Kernel:
        """Compiled, or from the cache, and loaded."""

    def stream(self) -> int:
        """The address of the stream that PyTorch works on."""


class Gpu:
    """A CUDA device as PyTorch knows it."""

    def __init__(self, device: torch.device, cubins: Cubins | None = None) -> None:
        self.device = device if device.index is not None else torch.device("cuda", torch.cuda.current_device())
        properties = torch.cuda.get_device_properties(self.device)
        self._cubins = cubins or Cubins.of_the_user()
        self._architecture = 10 * int(properties.major) + int(properties.minor)
        self.processors = int(properties.multi_processor_count)
        self._driver = Driver()

    def kernel(self, source: str, name: str, options: Sequence[str]) -> Kernel:
        nvrtc = compiler()
        target = nvrtc.target(self._architecture)
        image = self._cubins.get(
            (source, *options, target, nvrtc.version, self._driver.version),
            lambda: nvrtc.compile(source, target, options)[0],
        )
        with torch.cuda.device(self.device):
            torch.empty(1, device=self.device)  # so that PyTorch's context is current in this thread
            return self._driver.load(image, name)

    def stream(self) -> int:
        return int(torch.cuda.current_stream(self.device).cuda_stream)


@cache
def gpu(device: torch.device) -> Gpu:
    """One for each device; EngineError where it cannot be."""
    if device.type != "cuda" or torch.version.cuda is None or not torch.cuda.is_available():
        raise EngineError("the fused GPU kernels need an NVIDIA GPU, and a PyTorch that sees it")
    return Gpu(device)
