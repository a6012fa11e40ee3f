"""A whole live run on a clock of our own, from the sound file to the film: picture and sound stay in time."""

from dataclasses import replace
from itertools import pairwise
from threading import Event

import pytest
from sinks.video.films import read, tune

from daemon.audio.file import FileSource
from daemon.audio.paced import Paced
from daemon.clock import VirtualClock
from daemon.engine import Engine
from daemon.features.extractor import Extractor
from daemon.flow import Features, FrameFormat, Framing
from daemon.live import Listener, RenderLoop, Stage
from daemon.mailbox import Mailbox
from daemon.mapping.space import survey
from daemon.params import Fade, Params
from daemon.parts import mapper_maker
from daemon.render import card
from daemon.sinks.video import VideoSink
from daemon.slots import Outlet, SlotRing
from daemon.stats import FrameStats

SR, HOP, BANDS, FPS, SIDE = 48_000, 480, 8, 30, 128
FORMAT = FrameFormat(SIDE, SIDE)


class Late:
    """The card, whose pictures take some time."""

    def __init__(self, clock, times):
        self._card, self._clock, self._times = card.CardRenderer(Framing(size=(SIDE, SIDE))), clock, times
        self.facts, self.to_w = self._card.facts, self._card.to_w
        self.done = []  # s on the clock

    def render(self, latents, pixels):
        self._card.render(latents, pixels)
        self._clock.advance(self._times[len(self.done) % len(self._times)])
        self.done.append(self._clock.now())


def rendering(renderer, clock, features, outlets):
    space = survey(renderer.facts, renderer.to_w)
    engine, stages = Engine(mapper_maker(space), space), Mailbox(Stage(renderer, None, space))
    params, ring = Mailbox(Fade.still(Params())), SlotRing(1, FORMAT)
    return RenderLoop(engine, stages, ring, outlets, features, params, FrameStats(), clock, FPS)


def film(path, song, seconds, times, hitches):
    """A live run into a film; (when each picture was done, when the sound began: each time it began anew).

    `times`: s that pictures take, over and over. `hitches`: {tick: s for which the whole machine stands still}.
    """
    clock, features, params = VirtualClock(5000.0), Mailbox(Features.silence(BANDS)), Mailbox(Fade.still(Params()))
    source = Paced(FileSource(song, SR, loop=True), clock)
    listener = Listener("x", lambda stop: source, Extractor(SR, HOP, BANDS), features, params, clock, on_lost=print)
    renderer, outlet, sink = Late(clock, times), Outlet(), VideoSink(path, FPS, song)
    loop = rendering(renderer, clock, features, [outlet])
    begin, began = clock.now(), []
    sink.open(FORMAT)
    outlet.open()
    tick = 0
    while tick < seconds * FPS:
        due = begin + tick / FPS
        while features.latest().heard is None or features.latest().heard + HOP / SR <= max(due, clock.now()):
            listener.hear(source.read(HOP))
            if not began or source._zero != began[-1][1]:
                began.append((len(renderer.done), source._zero))
        clock.wait_until(due, Event())
        clock.advance(hitches.get(tick, 0.0))
        loop.tick(due)
        if (slot := outlet.take(0.0)) is not None:
            sink.publish(slot)
            slot.release()
        tick = max(tick + 1, round((clock.now() - begin) * FPS - 0.5))  # those that were missed are skipped
    sink.close()
    return renderer.done, began


@pytest.mark.parametrize(
    ("times", "hitches", "anew", "shown", "off"),
    [
        ((0.004, 0.009, 0.006), {}, 1, 1.0, 0.004),
        ((0.03, 0.001, 0.012, 0.028), {20: 0.3, 50: 0.1}, 1, 0.6, 0.5 / FPS),  # the sound is late, and catches up
        ((0.005, 0.011), {40: 0.9}, 2, 0.9, 0.006),  # it is too late for that, and begins anew from there
    ],
)
def test_picture_and_sound_are_where_they_were_when_the_picture_was_done(tmp_path, times, hitches, anew, shown, off):
    x = tune(tmp_path / "x.flac", 1.7, 44_100)
    done, began = film(tmp_path / "x.mkv", tmp_path / "x.flac", 3.2, times, hitches)
    assert len(began) == anew
    seen = read(tmp_path / "x.mkv", lambda frame: card.read(frame.to_ndarray(format="rgb24")).count)
    assert all(abs(float(b - a) * FPS - 1) < 0.04 for a, b in pairwise(seen.times))
    first = {}
    for number, at in zip(seen.numbers, seen.times, strict=True):
        first.setdefault(number, float(at))
    assert len(first) >= shown * len(done)
    looked = 0
    for number in sorted(first)[8:-12:5]:
        started = [at for picture, at in began if picture <= number][-1]
        place = (done[number] - started) % 1.7
        seam = any(abs(number - picture) < 12 for picture, _ in began[1:])
        if place < 1.7 - 0.25 and not seam:
            assert seen.place(x, first[number]) == pytest.approx(place, abs=off + 0.001)
            looked += 1
    assert looked >= 5


def test_a_picture_of_nothing_heard_has_no_place_in_the_sound():
    features, outlet, clock = Mailbox(replace(Features.silence(BANDS), began=1.0)), Outlet(), VirtualClock(2.0)
    outlet.open()
    loop = rendering(Late(clock, [0.0]), clock, features, [outlet])
    for heard, began in ((None, None), (1.9, 1.0)):
        features.put(replace(features.latest(), heard=heard))
        loop.tick(clock.now())
        slot = outlet.take(0.0)
        assert (slot.heard, slot.began) == (heard, began)
        slot.release()
