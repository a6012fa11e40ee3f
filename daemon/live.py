"""The loops of live: listen and render, each on its own thread, joined by mailboxes; sinks/publisher.py publishes."""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from threading import Event
from typing import Protocol

import numpy as np

from daemon.audio.source import Source
from daemon.backoff import STANDARD, Backoff
from daemon.clock import Clock
from daemon.device import HOST
from daemon.engine import Engine, MakeMapper
from daemon.errors import Fatal, LatentdError, SourceError, SourceUnavailable
from daemon.features.extractor import Extractor
from daemon.flow import Block, Features, FrameFormat, Hand, Latents
from daemon.mailbox import Mailbox
from daemon.mapping.space import Space
from daemon.params import Fade, Params
from daemon.render.dissolve import Dissolve
from daemon.render.flights import Flights
from daemon.render.overload import Overload
from daemon.render.renderer import Launcher, Renderer, launcher_of
from daemon.slots import Outlet, Slot, SlotRing
from daemon.stats import FrameStats
from daemon.status import AudioState, AudioStatus

_STALLED = 0.5  # s without a block
_SILENT = 3.0  # s of digital silence before it is called that
_NOTHING = 1e-5  # of full scale: no microphone or line is this quiet, an unplugged one is


class Listener:
    """The audio thread: blocks in, features out, and silence in their place while the sound is lost."""

    def __init__(
        self,
        spec: str,
        open_source: Callable[[Event], Source],
        extractor: Extractor,
        features: Mailbox[Features],
        params: Mailbox[Fade],
        clock: Clock,
        on_lost: Callable[[str], None],
        backoff: Backoff = STANDARD,
    ) -> None:
        self.name = "audio"
        self._spec, self._open, self._extractor, self._clock = spec, open_source, extractor, clock
        self._features, self._params, self._on_lost, self._backoff = features, params, on_lost, backoff
        self._source: Source | None = None
        self._opened = 0  # times a source was opened
        self._lost = False
        self._last_block = -math.inf  # s on the clock
        self._last_sound = -math.inf
        self._overruns = 0  # of sources gone by

    def loop(self, stop: Event) -> None:
        """Listen until stopped. A source that cannot be opened the first time is the caller's to hear of."""
        delay: float | None = None
        while not stop.is_set():
            began = self._clock.now()
            try:
                self._listen(stop)
            except SourceError as e:
                if isinstance(e, SourceUnavailable) and not self._opened:
                    raise
                self._lost = True
                delay = self._backoff.after(delay, self._clock.now() - began)
                self._on_lost(f"{e}; trying again in {delay:g} s")
                self._hear_nothing(delay, stop)

    def hear(self, block: Block) -> None:
        """One block: what is made of it goes to the mailbox."""
        self._last_block = block.heard
        if np.abs(block.samples).max(initial=0.0) > _NOTHING:
            self._last_sound = block.heard
        for features in self._extractor.push(block, self._params.latest().at(block.heard)):
            if self._spec == "none":
                self._features.put(replace(features, heard=None))
                continue
            self._features.put(features)

    def status(self) -> AudioStatus:
        """What is heard, from any thread."""
        source, features, now = self._source, self._features.latest(), self._clock.now()
        return AudioStatus(
            source=self._spec,
            state=self._state(now),
            device=source.device if source else None,
            sr=source.sr if source else None,
            rms_db=round(features.rms_db, 2) if features.heard is not None else None,
            gate_open=features.gate,
            overruns=self._overruns + (source.overruns if source else 0),
            reconnects=max(0, self._opened - 1),
        )

    def _state(self, now: float) -> AudioState:
        if self._spec == "none":
            return "none"
        if self._lost:
            return "lost"
        if self._source is None or self._last_block == -math.inf:
            return "opening"
        if now - self._last_block > _STALLED:
            return "stalled"
        return "silent" if now - self._last_sound > _SILENT else "ok"

    def _listen(self, stop: Event) -> None:
        self._source = self._open(stop)
        try:
            self._opened += 1
            while not stop.is_set():
                block = self._source.read(self._extractor.hop)
                if block is not None:
                    self._lost = False
                    self.hear(block)
                elif not stop.is_set():
                    raise SourceError(f"the sound of {self._spec} ended")
        finally:
            self._overruns += self._source.overruns
            source, self._source = self._source, None
            source.close()

    def _hear_nothing(self, seconds: float, stop: Event) -> None:
        """Silence on the hop grid, so that the envelopes release and the picture eases to idle motion."""
        hop, sr = self._extractor.hop, self._extractor.sr
        zeros = np.zeros((1, hop), np.float32)
        begin = self._clock.now()
        for n in range(1, int(seconds * sr / hop) + 1):
            if not self._clock.wait_until(begin + n * hop / sr, stop):
                return
            heard = begin + n * hop / sr
            for features in self._extractor.push(Block(zeros, 0, heard), self._params.latest().at(heard)):
                self._features.put(replace(features, heard=None))  # nothing was heard


