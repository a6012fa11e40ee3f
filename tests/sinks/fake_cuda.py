# ruff: noqa: N802, N803, N815
"""A CUDA runtime and an OpenGL as strict as the real ones' documentation, with memory that is real.

Calls take what `Runtime` says, by position, and nothing else; a test holds `Runtime` to the real wheel. Copies happen
when the stream comes to them, not when they are asked for: whoever does not wait reads, or lets be painted over, what
is not done.
"""

import ctypes
import inspect
import sys
from enum import IntEnum
from threading import get_ident

import numpy as np

from daemon.device import HostPage
from daemon.sinks.spout.cuda import Runtime


class Error(IntEnum):
    cudaSuccess = 0
    cudaErrorInvalidValue = 1
    cudaErrorMemoryAllocation = 2
    cudaErrorInsufficientDriver = 35
    cudaErrorNoDevice = 100
    cudaErrorOperatingSystem = 304
    cudaErrorInvalidResourceHandle = 400
    cudaErrorLaunchFailure = 719
    cudaErrorUnknown = 999


class MemoryType(IntEnum):
    cudaMemoryTypeUnregistered = 0
    cudaMemoryTypeHost = 1
    cudaMemoryTypeDevice = 2


class CopyKind(IntEnum):
    cudaMemcpyHostToDevice = 1
    cudaMemcpyDeviceToDevice = 3


class RegisterFlags(IntEnum):
    cudaGraphicsRegisterFlagsNone = 0
    cudaGraphicsRegisterFlagsWriteDiscard = 2


class GLDevices(IntEnum):
    cudaGLDeviceListAll = 1


class Handle:
    """Of a resource, an array or a stream: the real calls take a bare number too, and then read memory there."""

    def __init__(self, number):
        self.number = number

    def __int__(self):
        return self.number


class Canvas:
    """A picture in the GPU's memory, as PyTorch shows one."""

    def __init__(self, cuda, pixels):
        self.address = cuda.place(np.ascontiguousarray(pixels, np.uint8).reshape(-1))
        self.shape = pixels.shape

    @property
    def __cuda_array_interface__(self):
        return {"shape": self.shape, "typestr": "|u1", "strides": None, "data": (self.address, False), "version": 3}


class GL:
    """Textures of one context, which is current on one thread."""

    def __init__(self):
        self.thread, self.textures, self.mapped, self.registered = get_ident(), {}, set(), set()
        self.before_use = lambda: None

    def texture(self, width, height):
        self._used(None)
        number = 5 + len(self.textures)
        self.textures[number] = np.full((height, width, 4), 77, np.uint8)
        return number

    def read(self, texture, width, height):
        self._used(texture)
        assert self.textures[texture].shape == (height, width, 4)
        return self.textures[texture].tobytes()

    def delete(self, texture):
        self._used(texture)
        assert texture not in self.registered, "a texture was deleted that CUDA still has"
        del self.textures[texture]

    def _used(self, texture):
        assert get_ident() == self.thread, "OpenGL on a thread without its context"
        assert texture not in self.mapped, "a texture was touched while CUDA had it"
        self.before_use()


