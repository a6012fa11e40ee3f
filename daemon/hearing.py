"""The part of the daemon that listens: from the source's spec to the newest features."""

from collections.abc import Callable

from daemon import parts
from daemon.clock import Clock
from daemon.config import Config
from daemon.features.embedder import Embedder, EmbedderLoader
from daemon.flow import Features
from daemon.live import Listener
from daemon.mailbox import Mailbox
from daemon.params import Fade
from daemon.status import AudioStatus
from daemon.supervisor import Service, ThreadService


class Hearing:
    """Source, extractor, tempo and, while a mapper asks for it, a network that listens along."""

    def __init__(
        self, config: Config, params: Mailbox[Fade], clock: Clock, on_trouble: Callable[[str, str], None]
    ) -> None:
        """`on_trouble`: told a code and a sentence, from any thread. `BadInput` for a source that cannot be."""
        analysis = config.analysis
        open_source = parts.source_opener(config.source, analysis.sr, clock)
        self.features = Mailbox(Features.silence(analysis.bands))
        self._link = parts.open_link(analysis, clock)
        embedder: Mailbox[Embedder | None] = Mailbox(None)
        self._listener = Listener(
            config.source,
            open_source,
            parts.extractor(analysis, self._link, embedder),
            self.features,
            params,
            clock,
            on_lost=lambda text: on_trouble("audio", text),
        )
        self._loader = EmbedderLoader(
            lambda: parts.open_embedder(config.encodec, analysis),
            embedder,
            params,
            clock,
            on_failed=lambda text: on_trouble("mapper", text),
            possible=lambda: parts.can_embed(config.encodec),
        )

    def services(self) -> tuple[Service, ...]:
        """In boot order."""
        loading = ThreadService(self._loader.name, self._loader.loop, abandon=True)  # it may be reading large files
        return (ThreadService(self._listener.name, self._listener.loop), loading)

    def status(self) -> AudioStatus:
        """What is heard, from any thread."""
        return self._listener.status()

    def close(self) -> None:
        """Leave what was joined."""
        if self._link is not None:
            self._link.close()