@dataclass(frozen=True, slots=True)
class Stage:
    """What renders: a model, how its mappers are made, and the slots it paints into."""

    renderer: Renderer
    make_mapper: MakeMapper
    space: Space
    ring: SlotRing | None = None  # None: those there are

    def slots(self, sinks: int, format: FrameFormat) -> SlotRing:  # noqa: A002 - the field's own word
        """Slots it can paint into."""
        launcher = launcher_of(self.renderer)
        return SlotRing(sinks, format, HOST if launcher is None else launcher.device)

    def onto(self, ring: SlotRing, format: FrameFormat | None = None) -> "Stage":  # noqa: A002
        """With slots like these that it can paint into, for pictures of this format if it is another.

        These themselves, where they will do, else new ones, made here and now.
        """
        launcher = launcher_of(self.renderer)
        if launcher is None and format in (None, ring.format):
            return replace(self, ring=ring)  # host memory that a device reaches will do
        return replace(self, ring=ring.on(HOST if launcher is None else launcher.device, format))


class Together(Protocol):
    """Other screens that show the same; asked by the render thread, each tick."""

    def grid(self, t: float) -> tuple[float, float] | None:
        """A clock time at which a tick is due, s, and how many are a second; None for our own."""
        ...

    def heard(self, t: float, features: Features) -> Features:
        """What the sound is at tick `t`."""
        ...

    def shown(self, t: float, latents: Latents, heard: float | None) -> tuple[Latents, float | None]:
        """What is shown at tick `t`, and when its sound was heard; `latents` are what our own engine gives."""
        ...


def following(t: float, now: float, begin: float, fps: float) -> tuple[float, int]:
    """The tick after the one at `t`, and how many were missed: one every 1 / fps from `begin`, none twice."""
    n = math.ceil((t - begin) * fps + 0.5)  # half a tick lets a grid move under us
    late = max(math.floor((now - begin) * fps) - n, 0)
    return begin + (n + late) / fps, late


class RenderLoop:
    """The render thread: one frame a tick, written into a slot and offered to every sink.

    In host memory a frame is complete when its tick ends. On a device the tick only has it begun: up to two are in
    flight, the sinks wait for them on their own threads, and a tick that finds two is skipped. Another stage in its
    mailbox is taken up between two ticks; until then the one before goes on, and what it showed last dissolves.
    """

    def __init__(
        self,
        engine: Engine,
        stages: Mailbox[Stage],
        ring: SlotRing,
        outlets: Sequence[Outlet],
        features: Mailbox[Features],
        params: Mailbox[Fade],
        stats: FrameStats,
        clock: Clock,
        fps: float,
        overload: Overload | None = None,
        hands: Mailbox[Hand] | None = None,
        together: Together | None = None,
    ) -> None:
        self.name = "render"
        self._engine, self._ring, self._outlets = engine, ring, outlets
        self._stages, self._stage = stages, stages.latest()
        self._launcher = launcher_of(self._stage.renderer)
        self._features, self._params, self._stats = features, params, stats
        self._clock, self._fps = clock, fps
        self._hands, self._together = hands or Mailbox(Hand()), together
        self._begun = 0  # frames
        self._flights, self._overload = Flights(clock), overload or Overload(fps)
        # shown last, and not held: nobody but this thread's next picture writes into it; None after black
        self._last: Slot | None = None
        self._painter: Launcher | None = None  # what began that one, on a device
        self._dissolve = Dissolve()

    @property
    def ring(self) -> SlotRing:
        """The slots that are painted into."""
        return self._ring

    def loop(self, stop: Event) -> None:
        """Tick n is due at n / fps; a late one is rendered at once, those missed meanwhile are skipped, not chased."""
        begin = t = self._clock.now()
        while self._clock.wait_until(t, stop):
            self.tick(t)
            now = self._clock.now()
            grid = self._together.grid(now) if self._together is not None else None
            t, missed = following(t, now, *(grid or (begin, self._fps)))
            self._stats.skip(missed)
        self._land()

    def tick(self, t: float) -> None:
        """Render what is due at clock time `t`, seconds, or have it begun."""
        began, deadline = self._clock.now(), t + 1 / self._fps
        self._land()
        if self._flights.full:
            self._stats.skip(1)
            return
        if (stage := self._stages.latest()) is not self._stage:
            self._take_up(stage, t)
        slot = self._ring.acquire()
        if slot is None:  # every slot is held: the ring is sized so that this cannot last
            self._stats.skip(1)
            return
        self._stats.working = True
        try:
            latents, slot.heard, slot.began = self._latents(t)
            slot.index = self._begun
            if slot is self._last:
                self._last = None
            if not self._paint(slot, latents, self._dissolve.share(t, self._params.latest()), began, deadline):
                self._stats.skip(1)
                return
            self._last, self._painter = None if latents.ws is None else slot, self._beginner
            self._begun += 1
            for outlet in self._outlets:
                outlet.offer(slot)
        finally:
            self._stats.working = False
            slot.release()

    def _latents(self, t: float) -> tuple[Latents, float | None, float | None]:
        """What to render, when its sound was heard, and when the first of it was."""
        features, together = self._features.latest(), self._together
        if together is not None:
            features = together.heard(t, features)
        latents = self._engine.tick(t, features, self._params.latest(), self._hands.latest())
        latents, heard = (latents, features.heard) if together is None else together.shown(t, latents, features.heard)
        return latents, heard, None if features.heard is None else features.began

    def _paint(self, slot: Slot, latents: Latents, share: int, began: float, deadline: float) -> bool:
        """Paint one picture, or have it begun, with so much of the still over it; False where that cannot be."""
        if (launcher := self._beginner) is not None:
            if not self._flights.launch(slot, self._dissolve.through(launcher, share), latents, began, deadline):
                self._dissolve.end()  # whatever memory that takes
                return False
            self._stats.in_flight = len(self._flights)
            return True
        self._stage.renderer.render(latents, slot.pixels)
        slot.rendered = painted = self._clock.now()
        if share and latents.ws is not None:
            self._dissolve.blend(slot.pixels, share, slot.format)
            slot.rendered = self._clock.now()
        self._stats.frame(began, slot.rendered, deadline)
        self._overload.frame(slot.rendered, painted - began)  # what passes by itself is no reason to step down
        return True

    @property
    def _beginner(self) -> Launcher | None:
        """What begins pictures on a device; None while they are painted in host memory."""
        launcher = self._launcher
        return launcher if launcher is not None and self._ring.device is launcher.device else None

    def _take_up(self, stage: Stage, t: float) -> None:
        """Go on with another stage, in slots of its own where it has some."""
        self._stage, self._launcher = stage, launcher_of(stage.renderer)
        self._engine.fit(stage.make_mapper, stage.space)
        self._ring = stage.ring or self._ring
        fade, since = self._params.latest(), t - 1 / self._fps
        self._dissolve.begin(self._last, self._painter, self._beginner, self._ring.format, fade, since)

    def _land(self) -> None:
        """Count the frames that were completed since the last tick."""
        while (landing := self._flights.land()) is not None:
            flight = landing.flight
            self._stats.frame(flight.began, landing.done, flight.deadline, landing.seconds)
            self._stats.in_flight = len(self._flights)
            # painting and fetching overlap with the next frame's launch: the slower of the two sets the pace
            self._overload.frame(landing.done, max(landing.seconds, flight.launched - flight.began))


