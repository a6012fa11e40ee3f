"""The part of the daemon that obeys: the desk, OSC and OSCQuery, raw latents over TCP, the show that runs itself."""

from collections.abc import Callable, Sequence
from dataclasses import replace

from daemon.clock import Clock, almanac
from daemon.config import Config
from daemon.control.desk import Desk
from daemon.control.endpoint import OscEndpoint
from daemon.control.latents import LatentListener
from daemon.control.oscquery.server import OscQueryServer
from daemon.control.pace import Pictures
from daemon.control.refusal import Code, quoted
from daemon.flow import Features, Hand, ModelFacts
from daemon.mailbox import Mailbox
from daemon.params import Curve, Fade, Params
from daemon.preset import Asked, Bank
from daemon.show.service import ShowService
from daemon.show.show import Place, Show
from daemon.status import OscStatus, ShowStatus, Status
from daemon.supervisor import Service

Names = Callable[[], Sequence[str]]


class Steering:
    """What the world may ask for, and where it is heard. Everything but the constructor is for the event loop."""

    def __init__(
        self,
        config: Config,
        bank: Bank,
        params: Mailbox[Fade],
        preset: str | None,
        model: str,
        facts: Callable[[], ModelFacts],
        models: Names,
        pairings: Names,
        clock: Clock,
        status: Callable[[], Status],
        features: Callable[[], Features],
        on_refusal: Callable[[str, str], None],
        place: Place | None,
        on_trouble: Callable[[str, str], None],
        pictures: Pictures | None = None,
        asked: Asked | None = None,
    ) -> None:
        """`facts`: of the model in force. `on_refusal`: told each code and sentence that is sent.

        `place`: where the show goes on. `on_trouble`: told a code and a sentence when something in it cannot be.
        `pictures`: what is known of the thread that paints. `asked`: the model that was asked for, where it is
        not the one that renders.
        """
        now, self._facts, self._models, self._on_trouble = facts(), facts, models, on_trouble
        self._strange: tuple[str, ...] = ()  # names of models that were told not to be here
        show = Show(config.show.plan(), place, preset)
        self.hands = Mailbox(Hand())
        self.desk = Desk(
            bank,
            params.latest(),
            preset,
            now.clusters,
            now.traits,
            model,
            models,
            pairings,
            now.dims,
            config.analysis.bands,
            on_misfit=self._say_misfit,
            show=show,
            asked=asked,
        )
        self._clock, self._on_refusal = clock, on_refusal
        self.osc = OscEndpoint(
            self.desk,
            params,
            clock,
            config.osc,
            status,
            features,
            hands=self.hands,
            on_refusal=on_refusal,
            pictures=pictures,
        )
        self._query: OscQueryServer | None = None
        if config.oscquery.enable:
            self._query = OscQueryServer(self.desk, self.osc, clock, config.osc, config.oscquery)
        self._show: ShowService | None = None
        if show.plan.used:
            self._show = ShowService(
                show,
                self.desk,
                lambda: bank.names,
                lambda: features().gate,
                clock,
                almanac,
                self.osc.refit,
                on_trouble,
            )
        self._latents: LatentListener | None = None
        if config.tcp.port is not None:
            host, port = config.tcp.host, config.tcp.port
            self._latents = LatentListener(self.hands, lambda: facts().z_dim, clock, host, port, on_refusal)

    def bind(self) -> None:
        """Take the ports, to fail early and in one sentence. Raises `BadInput`."""
        self.osc.bind()
        if self._query is not None:  # after OSC, whose port it tells
            self._query.bind()
        if self._latents is not None:
            self._latents.bind()
        if misfit := self.desk.misfits():  # of the first preset
            self._say_misfit(misfit)

    def close(self) -> None:
        """Give the ports back, also where nothing has begun to listen on them."""
        for port in (self._latents, self._query, self.osc):
            if port is not None:
                port.close()

    def services(self) -> tuple[Service, ...]:
        """In boot order: the show first, which may have to change what is rendered first."""
        return tuple(service for service in (self._show, self.osc, self._query, self._latents) if service is not None)

    @property
    def place(self) -> Place | None:
        """Where the show is, to go on there another time; from any thread."""
        return None if self._show is None else self._show.place

    def show_status(self) -> ShowStatus | None:
        """What the show has on; from any thread."""
        return None if self._show is None else self._show.status()

    @property
    def preset(self) -> str | None:
        """The preset last recalled or saved."""
        return self.desk.preset

    @property
    def latents_port(self) -> int | None:
        """Where raw latents are taken; None while they are not."""
        return None if self._latents is None else self._latents.port

    def values(self) -> dict[str, float | int | str]:
        """Every address with a value, in full, and its present value."""
        return self.osc.values()

    def counts(self) -> OscStatus:
        """Messages so far."""
        return self.osc.counts()

    def fit(self, model: str) -> None:
        """The model has changed: so have its clusters, and what can be asked of it."""
        facts = self._facts()
        self.desk.fit(facts.clusters, facts.traits, model, facts.dims)
        self.osc.refit()

    def stay(self, wanted: str, current: str) -> None:
        """A model cannot be had: the one before stays, and is what the state says."""
        self.desk.stay(wanted, current)
        self.osc.refit()

    def reload(self, changed: Sequence[str]) -> None:
        """The bank is another: these presets have other params, and the one in force is recalled anew if it has."""
        self.desk.reload(changed, self._clock.now())
        self.osc.refit()

    def unsave(self, name: str) -> None:
        """A preset that was saved could not be kept after all."""
        self.desk.unsave(name)
        self.osc.refit()

    def _say_misfit(self, text: str) -> None:
        self._on_refusal(Code.MODEL, text)
        self.complain(Code.MODEL, text)

    def take_up(self, params: Params, preset: str | None, seconds: float, curve: Curve) -> None:
        """Fade to what the leader of a wall has set; a model is taken up by its name, never as a path."""
        own, here = self.desk.fade.end, self._models()
        strange = tuple(dict.fromkeys(name for name in (params.model, params.smaller) if name and name not in here))
        if strange and strange != self._strange:
            names = " or ".join(map(quoted, strange))
            what = f"the leader asks for the model {names}, which is not here"
            self._on_trouble(Code.MODEL, f"{what}: copy it to this machine and start again")
        self._strange = strange
        model = params.model if params.model in here else own.model
        smaller = params.smaller if params.smaller in ("", *here) else own.smaller
        params = replace(params, model=model, smaller=smaller)
        self.desk.take_up(params, preset, self._clock.now(), seconds, curve)
        self.osc.refit()

    def complain(self, code: str, text: str) -> None:
        """Tell every subscriber that something went wrong."""
        self.osc.error(code, text)
