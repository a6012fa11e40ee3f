"""The ring, its outlets and publishers under any schedule of sinks that are slow, busy, lost, stuck or gone."""

import threading
from dataclasses import dataclass, field
from random import Random

from hypothesis import given, settings
from hypothesis import strategies as st
from sinks.lockstep import world

from daemon.flow import FrameFormat, Order

FORMATS = (FrameFormat(4, 4), FrameFormat(6, 2), FrameFormat(4, 4, Order.BGRA))


@dataclass
class Nature:
    """What a sink is like. Numbers are shares of what it is asked, or rounds."""

    repeats: bool
    quick: float  # how often it goes on by a step in a round
    busy: float
    lost: float
    broken: float
    refuses: int  # to open so many times
    unavailable: bool  # when it is to be opened after that
    stuck: int  # from this round on, for ever
    gone: int  # from this round on every opening and every picture fails
    stopped: int  # in this round
    asked: int = field(default=0, init=False)

    def outcome(self, place, n, rng):
        """How what it is asked in round `n` ends; None while it does not."""
        if n >= self.stuck or rng.random() >= self.quick:
            return None
        if place == "open":
            self.asked += 1
            if self.asked <= self.refuses:
                return "lost"
            if self.unavailable:
                return "unavailable"
        if n >= self.gone and place in ("open", "publish"):
            return "lost"
        kinds, weights = ("busy", "lost", "broken"), (self.busy, self.lost, self.broken)
        return rng.choices((*kinds, "ok"), (*weights, 1.0 - sum(weights)))[0]


def seldom(strategy, never):
    return st.one_of(st.just(never), st.just(never), strategy)


ROUNDS = 60
NATURES = st.builds(
    Nature,
    repeats=st.booleans(),
    quick=st.sampled_from((1.0, 0.7, 0.3, 0.05)),
    busy=st.sampled_from((0.0, 0.0, 0.2)),
    lost=st.sampled_from((0.0, 0.0, 0.1)),
    broken=st.sampled_from((0.0, 0.0, 0.03)),
    refuses=st.sampled_from((0, 0, 0, 2)),
    unavailable=seldom(st.booleans(), never=False),
    stuck=seldom(st.integers(0, ROUNDS), ROUNDS),
    gone=seldom(st.integers(0, ROUNDS), ROUNDS),
    stopped=seldom(st.integers(0, ROUNDS), ROUNDS),
)


@settings(max_examples=250, deadline=None)
@given(st.lists(NATURES, min_size=1, max_size=4), st.integers(0, 2**32))
def test_whatever_sinks_do_and_when_the_renderer_finds_a_slot_no_picture_tears_and_every_slot_comes_back(natures, seed):
    rng = Random(seed)
    with world([nature.repeats for nature in natures], FORMATS) as made:
        for n in range(ROUNDS):
            made.tick(rng.choice((0, 1, 1, 1, 4)))
            if rng.random() < 0.06:
                made.resize(rng.randrange(len(FORMATS)))
            if rng.random() < 0.1:
                made.clock.advance(rng.choice((0.1, 0.8, 5.0)))
            for i in rng.sample(range(len(natures)), len(natures)):
                if natures[i].stopped == n:
                    made.stop(i)
                outcome = natures[i].outcome(made.actors[i].place, n, rng)
                if outcome is not None:
                    made.go(i, outcome)
        made.end()
        made.tick(2)  # nobody is there any more
        for sink, publisher in zip(made.sinks, made.publishers, strict=True):
            said, delivered = publisher.status(), {index for index, _ in sink.seen}
            assert sink.opens == sink.closes
            assert said.published == len(delivered)
            assert said.published + said.replaced >= len(set(sink.handed))
            assert said.refused == sink.busy
            assert said.state in ("closed", "retrying", "unavailable")
            assert (said.errors == 0) == (said.last_error is None)
            assert publisher.outlet._changed._lock.takers <= {sink.name, threading.current_thread().name}
        assert [len(ring.free) for ring in made.rings] == [ring.size for ring in made.rings]


def at(made):
    return [actor.place for actor in made.actors]


def test_after_a_stall_of_five_seconds_the_newest_picture_comes_first_and_none_of_those_between():
    with world([True, False]) as made:
        for i in (0, 1):
            made.go(i)
        made.tick()
        assert at(made) == ["publish", "publish"]
        made.go(1)
        made.tick(150)
        assert made.clock.now() > 5.0
        assert [p.status().state for p in made.publishers] == ["stalled", "stalled"]
        for i in (0, 1):
            made.go(i)
        made.tick()
        assert [sink.handed for sink in made.sinks] == [[0, 150], [0, 1, 150]]
        assert made.publishers[0].status().replaced == 149


def test_a_picture_of_another_size_closes_the_sink_and_opens_it_and_nothing_of_the_old_size_is_kept_meanwhile():
    with world([True], FORMATS) as made:
        made.go(0)
        made.tick()
        made.go(0)
        assert at(made) == ["idle"]  # the picture is kept, to be shown again
        before = made.rings[0]
        assert len(before.free) == before.size - 1
        made.resize(1)
        made.tick()
        assert at(made) == ["close"]
        assert len(before.free) == before.size
        made.go(0)
        assert at(made) == ["open"]
        assert made.publishers[0].status().state == "opening"
        made.sinks[0].about = "small"
        made.go(0)
        assert made.publishers[0].status().about == "small"  # as soon as it is open
        assert made.sinks[0].opened_for == FORMATS[1]
        made.go(0)
        assert made.sinks[0].seen == [(0, FORMATS[0]), (1, FORMATS[1])]
        made.resize(1)
        made.tick()
        assert at(made) == ["publish"]  # the same size is no reason


