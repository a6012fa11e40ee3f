"""The part of the daemon that renders: the model in force, what is known of it, and the next one made ready."""

from collections.abc import Callable, Iterator

from daemon import parts
from daemon.clock import Clock
from daemon.config import Config
from daemon.control.table import rows
from daemon.errors import BadInput, LatentdError
from daemon.flow import FrameFormat, Framing, ModelFacts
from daemon.live import Stage
from daemon.mailbox import Mailbox
from daemon.mapping.mlp import Learned
from daemon.preset import Asked
from daemon.render.renderer import Means, Renderer
from daemon.slots import SlotRing
from daemon.supervisor import Service, ThreadService


class Rendering:
    """Opens models; the newest of its stages is the one in force."""

    def __init__(
        self, config: Config, framing: Framing, clock: Clock, asked: Asked, on_trouble: Callable[[str, str], None]
    ) -> None:
        """`asked`: the model that was asked for, if one was. `on_trouble`: told a code and a sentence.

        Raises `LatentdError` when the model asked for cannot be had; one of the last state that is gone must not keep
        an installation from booting.
        """
        self.framing = framing
        self._config, self._clock, self._on_trouble = config, clock, on_trouble
        self._trained = parts.shelves(config.analysis)
        self._known: tuple[ModelFacts, tuple[Learned, ...], ModelFacts] | None = None  # facts, files, and both
        self.first, stage = self._begin(asked)  # the name of the one it begins with
        self.stages = Mailbox(stage)

    def _begin(self, asked: Asked) -> tuple[str, Stage]:
        names = self._first_ones(asked)
        name = first = next(names)
        while True:
            try:
                return name, self._open(name)
            except LatentdError as e:
                if (other := next(names, None)) is None:
                    raise
                again = f"; {first} is tried again at the next start" if name == first else ""
                self._on_trouble("model", f"{e}; going on with {other}{again}")
                name = other

    def _first_ones(self, asked: Asked) -> Iterator[str]:
        """What to begin with: the model asked for, or that before it, or what this machine chooses."""
        config = self._config
        if wanted := config.model or asked.model:
            yield wanted
            if config.model is not None or config.preset is not None:
                return
            if asked.before not in ("", wanted):
                yield asked.before
        own = parts.default_model(config)
        if not wanted or own not in (wanted, asked.before):
            yield own

    @property
    def renderer(self) -> Renderer:
        """The one in force."""
        return self.stages.latest().renderer

    def services(self) -> tuple[Service, ...]:
        """What looks for trained files."""
        return (ThreadService("trained", self._trained.loop),)

    def format(self, stage: Stage) -> FrameFormat:
        """The frames that a stage paints: of the size that is asked for, else of the model's own."""
        return self.framing.format(stage.space.facts.resolution)

    def next_stage(self, model: str, ring: SlotRing) -> Stage:
        """Another model, with slots for its pictures; aside, while the one before goes on."""
        stage = self._open(model, self.renderer)
        return stage.onto(ring, self.format(stage))

    def facts(self) -> ModelFacts:
        """Of the model in force, with the clusters that were trained for it since it was opened."""
        facts, files = self.stages.latest().space.facts, self._trained.clusters.files
        if self._known is None or self._known[0] is not facts or self._known[1] is not files:
            known = self._trained.known(facts)
            try:
                rows(known.clusters)
            except BadInput as fault:  # the model itself was looked at when it was opened, this file was not
                self._on_trouble("clusters", str(fault))
                known = facts
            self._known = facts, files, known
        return self._known[2]

    @property
    def learned_more(self) -> bool:
        """Whether clusters were trained since `facts` was asked."""
        return self._known is not None and self._trained.clusters.files is not self._known[1]

    def pairings(self) -> tuple[str, ...]:
        """The names of the paired files that fit the model in force."""
        return tuple(learned.name for learned in self._trained.pairs.fitting(self.stages.latest().space.facts))

    def _open(self, model: str, after: Renderer | None = None) -> Stage:
        config = self._config
        means = Means(config.engine, config.threads, 1 / config.fps, after)
        renderer = parts.open_renderer(model, config.device, self.framing, means, self._clock)
        facts = self._trained.known(renderer.facts)
        rows(facts.clusters)  # a model whose clusters cannot be addressed is refused here, whole
        space = parts.open_space(model, facts, renderer.to_w)
        make_mapper = parts.mapper_maker(space, config.analysis.bands, self._trained, config.encodec)
        return Stage(renderer, make_mapper, space)
