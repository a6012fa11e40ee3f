"""What a steady frame takes from memory: a few small arrays of latents, and never a picture."""

import tracemalloc
from collections.abc import Iterator
from functools import cache

import numpy as np
import pytest

from daemon import parts
from daemon.clock import VirtualClock
from daemon.engine import Engine
from daemon.flow import Features, FrameFormat
from daemon.live import RenderLoop, Stage
from daemon.mailbox import Mailbox
from daemon.mapping.space import survey
from daemon.params import Fade, Params
from daemon.render.generator import GeneratorRenderer
from daemon.render.renderer import Means, Renderer
from daemon.render.swatch import SwatchRenderer
from daemon.slots import Outlet, SlotRing
from daemon.stats import FrameStats

FPS = 30.0
FEW = 12 * 1024  # bytes: the motion's vectors, numpy's iterators, the interpreter's own objects
WAVES = 128 * 1024  # bytes: what the swatch at 256 pixels multiplies into a picture
SOUND = [np.random.default_rng(i).uniform(0, 1, 8).astype(np.float32) for i in range(8)]


class Ticker:
    """A render loop with two sinks that take every picture, ticked by hand, with sound that moves."""

    def __init__(self, renderer: Renderer) -> None:
        self.clock = VirtualClock()
        size = FrameFormat(renderer.facts.resolution, renderer.facts.resolution)
        self.ring, self.outlets = SlotRing(2, size), [Outlet(), Outlet()]
        for outlet in self.outlets:
            outlet.open()
        space = survey(renderer.facts, renderer.to_w)
        stage = Stage(renderer, parts.mapper_maker(space), space)
        self.features = Mailbox(Features.silence(8))
        self.sound = [Features(0.0, 0.0, -6.0, True, bands) for bands in SOUND]
        params = Mailbox(Fade.still(Params(drift=1.0, rotate=10.0)))
        self.loop = RenderLoop(
            Engine(stage.make_mapper, stage.space), Mailbox(stage), self.ring, self.outlets, self.features, params,
            FrameStats(), self.clock, FPS,
        )  # fmt: skip
        self.n = 0

    def tick(self) -> list[int]:
        """One frame; where the pixels lay that each sink got."""
        self.features.put(self.sound[self.n % len(self.sound)])
        self.clock.advance(1 / FPS)
        self.n += 1
        self.loop.tick(self.n / FPS)
        places = []
        for outlet in self.outlets:
            slot = outlet.take(0)
            assert slot is not None
            places.append(slot.pixels.ctypes.data)
            slot.release()
        return places


@cache
def fused() -> Renderer:
    renderer = GeneratorRenderer(parts.find_model("lumen"), "cpu", means=Means(threads=1))
    if not renderer.engine.startswith("fused"):
        pytest.skip("the fused kernel is not built: python hatch_build.py")
    return renderer


@pytest.fixture(params=["swatch", "fused"])
def renderer(request: pytest.FixtureRequest) -> Renderer:
    return SwatchRenderer(256) if request.param == "swatch" else fused()


@pytest.fixture
def traced() -> Iterator[None]:
    if tracemalloc.is_tracing():
        pytest.skip("memory is being traced by somebody else")
    tracemalloc.start()
    yield
    tracemalloc.stop()


def test_a_steady_frame_allocates_its_latents_and_no_picture(renderer: Renderer, traced: None) -> None:
    ticker, facts = Ticker(renderer), renderer.facts
    ws, picture = 4 * facts.num_ws * facts.w_dim, 3 * facts.resolution**2
    most = 2 * ws + FEW + WAVES * (facts.name == "swatch")
    for _ in range(10):
        ticker.tick()
    needs = []
    for _ in range(20):
        before = tracemalloc.get_traced_memory()[0]
        tracemalloc.reset_peak()
        ticker.tick()
        needs.append(tracemalloc.get_traced_memory()[1] - before)
    assert most < picture  # else this test would see nothing
    assert sorted(needs)[-2] < most  # all but one: the interpreter may tidy up in any frame


def test_pictures_are_always_painted_into_the_same_slots_and_handed_on_without_a_copy(renderer: Renderer) -> None:
    ticker = Ticker(renderer)
    slots = {slot.pixels.ctypes.data for slot in ticker.ring.free}
    seen = set()
    for _ in range(3 * ticker.ring.size):
        one, other = ticker.tick()
        assert one == other
        seen.add(one)
    assert seen == slots
    assert len(slots) == ticker.ring.size
