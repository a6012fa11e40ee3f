"""From one model's last picture to the next one's live ones: what is seen, tick by tick."""

import threading
import weakref
from dataclasses import dataclass
from itertools import cycle, pairwise

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from render.fake_cuda import FakeBlender, FakeLauncher, FakeTorch

from daemon.clock import VirtualClock
from daemon.device import HOST, HostPage
from daemon.engine import Engine
from daemon.flow import Alpha, Features, FrameFormat, Framing, Latents, Order
from daemon.live import ModelChanger, RenderLoop, Stage
from daemon.mailbox import Mailbox
from daemon.mapping.space import survey
from daemon.params import Fade, Params
from daemon.parts import mapper_maker
from daemon.render.blending import blend, scaled
from daemon.render.cuda import CudaDevice
from daemon.render.dissolve import Over, Still
from daemon.render.framing import copied, mix
from daemon.render.launch import GeneratorLauncher, Waiting
from daemon.render.overload import Overload
from daemon.render.swatch import SwatchRenderer
from daemon.slots import Outlet, SlotRing
from daemon.stats import FrameStats

FPS = 30.0
SIDE = 8
FORMAT = FrameFormat(SIDE, SIDE)
CURVES = ("linear", "smooth", "ease-in", "ease-out")
SWATCH = SwatchRenderer(SIDE)
SPACE = survey(SWATCH.facts, SWATCH.to_w)
STEEPEST = 3.0  # of what is left over a fade's time: ease-out's


@dataclass
class Plain:
    """A renderer of one grey; black where it is asked for."""

    grey: int
    alpha: int = 255
    clock: VirtualClock | None = None
    takes: float = 0.0  # s
    facts, to_w = SWATCH.facts, SWATCH.to_w

    def render(self, latents, pixels):
        if self.clock is not None:
            self.clock.advance(self.takes)
        pixels[..., :3] = 0 if latents.ws is None else self.grey
        pixels[..., 3] = self.alpha


class Noisy(Plain):
    def render(self, latents, pixels):
        pixels[:] = np.random.default_rng(self.grey).integers(0, 256, pixels.shape, dtype=np.uint8)
        pixels[..., 3] = self.alpha


class OnDevice:
    facts, to_w = SWATCH.facts, SWATCH.to_w

    def __init__(self, launcher, grey=None):
        self.launcher = launcher
        if grey is not None:
            launcher.painted = grey
            launch = launcher.launch
            launcher.launch = lambda latents, canvas: (setattr(launcher, "painted", grey), launch(latents, canvas))

    def render(self, latents, pixels):
        raise AssertionError("the render thread was made to wait")


def stage(renderer, ring=None):
    return Stage(renderer, mapper_maker(SPACE), SPACE, ring)


def asked(seconds, at=0.0, curve="linear", **params):
    """A recall of another model."""
    return Fade(Params(model="a"), Params(model="b", **params), at, seconds, curve)


class Show:
    """A render loop in virtual time, ticked by hand."""

    def __init__(self, first, fade=None, format=FORMAT, device=HOST, sinks=1, overload=None, clock=None):
        self.clock, self.stages, self.stats = clock or VirtualClock(), Mailbox(stage(first)), FrameStats()
        self.params = Mailbox(fade or Fade.still(Params(model="a")))
        self.ring = SlotRing(sinks, format, device)
        self.outlets = [Outlet() for _ in range(sinks)]
        for outlet in self.outlets:
            outlet.open()
        self.loop = RenderLoop(
            Engine(mapper_maker(SPACE), SPACE), self.stages, self.ring, self.outlets,
            Mailbox(Features.silence(8)), self.params, self.stats, self.clock, FPS, overload,
        )  # fmt: skip
        self.ticks = 0

    @property
    def t(self):
        """When the next tick is due, s."""
        return self.ticks / FPS

    def tick(self):
        """The picture that is shown; None for none."""
        self.clock.wait_until(self.t, threading.Event())
        self.loop.tick(self.t)
        self.ticks += 1
        slot = self.outlets[0].take(0)
        if slot is None:
            return None
        pixels = slot.pixels.copy()
        slot.release()
        return pixels

    def until(self, t):
        """The grey of each picture that is due before `t`."""
        seen = []
        while self.t < t - 1e-9:
            seen.append(int(self.tick()[0, 0, 0]))
        return seen