class Cuda:
    """`cuda.bindings.runtime` with GPU 1 in it."""

    cudaError_t, cudaMemoryType, cudaMemcpyKind = Error, MemoryType, CopyKind
    cudaGraphicsRegisterFlags, cudaGLDeviceList, cudaStreamNonBlocking = RegisterFlags, GLDevices, 1

    def __init__(self, gl):
        self.gl, self.log = gl, []
        self.fails = {}  # call -> the error it answers with
        self.gives = {}  # call -> what it gives in place of what it would
        self.memory = {}  # address -> bytes
        self.allocated = set()
        self.resources, self.streams, self.waiting = {}, set(), []
        self.device = {}  # thread -> device
        self.spoil = lambda copied: copied
        self._next = 0x1000
        gl.before_use = self._come_to_them

    def __getattribute__(self, name):
        found = object.__getattribute__(self, name)
        if not name.startswith("cuda") or not callable(found) or isinstance(found, type):
            return found
        signature = inspect.signature(getattr(Runtime, name))

        def call(*args):
            signature.bind(self, *args)
            self.log.append(name)
            error = self.fails.get(name, Error.cudaSuccess)
            if name in self.gives:
                return Error.cudaSuccess, self.gives[name]
            given = found(*args) if error == Error.cudaSuccess else None
            return (error,) if given is None else given

        return call

    def place(self, data):
        """Put bytes into the GPU's memory; their address."""
        address, self._next = self._next, self._next + 0x100_0000
        self.memory[address] = data
        return address

    def cudaGetErrorName(self, error):
        return Error.cudaSuccess, Error(error).name.encode()

    def cudaPointerGetAttributes(self, ptr):
        where = type("Attributes", (), {})()
        where.device = 1
        where.type = MemoryType.cudaMemoryTypeDevice if ptr in self.memory else MemoryType.cudaMemoryTypeUnregistered
        return Error.cudaSuccess, where

    def cudaSetDevice(self, device):
        self.device[get_ident()] = device

    def cudaGLGetDevices(self, cudaDeviceCount, deviceList):
        assert deviceList is GLDevices.cudaGLDeviceListAll
        self._here()
        return Error.cudaSuccess, 1, [1]

    def cudaGraphicsGLRegisterImage(self, image, target, flags):
        assert (target, flags) == (0x0DE1, RegisterFlags.cudaGraphicsRegisterFlagsWriteDiscard)
        self._here()
        resource = Handle(0x50 + image)
        self.resources[resource] = image
        self.gl.registered.add(image)
        return Error.cudaSuccess, resource

    def cudaGraphicsUnregisterResource(self, resource):
        image = self._resource(resource)
        assert image not in self.gl.mapped
        self.gl.registered.discard(image)
        del self.resources[resource]

    def cudaGraphicsMapResources(self, count, resources, stream):
        assert count == 1
        assert stream in self.streams
        image = self._resource(resources)
        assert image not in self.gl.mapped, "mapped twice"
        self.gl.mapped.add(image)

    def cudaGraphicsSubResourceGetMappedArray(self, resource, arrayIndex, mipLevel):
        assert (arrayIndex, mipLevel) == (0, 0)
        image = self._resource(resource)
        assert image in self.gl.mapped
        array = Handle(image)
        array.texture = self.gl.textures[image]
        return Error.cudaSuccess, array

    def cudaMemcpy2DToArrayAsync(self, dst, wOffset, hOffset, src, spitch, width, height, kind, stream):
        assert isinstance(dst, Handle)
        assert int(dst) in self.gl.mapped
        assert (wOffset, hOffset, kind) == (0, 0, CopyKind.cudaMemcpyDeviceToDevice)
        assert stream in self.streams, "in the order of another stream than the mapping"
        assert width <= spitch
        source, texture = self.memory[src], dst.texture
        assert (height, width) == (len(texture), texture.shape[1] * 4)
        assert (height - 1) * spitch + width <= len(source), "read beyond what was allocated"

        def copy():
            for y in range(height):
                texture[y] = self.spoil(source[y * spitch : y * spitch + width].copy()).reshape(-1, 4)

        self.waiting.append(copy)

    def cudaGraphicsUnmapResources(self, count, resources, stream):
        assert count == 1
        assert stream in self.streams
        self.gl.mapped.remove(self._resource(resources))

    def cudaStreamCreateWithFlags(self, flags):
        assert flags == 1, "a stream that waits for the default one"
        self._here()
        stream = Handle(0x90)
        self.streams.add(stream)
        return Error.cudaSuccess, stream

    def cudaStreamSynchronize(self, stream):
        assert stream in self.streams
        self._come_to_them()

    def cudaStreamDestroy(self, stream):
        self.streams.remove(stream)

    def cudaMalloc(self, size):
        self._here()
        address = self.place(np.full(size, 99, np.uint8))
        self.allocated.add(address)
        return Error.cudaSuccess, address

    def cudaMemcpy(self, dst, src, count, kind):
        assert kind is CopyKind.cudaMemcpyHostToDevice
        assert count == len(src) == len(self.memory[dst])
        self.memory[dst][:] = np.frombuffer(src, np.uint8)

    def cudaFree(self, devPtr):
        self.allocated.remove(devPtr)
        del self.memory[devPtr]

    def _here(self):
        assert self.device.get(get_ident()) == 1, "the GPU was not chosen on this thread"

    def _resource(self, resource):
        assert isinstance(resource, Handle), "a number is read as an address of handles"
        assert resource in self.resources, "a resource that is not registered"
        return self.resources[resource]

    def _come_to_them(self):
        """Do what streams were given to do."""
        waiting, self.waiting = self.waiting, []
        for copy in waiting:
            copy()


class Gpu:
    """A device whose pictures are in `cuda`'s memory as well."""

    def __init__(self, cuda):
        self.cuda = cuda

    def page(self, height, width):
        return GpuPage(self.cuda, height, width)


class GpuPage(HostPage):
    def __init__(self, cuda, height, width):
        super().__init__(height, width)
        self.cuda, self.canvas = cuda, Canvas(cuda, self.pixels)

    def paint(self, pixels):
        self.pixels[:] = pixels
        self.cuda.memory[self.canvas.address][:] = np.ascontiguousarray(pixels).reshape(-1)


class RealGL(GL):
    """The textures above, kept in a real context: what is copied into one is uploaded before it is next used.

    `make` gives the `OpenGL` of the context, when the first texture is wanted.
    """

    def __init__(self, make, turned=slice(None)):
        super().__init__()
        self.make, self.turned, self.real = make, turned, None

    def texture(self, width, height):
        self.real = self.real or self.make()
        number = self.real.texture(width, height)
        self.textures[number] = np.zeros((height, width, 4), np.uint8)
        return number

    def read(self, texture, width, height):
        super().read(texture, width, height)
        upload(texture, self.textures[texture][self.turned].copy())
        return self.real.read(texture, width, height)

    def delete(self, texture):
        super().delete(texture)
        self.real.delete(texture)


def upload(texture, rows):
    """What CUDA would write, written by OpenGL itself."""
    lib = ctypes.WinDLL("opengl32") if sys.platform == "win32" else ctypes.CDLL("libGL.so.1")
    lib.glBindTexture(0x0DE1, texture)
    height, width = rows.shape[:2]
    lib.glTexSubImage2D(0x0DE1, 0, 0, 0, width, height, 0x1908, 0x1401, rows.ctypes.data_as(ctypes.c_void_p))
    lib.glBindTexture(0x0DE1, 0)
