"""Pictures as numbered PNG files in a folder."""

import errno
import logging
from pathlib import Path

from daemon.errors import SinkError, SinkUnavailable
from daemon.flow import FrameFormat, Memory, Order
from daemon.sinks import encode
from daemon.sinks.sink import HOST
from daemon.slots import Slot

_PARTIAL = ".latentd.part"  # what is being written; a crash leaves at most this one

logger = logging.getLogger(__name__)


class FramesSink:
    """Writes FOLDER/00000001.png and on, in the order published, each whole or not at all."""

    name = "frames"
    repeats = False

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._written = 0

    def accepts(self) -> tuple[tuple[Order, Memory], ...]:
        return HOST

    def open(self, format: FrameFormat) -> None:  # noqa: A002, ARG002
        """Make the folder and try to write in it."""
        try:
            self._folder.mkdir(parents=True, exist_ok=True)
            (self._folder / _PARTIAL).write_bytes(b"")
        except OSError as e:
            raise self._lost(e) from None
        if self._written == 0 and (self._folder / _numbered(1)).exists():
            logger.warning("%s holds pictures already; those with the same numbers are replaced", self._folder)

    def publish(self, slot: Slot) -> bool:
        partial, path = self._folder / _PARTIAL, self._folder / _numbered(self._written + 1)
        data = encode.png(encode.image(slot))
        try:
            partial.write_bytes(data)
            partial.replace(path)
        except OSError as e:
            raise self._lost(e) from None
        self._written += 1
        return True

    def close(self) -> None:
        try:
            (self._folder / _PARTIAL).unlink(missing_ok=True)
        except OSError as e:
            logger.debug("%s stays: %s", _PARTIAL, e)  # as an empty or partial file nobody reads

    def receivers(self) -> int | None:
        return None

    def _lost(self, e: OSError) -> SinkError:
        """What an artist can do about it. A full disk may get room; a wrong place stays wrong."""
        folder, why = self._folder, e.strerror or type(e).__name__
        match e.errno:
            case errno.EEXIST | errno.ENOTDIR:
                return SinkUnavailable(f"frames: {folder} is not a folder, a file is in the way; choose another")
            case errno.EACCES | errno.EPERM | errno.EROFS:
                return SinkUnavailable(f"frames: {folder} cannot be written to ({why}); choose a folder that can")
            case errno.ENOSPC | errno.EDQUOT:
                return SinkError(f"frames: no room left in {folder}; free some, {self._written} written so far")
            case _:
                return SinkError(f"frames: cannot write in {folder} ({why}), {self._written} written so far")


def _numbered(n: int) -> str:
    return f"{n:08d}.png"