# pixels


def exact(over, under, share, alpha):
    """In real numbers: colours premultiplied, mixed, and divided by alpha again; nothing where nothing can be seen."""
    over, under, part = over.astype(float), under.astype(float), share / 256
    if alpha is Alpha.OPAQUE:
        return over * part + under * (1 - part)
    seen = over[..., 3:] * part + under[..., 3:] * (1 - part)
    colour = over[..., :3] * over[..., 3:] * part + under[..., :3] * under[..., 3:] * (1 - part)
    return np.concatenate([np.divide(colour, seen, out=np.zeros_like(colour), where=seen > 0), seen], -1)


def on_device(over, under, share, alpha):
    canvas = torch.from_numpy(under.copy())
    mix(torch.from_numpy(over), canvas, share, Framing(transparency="luma" if alpha is Alpha.STRAIGHT else "opaque"))
    return canvas.numpy()


def in_memory(over, under, share, alpha):
    under = under.copy()
    blend(over, under, share, alpha)
    return under


PICTURES = st.tuples(st.integers(1, 90), st.integers(1, 40), st.integers(0, 2**32), st.integers(0, 256))


@settings(max_examples=60)
@given(PICTURES, st.sampled_from(list(Alpha)), st.booleans())
def test_two_frames_are_mixed_as_numbers_say_and_to_the_bit_alike_in_host_memory_and_on_a_device(of, alpha, extreme):
    height, width, seed, share = of
    rng = np.random.default_rng(seed)
    over, under = rng.integers(0, 256, (2, height, width, 4), dtype=np.uint8)
    for one in (over, under):
        if alpha is Alpha.OPAQUE:
            one[..., 3] = 255
        elif extreme:
            one[..., 3] = rng.choice([0, 1, 254, 255], (height, width))
    mixed = in_memory(over, under, share, alpha)
    want = exact(over, under, share, alpha)
    seen = mixed[..., 3] > 0
    assert np.abs(mixed - want)[seen].max(initial=0) <= 1
    assert np.abs(mixed - want)[..., 3].max() <= 0.5
    assert np.array_equal(mixed, on_device(over, under, share, alpha))
    assert np.array_equal(in_memory(over, under, 0, alpha), under)
    assert np.array_equal(in_memory(over, under, 256, alpha), over)
    assert not room_left(over, under, alpha)


def room_left(over, under, alpha):
    """Whether a frame that is a part of another, with gaps between its rows, is mixed otherwise."""
    wide = np.zeros((len(under), under.shape[1] + 3, 4), np.uint8)
    wide[:, 1:-2] = under
    blend(over, wide[:, 1:-2], 77, alpha)
    return (
        not np.array_equal(wide[:, 1:-2], in_memory(over, under, 77, alpha)) or wide[:, 0].any() or wide[:, -2:].any()
    )


def test_frames_of_more_than_a_band_are_mixed_whole():
    over, under = np.random.default_rng(0).integers(0, 256, (2, 1080, 1920, 4), dtype=np.uint8)
    for alpha in Alpha:
        mixed = in_memory(over, under, 100, alpha)
        for rows in (slice(0, 30), slice(500, 530), slice(1050, 1080)):
            assert np.array_equal(mixed[rows], in_memory(over[rows], under[rows], 100, alpha))


def test_colours_that_cannot_be_seen_show_nowhere():
    clear, red = np.full((2, 2, 4), 255, np.uint8), np.zeros((2, 2, 4), np.uint8)
    clear[..., 3], red[..., [0, 3]] = 0, 255
    for over, under in ((clear, red), (red, clear)):
        assert (in_memory(over, under, 128, Alpha.STRAIGHT) == [255, 0, 0, 128]).all()


