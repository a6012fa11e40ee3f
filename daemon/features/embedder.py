"""What every embedder is: sound in, a running sum of what a network hears in it out; and who loads one aside."""

from collections.abc import Callable
from threading import Event
from typing import Protocol

from daemon.clock import Clock
from daemon.errors import BadInput
from daemon.flow import F64, Tally
from daemon.mailbox import Mailbox
from daemon.params import Fade


class Embedder(Protocol):
    """A causal network that listens along; one stream, one thread, nothing queued."""

    def push(self, samples: F64) -> Tally:
        """One hop of mono sound [hop] at the extractor's rate; all embeddings so far and their squares, [2 x dims]."""
        ...


_LOOK = 0.2  # s between two looks at what is asked for


class EmbedderLoader:
    """The embedder thread: has one loaded while a mapper asks for it, and put away some time after the last one did.

    Loading takes seconds, in which the sound is heard on without one. When it fails, that is said once, and tried again
    when the mapper is chosen anew.
    """

    def __init__(
        self,
        load: Callable[[], Embedder],
        embedder: Mailbox[Embedder | None],
        params: Mailbox[Fade],
        clock: Clock,
        on_failed: Callable[[str], None],
        possible: Callable[[], bool] = lambda: True,
        mapper: str = "encodec",
        linger: float = 30.0,
    ) -> None:
        """`on_failed`: told why, in one sentence. `linger`: seconds that one is kept unused.

        `possible`: whether to try at all; where it is not, whoever makes mappers has refused this one and said so.
        """
        self.name = "embedder"
        self._load, self._embedder, self._params, self._clock = load, embedder, params, clock
        self._on_failed, self._possible, self._mapper, self._linger = on_failed, possible, mapper, linger
        self._wanted_last = 0.0  # s on the clock
        self._failed = False

    def loop(self, stop: Event) -> None:
        """Watch what is asked for until stopped."""
        seen = 0
        while not stop.is_set():
            self.look()
            newer = self._params.newer(seen, timeout=_LOOK)
            seen = newer[0] if newer is not None else seen

    def look(self) -> None:
        """Load or put away, as the params have it now."""
        now, there = self._clock.now(), self._embedder.latest() is not None
        if self._params.latest().end.mapper != self._mapper:
            self._failed = False
            if there and now - self._wanted_last > self._linger:
                self._embedder.put(None)
            return
        self._wanted_last = now
        if there or self._failed or not self._possible():
            return
        try:
            self._embedder.put(self._load())
        except BadInput as e:
            self._failed = True
            self._on_failed(str(e))
