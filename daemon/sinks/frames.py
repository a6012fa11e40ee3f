"""Pictures as numbered PNG files in a folder."""

import errno
import logging
from pathlib import Path
from threading import Lock
from weakref import WeakValueDictionary

from daemon.errors import SinkError, SinkUnavailable
from daemon.flow import FrameFormat, Memory, Order
from daemon.sinks import encode
from daemon.sinks.sink import HOST
from daemon.slots import Slot

_PARTIAL = ".latentd.part"  # what is being written; a crash leaves at most this one

logger = logging.getLogger(__name__)


class FramesSink:
    """Writes FOLDER/00000001.png and on, in the order published, each whole or not at all.

    A folder belongs to one sink: two would give the same numbers to different pictures.
    """

    name = "frames"
    repeats = False

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._written = 0
        self._begun = False  # it has been open before: what fails now did work, and may again

    @property
    def about(self) -> str:
        """The folder."""
        return str(self._folder)

    def accepts(self) -> tuple[tuple[Order, Memory], ...]:
        return HOST

    def open(self, format: FrameFormat) -> None:  # noqa: A002, ARG002
        """Make the folder, take it for this sink alone and try to write in it."""
        try:
            self._folder = self._folder.expanduser()
            self._folder.mkdir(parents=True, exist_ok=True)
            self._hold()
            (self._folder / _PARTIAL).write_bytes(b"")
        except OSError as e:
            raise self._lost(e) from None
        except RuntimeError:
            raise SinkUnavailable(f"frames: {self._folder} names no home folder; give the whole path") from None
        if self._written == 0 and (self._folder / _numbered(1)).exists():
            logger.warning("%s holds pictures already; those with the same numbers are replaced", self._folder)
        self._begun = True

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
        if not self._release():
            return
        try:
            (self._folder / _PARTIAL).unlink(missing_ok=True)
        except OSError as e:
            logger.debug("%s stays: %s", _PARTIAL, e)  # as an empty or partial file nobody reads

    def receivers(self) -> int | None:
        return None

    def _hold(self) -> None:
        """Take the folder; it is known by its place on the disk, for one folder has many spellings."""
        at = self._folder.stat()
        with _lock:
            if _holders.setdefault((at.st_dev, at.st_ino), self) is not self:
                kind = SinkError if self._begun else SinkUnavailable
                raise kind(f"frames: another frames sink writes in {self._folder}; give each a folder of its own")

    def _release(self) -> bool:
        """Let go of the folder; whether this sink held one."""
        with _lock:
            held = [place for place, sink in _holders.items() if sink is self]
            for place in held:
                del _holders[place]
        return bool(held)

    def _lost(self, e: OSError) -> SinkError:
        """What an artist can do about it. A place that is wrong at first stays wrong; one that worked may again."""
        folder, why, so_far = self._folder, e.strerror or type(e).__name__, f"{self._written} written so far"
        match e.errno:
            case errno.ENOSPC | errno.EDQUOT:
                return SinkError(f"frames: no room left in {folder}; free some, {so_far}")
            case errno.EEXIST | errno.ENOTDIR if self._begun:
                return SinkError(f"frames: {folder} is no folder any more; move away the file in its place, {so_far}")
            case errno.EEXIST | errno.ENOTDIR:
                return SinkUnavailable(f"frames: {folder} is not a folder, a file is in the way; choose another")
            case errno.EACCES | errno.EPERM | errno.EROFS if not self._begun:
                return SinkUnavailable(f"frames: {folder} cannot be written to ({why}); choose a folder that can")
            case _:
                return SinkError(f"frames: cannot write in {folder} ({why}), {so_far}")


_holders: WeakValueDictionary[tuple[int, int], FramesSink] = WeakValueDictionary()
"""From folder (device, inode) to the sink that writes in it; a sink nobody has any more holds nothing."""
_lock = Lock()


def _numbered(n: int) -> str:
    return f"{n:08d}.png"
