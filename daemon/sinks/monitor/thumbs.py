"""Small pictures of the presets, taken from the live picture some seconds after each was recalled."""

import asyncio
import logging
import re
import tempfile
from collections.abc import Mapping
from contextlib import suppress
from io import BytesIO
from pathlib import Path

from PIL import Image

from daemon.sinks.encode import jpeg
from daemon.sinks.monitor.steer import Setting
from daemon.sinks.preview import PreviewSink

logger = logging.getLogger(__name__)

_SIDE = 192  # pixels
_STILL = 3.0  # s without a change of any value: the fade is over, and the picture has arrived
_PATIENCE = 60.0  # s after a recall: later, the picture is another's
_MOST, _LARGEST = 512, 64 * 1024  # pictures kept; bytes of one
_NAME = re.compile(r"[a-z0-9][a-z0-9_-]{0,63}")  # which no path can hide in
_HAND = ("/latentd/blackout", "/latentd/freeze")


class Thumbs:
    """Sees what is said to the viewers and takes its pictures from the stream they watch: nothing is made for it."""

    def __init__(self, preview: PreviewSink, folder: Path | None = None) -> None:
        """`folder`: where they are kept; None for as long as the daemon runs."""
        self._preview, self._folder = preview, folder
        self._kept: dict[str, bytes] = {}
        self._stamps: dict[str, int] = {}  # so that a browser knows a new one
        self._values: Mapping[str, Setting] = {}
        self._preset: Setting | None = None
        self._recalled = self._changed = self._looked = float("-inf")  # s
        self._taking: asyncio.Task[None] | None = None
        if folder is not None:
            with suppress(OSError):
                found = sorted(path for path in folder.glob("*.jpg") if _NAME.fullmatch(path.stem))
                self._stamps = {path.stem: 1 for path in found[:_MOST]}

    def stamp(self, name: str) -> int:
        """Another number for another picture; 0 while there is none."""
        return self._stamps.get(name, 0)

    def get(self, name: str) -> bytes | None:
        """A JPEG; None while there is none."""
        if name not in self._stamps:
            return None
        if name not in self._kept and self._folder is not None:
            with suppress(OSError), (self._folder / f"{name}.jpg").open("rb") as file:
                self._kept[name] = file.read(_LARGEST)
        return self._kept.get(name)

    def see(self, now: float, values: Mapping[str, Setting], untouched: bool) -> None:
        """The state at `now`, seconds; a picture is taken when a preset that was recalled has arrived.

        `untouched`: whether what is set is the preset's, and nobody has moved any of it.
        """
        if values != self._values:
            self._values, self._changed = values, now
        preset = values.get("/latentd/preset")
        if preset != self._preset:
            self._preset = preset
            # what was recalled while nobody looked may have been altered since
            self._recalled = now if now - self._looked < _STILL else float("-inf")
        self._looked = now
        if now - self._recalled > _PATIENCE or now - self._changed < _STILL or self._busy:
            return
        still = self._preview.newest()
        held = any(values.get(address) for address in _HAND)
        if still is None or held or not untouched or not isinstance(preset, str):
            return
        self._recalled = float("-inf")
        if _NAME.fullmatch(preset) and (preset in self._stamps or len(self._stamps) < _MOST):
            self._taking = asyncio.create_task(self._take(preset, still.data))

    @property
    def _busy(self) -> bool:
        return self._taking is not None and not self._taking.done()

    async def _take(self, name: str, picture: bytes) -> None:
        small = await asyncio.to_thread(self._make, name, picture)
        self._kept[name] = small
        self._stamps[name] = self._stamps.get(name, 0) + 1

    def _make(self, name: str, picture: bytes) -> bytes:
        """Smaller, and kept; on a thread of its own."""
        with Image.open(BytesIO(picture)) as image:
            image.draft("RGB", (_SIDE, _SIDE))
            image.thumbnail((_SIDE, _SIDE))
            small = jpeg(image.convert("RGB"), 82)
        if self._folder is not None:
            try:
                self._folder.mkdir(parents=True, exist_ok=True)
                with tempfile.TemporaryDirectory(dir=self._folder, prefix=".") as aside:
                    (new := Path(aside) / name).write_bytes(small)
                    new.replace(self._folder / f"{name}.jpg")
            except OSError as e:
                logger.warning("the small picture of %s cannot be kept in %s (%s)", name, self._folder, e.strerror)
        return small
