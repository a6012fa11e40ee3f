"""A real OpenGL context without a display: EGL on Mesa's software renderer, through ctypes."""

import ctypes
from contextlib import contextmanager

_SURFACELESS, _OPENGL = 0x31DD, 0x30A2
_WANTED = (ctypes.c_int * 5)(0x3033, 0x0001, 0x3040, 0x0008, 0x3038)  # a surface: pbuffer; renderable: OpenGL; end


class NoContext(Exception):  # noqa: N818
    """Why there is none."""


@contextmanager
def context():
    """Current on this thread inside; `NoContext` where there is none to be had."""
    try:
        egl = ctypes.CDLL("libEGL.so.1")
        ctypes.CDLL("libGL.so.1")
    except OSError as e:
        raise NoContext(str(e)) from None
    pointer = ctypes.c_void_p
    egl.eglGetProcAddress.restype = pointer
    found = egl.eglGetProcAddress(b"eglGetPlatformDisplayEXT")
    if not found:
        raise NoContext("EGL without platforms")
    get = ctypes.CFUNCTYPE(pointer, ctypes.c_uint, pointer, pointer)(found)
    display = pointer(get(_SURFACELESS, None, None))
    if not display or not egl.eglInitialize(display, None, None):
        raise NoContext("no surfaceless display")
    try:
        config, count = pointer(), ctypes.c_int()
        egl.eglBindAPI(_OPENGL)
        egl.eglChooseConfig(display, _WANTED, ctypes.byref(config), 1, ctypes.byref(count))
        egl.eglCreateContext.restype = pointer
        made = pointer(egl.eglCreateContext(display, config, None, None))
        if not egl.eglMakeCurrent(display, None, None, made):
            raise NoContext("no context without a surface")
        yield
        egl.eglMakeCurrent(display, None, None, None)
        egl.eglDestroyContext(display, made)
    finally:
        egl.eglTerminate(display)
