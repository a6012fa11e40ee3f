import asyncio
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

import pytest
from show.stage import plan

from daemon.clock import VirtualClock, WallClock
from daemon.show.quiet import Quiet
from daemon.show.service import ShowService
from daemon.show.show import Cue, Show

PLAN = """
zone: UTC
playlists: {round: {entries: [{preset: a, seconds: 10}, {preset: b, seconds: 10}, {preset: gone, seconds: 10}]}}
play: round
silence: {after: 30, sound: 0.5, preset: idle}
"""


@dataclass
class Desk:
    """Takes cues, and refuses what it is told to."""

    refuses: tuple[str, ...] = ()
    cues: list[Cue] = field(default_factory=list)

    def cue(self, cue, now):
        assert isinstance(cue, Cue)
        assert isinstance(now, float)
        self.cues.append(cue)
        return f"{cue.preset} is broken" if cue.preset in self.refuses else None

    def fading(self, now):
        return False


class Night:
    """A service and all it touches."""

    def __init__(self, text=PLAN, **desk):
        self.clock, self.desk, self.show = VirtualClock(100.0), Desk(**desk), Show(plan(text))
        self.names = ("a", "b", "idle")
        self.gate = True
        self.published, self.said = [], []
        self.service = ShowService(
            self.show,
            self.desk,
            lambda: self.names,
            lambda: self.gate,
            self.clock,
            lambda: datetime(2026, 6, 1, 12, tzinfo=UTC) + timedelta(seconds=self.clock.now()),
            lambda: self.published.append(self.clock.now()),
            lambda code, text: self.said.append((code, text)),
        )

    def go(self, seconds):
        for _ in range(round(seconds * 5)):
            self.service.look()
            self.clock.advance(0.2)


def test_the_first_look_is_at_once_and_the_next_a_second_later():
    night = Night()
    night.service.look()
    assert night.desk.cues == [Cue("a", 0.0)]
    assert night.published == [100.0]
    night.go(25)
    assert [cue.preset for cue in night.desk.cues] == ["a", "b", "a"]
    assert night.service.status().next_in_s == pytest.approx(6, abs=2.5)


def test_what_is_asked_for_does_not_wait_for_the_second():
    night = Night()
    night.service.look()
    night.show.skip()
    night.clock.advance(0.2)
    night.service.look()
    assert [cue.preset for cue in night.desk.cues] == ["a", "b"]
    night.show.hold(True)
    night.clock.advance(0.2)
    night.service.look()
    assert night.service.status().held
    assert night.service.status().next_in_s is None
    assert len(night.published) == 3


def test_missing_presets_are_named_once_and_again_when_they_went_again():
    night = Night()
    night.go(5)
    assert [code for code, _ in night.said] == ["show"]
    assert "show.playlists.round.entries.2.preset: there is no preset 'gone'" in night.said[0][1]
    night.names = ("a", "b", "idle", "another")
    night.go(5)
    assert len(night.said) == 1
    night.names = ("a", "b", "idle", "gone")
    night.go(5)
    night.names = ("a", "b", "idle")
    night.go(5)
    assert len(night.said) == 2


def test_a_preset_that_is_refused_is_said_and_the_show_goes_on():
    night = Night(refuses=("a",))
    night.go(12)
    assert ("show", "the show goes on without a preset: a is broken") in night.said
    assert [cue.preset for cue in night.desk.cues] == ["a", "b"]


def test_silence_is_heard_through_the_gate_and_a_short_sound_between_looks_breaks_it():
    night = Night()
    night.go(1)
    night.gate = False
    night.go(20)
    night.gate = True
    night.go(0.4)  # a clap, while the gate is held open
    night.gate = False
    night.go(20)
    assert night.service.status().on == "entry"
    night.go(12)
    assert night.service.status().on == "attract"
    night.gate = True
    night.go(2)
    assert night.service.status().on == "entry"


def test_the_place_and_the_status_are_there_before_the_first_look_and_are_whole():
    night = Night()
    assert night.service.place == night.show.place()
    assert night.service.status().on == "nothing"
    night.go(1)
    assert night.service.place.marks[0].preset == "a"
    night.show.take_over()
    night.go(1)
    assert night.service.status().on == "hand"


def test_nothing_is_published_while_nothing_changes():
    night = Night(PLAN.replace("seconds: 10", "seconds: 5000"))
    night.go(1)
    count = len(night.published)
    night.go(200)
    assert len(night.published) - count <= 200 / 60 + 1


def test_what_waits_is_done_between_the_looks_and_published():
    night, done = Night(PLAN.replace("seconds: 10", "seconds: 5000")), []
    night.go(1.4)
    cues, published = len(night.desk.cues), len(night.published)
    night.show.wait(("10.0.0.7", 1), "/latentd/preset", night.clock.now(), done.append)
    night.go(0.6)
    assert len(done) == 1
    assert night.desk.cues[cues:] == [Cue()]  # to see to what comes with a recall
    assert len(night.published) == published + 1


def test_quiet_counts_from_the_first_look():
    quiet = Quiet()
    assert (quiet.silence(5.0), quiet.sound(5.0)) == (0.0, 0.0)
    quiet.hear(False, 10.0)
    quiet.hear(False, 15.0)
    assert (quiet.silence(20.0), quiet.sound(20.0)) == (10.0, 0.0)
    quiet.hear(True, 21.0)
    assert (quiet.silence(24.0), quiet.sound(24.0)) == (0.0, 3.0)


async def test_it_runs_on_the_loop_until_it_is_cancelled():
    night = Night()
    night.service._clock = WallClock()
    task = asyncio.create_task(night.service.run())
    async with asyncio.timeout(20):
        while not night.desk.cues:
            await asyncio.sleep(0)
        night.show.skip()
        while len(night.desk.cues) < 2:
            await asyncio.sleep(0.01)
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    assert task.cancelled()
