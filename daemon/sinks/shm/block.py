"""A block of named shared memory, of this user alone, that belongs to whoever names it.

Not to Python's resource tracker: before 3.13 `SharedMemory` has every process tracked that opens a block, and the first
to exit removes it under the others; that of a crashed writer removes it when the next writer has it already.
"""

import mmap
import os
import sys
from collections.abc import Callable
from contextlib import suppress
from typing import TypeAlias

import numpy as np

from daemon.flow import U8

if sys.platform != "win32":
    from _posixshmem import shm_open, shm_unlink

Words: TypeAlias = "np.ndarray[tuple[int], np.dtype[np.uint64]]"


class Block:
    """One block, mapped. `memory` may not be used after `close`."""

    def __init__(self, name: str, size: int = 0) -> None:
        """Make one of `size` bytes, or map the one that is there if 0.

        `FileExistsError`, `FileNotFoundError`, `PermissionError`; `OSError` when there is no room; `ValueError` for one
        without a size, which somebody is making or was killed while making.
        """
        self.name = name
        buffer, self._unmap, self._file = _map(name, size)
        self.memory: U8 = np.frombuffer(buffer, np.uint8)

    def is_found(self) -> bool:
        """Whether who asks for the name now gets this block: logging out may remove a user's memory (systemd does)."""
        return self._file == _file(self.name)

    def words(self, offset: int = 0, count: int = 8) -> Words:
        """64-bit words from `offset` on, each stored and loaded in one piece."""
        return self.memory[offset : offset + 8 * count].view("<u8")

    def close(self) -> None:
        """Unmap; who still has an array of it keeps it mapped until that is gone."""
        with suppress(AttributeError):
            del self.memory
        with suppress(BufferError):
            self._unmap()


if sys.platform == "win32":
    from multiprocessing.shared_memory import SharedMemory

    def _map(name: str, size: int) -> tuple[memoryview, Callable[[], None], int]:
        shared = SharedMemory(name, create=size > 0, size=size)
        assert shared.buf is not None, "it is open"
        return shared.buf, shared.close, _file(name)

    def _file(_name: str) -> int:
        """A name stays as long as its block is mapped."""
        return 0

    def remove(name: str) -> None:
        """It goes with the last who has it mapped."""

else:

    def _map(name: str, size: int) -> tuple[mmap.mmap, Callable[[], None], int]:
        made = size > 0
        fd = shm_open(f"/{name}", os.O_RDWR | (os.O_CREAT | os.O_EXCL if made else 0), mode=0o600)
        try:
            size = size or os.fstat(fd).st_size  # macOS maps no shared memory whose size it has to find out
            if size == 0:
                raise ValueError(f"{name} has no size yet")
            if made:
                os.ftruncate(fd, size)
                if sys.platform == "linux":  # where /dev/shm is full (64 MB in a container), writing kills the process
                    os.posix_fallocate(fd, 0, size)
            mapped, file = mmap.mmap(fd, size), os.fstat(fd).st_ino
        except OSError:
            if made:
                remove(name)
            raise
        finally:
            os.close(fd)
        return mapped, mapped.close, file

    def _file(name: str) -> int:
        """Which file it is (macOS numbers none); -1 for none."""
        try:
            fd = shm_open(f"/{name}", os.O_RDONLY, mode=0)
        except OSError:
            return -1
        try:
            return os.fstat(fd).st_ino
        finally:
            os.close(fd)

    def remove(name: str) -> None:
        """Take the name away, if it is there; who has the block mapped keeps the memory."""
        with suppress(FileNotFoundError):
            shm_unlink(f"/{name}")
