"""The composition root of live: from a config to parts to services. The boot order reads top to bottom in `run`."""

import asyncio
import logging
import sys
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path

from daemon import __version__, garbage, parts, reports, state
from daemon.backoff import Troubles
from daemon.clock import Clock, WallClock
from daemon.config import Config, home, shipped_presets
from daemon.engine import Engine
from daemon.errors import LatentdError, SinkUnavailable
from daemon.hearing import Hearing
from daemon.live import ModelChanger, RenderLoop
from daemon.mailbox import Mailbox
from daemon.mapping.ahead import SeedsAhead
from daemon.panel import DeskPanel
from daemon.params import Fade
from daemon.preset import Asked, Bank, PresetWatcher
from daemon.render.overload import Overload
from daemon.rendering import Rendering
from daemon.sinks.monitor.server import MonitorServer
from daemon.sinks.preview import PreviewSink
from daemon.sinks.publisher import Publisher
from daemon.sinks.sink import common_order
from daemon.stats import ErrorLog, FrameStats
from daemon.status import ModelStatus, OutputStatus, Report, Status
from daemon.steering import Steering
from daemon.stopping import FORCED, StopSign
from daemon.supervisor import Aside, Service, ThreadService, supervise, within
from daemon.sync.wall import Wall

logger = logging.getLogger(__name__)

_WATCH = 0.05  # s between two looks at the clock, the sinks and the stop signal
_SHOW = 0.25  # s between two statuses shown
_KEEP = 5.0  # s between two savings of the last state
_LAST = 5.0  # s for each thing that is still written at the end
_HEALTHY = 2.0  # s without a frame after which the daemon is not well


@dataclass(frozen=True, slots=True)
class Wishes:
    """What one run is asked for beside its config."""

    seconds: float | None = None  # from the first frame
    remember: bool = True  # take up the last state, and keep it
    report: Path | None = None  # written at the end
    on_status: Callable[[Status, str], None] | None = None  # told the status and the address of the page


