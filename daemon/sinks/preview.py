"""Pictures for whoever looks: as JPEG, PNG or as they are, made only while somebody watches or asks."""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from threading import Lock
from typing import Generic, TypeVar

import numpy as np

from daemon.flow import U8, Alpha, FrameFormat, Memory, Order
from daemon.sinks import encode
from daemon.sinks.sink import HOST
from daemon.slots import Slot

Made = TypeVar("Made")


@dataclass(frozen=True, slots=True, eq=False)
class Shown(Generic[Made]):
    """One picture in one form."""

    index: int  # of the frame
    data: Made


@dataclass(frozen=True, slots=True, eq=False)
class Pixels:
    """A picture as it is seen, over black where it is transparent."""

    data: U8  # [H, W, 4], a copy; the fourth byte says nothing
    order: Order


class Watched(Generic[Made]):
    """The newest picture in one form, made only while somebody watches. Any thread may watch and look."""

    def __init__(self, make: Callable[[Slot], Made], fps: float) -> None:
        """`fps`: at most so many are made a second."""
        self._make, self._interval = make, 1 / fps
        self._lock = Lock()
        self._watching: list[Callable[[], None]] = []
        self._newest: Shown[Made] | None = None
        self._next = float("-inf")  # s on the clock: one rendered from here on is due

    def __len__(self) -> int:
        """How many watch."""
        with self._lock:
            return len(self._watching)

    def newest(self) -> Shown[Made] | None:
        """The newest watched picture; None while there is none as new as what is shown elsewhere."""
        return self._newest

    @contextmanager
    def watch(self, wake: Callable[[], None]) -> Iterator[None]:
        """While inside, pictures are made and `wake` is called after each, on the sink's thread."""
        with self._lock:
            self._watching.append(wake)
        try:
            yield
        finally:
            with self._lock:
                self._watching.remove(wake)
                if not self._watching:
                    self._newest = None

    def see(self, slot: Slot, *, again: bool) -> None:
        """A picture was handed over; `again`: it was before, and nothing moves."""
        with self._lock:
            watching = tuple(self._watching)
        if not watching or not self._due(slot, again):
            return
        shown = Shown(slot.index, self._make(slot))
        # on a grid, so that one that is a little early or late costs no picture; pictures not seen are not made up for
        self._next = max(self._next + self._interval, slot.rendered + 0.75 * self._interval)
        with self._lock:
            self._newest = shown if self._watching else None
        for wake in watching:
            wake()

    def _due(self, slot: Slot, again: bool) -> bool:
        """Whether to make this one: new to the watchers, and not more often than asked for unless all is still."""
        newest = self._newest
        if newest is None:
            return True
        return newest.index != slot.index and (again or slot.rendered >= self._next - 0.25 * self._interval)


class PreviewSink:
    """Encodes on the sink's own thread, so that a slow encoder only costs the preview pictures.

    It keeps no slot: a watched picture is kept in the forms it is watched in, anything else not at all. `jpeg`, `raw`,
    `ask` and `begun` may be used from any thread; what they are given is called on the sink's thread.
    """

    name = "preview"
    about = ""
    repeats = True

    def __init__(self, quality: int = 85, fps: float = 30.0) -> None:
        """`fps`: at most so many pictures a second."""
        self.jpeg: Watched[bytes] = Watched(lambda slot: encode.jpeg(encode.image(slot), quality), fps)
        self.raw: Watched[Pixels] = Watched(_pixels, fps)
        self._lock = Lock()
        self._asked: list[Callable[[bytes], None]] = []
        self._index: int | None = None  # of the newest picture handed over

    @property
    def begun(self) -> bool:
        """Whether there was any picture yet."""
        return self._index is not None

    def newest(self) -> Shown[bytes] | None:
        """The newest watched picture as a JPEG; None while there is none as new as what is shown elsewhere."""
        return self.jpeg.newest()

    def watch(self, wake: Callable[[], None]) -> AbstractContextManager[None]:
        """While inside, JPEGs are made and `wake` is called after each."""
        return self.jpeg.watch(wake)

    @contextmanager
    def ask(self, done: Callable[[bytes], None]) -> Iterator[None]:
        """While inside, the next picture handed over is given to `done`, once, as a PNG."""
        with self._lock:
            self._asked.append(done)
        try:
            yield
        finally:
            with self._lock:
                if done in self._asked:
                    self._asked.remove(done)

    def accepts(self) -> tuple[tuple[Order, Memory], ...]:
        return HOST

    def open(self, format: FrameFormat) -> None:  # noqa: A002
        """Nothing to open: the web server is a service of its own."""

    def publish(self, slot: Slot) -> bool:
        with self._lock:
            asked, self._asked = self._asked, []
        again, self._index = slot.index == self._index, slot.index
        self.jpeg.see(slot, again=again)
        self.raw.see(slot, again=again)
        if asked:
            data = encode.png(encode.image(slot))
            for done in asked:
                done(data)
        return True

    def close(self) -> None:
        """Watchers stay: the next picture comes after the next opening."""

    def receivers(self) -> int | None:
        return len(self.jpeg) + len(self.raw)


def _pixels(slot: Slot) -> Pixels:
    if slot.format.alpha == Alpha.OPAQUE:
        return Pixels(slot.pixels.copy(), slot.format.order)
    return Pixels(np.array(encode.over_black(encode.image(slot)).convert("RGBA")), Order.RGBA)
