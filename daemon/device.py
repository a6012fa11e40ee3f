"""Where pictures are painted: in host memory at once, or on a device that works by itself while the host goes on."""

from contextlib import AbstractContextManager
from typing import Protocol

import numpy as np

from daemon.errors import RenderError
from daemon.flow import U8

IN_FLIGHT = 2  # frames under way at most: one being painted, one on its way to the host; more would only be latency


class DeviceFull(RenderError):  # noqa: N818 - as DeviceLost
    """A device that had no memory for a picture; the next one may find some."""


class Page(Protocol):
    """One picture's memory on both sides, and how far the work on it has come.

    On the render thread, one picture after the other: paint inside `painting`, `fetch`, and look at `fetched` until it
    is so. `wait` is for whoever reads the pixels, on a thread of its own.
    """

    @property
    def pixels(self) -> U8:
        """[H, W, 4] in host memory; may be read when `fetched`."""
        ...

    @property
    def canvas(self) -> object:
        """[H, W, 4] uint8 in the device's memory; None where pictures are painted into `pixels`."""
        ...

    def painting(self) -> AbstractContextManager[None]:
        """What is started inside paints `canvas`; nothing is waited for."""
        ...

    def fetch(self) -> None:
        """Have `canvas` copied to `pixels` when it is painted; nothing is waited for."""
        ...

    def fetched(self) -> bool:
        """Whether the newest `fetch` is done; never waits."""
        ...

    def wait(self) -> None:
        """Sleep until it is. Not on the render thread."""
        ...

    def seconds(self) -> float:
        """What the newest picture took the device, its copy included; once `fetched`."""
        ...


class Device(Protocol):
    """A maker of pages. Whatever uses one may raise `DeviceLost`, and `DeviceFull` where memory is asked for."""

    def page(self, height: int, width: int) -> Page: ...


class HostPage:
    """Host memory alone: what is painted is there."""

    canvas = None

    def __init__(self, height: int, width: int) -> None:
        # written to, for the system to give the memory now, and not page by page while the first picture is painted
        self.pixels: U8 = np.full((height, width, 4), 0, np.uint8)

    def painting(self) -> AbstractContextManager[None]:
        raise TypeError("pictures in host memory are painted into pixels")

    def fetch(self) -> None:
        """Nothing to fetch."""

    def fetched(self) -> bool:
        return True

    def wait(self) -> None:
        """Nothing to wait for."""

    def seconds(self) -> float:
        return 0.0


class Host:
    """No device."""

    def page(self, height: int, width: int) -> Page:
        return HostPage(height, width)


HOST = Host()