class Daemon:
    """Every part of one live run, wired."""

    def __init__(self, config: Config, wishes: Wishes) -> None:
        self.config, self.wishes = config, wishes
        self.clock: Clock = WallClock()
        self.errors, self.frames = ErrorLog(), FrameStats(1 / config.fps)
        self._began, self._troubles = self.clock.now(), Troubles()
        bank = Bank(shipped_presets(), home() / "presets")
        for fault in bank.faults:
            self.note("preset", str(fault))
        self._keeper = state.Keeper(home() / "state.yaml", lambda text: self.note("state", text))
        start = self._first_state(bank)
        wanted = Asked(config.model) if config.model is not None else Asked(start.params.model, start.model_before)
        sound, zerocopy = parts.sound_file(config.source), config.output.zerocopy
        asked = parts.open_sinks(config.sinks, sys.platform, config.fps, sound, zerocopy)
        sinks = (*asked, preview := PreviewSink())
        framing = replace(config.framing, order=common_order(sinks))
        self.rendering = Rendering(config, framing, self.clock, wanted, self.note)
        model, stage = self.rendering.first, self.rendering.stages.latest()
        format = self.rendering.format(stage)  # noqa: A001 - the field's own word

        self.params = Mailbox(Fade.still(replace(start.params, model=model)))
        self.hearing = Hearing(config, self.params, self.clock, lambda *said: self._on_loop(self._suffer, *said))
        self.steering = Steering(
            config,
            bank,
            self.params,
            start.preset,
            model,
            self.rendering.facts,
            parts.model_names,
            self.rendering.pairings,
            self.clock,
            self.status,
            self.hearing.features.latest,
            self.errors.add,
            start.place,
            self._tell,
            self.frames,
            wanted,
        )
        self.publishers = [Publisher(sink, format, self.clock) for sink in sinks]
        self.wall = Wall(
            config.sync,
            lambda: self.rendering.stages.latest().space.facts,
            config.fps,
            self.params,
            lambda: self.steering.preset,
            self.clock,
            lambda *said: self._on_loop(self.steering.take_up, *said),
            lambda text: self._on_loop(self._tell, "sync", text),
        )
        self.seeds = SeedsAhead(self.params, config.analysis.bands, lambda: self.rendering.renderer.facts.z_dim)
        overload = Overload(config.fps)
        self.engine = Engine(stage.make_mapper, stage.space, self._refuse_mapper)
        self.render_loop = RenderLoop(
            self.engine,
            self.rendering.stages,
            stage.slots(len(self.publishers), format),
            [publisher.outlet for publisher in self.publishers],
            self.hearing.features,
            self.params,
            self.frames,
            self.clock,
            config.fps,
            overload,
            self.steering.hands,
            self.wall.part,
        )
        self.changer = ModelChanger(
            model,
            lambda name: self.rendering.next_stage(name, self.render_loop.ring),
            self.rendering.stages,
            self.params,
            on_changed=lambda name: self._on_loop(self.steering.fit, name),
            on_failed=lambda *said: self._on_loop(self._keep_model, *said),
            overload=overload,
            smaller=lambda _, params: params.smaller,
        )
        self.presets = PresetWatcher(
            bank, self.steering.reload, lambda text: self._tell("preset", text), self.steering.unsave
        )
        panel = DeskPanel(self.steering.desk, self.steering.osc, bank, self.clock, self.steering.hands)
        self.monitor = MonitorServer(preview, config.http, self.status, self.healthy, panel, home() / "thumbnails")
        self._loop: asyncio.AbstractEventLoop | None = None
        self._last: Status | None = None

    def services(self) -> tuple[Service, ...]:
        """In boot order."""
        return (
            self.monitor,
            *self.steering.services(),
            *self.wall.services(),
            ThreadService(self.render_loop.name, self.render_loop.loop),
            ThreadService(self.seeds.name, self.seeds.loop),
            *(ThreadService(p.name, p.loop, p.patience, abandon=True) for p in self.publishers),  # it may be stuck
            *self.hearing.services(),
            *self.rendering.services(),
            self.presets,
            ThreadService(self.changer.name, self.changer.loop, abandon=True),  # it may be reading a large file
        )

    def status(self) -> Status:
        """Everything, as of now."""
        now, facts = self.clock.now(), self.rendering.renderer.facts
        params = self.params.latest().at(now)
        return Status(
            version=__version__,
            uptime_s=round(now - self._began, 2),
            frame_index=self.frames.index + 1,
            fps=round(self.frames.fps(now), 2),
            frame_ms=self.frames.times(),
            ticks_skipped=self.frames.skipped,
            deadlines_missed=self.frames.missed,
            device_ms=self.frames.device_times(),
            frames_in_flight=self.frames.in_flight,
            latency_ms=reports.latency(ms for publisher in self.publishers for ms in publisher.shown_latency()),
            model=ModelStatus(
                name=facts.name,
                resolution=facts.resolution,
                engine=self.rendering.renderer.engine,
                precision=self.rendering.renderer.precision,
                threads=self.rendering.renderer.threads,
            ),
            output=self._output_status(),
            preset=self.steering.preset,
            mapper=self.engine.mapper or params.mapper,
            params=self.steering.values(),
            audio=self.hearing.status(),
            features=self.hearing.features.latest().named(),
            sinks=tuple(publisher.status() for publisher in self.publishers),
            osc=self.steering.counts(),
            show=self.steering.show_status(),
            sync=self.wall.status(),
            errors=self.errors.all(),
        )

    def _output_status(self) -> OutputStatus:
        form = self.render_loop.ring.format
        return OutputStatus(
            width=form.width, height=form.height, order=form.order, fit=self.rendering.framing.fit, alpha=form.alpha
        )

    def report(self, code: int) -> Report:
        """The last status of the run, and how it ended."""
        first, last = self.frames.first, self.frames.last
        seconds = last - first if first is not None and last is not None else 0.0
        whole = {"fps": round(self.frames.fps_overall(), 2), "errors": self.errors.all()}
        said = (self._last or self.status()).model_copy(update=whole)
        return Report(**said.model_dump(), frames=self.frames.index + 1, seconds=round(seconds, 3), exit=code)

    @property
    def page(self) -> str:
        """Where the monitor page is."""
        return f"http://{self.config.http.host}:{self.monitor.port}/"

    def greeting(self) -> str:
        """One line for the beginning of a run: what renders, and where to find it."""
        facts, osc = self.rendering.renderer.facts, f"{self.config.osc.host}:{self.steering.osc.port}"
        port = self.steering.latents_port
        latents = "" if port is None else f", latents {self.config.tcp.host}:{port}"
        form = self.render_loop.ring.format
        square = form.width == form.height == facts.resolution
        what = f"{facts.name}, {facts.resolution} px, {self.rendering.renderer.engine}"
        what += "" if square else f", frames of {form.width} x {form.height}"
        return f"{what}; page {self.page}, OSC {osc}{latents}"

    def healthy(self) -> bool:
        """Whether the frame index has advanced of late."""
        return self.frames.advanced(self.clock.now(), within=_HEALTHY)

    def note(self, code: str, text: str) -> None:
        """Something went wrong: remember it and say it once."""
        self.errors.add(code, text)
        logger.warning("%s", text)

    def on_failure(self, name: str, error: Exception, delay: float) -> None:
        """A service failed and will start again."""
        ours = isinstance(error, LatentdError | OSError)
        why = str(error) if ours else f"a fault of latentd's own, which the log tells ({type(error).__name__})"
        self._suffer(name, f"{name}: {why.removeprefix(f'{name}: ')}; starting again in {delay:g} s")

    def keep_state(self) -> None:
        """Store the last state, if this run keeps one and it has changed."""
        if self.wishes.remember and self.frames.first is not None:  # one that could not begin leaves another's alone
            # the model that was asked for, not what this machine chose or stepped down to
            asked, steering = self.steering.desk.asked, self.steering
            params = replace(self.params.latest().end, model=asked.model)
            self._keeper.keep(state.State(params, steering.preset, steering.place, asked.before))

    async def run(self, stop: asyncio.Event) -> None:
        """Live until `stop`, or for the seconds wished; what cannot be mended comes out."""
        self._loop = asyncio.get_running_loop()
        try:
            self.monitor.bind()
            self.steering.bind()
            self.wall.bind()
            logger.info("%s", self.greeting())
            async with asyncio.TaskGroup() as group:
                services = group.create_task(supervise(*self.services(), on_failure=self.on_failure))
                keeping = group.create_task(self._keep())
                try:
                    await self._watch(stop)
                    self._last = self.status()  # before anything is closed
                    if self.wishes.on_status is not None:
                        self.wishes.on_status(self._last, self.page)
                finally:
                    keeping.cancel()
                    services.cancel()
                    self.hearing.close()
        finally:  # also where a later port could not be had, or a service was never begun
            self.wall.close()
            self.steering.close()
            self.monitor.close()
            if not within(_LAST, self.presets.finish):
                self.note("preset", "a preset that was saved is not kept: the disk does not answer")

    async def _watch(self, stop: asyncio.Event) -> None:
        """Return when the run is over; raise when an asked-for sink cannot work."""
        shown, unwell = self.clock.now(), False
        while not stop.is_set():
            await asyncio.sleep(_WATCH)
            now = self.clock.now()
            self._check_sinks()
            self._recover(now)
            if self.rendering.learned_more:
                self.steering.fit(self.changer.current)  # new names want addresses
            first, seconds = self.frames.first, self.wishes.seconds
            if seconds is not None and first is not None and now - first >= seconds:
                return
            if self.wishes.on_status is not None and now - shown >= _SHOW:
                shown = now
                self.wishes.on_status(self.status(), self.page)
            if not self.healthy() and self.frames.last is not None and not unwell:
                self._tell("render", f"no picture for {_HEALTHY:g} s")
            unwell = not self.healthy()

    async def _keep(self) -> None:
        """Store the last state now and then, aside: a disk that does not answer holds nothing up."""
        while True:
            await asyncio.sleep(_KEEP)
            await asyncio.to_thread(self.keep_state)

    def _check_sinks(self) -> None:
        """A sink that cannot work here ends the run; one that has worked tries again for ever, and is not that."""
        for publisher in self.publishers:
            said = publisher.status()
            if said.state == "unavailable":
                raise SinkUnavailable(said.last_error or f"the sink {said.name} cannot work here")

    def _first_state(self, bank: Bank) -> state.State:
        """Where to begin: the preset asked for, else the last state, else the first preset."""
        if self.config.preset is None and self.wishes.remember and (last := self._keeper.last()) is not None:
            return last
        chosen = bank.get(self.config.preset if self.config.preset is not None else 0)
        return state.State(chosen.params, chosen.name)

    def _tell(self, code: str, text: str) -> None:
        self.note(code, text)
        self.steering.complain(code, text)

    def _suffer(self, code: str, text: str) -> None:
        """Something went wrong that is tried again: say so, but not for ever in the log."""
        self.errors.add(code, text)
        self.steering.complain(code, text)
        if line := self._troubles.amiss(code, text, self.clock.now()):
            logger.warning("%s", line)

    def _recover(self, now: float) -> None:
        """Say of what was amiss that it works again."""
        for name in self._troubles.names():
            states: list[str] = [p.status().state for p in self.publishers if p.name == name]
            states += [self.hearing.status().state] if name == "audio" else []
            if states and set(states) <= {"ok", "silent"} and (line := self._troubles.well(name, now)):
                logger.info("%s", line)

    def _refuse_mapper(self, why: str) -> bool:
        """A mapper cannot be had; while another model is made ready, nobody knows that yet."""
        if self.params.latest().end.model not in ("", self.changer.current):
            return False
        self._on_loop(self._tell, "mapper", why)
        return True

    def _keep_model(self, wanted: str, current: str, why: str) -> None:
        """A model cannot be had: the one before stays, and is what the state says."""
        self.steering.stay(wanted, current)
        self._tell("model", f"{current} goes on: {why}")

    def _on_loop(self, call: Callable[..., None], *args: object) -> None:
        """Do something on the event loop's thread, from another."""
        if self._loop is not None:
            self._loop.call_soon_threadsafe(call, *args)


