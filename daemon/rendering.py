"""The part of the daemon that renders: the model in force, what is known of it, and the next one made ready."""

from collections.abc import Callable

from daemon import parts
from daemon.clock import Clock
from daemon.config import Config
from daemon.control.table import rows
from daemon.errors import BadInput, LatentdError
from daemon.flow import FrameFormat, Framing, ModelFacts
from daemon.live import Stage
from daemon.mailbox import Mailbox
from daemon.mapping.mlp import Learned
from daemon.render.renderer import Means, Renderer
from daemon.slots import SlotRing
from daemon.supervisor import Service, ThreadService


class Rendering:
    """Opens models; the newest of its stages is the one in force."""

    def __init__(
        self, config: Config, framing: Framing, clock: Clock, wanted: str, on_trouble: Callable[[str, str], None]
    ) -> None:
        """`wanted`: the model of the preset or the last state, "" for any. `on_trouble`: told a code and a sentence.

        Raises `LatentdError` when the model asked for cannot be had; one of the last state that is gone must not keep
        an installation from booting.
        """
        self.framing = framing
        self._config, self._clock, self._on_trouble = config, clock, on_trouble
        self._trained = parts.shelves(config.analysis)
        self._known: tuple[ModelFacts, tuple[Learned, ...], ModelFacts] | None = None  # facts, files, and both
        self.first = config.model or wanted or parts.default_model(config)  # the name of the one it begins with
        try:
            stage = self._open(self.first)
        except LatentdError as e:
            default = parts.default_model(config)
            if config.model is not None or config.preset is not None or self.first == default:
                raise
            on_trouble("model", f"{e}; going on with {default}")
            self.first, stage = default, self._open(default)
        self.stages = Mailbox(stage)

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
