"""Pictures as films: h264 in mp4, mov or mkv, with the sound of the file that is heard."""

import errno
import logging
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING

from daemon.errors import SinkError, SinkUnavailable
from daemon.flow import FrameFormat, Memory, Order
from daemon.sinks.sink import HOST
from daemon.sinks.video.place import CONTAINERS, KNOWN, at_home, beside, next_free
from daemon.sinks.video.sound import FAULTS, LoopedSound
from daemon.slots import Slot

if TYPE_CHECKING:
    from daemon.sinks.video.recording import Recording

_LONGEST = 6 * 3600.0  # s of one live film: an mp4 keeps some 70 bytes a frame in memory until its end
_WRONG = (errno.EINVAL, errno.ENOENT, errno.ENAMETOOLONG)  # what no waiting mends; nor does what FFmpeg alone has

logger = logging.getLogger(__name__)


class VideoSink:
    """Live, each time it is opened begins the next film: FILE.mp4, FILE-2.mp4 ..., over none that is there already.

    So it does after `_LONGEST`, too. Offline the film is `place.partial_of` the name, for the caller to put in its
    place, and `close` raises when it has no end.

    Args:
        path: of the film; its suffix says what it is.
        fps: frames a second.
        sound: the file that is heard, to be played beside the pictures.
        offline: pictures come in their own time, and none is missing.
    """

    name = "video"
    repeats = False

    def __init__(self, path: Path, fps: float, sound: Path | None = None, offline: bool = False) -> None:
        """`SinkUnavailable` for a name that no film can have."""
        container = CONTAINERS.get(path.suffix.lower())
        if container is None:
            raise SinkUnavailable(f"video: {path.name} cannot be made; use a name that ends in {KNOWN}")
        self._container = container
        self._path, self._sound, self._offline = path, sound, offline
        self._fps = Fraction(fps).limit_denominator(1001)
        self._recording: Recording | None = None
        self._begun = False  # it has been open before: what fails now did work, and may again

    @property
    def about(self) -> str:
        return "" if self._recording is None else self._recording.about

    def accepts(self) -> tuple[tuple[Order, Memory], ...]:
        return HOST

    def open(self, format: FrameFormat) -> None:  # noqa: A002
        """Take the next free name, and begin a film."""
        container = self._container
        try:
            from daemon.sinks.video.recording import Recording
        except ModuleNotFoundError:
            raise SinkUnavailable("video needs the package av (PyAV): pip install 'latentd[video]'") from None
        except ImportError as e:
            raise SinkUnavailable(f"video: PyAV does not load ({e}); install it anew: pip install -U av") from None
        sound = self._open_sound()
        path: Path | None = None
        try:
            path = self._claim()
            self._recording = Recording(path, container, format, self._fps, sound, self._offline)
        except OSError as e:
            raise self._lost(e) from None
        finally:
            if self._recording is None:
                _discard(path)
                if sound is not None:
                    sound.close()
        if format.alpha != "opaque" and container != "mov" and not self._begun:
            logger.warning("video: h264 has no alpha, %s is without; a name that ends in .mov keeps it", path.name)
        self._begun = True

    def publish(self, slot: Slot) -> bool:
        if self._recording is None:
            raise SinkError("video: no film is open")
        if not self._offline and self._recording.frames >= _LONGEST * self._fps:
            self.close()
            self.open(slot.format)
        try:
            self._recording.add(slot)
        except OSError as e:
            raise self._lost(e) from None
        return True

    def close(self) -> None:
        recording, self._recording = self._recording, None
        if recording is None:
            return
        fault: SinkError | None = None
        try:
            recording.end()
        except OSError as e:
            fault = self._lost(e, recording.frames)
        if recording.frames == 0:
            _discard(recording.path)
        if fault is None:
            if not self._offline and recording.frames:
                logger.info("video: %s is done, %d frames", recording.path, recording.frames)
            return
        if self._offline:
            raise fault
        logger.warning("%s; what is there plays", fault)

    def receivers(self) -> int | None:
        return None

    def _open_sound(self) -> LoopedSound | None:
        if self._sound is None:
            return None
        try:
            return LoopedSound(self._sound.expanduser())
        except FAULTS as e:
            kind = SinkError if self._begun else SinkUnavailable
            raise kind(f"video: the sound {self._sound} cannot be read ({e}); see that it is there and whole") from None

    def _claim(self) -> Path:
        path = at_home(self._path)
        return beside(path) if self._offline else next_free(path, again=self._begun)

    def _lost(self, e: OSError, frames: int | None = None) -> SinkError:
        """What an artist can do about it. A place that is wrong at first stays wrong; one that worked may again."""
        frames = (self._recording.frames if self._recording is not None else 0) if frames is None else frames
        path, why = self._path, e.strerror or str(e) or type(e).__name__
        folder, so_far = path.parent, f"{frames} frames written so far"
        match e.errno:
            case errno.ENOSPC | errno.EDQUOT:
                return SinkError(f"video: no room left in {folder} for {path.name}; free some, {so_far}")
            case errno.EFBIG:
                return SinkError(f"video: {path.name} is as large as a file may be in {folder}, {so_far}")
            case errno.EEXIST | errno.ENOTDIR if not self._begun:
                return SinkUnavailable(f"video: {folder} is not a folder, a file is in the way; choose another")
            case errno.EISDIR if not self._begun:
                return SinkUnavailable(f"video: {path} is a folder; give the name of a film")
            case errno.EACCES | errno.EPERM | errno.EROFS if not self._begun:
                return SinkUnavailable(f"video: {folder} cannot be written to ({why}); choose a folder that can")
            case number if not self._begun and (number in _WRONG or number not in errno.errorcode):
                return SinkUnavailable(f"video: {path} cannot be made ({why}); choose another name or size")
            case _:
                return SinkError(f"video: cannot write {path} ({why}), {so_far}")


def _discard(path: Path | None) -> None:
    """Take away a film without pictures."""
    if path is None:
        return
    try:
        path.unlink(missing_ok=True)
    except OSError as e:
        logger.debug("%s stays: %s", path, e)