class ModelChanger:
    """The model thread: builds and warms the network that is asked for, aside, and hands it to the render thread.

    While it works, and when it fails, the one before goes on. After a sustained overload it does the same with the
    smaller network that may take the place of the one in force, if there is one. It never goes back up by itself: what
    was too much once would be again, and a picture that changes back and forth is worse than a smaller one.
    """

    def __init__(
        self,
        current: str,
        open_stage: Callable[[str], Stage],
        stages: Mailbox[Stage],
        params: Mailbox[Fade],
        on_changed: Callable[[str], None],
        on_failed: Callable[[str, str, str], None],
        overload: Overload | None = None,
        smaller: Callable[[str, Params], str] = lambda _model, _params: "",
    ) -> None:
        """`on_changed`: told the name. `on_failed`: told the name, the one that stays or takes its place, and why.

        `smaller`: what may take the place of a model that is too much for this machine; "" for nothing.
        """
        self.name = "model"
        self.current = current  # the name of the one in force
        self._open, self._stages, self._params = open_stage, stages, params
        self._on_changed, self._on_failed = on_changed, on_failed
        self._overload, self._smaller = overload, smaller
        self._useless = ""  # a smaller one that could not be had
        self._refused = ""  # what is asked for and cannot be had; kept when this thread fails and is started again

    def loop(self, stop: Event) -> None:
        """Watch what is asked for until stopped."""
        seen = 0
        while not stop.is_set():
            if self._overload is not None and self._overload.take():
                self._refused = self._step_down() or self._refused
            if (newer := self._params.newer(seen, timeout=0.2)) is None:
                continue
            seen, fade = newer
            wanted = fade.end.model
            if wanted != self._refused:
                self._refused = ""
            if wanted in ("", self.current, self._refused):
                continue
            self._refused = wanted  # until it is there, however it fails
            if self._change(wanted):
                self._refused = ""

    def _change(self, wanted: str) -> bool:
        """Put another model in force; False, and said, when it cannot be had."""
        try:
            if self._overload is not None:
                self._overload.loading = True
            self._stages.put(self._open(wanted))
        except LatentdError as e:
            if isinstance(e, Fatal):
                raise
            self._on_failed(wanted, self.current, str(e))
            return False
        finally:
            if self._overload is not None:
                self._overload.loading = False
        self.current = wanted
        self._on_changed(wanted)
        return True

    def _step_down(self) -> str:
        """Go on with a smaller model, if one is allowed; the name of the one that was too much and is asked for."""
        params, large = self._params.latest().end, self.current
        wanted = self._smaller(large, params)
        if wanted in ("", large, self._useless):
            return ""
        if not self._change(wanted):
            self._useless = wanted
            return ""
        asked = params.model or large
        self._on_failed(asked, wanted, f"a picture of {large} takes too long for this machine; ask for it to try again")
        return asked