def test_a_still_of_another_size_is_scaled_as_it_is_seen():
    ramp = np.repeat(np.linspace(0, 255, 16).astype(np.uint8)[None, :, None], 16, 0).repeat(4, 2)
    ramp[..., 3] = 255
    for side in (8, 16, 40):
        here = scaled(ramp, side, side)
        there = copied(torch.from_numpy(ramp), torch.zeros((side, side, 4), dtype=torch.uint8), Framing()).numpy()
        assert here.shape == there.shape == (side, side, 4)
        assert np.abs(here.astype(int) - there).max() <= 1
        assert (np.diff(here[0, :, 0].astype(int)) >= 0).all()
        assert (here[..., 3] == 255).all()
    clear = np.full((16, 16, 4), 255, np.uint8)
    clear[:, 8:] = 0, 0, 0, 0
    key = Framing(transparency="luma")
    for big in (scaled(clear, 64, 64), copied(torch.from_numpy(clear), torch.zeros((64, 64, 4)), key).numpy()):
        assert big[..., :3][big[..., 3] > 8].min() >= 240  # no dark rim


# what is shown


@pytest.mark.parametrize("curve", CURVES)
@pytest.mark.parametrize("late", [0.0, 0.4])
def test_the_last_picture_goes_away_over_the_fade_without_a_step_and_then_pictures_are_the_new_models(curve, late):
    show = Show(Noisy(1))
    show.until(0.5)
    show.params.put(asked(2.0, show.t, curve))
    show.until(0.5 + late)  # it is loaded
    old, new = (np.zeros((SIDE, SIDE, 4), np.uint8) for _ in range(2))
    Noisy(1).render(None, old)
    Noisy(2).render(None, new)
    ring = SlotRing(1, FrameFormat(SIDE, SIDE))
    show.stages.put(stage(Noisy(2), ring))
    pictures, stills = [old], []
    while show.t < 2.5 - 1e-9:
        pictures.append(show.tick())
        if show.loop._dissolve._still is not None:
            stills.append(weakref.ref(show.loop._dissolve._still.picture))
    rest = [np.abs(picture.astype(float) - new) for picture in pictures]
    whole = np.abs(old.astype(float) - new)
    most = STEEPEST / ((2.0 - late) * FPS)
    assert all((a - b <= most * whole + 1).all() for a, b in pairwise(rest))
    assert all((b <= a).all() for a, b in pairwise(rest))
    third = rest[round(len(rest) / 3)].sum() / whole.sum()
    assert 0.1 < third < 0.8
    assert not np.array_equal(pictures[round(0.8 * len(pictures))], new) or curve == "ease-out"
    assert not np.array_equal(pictures[1], old)  # it begins at once
    for _ in range(5):
        assert np.array_equal(show.tick(), new)
    assert len(stills) > 20
    assert not any(still() is not None for still in stills)
    assert show.loop._dissolve._course is None
    assert len(ring.free) == ring.size
    assert len(show.ring.free) == show.ring.size


@pytest.mark.parametrize(
    ("curve", "quarter", "half"),
    [("linear", 9 / 16, 1 / 4), ("smooth", 81 / 128, 1 / 4), ("ease-in", 45 / 64, 3 / 8), ("ease-out", 27 / 64, 1 / 8)],
)
def test_it_goes_at_once_in_every_curve_and_sooner_than_the_numbers_arrive(curve, quarter, half):
    show = Show(Plain(250), asked(4.0, 0.0, curve))
    show.until(1e-3)
    show.stages.put(stage(Plain(50)))
    seen = [250, *show.until(4.0)]
    assert [seen[30], seen[60], seen[119]] == pytest.approx([50 + 200 * quarter, 50 + 200 * half, 50], abs=3)
    assert seen[3] < 250


