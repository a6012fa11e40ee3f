"""An OpenGL texture that CUDA writes pictures into. It was never run on a GPU.

CUDA runtime API, "OpenGL Interoperability": registered once, mapped for each picture. Mapping waits for what OpenGL
has begun, and what OpenGL does after unmapping waits for the copy, as long as nobody touches the texture in between.
"""

from contextlib import ExitStack
from typing import Protocol

import numpy as np

from daemon.sinks.spout.cuda import NoZeroCopy, Runtime, done

_TEXTURE_2D = 0x0DE1
_DEVICES = 16  # asked for at most


class Textures(Protocol):
    """What is used of OpenGL."""

    def texture(self, width: int, height: int) -> int: ...

    def read(self, texture: int, width: int, height: int) -> bytes: ...

    def delete(self, texture: int) -> None: ...


class CudaTexture:
    """One texture; made, used and closed on the thread whose OpenGL context is current."""

    def __init__(self, gl: Textures, cuda: Runtime, picture: int, width: int, height: int) -> None:
        """`picture`: the address of any one on the GPU that is to be used. Raises `NoZeroCopy`, with nothing left."""
        self._gl, self._cuda, self._width, self._height = gl, cuda, width, height
        with ExitStack() as undo:
            where = done(cuda, "where the pictures are", cuda.cudaPointerGetAttributes(picture))
            if where.type != cuda.cudaMemoryType.cudaMemoryTypeDevice:
                raise NoZeroCopy("the pictures are not in the GPU's own memory")
            done(cuda, "the GPU", cuda.cudaSetDevice(where.device))
            _, devices = done(
                cuda, "OpenGL's GPU", cuda.cudaGLGetDevices(_DEVICES, cuda.cudaGLDeviceList.cudaGLDeviceListAll)
            )
            if where.device not in [int(device) for device in devices]:
                raise NoZeroCopy(
                    "OpenGL runs on another card than paints; give python.exe the fast one in Windows' settings"
                )
            self.number = gl.texture(width, height)
            undo.callback(gl.delete, self.number)
            self._resource = done(
                cuda,
                "registering a texture",
                cuda.cudaGraphicsGLRegisterImage(
                    self.number, _TEXTURE_2D, cuda.cudaGraphicsRegisterFlags.cudaGraphicsRegisterFlagsWriteDiscard
                ),
            )
            if int(self._resource) == 0:
                raise NoZeroCopy("this cuda-bindings is without graphics; install another version")
            undo.callback(cuda.cudaGraphicsUnregisterResource, self._resource)  # before the texture is deleted
            # of its own, and not held up by the default one
            self._stream = done(cuda, "a stream", cuda.cudaStreamCreateWithFlags(cuda.cudaStreamNonBlocking))
            undo.callback(cuda.cudaStreamDestroy, self._stream)
            self._try_out()
            self._undo = undo.pop_all()

    def write(self, picture: int) -> None:
        """Copy a picture [H, W, 4] from the GPU's memory; it may be painted over when this returns."""
        cuda, resource, stream, row = self._cuda, self._resource, self._stream, self._width * 4
        done(cuda, "mapping", cuda.cudaGraphicsMapResources(1, resource, stream))
        try:
            array = done(cuda, "the mapped texture", cuda.cudaGraphicsSubResourceGetMappedArray(resource, 0, 0))
            kind = cuda.cudaMemcpyKind.cudaMemcpyDeviceToDevice
            copied = cuda.cudaMemcpy2DToArrayAsync(array, 0, 0, picture, row, row, self._height, kind, stream)
            done(cuda, "copying a picture", copied)
        finally:
            unmapped = cuda.cudaGraphicsUnmapResources(1, resource, stream)
        done(cuda, "unmapping", unmapped)
        done(cuda, "copying a picture", cuda.cudaStreamSynchronize(stream))

    def close(self) -> None:
        """Give everything back; safe to call twice."""
        self._undo.close()

    def _try_out(self) -> None:
        """Whether a pattern goes from CUDA's memory into the texture as it is, for none of these calls tells."""
        cuda, pattern = self._cuda, _pattern(self._width, self._height)
        there = done(cuda, "memory", cuda.cudaMalloc(len(pattern)))
        try:
            kind = cuda.cudaMemcpyKind.cudaMemcpyHostToDevice
            done(cuda, "a test picture", cuda.cudaMemcpy(there, pattern, len(pattern), kind))
            self.write(there)
            if self._gl.read(self.number, self._width, self._height) != pattern:
                raise NoZeroCopy("a test picture does not arrive in OpenGL as it was sent")
        finally:
            cuda.cudaFree(there)


def _pattern(width: int, height: int) -> bytes:
    """A picture that differs from itself turned, moved, or with its colours in another order."""
    y, x = np.indices((height, width), dtype=np.uint32)
    channels = (x * 3 + y * 7 + 1, x * 5 + y * 11 + 85, (x >> 4) + (y >> 2) + 170, x * y + 255)
    return np.stack(channels, -1).astype(np.uint8).tobytes()
