"""The show at work: looks five times a second, and tells the desk what a person would."""

import asyncio
from collections.abc import Callable, Collection
from datetime import datetime
from typing import Protocol

from daemon.clock import Clock
from daemon.show.plan import Plan
from daemon.show.quiet import Quiet
from daemon.show.show import Cue, Facts, Place, Show
from daemon.status import ShowStatus

_HEAR = 0.2  # s between two looks at the gate, which stays open longer than that after the shortest sound
_LOOK = 1.0  # s between two looks at the plan


class Stagehand(Protocol):
    """Who does what a cue says: the desk."""

    def cue(self, cue: Cue, now: float) -> str | None:
        """Recall and switch as over OSC; the sentence that says why not, if not."""
        ...

    def fading(self, now: float) -> bool: ...


class ShowService:
    """One show on the event loop; everything belongs to its thread but `place` and `status`."""

    name = "show"

    def __init__(
        self,
        show: Show,
        desk: Stagehand,
        presets: Callable[[], Collection[str]],
        gate: Callable[[], bool],
        clock: Clock,
        wall: Callable[[], datetime],
        publish: Callable[[], None],
        on_trouble: Callable[[str, str], None],
    ) -> None:
        """`gate`: whether there is sound. `publish`: hand on what the desk was told, and what the show says of itself.

        `on_trouble`: told a code and a sentence.
        """
        self._show, self._desk, self._presets, self._gate = show, desk, presets, gate
        self._clock, self._wall, self._publish, self._on_trouble = clock, wall, publish, on_trouble
        self._quiet = Quiet()
        self._looked = float("-inf")  # s
        self._names: Collection[str] | None = None  # as of the last look
        self._missing: tuple[str, ...] = ()  # said of presets that there are not
        self.place: Place = show.place()
        self._on = show.on
        self._said = self._say()

    async def run(self) -> None:
        """Look until cancelled; the first look is at once, before anything is rendered."""
        while True:
            self.look()
            await asyncio.sleep(_HEAR)

    def look(self) -> None:
        """Hear, and do what it is time for."""
        now = self._clock.now()
        self._quiet.hear(self._gate(), now)
        if self._show.ripen(now):
            self._desk.cue(Cue(), now)  # nothing more, but it sees to what a recall brings with it
            self._publish()
        if now - self._looked < _LOOK and not self._show.asked:
            return
        self._looked = now
        presets = self._presets()
        if presets != self._names:
            self._names = presets
            self._look_for(presets)
        facts = Facts(presets, self._quiet.silence(now), self._quiet.sound(now), self._desk.fading(now))
        cue = self._show.at(self._wall(), now, facts)
        why = self._desk.cue(cue, now) if cue is not None else None
        if why is not None:
            self._on_trouble("show", f"the show goes on without a preset: {why}")
        before, self.place = (self._on, self.place), self._show.place()
        self._on, self._said = self._show.on, self._say()
        if cue is not None or (self._on, self.place) != before:
            self._publish()

    def status(self) -> ShowStatus:
        """What is on, from any thread."""
        return self._said

    def _look_for(self, presets: Collection[str]) -> None:
        """Name the presets that are missing, each once until it has been there."""
        missing = tuple(text for text in faults(self._show.plan, presets))
        for text in missing:
            if text not in self._missing:
                self._on_trouble("show", text)
        self._missing = missing

    def _say(self) -> ShowStatus:
        show, on = self._show, self._show.on
        left = show.left
        return ShowStatus(
            enabled=show.enabled,
            on="hand" if show.by_hand else on.kind,
            preset=on.preset,
            playlist=on.playlist,
            entry=on.entry,
            next_in_s=None if left is None or show.held else round(left, 1),
            held=show.held,
        )


def faults(plan: Plan, presets: Collection[str]) -> list[str]:
    """A sentence for each place in the plan that names a preset which there is not."""
    return [
        f"{where}: there is no preset {name!r}; it is skipped until there is"
        for where, name in plan.presets()
        if name not in presets
    ]
