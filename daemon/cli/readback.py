"""What sinks show, read back as their receivers would: for the self-test.

A sink that can be read while it runs has a `Reader`, one that leaves files has them read at the end, and one of which
neither is known here (Spout, Syphon) is for eyes.
"""

import os
import struct
import sys
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from importlib import import_module
from io import BytesIO
from pathlib import Path
from socket import gethostname
from tempfile import TemporaryDirectory
from typing import Protocol
from urllib.error import URLError
from urllib.request import urlopen

import numpy as np

from daemon.flow import U8, Order
from daemon.sinks.shm import layout
from daemon.sinks.shm.block import Block
from daemon.sinks.shm.fence import fence
from daemon.sinks.video.place import names

_ANSWER = 2.0  # s to wait for one
_LARGEST = 64 << 20  # bytes of a picture
_NDI_FOLDER, _NDI_FILE = "NDI_CONFIG_DIR", "ndi-config.v1.json"  # read by NDI when it is first used


class Reader(Protocol):
    """Reads one sink, on a thread of its own."""

    lossless: bool  # whether pictures come back to the bit

    def newest(self) -> tuple[U8, Order] | None:
        """The newest picture [H, W, 3 or 4], within about a second; None while there is none."""
        ...


Opener = Callable[[], AbstractContextManager[Reader]]
"""Opens a reader; it may ask for a package, and wait for nothing."""


def reader_of(kind: str, name: str, page: str) -> Opener | None:
    """What reads a sink of this kind while it runs; None where nothing does. `page`: address of the monitor page."""
    match kind:
        case "preview":
            return lambda: _still(page)
        case "shm":
            return lambda: _shared(name)
        case "ndi":
            return lambda: _received(name or "latentd")
        case _:
            return None


Files = Callable[[int], Iterator[tuple[U8, Order]]]
"""Reads what was written, given how many pictures that is."""


def files_of(kind: str, name: str) -> Files | None:
    """What reads the files that a sink of this kind is about to write; None where it writes none."""
    match kind:
        case "frames":
            return lambda count: _pictures(Path(name).expanduser(), count)
        case "video":
            path = next(p for p in names(Path(name).expanduser()) if not p.exists())
            return lambda _: _film(path)
        case _:
            return None


class _Reading:
    """A reader made of what asks for a picture."""

    def __init__(self, ask: Callable[[], tuple[U8, Order] | None], *, lossless: bool = True) -> None:
        self.newest, self.lossless = ask, lossless


@contextmanager
def _still(page: str) -> Iterator[Reader]:
    from PIL import Image

    def ask() -> tuple[U8, Order] | None:
        try:
            with urlopen(f"{page}frame.png", timeout=_ANSWER) as answer:
                data = answer.read(_LARGEST)
        except (URLError, OSError):  # not there yet, or not any more
            return None
        with Image.open(BytesIO(data)) as picture:
            return np.asarray(picture), Order.RGBA

    yield _Reading(ask)


@contextmanager
def _shared(name: str) -> Iterator[Reader]:
    shared = _Shared(name)
    try:
        yield shared
    finally:
        shared.close()


class _Shared:
    """Shared memory, read as docs/SHM.md says."""

    lossless = True

    def __init__(self, name: str) -> None:
        self._name = name
        self._control: Block | None = None
        self._pictures: Block | None = None
        self._generation = 0  # of the pictures

    def newest(self) -> tuple[U8, Order] | None:
        """The newest picture, whole; None while there is none."""
        try:
            self._control = self._control or Block(self._name)
            if not _number(self._control, layout.CONTROL, "state"):
                self.close()  # somebody makes it, or it was closed: there may be another by the next time
                return None
            generation = _number(self._control, layout.CONTROL, "generation")
            if self._pictures is not None and generation != self._generation:
                self._pictures.close()
                self._pictures = None
            self._pictures = self._pictures or Block(f"{self._name}.{generation}")
            self._generation = generation
            return self._copied(self._pictures)
        except (OSError, ValueError):  # not there yet, or not whole
            self.close()
            return None

    def close(self) -> None:
        for block in (self._control, self._pictures):
            if block is not None:
                block.close()
        self._control = self._pictures = None

    @staticmethod
    def _copied(block: Block) -> tuple[U8, Order] | None:
        newest, width, height = (_number(block, layout.PICTURES, key) for key in ("newest", "width", "height"))
        if newest == 0:
            return None
        order = Order(_number(block, layout.PICTURES, "order").to_bytes(4, "little").decode())
        sizes = layout.Sizes(width, height)
        start = layout.HEADER_SIZE + (newest - 1) % layout.BUFFERS * sizes.distance
        before = _number(block, layout.BUFFER, "sequence", start)
        fence()
        picture = block.memory[start + layout.HEAD_SIZE :][: sizes.stride * height].reshape(height, width, 4).copy()
        fence()
        after = _number(block, layout.BUFFER, "sequence", start)
        return (picture, order) if before == after == 2 * newest else None


