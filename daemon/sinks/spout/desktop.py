"""The little of Windows that Spout needs beside SpoutGL: sessions, mutexes, the message queue."""

import ctypes
import sys
from typing import Protocol

from daemon.errors import SinkError

_SYNCHRONIZE = 0x0010_0000
_MUTEX_MODIFY = 0x0000_0001
_OBJECT_0, _ABANDONED, _TIMEOUT = 0x00, 0x80, 0x102  # the first two: the mutex is ours, though its holder may have died
_ALREADY_EXISTS = 183
_REMOTE_SESSION = 0x1000  # SM_REMOTESESSION
_REMOVE = 0x0001
_MESSAGES = 32  # answered at once at most, so that a flood of them costs no picture


class Desktop(Protocol):
    """What Windows is asked."""

    def session(self) -> int:
        """The session this process runs in; 0 is that of services, which no desktop program can see into."""
        ...

    def remote(self) -> bool:
        """Whether the session is shown over Remote Desktop, where another graphics driver may be at work."""
        ...

    def claim(self, name: str) -> int | None:
        """A handle on a name nobody else has claimed, given back with `close` or with the process; None: taken."""
        ...

    def open_mutex(self, name: str) -> int | None:
        """A handle on a named mutex that is there; None when it is not."""
        ...

    def lock(self, mutex: int, timeout_ms: int) -> bool:
        """Wait for a mutex without keeping other Python threads from running; `SinkError` when it is gone."""
        ...

    def unlock(self, mutex: int) -> None: ...

    def close(self, handle: int) -> None: ...

    def pump(self) -> None:
        """Answer what was sent to this thread's hidden window, so that a broadcast does not wait for it."""
        ...


if sys.platform == "win32":
    from ctypes import wintypes

    class Windows:
        """The real one."""

        def __init__(self) -> None:
            kernel, user = ctypes.WinDLL("kernel32", use_last_error=True), ctypes.WinDLL("user32")
            self._kernel, self._user = kernel, user
            kernel.CreateMutexW.restype = wintypes.HANDLE
            kernel.CreateMutexW.argtypes = [wintypes.LPVOID, wintypes.BOOL, wintypes.LPCWSTR]
            kernel.OpenMutexA.restype = wintypes.HANDLE
            kernel.OpenMutexA.argtypes = [wintypes.DWORD, wintypes.BOOL, wintypes.LPCSTR]
            kernel.WaitForSingleObject.restype = wintypes.DWORD
            kernel.WaitForSingleObject.argtypes = [wintypes.HANDLE, wintypes.DWORD]
            kernel.ReleaseMutex.argtypes = [wintypes.HANDLE]
            kernel.CloseHandle.argtypes = [wintypes.HANDLE]
            kernel.ProcessIdToSessionId.argtypes = [wintypes.DWORD, ctypes.POINTER(wintypes.DWORD)]
            user.PeekMessageW.argtypes = [wintypes.LPMSG, wintypes.HWND, wintypes.UINT, wintypes.UINT, wintypes.UINT]
            user.DispatchMessageW.argtypes = [wintypes.LPMSG]

        def session(self) -> int:
            number = wintypes.DWORD(1)
            self._kernel.ProcessIdToSessionId(self._kernel.GetCurrentProcessId(), ctypes.byref(number))
            return number.value

        def remote(self) -> bool:
            return bool(self._user.GetSystemMetrics(_REMOTE_SESSION))

        def claim(self, name: str) -> int | None:
            handle: int | None = self._kernel.CreateMutexW(None, False, name)
            there_already = ctypes.get_last_error() == _ALREADY_EXISTS
            if handle and there_already:
                self.close(handle)
            return None if there_already else handle or None

        def open_mutex(self, name: str) -> int | None:
            handle: int | None = self._kernel.OpenMutexA(_SYNCHRONIZE | _MUTEX_MODIFY, False, name.encode())
            return handle or None

        def lock(self, mutex: int, timeout_ms: int) -> bool:
            answer: int = self._kernel.WaitForSingleObject(mutex, timeout_ms)
            if answer not in (_OBJECT_0, _ABANDONED, _TIMEOUT):
                raise SinkError("the mutex of the Spout texture cannot be waited for; opening Spout again")
            return answer != _TIMEOUT

        def unlock(self, mutex: int) -> None:
            self._kernel.ReleaseMutex(mutex)

        def close(self, handle: int) -> None:
            self._kernel.CloseHandle(handle)

        def pump(self) -> None:
            message = wintypes.MSG()
            for _ in range(_MESSAGES):
                if not self._user.PeekMessageW(ctypes.byref(message), None, 0, 0, _REMOVE):
                    return  # those that other threads sent, and wait for, were answered on the way
                self._user.DispatchMessageW(ctypes.byref(message))


def desktop() -> Desktop | None:
    """Windows; None elsewhere."""
    if sys.platform == "win32":
        return Windows()
    return None