@settings(max_examples=25)
@given(
    st.lists(st.tuples(st.floats(0.05, 1.5), st.floats(0.4, 6.0), st.sampled_from(CURVES)), max_size=5),
    st.sampled_from(CURVES),
    st.floats(0.0, 3.0),
)
def test_a_fade_given_another_length_takes_it_along_and_nothing_jumps(retimes, curve, held):
    """`held`: s that the picture is frozen, after the last of them."""
    show = Show(Plain(250), asked(3.0, 0.0, curve))
    show.until(0.1)
    show.stages.put(stage(Plain(10)))
    seen, quickest = [250], 0.5
    for after, seconds, another in retimes:
        seen += show.until(show.t + after)
        quickest = min(quickest, seconds)
        show.params.put(show.params.latest().to(Params(model="b"), show.t, seconds, another))
    show.params.put(show.params.latest().set(freeze=True))
    frozen = show.until(show.t + held)
    assert len(set(frozen)) <= 1
    seen += frozen
    show.params.put(show.params.latest().set(freeze=False))
    seen += show.until(show.t + 20.0)
    assert all(a >= b for a, b in pairwise(seen))
    assert max(a - b for a, b in pairwise(seen)) <= 240 * STEEPEST / (quickest * FPS) + 1
    assert seen[-1] == 10
    assert show.loop._dissolve._still is None


@pytest.mark.parametrize(
    ("fade", "took"),
    [
        (Fade.still(Params(model="b")), 1.0),  # by its address
        (asked(8.0, -60.0), 1.0),  # it took long to load
        (asked(0.2, -60.0), 0.2),
        (asked(0.0, -60.0), 0.0),
        (asked(0.0, 0.05), 0.0),  # recalled while the tick was late
        (asked(0.0, -60.0).set(model="c"), 1.0),
        (asked(3.0, -1.0), 2.0),
        (asked(300.0, -1.0), 10.0),  # a picture that does not move is not looked at for minutes
    ],
)
def test_how_long_it_takes(fade, took):
    show = Show(Plain(250), fade)
    show.until(1e-3)
    show.stages.put(stage(Plain(0)))
    seen = show.until(12.0)
    changing = sum(grey > 0 for grey in seen)
    assert 0.75 * took * FPS - 1 <= changing <= took * FPS  # the end of it is too little to be seen
    if took == 0.0:
        assert seen[0] == 0


def test_a_recall_of_no_seconds_ends_it_in_the_middle_and_cuts_one_change_of_model_only():
    show = Show(Plain(250), asked(4.0))
    show.until(0.1)
    show.stages.put(stage(Plain(10)))
    assert show.until(1.0)[-1] > 50
    recalled = show.params.latest().to(Params(model="c"), show.t, 0.0)
    show.params.put(recalled)
    assert show.until(1.2)[0] == 10
    show.stages.put(stage(Plain(100)))
    assert set(show.until(1.4)) == {100}
    show.params.put(recalled.set(model="d"))  # as after an overload
    show.stages.put(stage(Plain(200)))
    assert 100 < show.until(1.6)[0] < 120
    show.stages.put(stage(Plain(0)))
    show.params.put(recalled)
    assert show.until(1.7)[0] > 50


def test_black_is_black_at_once_and_underneath_it_goes_on():
    show = Show(Plain(250), asked(3.0))
    show.until(0.1)
    show.stages.put(stage(Plain(10)))
    before = show.until(0.6)[-1]
    show.params.put(show.params.latest().set(blackout=True))
    assert set(show.until(0.9)) == {0}
    show.params.put(show.params.latest().set(blackout=False))
    after = show.until(1.2)
    assert 10 < after[0] < before - 20
    show.params.put(show.params.latest().set(blackout=True))
    assert set(show.until(1.3)) == {0}
    show.stages.put(stage(Plain(90)))
    assert set(show.until(1.4)) == {0}
    show.params.put(show.params.latest().set(blackout=False))
    assert set(show.until(1.6)) == {90}  # of black nothing is left


