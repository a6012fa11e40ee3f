"""The little of OpenGL 1.1 that a texture needs, through the system's own library; no package is needed for it."""

import ctypes
import sys
from typing import Any

from daemon.sinks.spout.cuda import NoZeroCopy

TEXTURE_2D = 0x0DE1
_RGBA8, _RGBA, _UNSIGNED_BYTE = 0x8058, 0x1908, 0x1401
_MIN_FILTER, _MAG_FILTER, _LINEAR = 0x2801, 0x2800, 0x2601
_VERSION = 0x1F02
_ERRORS = 16  # kept by a context at most, one of a kind; without a context some answer with errors for ever


class OpenGL:
    """The context that is current on this thread."""

    def __init__(self, lib: Any = None) -> None:
        """`lib` stands in for the system's. Raises `NoZeroCopy` where there is no library, or no context."""
        self._gl = gl = _library() if lib is None else lib
        uint, size, into = ctypes.c_uint, ctypes.c_int, ctypes.c_void_p
        gl.glGetString.restype, gl.glGetString.argtypes = ctypes.c_char_p, [uint]
        gl.glGetError.restype, gl.glGetError.argtypes = uint, []
        gl.glGenTextures.argtypes = gl.glDeleteTextures.argtypes = [size, ctypes.POINTER(uint)]
        gl.glBindTexture.argtypes = [uint, uint]
        gl.glTexParameteri.argtypes = [uint, uint, size]
        gl.glTexImage2D.argtypes = [uint, size, size, size, size, size, uint, uint, into]
        gl.glGetTexImage.argtypes = [uint, size, uint, uint, into]
        for name in ("GenTextures", "DeleteTextures", "BindTexture", "TexParameteri", "TexImage2D", "GetTexImage"):
            getattr(gl, f"gl{name}").restype = None
        if gl.glGetString(_VERSION) is None:  # every other call would do nothing and not say so
            raise NoZeroCopy("there is no OpenGL context")

    def texture(self, width: int, height: int) -> int:
        """A new texture of RGBA bytes; what it holds is not known."""
        gl, number = self._gl, ctypes.c_uint()
        self._errors()  # those of others
        gl.glGenTextures(1, ctypes.byref(number))
        gl.glBindTexture(TEXTURE_2D, number.value)
        gl.glTexParameteri(TEXTURE_2D, _MIN_FILTER, _LINEAR)  # else it is incomplete, for want of mipmaps
        gl.glTexParameteri(TEXTURE_2D, _MAG_FILTER, _LINEAR)
        gl.glTexImage2D(TEXTURE_2D, 0, _RGBA8, width, height, 0, _RGBA, _UNSIGNED_BYTE, None)
        gl.glBindTexture(TEXTURE_2D, 0)
        if error := self._errors():
            self.delete(number.value)
            raise NoZeroCopy(f"OpenGL makes no texture of {width} x {height} (error {error:#x})")
        return number.value

    def read(self, texture: int, width: int, height: int) -> bytes:
        """A texture's RGBA bytes, first row first."""
        into = ctypes.create_string_buffer(width * height * 4)
        self._gl.glBindTexture(TEXTURE_2D, texture)
        self._gl.glGetTexImage(TEXTURE_2D, 0, _RGBA, _UNSIGNED_BYTE, into)
        self._gl.glBindTexture(TEXTURE_2D, 0)
        if error := self._errors():
            raise NoZeroCopy(f"OpenGL cannot read a texture (error {error:#x})")
        return into.raw

    def delete(self, texture: int) -> None:
        self._gl.glDeleteTextures(1, ctypes.byref(ctypes.c_uint(texture)))

    def _errors(self) -> int:
        """The first error since last asked, 0 for none; all of them are forgotten."""
        first = 0
        for _ in range(_ERRORS):
            error = int(self._gl.glGetError())
            if error == 0:
                break
            first = first or error
        return first


def _library() -> Any:
    try:
        if sys.platform == "win32":
            return ctypes.WinDLL("opengl32")
        return ctypes.CDLL("libGL.so.1")
    except OSError as e:
        raise NoZeroCopy(f"OpenGL cannot be loaded ({e})") from None