def run(config: Config, wishes: Wishes, stop: StopSign) -> None:
    """Boot, live, stop; the state is kept and the report written however it ends. Raises one `LatentdError`."""
    sys.setswitchinterval(0.001)  # s: a thread that waits for the interpreter waits 1 ms, not 5
    reports.make_room(wishes.report)
    try:
        with garbage.set_aside():
            daemon = Daemon(config, wishes)
    except LatentdError as e:
        reports.write(wishes.report, reports.stillborn(config, parts.DEFAULT_MODEL, e))
        raise
    code = 1
    try:
        asyncio.run(_live(daemon, stop))
        code = 0
    except LatentdError as e:
        code = e.exit_code
        daemon.errors.add("end", str(e))
        raise
    except KeyboardInterrupt:  # forced
        code = FORCED
        raise
    finally:
        if not within(_LAST, daemon.keep_state):
            daemon.note("state", f"the last state is not kept: {home()} does not answer")
        report = daemon.report(code)
        if not within(_LAST, lambda: reports.write(wishes.report, report)):
            daemon.note("report", f"there is no report: {wishes.report} does not answer")


async def _live(daemon: Daemon, sign: StopSign) -> None:
    stop, loop = asyncio.Event(), asyncio.get_running_loop()
    loop.set_default_executor(Aside())

    def end() -> None:
        with suppress(RuntimeError):  # the loop is closed: what is left is to keep the state and write the report
            loop.call_soon_threadsafe(stop.set)

    sign.tell(end)
    try:
        await daemon.run(stop)
    except* LatentdError as group:
        raise _gravest(group) from None


def _gravest(group: BaseExceptionGroup[LatentdError]) -> LatentdError:
    """The one that says most of what to do next: a lost GPU before a sink that was stuck on it."""
    inner = [_gravest(e) if isinstance(e, BaseExceptionGroup) else e for e in group.exceptions]
    return max(inner, key=lambda e: e.exit_code)