def test_a_held_picture_stays_when_the_model_changes_and_dissolves_when_it_is_let_go():
    show = Show(Noisy(1), Fade.still(Params(model="a", freeze=True)))
    was = show.tick()
    show.stages.put(stage(Noisy(2)))
    for _ in range(90):
        assert np.array_equal(show.tick(), was)
    show.params.put(show.params.latest().set(freeze=False))
    pictures = [was, *(show.tick() for _ in range(31))]
    steps = [np.abs(b.astype(int) - a).max() for a, b in pairwise(pictures)]
    assert max(steps) <= 2 * 256 / FPS + 1
    Noisy(2).render(None, was)
    assert np.array_equal(pictures[-1], was)


def test_another_change_goes_on_from_what_is_seen():
    show = Show(Plain(250), asked(4.0))
    show.until(0.1)
    show.stages.put(stage(Plain(10)))
    first = show.until(1.0)
    assert 60 < first[-1] < 200
    show.stages.put(stage(Plain(240)))
    second = show.until(5.0)
    assert 0 <= second[0] - first[-1] <= 12
    assert all(0 <= b - a <= 12 for a, b in pairwise(second))
    assert second[-1] == 240


@pytest.mark.parametrize("side", [4, 16])
def test_a_model_of_another_size_shows_the_last_picture_in_its_own_size(side):
    show = Show(Plain(250), asked(2.0))
    show.until(0.1)
    form = FrameFormat(side, side)
    show.stages.put(stage(Plain(10)).onto(show.ring, form))
    pictures = [show.tick() for _ in range(70)]
    assert {picture.shape for picture in pictures} == {(side, side, 4)}
    seen = [int(picture[0, 0, 0]) for picture in pictures]
    assert all(len(np.unique(picture[..., :3])) == 1 for picture in pictures)
    assert all(0 <= a - b <= 12 for a, b in pairwise([250, *seen]))
    assert seen[-1] == 10
    assert len(show.ring.free) == show.ring.size


@pytest.mark.parametrize("order", list(Order))
@pytest.mark.parametrize("alpha", [0, 255])
def test_the_old_picture_fades_out_of_transparent_frames_with_its_own_colour(order, alpha):
    show = Show(Plain(250), asked(2.0), FrameFormat(SIDE, SIDE, order, alpha=Alpha.STRAIGHT))
    show.until(0.1)
    show.stages.put(stage(Plain(10, alpha)))
    pictures = [show.tick()[0, 0].astype(int) for _ in range(70)]
    for colour in (picture[:3] for picture in pictures[:40]):
        assert (colour == 250).all() == (alpha == 0)  # beside what cannot be seen it is the only colour
    assert all((b[3] <= a[3]) for a, b in pairwise(pictures))
    assert (pictures[-1] == [10, 10, 10, alpha]).all()


def test_outside_of_it_nothing_is_copied_or_mixed(monkeypatch):
    def never(*_):
        raise AssertionError

    show = Show(Plain(250), Fade.still(Params(model="a")))
    for name in ("blend", "begin", "end", "through"):
        monkeypatch.setattr(show.loop._dissolve, name, never)
    assert set(show.until(1.0)) == {250}
    assert len(show.ring.free) == show.ring.size  # the last picture is not held


def test_what_cannot_be_mixed_is_no_reason_for_a_hitch():
    """Two stages one after the other while every slot is held, and the first picture of the third is the first."""
    show = Show(Plain(250), asked(2.0))
    show.tick()
    show.loop.tick(show.t)
    slots = [show.outlets[0].take(0)] + [show.ring.acquire() for _ in range(show.ring.size - 1)]
    lib = FakeTorch(show.clock)
    device = CudaDevice(live=True, lib=lib)
    show.stages.put(stage(OnDevice(FakeBlender(device)), show.ring.on(device)))
    held = [show.stages.latest().ring.acquire() for _ in range(show.ring.size)]
    assert None not in slots + held
    show.loop.tick(show.t + 0.03)
    assert show.stats.skipped == 1
    show.stages.put(stage(Plain(10), show.ring))
    slots.pop().release()
    show.ticks += 2
    assert 200 < show.tick()[0, 0, 0] < 250


