"""One film from its first picture to its end: pictures put on the grid, the sound laid beside them."""

import logging
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING

from daemon.flow import FrameFormat
from daemon.sinks.video.film import Film
from daemon.sinks.video.reel import Reel
from daemon.sinks.video.sound import FAULTS, LoopedSound
from daemon.sinks.video.track import Track
from daemon.slots import Slot

if TYPE_CHECKING:
    from av import VideoFrame

logger = logging.getLogger(__name__)


class Recording:
    """Live: pictures stand where they were completed. Offline: they are counted. Raises OSError when it cannot go on.

    Args:
        path: to write to; it is there, and empty.
        container: FFmpeg's name of the kind of file.
        format: of the pictures.
        fps: frames a second.
        sound: what is played beside them; it is closed here. Live it is taken up where the pictures hear it.
        offline: pictures come in their own time, and none is missing.
    """

    def __init__(
        self,
        path: Path,
        container: str,
        format: FrameFormat,  # noqa: A002 - the field's own word
        fps: Fraction,
        sound: LoopedSound | None,
        offline: bool,
    ) -> None:
        self.path, self._offline = path, offline
        self._sound, self._track = sound, None if sound is None else Track(sound, fps)
        self._film = Film(path, container, format, fps, sound, offline)
        self._reel: Reel[VideoFrame] = Reel(fps)
        self._began: float | None = None  # s on the clock, of the sound
        self._index: int | None = None  # of the picture before
        self._deaf = False  # the sound was lost
        self.frames = 0

    @property
    def about(self) -> str:
        """What it is, in a line."""
        return f"{self.path.name}, {self._film.about}"

    def add(self, slot: Slot) -> None:
        """One more picture."""
        picture = self._film.convert(slot.pixels)
        self._began = slot.began
        follows, self._index = self._index in (None, slot.index - 1), slot.index
        self._write([(self.frames, picture)] if self._offline else self._reel.add(slot.rendered, picture, follows))

    def end(self) -> None:
        """Write what is held back, and the end of the file."""
        try:
            self._write(self._reel.settle())
            self._film.finish()
        finally:
            self.abandon()

    def abandon(self) -> None:
        """Let go of the file as it is; safe to call twice."""
        self._film.abandon()
        if self._sound is not None:
            self._sound.close()

    def _write(self, frames: list[tuple[int, "VideoFrame"]]) -> None:
        for n, picture in frames:
            self._film.show(picture, n)
            self.frames = n + 1
        if frames:
            self._play()

    def _play(self) -> None:
        """The sound up to the last frame."""
        if self._track is None:
            return
        try:
            self._track.anchor(self._place())
            samples = self._track.until(self.frames)
        except FAULTS as e:
            if self._offline:
                raise OSError(f"the sound cannot be read any further: {e}") from None
            logger.warning("video: %s goes on without sound, which cannot be read any further: %s", self.path.name, e)
            self._deaf = True
            self._track.anchor(None)
            samples = self._track.until(self.frames)  # nothing would have players wait for it
        self._film.play(samples)

    def _place(self) -> float | None:
        """Where in the sound the film begins, s; None while nobody knows."""
        if self._offline:
            return 0.0
        if self._deaf or self._began is None or self._reel.origin is None:
            return None
        return self._reel.origin - self._began