def _number(block: Block, items: tuple[layout.Item, ...], name: str, start: int = 0) -> int:
    item = next(item for item in items if item.name == name)
    at = start + item.offset
    return int.from_bytes(block.memory[at : at + struct.calcsize(item.code)].tobytes(), "little")


@contextmanager
def ndi_finds_itself() -> Iterator[None]:
    """What NDI first does inside, it does knowing that there may be sources on this machine.

    It asks the network's name service for them, which a Linux without avahi has not. Who has told NDI where to look, by
    its file or the environment, is left alone.
    """
    own = Path.home() / ".ndi" / _NDI_FILE
    if sys.platform != "linux" or _NDI_FOLDER in os.environ or own.exists():
        yield
        return
    with TemporaryDirectory(prefix="latentd-ndi-") as folder:
        (Path(folder) / _NDI_FILE).write_text('{"ndi": {"networks": {"ips": "127.0.0.1", "discovery": ""}}}')
        os.environ[_NDI_FOLDER] = folder
        try:
            yield
        finally:
            del os.environ[_NDI_FOLDER]


@contextmanager
def _received(name: str) -> Iterator[Reader]:
    ndi = {
        part: import_module(f"cyndilib.{part}") for part in ("finder", "receiver", "video_frame", "wrapper.ndi_recv")
    }
    forms = ndi["wrapper.ndi_recv"]
    finder, video = ndi["finder"].Finder(), ndi["video_frame"].VideoFrameSync()
    receiver = ndi["receiver"].Receiver(
        color_format=forms.RecvColorFormat.BGRX_BGRA, bandwidth=forms.RecvBandwidth.highest
    )
    receiver.frame_sync.set_video_frame(video)
    here = gethostname().partition(".")[0].casefold()
    found = False

    def ask() -> tuple[U8, Order] | None:
        nonlocal found
        if not found:
            finder.wait_for_sources(0.2)
            finder.update_sources()
            sources = [source for source in finder.get_source_names() if source.endswith(f"({name})")]
            if sources:  # another machine may have one of that name
                ours = max(sources, key=lambda source: source.casefold().startswith(here))
                receiver.set_source(finder.get_source(ours))
                found = True
            return None
        receiver.frame_sync.capture_video()
        width, height = video.get_resolution()
        if not width or not height:
            return None
        return _unpadded(video.get_array(), width, height, video.get_line_stride()), Order.BGRA

    finder.open()
    try:
        yield _Reading(ask, lossless=False)
    finally:
        receiver.disconnect()
        finder.close()


def _unpadded(data: U8, width: int, height: int, stride: int) -> U8:
    """A copy [H, W, 4] of rows that are `stride` bytes from one another."""
    return data.reshape(height, stride)[:, : 4 * width].reshape(height, width, 4).copy()


def _pictures(folder: Path, count: int) -> Iterator[tuple[U8, Order]]:
    from PIL import Image

    for number in range(1, count + 1):
        with Image.open(folder / f"{number:08d}.png") as picture:
            yield np.asarray(picture), Order.RGBA


def _film(path: Path) -> Iterator[tuple[U8, Order]]:
    with import_module("av").open(str(path)) as film:
        for frame in film.decode(video=0):
            yield frame.to_ndarray(format="rgba"), Order.RGBA