def test_a_sink_that_was_lost_is_opened_again_for_the_pictures_there_are_by_then():
    with world([True], FORMATS) as made:
        made.sinks[0].watching = 3
        made.go(0)
        made.tick()
        made.go(0)
        made.tick()
        assert made.publishers[0].status().receivers == 3
        made.go(0, "lost")
        made.clock.advance(5.0)
        assert (at(made), made.publishers[0].status().state) == (["close"], "retrying")
        made.go(0)
        assert at(made) == ["lost"]
        assert made.publishers[0].status().receivers is None
        for which in (1, 2):
            made.resize(which)
            made.tick(3)
        assert [len(ring.free) for ring in made.rings] == [ring.size for ring in made.rings]
        made.go(0)
        assert at(made) == ["open"]
        made.go(0)
        assert made.sinks[0].opened_for == FORMATS[2]
        made.tick()
        assert at(made) == ["publish"]


def test_a_sink_that_cannot_take_another_size_is_tried_again_and_takes_the_one_after():
    with world([False], FORMATS) as made:
        made.go(0)
        made.tick()
        made.go(0)
        assert made.publishers[0].worked
        made.resize(1)
        made.tick()
        made.go(0)
        made.go(0, "unavailable")
        assert at(made) == ["lost"]
        said = made.publishers[0].status()
        assert (said.state, said.last_error, said.errors) == ("retrying", "it is not to be had", 1)
        made.tick(3)
        made.resize(0)
        made.tick()
        made.go(0)
        made.go(0)
        made.tick()
        made.go(0)
        assert made.sinks[0].seen[-1][1] == FORMATS[0]
        assert made.publishers[0].status().state == "ok"


def test_a_sink_that_is_not_to_be_had_before_it_has_shown_anything_stays_so_and_pins_no_picture():
    with world([True, True]) as made:
        made.go(0, "unavailable")
        made.go(1)
        made.tick()
        made.go(1, "unavailable")
        made.go(1)
        assert at(made) == ["resting", "resting"]
        assert [p.status().state for p in made.publishers] == ["unavailable", "unavailable"]
        assert not any(p.worked for p in made.publishers)
        made.tick(9)
        assert len(made.loop.ring.free) == made.loop.ring.size


def test_sinks_that_never_come_back_from_anything_cost_the_renderer_no_picture():
    with world([True, True, False, True], FORMATS) as made:
        for i in (1, 2, 3):
            made.go(i)
        made.tick()
        made.go(2, "lost")
        made.go(3)
        made.tick()
        assert at(made) == ["open", "publish", "close", "publish"]
        made.tick(500)
        made.resize(1)
        made.tick(500)
        assert at(made) == ["open", "publish", "close", "publish"]
        assert made.stats.skipped == 0


def test_a_still_picture_is_shown_again_to_who_wants_that_and_counts_once_however_often():
    with world([True, False]) as made:
        sink, publisher = made.sinks[0], made.publishers[0]
        for i in (0, 1):
            made.go(i)
        made.tick()
        for i in (0, 1):
            made.go(i)
        shown = publisher.status()
        for times in (1, 2):  # the renderer stands still
            made.clock.advance(0.5)
            for i in (0, 1):
                made.go(i)
            assert at(made) == ["idle", "idle"]
            made.clock.advance(0.3)
            for i in (0, 1):
                made.go(i)
            assert at(made) == ["publish", "idle"]
            sink.about, sink.watching = f"shown {times} times", times
            made.go(0)
            assert len(sink.seen) == 1 + times
            said = publisher.status()
            assert (said.about, said.receivers) == (f"shown {times} times", times)  # who came late is told of
            assert (said.published, said.latency_ms) == (1, shown.latency_ms)
        made.tick()
        assert sink.handed == [0, 0, 0, 1]


def test_a_picture_that_was_refused_and_then_taken_while_all_is_still_counts_when_it_is_taken():
    with world([True]) as made:
        publisher = made.publishers[0]
        made.go(0)
        made.tick()
        made.go(0, "busy")
        assert (publisher.status().published, publisher.status().refused, publisher.worked) == (0, 1, False)
        made.clock.advance(1.0)
        made.go(0)
        made.go(0)
        said = publisher.status()
        assert (said.published, said.refused, said.replaced) == (1, 1, 0)
        assert said.latency_ms > 1000
        made.tick()
        made.go(0, "busy")
        made.tick()
        assert publisher.status().replaced == 1  # it was never taken
        made.go(0)
        for outcome in ("busy", "ok", "busy"):  # one that was taken stays so, though it is refused when shown again
            made.clock.advance(1.0)
            made.go(0)
            made.go(0, outcome)
        made.tick()
        said = publisher.status()
        assert (said.published, said.refused, said.replaced) == (2, 4, 1)
