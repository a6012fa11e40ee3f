"""What is used of the CUDA runtime beside PyTorch, through cuda-bindings, and where a picture lies on the GPU."""

from importlib import import_module
from typing import Any, Protocol, cast


class NoZeroCopy(Exception):  # noqa: N818 - it reads as what it is
    """Why pictures cannot go to Spout without a way through host memory, in a few words. They go through it then."""


# ruff: noqa: N802, N803, N815 - these are NVIDIA's names, parameters included: a test holds them to the wheel
class Runtime(Protocol):
    """What is used of the module `cuda.bindings.runtime`. Every call answers with its error, then what it gives."""

    cudaError_t: Any
    cudaGLDeviceList: Any
    cudaGraphicsRegisterFlags: Any
    cudaMemcpyKind: Any
    cudaMemoryType: Any
    cudaStreamNonBlocking: int

    def cudaSetDevice(self, device: int) -> tuple[Any]: ...
    def cudaGetErrorName(self, error: Any) -> tuple[Any, bytes]: ...
    def cudaPointerGetAttributes(self, ptr: int) -> tuple[Any, Any]: ...
    def cudaGLGetDevices(self, cudaDeviceCount: int, deviceList: Any) -> tuple[Any, int, list[int]]: ...
    def cudaGraphicsGLRegisterImage(self, image: int, target: int, flags: Any) -> tuple[Any, Any]: ...
    def cudaGraphicsUnregisterResource(self, resource: Any) -> tuple[Any]: ...
    def cudaGraphicsMapResources(self, count: int, resources: Any, stream: Any) -> tuple[Any]: ...
    def cudaGraphicsSubResourceGetMappedArray(
        self, resource: Any, arrayIndex: int, mipLevel: int
    ) -> tuple[Any, Any]: ...
    def cudaGraphicsUnmapResources(self, count: int, resources: Any, stream: Any) -> tuple[Any]: ...
    def cudaMemcpy2DToArrayAsync(
        self,
        dst: Any,
        wOffset: int,
        hOffset: int,
        src: int,
        spitch: int,
        width: int,
        height: int,
        kind: Any,
        stream: Any,
    ) -> tuple[Any]: ...
    def cudaStreamCreateWithFlags(self, flags: int) -> tuple[Any, Any]: ...
    def cudaStreamSynchronize(self, stream: Any) -> tuple[Any]: ...
    def cudaStreamDestroy(self, stream: Any) -> tuple[Any]: ...
    def cudaMalloc(self, size: int) -> tuple[Any, int]: ...
    def cudaMemcpy(self, dst: int, src: bytes, count: int, kind: Any) -> tuple[Any]: ...
    def cudaFree(self, devPtr: int) -> tuple[Any]: ...


_WITHOUT_GRAPHICS = ("12.9.3", "13.0.2")  # registering a texture succeeds there and gives nothing (cuda-python #1122)
_HINTS = {
    "cudaErrorInsufficientDriver": "the NVIDIA driver is older than cuda-bindings wants; install a newer driver",
    "cudaErrorNoDevice": "OpenGL does not run on an NVIDIA card; give python.exe the fast card in Windows' settings",
    "cudaErrorOperatingSystem": "OpenGL runs on another card; give python.exe the fast one in Windows' settings",
}


def runtime() -> Runtime:
    """The module; `NoZeroCopy` where it is not, or is of no use."""
    try:
        version = str(import_module("cuda.bindings").__version__)
        module = import_module("cuda.bindings.runtime")
    except ImportError as e:
        missing = isinstance(e, ModuleNotFoundError)
        raise NoZeroCopy("pip install latentd[zerocopy]" if missing else f"cuda-bindings fails: {e}") from None
    if version in _WITHOUT_GRAPHICS:
        raise NoZeroCopy(f"cuda-bindings {version} is without graphics; install another version")
    return cast("Runtime", module)


def done(cuda: Runtime, what: str, answer: tuple[Any, ...]) -> Any:
    """What a call gave beside its error, which is raised as `NoZeroCopy`."""
    error, *given = answer
    if error != cuda.cudaError_t.cudaSuccess:
        name = cuda.cudaGetErrorName(error)[1].decode()
        raise NoZeroCopy(f"{what}: {_HINTS.get(name, name)}")
    return given[0] if len(given) == 1 else tuple(given)


def address(canvas: object, width: int, height: int) -> int | None:
    """Where a canvas [H, W, 4] uint8 lies on the GPU, row after row; None where it is nothing of the kind.

    Asked of whatever has it, through the CUDA array interface (version 3): no torch in here.
    """
    said = getattr(canvas, "__cuda_array_interface__", None)
    if not isinstance(said, dict):
        return None
    dense = said.get("strides") in (None, (width * 4, 4, 1))
    if said.get("shape") != (height, width, 4) or said.get("typestr") != "|u1" or not dense:
        return None
    return int(said["data"][0]) or None