def test_a_picture_that_was_never_finished_is_not_dissolved_from():
    show = Show(Plain(250), asked(2.0))
    show.tick()
    last = show.loop._last
    others = [show.ring.acquire() for _ in range(show.ring.size - 1)]
    assert last not in others
    assert len(others) == show.ring.size - 1

    class Broken(Plain):
        def render(self, latents, pixels):
            pixels[:] = 123
            raise ZeroDivisionError

    show.stages.put(stage(Broken(0)))
    with pytest.raises(ZeroDivisionError):
        show.tick()
    assert show.loop._last is None
    show.stages.put(stage(Plain(10)))
    assert show.tick()[0, 0, 0] == 10


def test_a_still_for_which_there_is_no_memory_leaves_none_of_another_size(monkeypatch):
    show = Show(Plain(250), asked(4.0))
    show.until(0.1)
    show.stages.put(stage(Plain(10)))
    show.until(0.3)

    def full(*_):
        raise MemoryError

    monkeypatch.setattr("daemon.render.dissolve.scaled", full)
    show.stages.put(stage(Plain(20)).onto(show.ring, FrameFormat(4, 4)))
    with pytest.raises(MemoryError):
        show.tick()
    assert show.tick()[0, 0, 0] == 20


def test_what_mixing_takes_is_part_of_the_frame_but_no_overload():
    clock_of = []

    class Slow(Overload):
        def frame(self, now, seconds):
            clock_of.append(seconds)
            super().frame(now, seconds)

    show = Show(Plain(250), asked(2.0), overload=Slow(FPS))
    show.stages.latest().renderer.clock, show.stages.latest().renderer.takes = show.clock, 0.004
    show.tick()
    show.stages.put(stage(Plain(10, clock=show.clock, takes=0.004)))
    mixing = show.loop._dissolve.blend
    show.loop._dissolve.blend = lambda *args: (show.clock.advance(0.003), mixing(*args))
    show.tick()
    assert clock_of == pytest.approx([0.004, 0.004])
    assert list(show.stats._ms) == pytest.approx([4.0, 7.0])


