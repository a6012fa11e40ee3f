"""Where a film is written: under a name that nothing has yet, or beside the one it will replace."""

import errno
import os
import shutil
from collections.abc import Iterator
from contextlib import suppress
from itertools import count
from pathlib import Path
from typing import Literal

from daemon.errors import SinkUnavailable

CONTAINERS = {".mp4": "mp4", ".mov": "mov", ".mkv": "matroska"}  # by suffix; FFmpeg's names of them
KNOWN = ".mp4, .mov or .mkv"
_ROOM = 32 << 20  # bytes that must be free to begin again after an error: no trail of films without pictures
_FIRST = 1 << 16  # bytes that are tried; PyAV keeps a file open for ever whose beginning it could not write


def at_home(path: Path) -> Path:
    """The whole path of one that may begin with ~."""
    try:
        return path.expanduser()
    except RuntimeError:
        raise SinkUnavailable(f"video: {path} names no home folder; give the whole path") from None


def names(path: Path) -> Iterator[Path]:
    """What live films of this name are called, one after the other, without an end."""
    yield path
    yield from (path.with_stem(f"{path.stem}-{n}") for n in count(2))


def partial_of(path: Path) -> Path:
    """Where a film is made that takes this one's place when it is done."""
    return path.with_name(f".{path.stem}.part{path.suffix}")


def beside(path: Path) -> Path:
    """An empty file to make a film in that takes this one's place when it is done. Raises OSError."""
    if path.is_dir():
        raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR))
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = partial_of(path)
    _made(partial, "wb")
    return partial


def next_free(path: Path, again: bool) -> Path:
    """An empty file of this name, or of the next one nobody has, made here so that it is nobody else's. Raises OSError.

    `again`: after an error, so that a disk which is full is looked at first.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    if again and shutil.disk_usage(path.parent).free < _ROOM:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
    for part in names(path):
        with suppress(FileExistsError):
            _made(part, "xb")
            break
    return part


def _made(path: Path, mode: Literal["wb", "xb"]) -> None:
    """Make an empty file, on a disk that takes something."""
    file = path.open(mode, buffering=0)
    try:
        with file:
            file.write(bytes(_FIRST))
            file.truncate(0)
    except OSError:
        path.unlink(missing_ok=True)
        raise
