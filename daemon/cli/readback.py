"""What sinks show, read back as their receivers would: for the self-test.

A sink that can be read while it runs has a `Reader`, one that leaves files has them read at the end, and one of which
neither is known here (Spout, Syphon) is for eyes.
"""

import struct
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from importlib import import_module
from io import BytesIO
from pathlib import Path
from typing import Protocol
from urllib.error import URLError
from urllib.request import urlopen

import numpy as np

from daemon.flow import U8, Order

_ANSWER = 2.0  # s to wait for one
_LARGEST = 64 << 20  # bytes of a picture


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
            path = _next(Path(name).expanduser())
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
    from daemon.sinks.shm import layout
    from daemon.sinks.shm.block import Block
    from daemon.sinks.shm.fence import fence

    def number(block: Block, items: tuple[layout.Item, ...], name: str, start: int = 0) -> int:
        item = next(item for item in items if item.name == name)
        at = start + item.offset
        return int.from_bytes(block.memory[at : at + struct.calcsize(item.code)].tobytes(), "little")

    def ask() -> tuple[U8, Order] | None:
        try:
            control = Block(name)
        except (OSError, ValueError):  # not there yet, or being made
            return None
        try:
            pictures = Block(f"{name}.{number(control, layout.CONTROL, 'generation')}")
        except (OSError, ValueError):
            return None
        finally:
            control.close()
        newest, width, height = (number(pictures, layout.PICTURES, key) for key in ("newest", "width", "height"))
        order = Order(number(pictures, layout.PICTURES, "order").to_bytes(4, "little").decode())
        sizes = layout.Sizes(width, height)
        start = layout.HEADER_SIZE + (newest - 1) % layout.BUFFERS * sizes.distance
        before = number(pictures, layout.BUFFER, "sequence", start)
        fence()
        picture = pictures.memory[start + layout.HEAD_SIZE :][: sizes.stride * height].reshape(height, width, 4).copy()
        fence()
        whole = before % 2 == 0 and number(pictures, layout.BUFFER, "sequence", start) == before
        pictures.close()
        return (picture, order) if newest and whole else None

    yield _Reading(ask)


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
    found = False

    def ask() -> tuple[U8, Order] | None:
        nonlocal found
        if not found:
            finder.wait_for_sources(0.2)
            finder.update_sources()
            for source in finder.get_source_names():
                if source.endswith(f"({name})"):
                    receiver.set_source(finder.get_source(source))
                    found = True
            return None
        receiver.frame_sync.capture_video()
        width, height = video.get_resolution()
        if not width or not height:
            return None
        return video.get_array().reshape(height, width, 4).copy(), Order.BGRA

    finder.open()
    try:
        yield _Reading(ask, lossless=False)
    finally:
        receiver.disconnect()
        finder.close()


def _pictures(folder: Path, count: int) -> Iterator[tuple[U8, Order]]:
    from PIL import Image

    for number in range(1, count + 1):
        with Image.open(folder / f"{number:08d}.png") as picture:
            yield np.asarray(picture), Order.RGBA


def _film(path: Path) -> Iterator[tuple[U8, Order]]:
    with import_module("av").open(str(path)) as film:
        for frame in film.decode(video=0):
            yield frame.to_ndarray(format="rgba"), Order.RGBA


def _next(path: Path) -> Path:
    """The name that the sink will take: the first that nobody has."""
    return next(
        p for n in range(1, 10_000) if not (p := path if n == 1 else path.with_stem(f"{path.stem}-{n}")).exists()
    )