def test_a_model_that_loads_slowly_is_crossed_over_to_by_the_end_of_the_fade():
    show = Show(Plain(250), Fade.still(Params(model="a")))
    working, finish, stop = threading.Event(), threading.Event(), threading.Event()

    def open_stage(name):
        working.set()
        assert finish.wait(30)
        return stage(Plain({"b": 10, "c": 130}[name])).onto(show.ring)

    done = []
    change = ModelChanger("a", open_stage, show.stages, show.params, done.append, print)
    thread = threading.Thread(target=change.loop, args=(stop,))
    thread.start()
    try:
        show.until(1.0)
        show.params.put(show.params.latest().to(Params(model="b"), show.t, 3.0, "smooth"))
        assert working.wait(30)
        assert set(show.until(2.0)) == {250}  # while it is made ready the old one goes on
        finish.set()
        for _ in range(3000):
            if done:
                break
            threading.Event().wait(0.005)
        assert done == ["b"]
        over = show.until(4.0)
        assert set(show.until(5.0)) == {10}
    finally:
        stop.set()
        finish.set()
        thread.join()
    assert all(0 <= a - b <= 240 * 2 / (2.0 * FPS) + 1 for a, b in pairwise([250, *over]))
    assert over[len(over) // 2] > 30
    assert over[-1] <= 12
    assert show.stats.skipped == 0


# on a device


class DeviceShow(Show):
    def __init__(self, first=None, fade=None, paints=0.004, **how):
        clock = VirtualClock()
        self.lib = FakeTorch(clock, paints if callable(paints) else lambda: paints)
        self.device = CudaDevice(live=True, lib=self.lib)
        super().__init__(first or self.grey(240), fade or asked(2.0), device=self.device, clock=clock, **how)
        self.held = []

    def grey(self, of, blender=FakeBlender, **how):
        return OnDevice(blender(self.device, **how), of)

    def tick(self):
        """What is shown: the slot itself, as a sink would hold it, since the picture is not there yet."""
        self.clock.wait_until(self.t, threading.Event())
        self.lib.never_waits.add(threading.get_ident())
        try:
            self.loop.tick(self.t)
        finally:
            self.lib.never_waits.clear()
        self.ticks += 1
        slot = self.outlets[0].take(0)
        self.clock.advance(0.9 / FPS)
        if slot is not None:
            self.held.append(slot)
        return slot

    def until(self, t):
        """The grey of each picture that is begun before `t`; those that are late are waited for at the end."""
        seen = {}
        while self.t < t - 1e-9:
            self.tick()
            for slot in [one for one in self.held if one.page.fetched()]:
                seen[slot.index] = self.look(slot)
        self.clock.advance(1.0)
        for slot in list(self.held):
            seen[slot.index] = self.look(slot)
        self.ticks += round(FPS)
        return [seen[index] for index in sorted(seen)]

    def look(self, slot):
        assert slot.page.fetched()
        grey = np.unique(slot.pixels[..., :3])
        assert len(grey) == 1, "torn"
        self.held.remove(slot)
        slot.release()
        return int(grey[0])


DELAYS = st.lists(st.floats(0.0, 0.09), min_size=1, max_size=8)


@settings(max_examples=25)
@given(DELAYS, st.sampled_from(CURVES))
def test_on_a_device_whatever_the_delays_it_dissolves_without_a_step_or_a_tear(delays, curve):
    delays = cycle(delays)
    show = DeviceShow(paints=lambda: next(delays), fade=asked(3.0, 0.0, curve))
    show.tick()
    show.tick()
    after = show.grey(10)
    show.stages.put(stage(after).onto(show.ring))
    seen = show.until(3.0)
    assert seen[0] == 240
    assert all(a >= b for a, b in pairwise(seen))
    assert 10 < seen[3] < 240
    assert show.until(show.t + 0.2)[-1] == 10
    show.loop._land()
    (still,) = after.launcher.stills
    assert still() is None
    assert show.loop._dissolve._still is None
    assert len(show.loop.ring.free) == show.loop.ring.size


def test_a_device_without_memory_for_a_still_shows_the_new_pictures_at_once():
    for room in range(4):
        show = DeviceShow()
        show.until(0.2)
        show.stages.put(stage(show.grey(10, full_from=room)).onto(show.ring))
        seen = show.until(show.t + 1.0)
        assert seen[-1] == 10
        assert show.stats.skipped == 1
        assert len([grey for grey in seen if grey != 10]) == max(room - 1, 0)


def test_a_painter_on_a_device_that_cannot_mix_cuts():
    show = DeviceShow()
    assert set(show.until(0.2)) == {240}
    show.stages.put(stage(show.grey(10, FakeLauncher)).onto(show.ring))
    assert set(show.until(show.t + 0.5)) == {10}


def test_it_dissolves_from_host_memory_to_a_device_and_back_and_from_one_size_to_another():
    show = DeviceShow(Plain(240))
    show.loop.tick(0.0)
    show.ticks = 1
    assert show.outlets[0].take(0).pixels[0, 0, 0] == 240
    show.stages.put(stage(show.grey(10)).onto(show.ring))
    seen = show.until(1.0)
    assert 200 < seen[0] < 240
    assert all(a >= b for a, b in pairwise(seen))
    show.stages.put(stage(show.grey(200)).onto(show.ring, FrameFormat(4, 6)))
    seen, last = show.until(show.t + 1.0), seen[-1]
    assert last <= seen[0] < last + 40
    assert seen[-1] == 200
    show.stages.put(stage(Plain(10)).onto(show.loop.ring))
    slot = show.tick()
    assert 150 < slot.pixels[0, 0, 0] < 200


def test_it_dissolves_from_one_device_to_another():
    show, other = DeviceShow(), DeviceShow()
    show.tick()
    renderer = other.grey(10)
    other.lib._clock = show.clock
    show.stages.put(stage(renderer, SlotRing(1, FORMAT, other.device)))
    show.tick()
    show.clock.advance(0.1)
    slot = show.held[-1]
    assert slot.page.fetched()
    assert 200 < slot.pixels[0, 0, 0] < 240


def test_what_is_not_there_yet_is_not_waited_for():
    """From a device to host memory: the last picture is still painted when the first of the new model is due."""
    show = DeviceShow(paints=0.05)
    show.tick()
    show.stages.put(stage(Plain(10)).onto(show.ring))
    assert show.tick().pixels[0, 0, 0] == 10


def test_black_is_black_on_a_device_and_costs_no_mixing():
    class Blackened(FakeBlender):
        def blend(self, still, canvas, share):
            raise AssertionError

    show = DeviceShow(fade=asked(2.0).set(blackout=True))
    show.tick()
    show.loop._last = show.held[0]  # even if there were something to dissolve from
    show.stages.put(stage(show.grey(10, Blackened)).onto(show.ring))
    assert len(show.until(0.5)) > 0


class Now:
    """A device that is this processor."""

    class Page(HostPage):
        def __init__(self, height, width):
            super().__init__(height, width)
            self.canvas = torch.from_numpy(self.pixels)

        def painting(self):
            return torch.inference_mode()

    def page(self, height, width):
        return self.Page(height, width)


class Red:
    def image(self, ws, noise):
        return torch.tensor([1.0, -1.0, -1.0])[:, None, None].expand(3, SIDE, SIDE)


@pytest.mark.parametrize("transparency", ["opaque", "luma"])
def test_a_generators_launcher_lays_stills_over_what_it_paints(transparency):
    device, framing = Now(), Framing(transparency=transparency)
    launcher = GeneratorLauncher(Red(), SIDE, None, device, None, framing)
    launcher._transform = type("Nothing", (), {"set": lambda self, latents: None, "__bool__": lambda self: False})()
    black = np.zeros((SIDE, SIDE, 4), np.uint8)
    black[..., 3] = 255 if transparency == "opaque" else 0
    still = Still(black)
    mixed, shown, plain = Waiting(Over(launcher, still, 64), SIDE, SIDE, device), black.copy(), black.copy()
    Waiting(launcher, SIDE, SIDE, device).render(Latents(np.zeros((1, 1), np.float32)), plain)
    for _ in range(2):
        mixed.render(Latents(np.zeros((1, 1), np.float32)), shown)
        assert np.array_equal(shown, in_memory(black, plain, 64, framing.alpha))
    assert still.copied
    mixed.render(Latents(None), shown)
    assert np.array_equal(shown, black)
    small = launcher.still(black[:4, :4].copy(), torch.from_numpy(plain))
    assert small.shape == (SIDE, SIDE, 4)


def test_the_canvas_that_is_painted_next_may_be_the_one_that_was_shown_last():
    device = Now()
    launcher = GeneratorLauncher(Red(), SIDE, None, device, None)
    launcher._transform = type("Nothing", (), {"set": lambda self, latents: None, "__bool__": lambda self: False})()
    canvas = torch.full((SIDE, SIDE, 4), 255, dtype=torch.uint8)
    Over(launcher, Still(canvas), 128).launch(Latents(np.zeros((1, 1), np.float32)), canvas)
    assert (canvas == torch.tensor([255, 128, 128, 255])).all()
