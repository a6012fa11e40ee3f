"""Pictures for whoever looks: JPEG and PNG, made only while somebody watches or asks."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from threading import Lock

from daemon.flow import FrameFormat, Memory, Order
from daemon.sinks import encode
from daemon.sinks.sink import HOST
from daemon.slots import Slot


@dataclass(frozen=True, slots=True, eq=False)
class Still:
    """One picture as a JPEG."""

    index: int  # of the frame
    data: bytes


class PreviewSink:
    """Encodes on the sink's own thread, so that a slow encoder only costs the preview pictures.

    It keeps no slot: a watched picture is kept as its JPEG, anything else not at all. `watch`, `ask`, `newest` and
    `begun` may be used from any thread; what they are given is called on the sink's thread.
    """

    name = "preview"
    about = ""
    repeats = True

    def __init__(self, quality: int = 85, fps: float = 30.0) -> None:
        """`fps`: at most so many JPEGs a second."""
        self._quality, self._interval = quality, 1 / fps
        self._lock = Lock()
        self._watching: list[Callable[[], None]] = []
        self._asked: list[Callable[[bytes], None]] = []
        self._still: Still | None = None
        self._encoded = float("-inf")  # s on the clock: when the picture in `_still` was rendered
        self._index: int | None = None  # of the newest picture handed over

    @property
    def begun(self) -> bool:
        """Whether there was any picture yet."""
        return self._index is not None

    def newest(self) -> Still | None:
        """The newest watched picture; None while there is none as new as what is shown elsewhere."""
        return self._still

    @contextmanager
    def watch(self, wake: Callable[[], None]) -> Iterator[None]:
        """While inside, pictures are encoded and `wake` is called after each."""
        with self._lock:
            self._watching.append(wake)
        try:
            yield
        finally:
            with self._lock:
                self._watching.remove(wake)
                if not self._watching:
                    self._still = None

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
            watching = tuple(self._watching)
            asked, self._asked = self._asked, []
        again, self._index = slot.index == self._index, slot.index
        show = bool(watching) and self._due(slot, again)
        if not show and not asked:
            return True
        picture = encode.image(slot)
        if show:
            still = Still(slot.index, encode.jpeg(picture, self._quality))
            with self._lock:
                self._still, self._encoded = (still if self._watching else None), slot.rendered
            for wake in watching:
                wake()
        if asked:
            data = encode.png(picture)
            for done in asked:
                done(data)
        return True

    def close(self) -> None:
        """Watchers stay: the next picture comes after the next opening."""

    def receivers(self) -> int | None:
        with self._lock:
            return len(self._watching)

    def _due(self, slot: Slot, again: bool) -> bool:
        """Whether to encode this one: new to the watchers, and not more often than asked for unless all is still."""
        still = self._still
        if still is None:
            return True
        return still.index != slot.index and (again or slot.rendered - self._encoded >= 0.9 * self._interval)
