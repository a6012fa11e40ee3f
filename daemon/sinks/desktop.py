"""The little of Windows that Spout needs beside SpoutGL: the session, the texture's mutex, the message queue."""

import ctypes
import sys
from typing import Protocol

_SYNCHRONIZE = 0x0010_0000
_MUTEX_MODIFY = 0x0000_0001
_OBJECT_0, _ABANDONED = 0x00, 0x80  # both mean that the mutex is ours
_NO_REMOVE = 0x0000


class Desktop(Protocol):
    """What Windows is asked."""

    def session(self) -> int:
        """The session this process runs in; 0 is that of services, which no desktop program can see into."""
        ...

    def open_mutex(self, name: str) -> int | None:
        """A handle on a named mutex that is there; None when it is not."""
        ...

    def lock(self, mutex: int, timeout_ms: int) -> bool:
        """Wait for a mutex without keeping other Python threads from running."""
        ...

    def unlock(self, mutex: int) -> None: ...

    def close(self, mutex: int) -> None: ...

    def pump(self) -> None:
        """Answer what was sent to this thread's hidden window, so that a broadcast does not wait for it."""
        ...


if sys.platform == "win32":
    from ctypes import wintypes

    class Windows:
        """The real one."""

        def __init__(self) -> None:
            kernel, user = ctypes.WinDLL("kernel32"), ctypes.WinDLL("user32")
            self._kernel, self._user = kernel, user
            kernel.OpenMutexA.restype = wintypes.HANDLE
            kernel.OpenMutexA.argtypes = [wintypes.DWORD, wintypes.BOOL, wintypes.LPCSTR]
            kernel.WaitForSingleObject.restype = wintypes.DWORD
            kernel.WaitForSingleObject.argtypes = [wintypes.HANDLE, wintypes.DWORD]
            kernel.ReleaseMutex.argtypes = [wintypes.HANDLE]
            kernel.CloseHandle.argtypes = [wintypes.HANDLE]
            kernel.ProcessIdToSessionId.argtypes = [wintypes.DWORD, ctypes.POINTER(wintypes.DWORD)]
            user.PeekMessageW.argtypes = [wintypes.LPMSG, wintypes.HWND, wintypes.UINT, wintypes.UINT, wintypes.UINT]

        def session(self) -> int:
            number = wintypes.DWORD(1)
            self._kernel.ProcessIdToSessionId(self._kernel.GetCurrentProcessId(), ctypes.byref(number))
            return number.value

        def open_mutex(self, name: str) -> int | None:
            handle: int | None = self._kernel.OpenMutexA(_SYNCHRONIZE | _MUTEX_MODIFY, False, name.encode())
            return handle or None

        def lock(self, mutex: int, timeout_ms: int) -> bool:
            return self._kernel.WaitForSingleObject(mutex, timeout_ms) in (_OBJECT_0, _ABANDONED)

        def unlock(self, mutex: int) -> None:
            self._kernel.ReleaseMutex(mutex)

        def close(self, mutex: int) -> None:
            self._kernel.CloseHandle(mutex)

        def pump(self) -> None:
            # looking is enough: Windows delivers messages sent by other threads before it answers
            self._user.PeekMessageW(ctypes.byref(wintypes.MSG()), None, 0, 0, _NO_REMOVE)


def desktop() -> Desktop | None:
    """Windows; None elsewhere."""
    if sys.platform == "win32":
        return Windows()
    return None
