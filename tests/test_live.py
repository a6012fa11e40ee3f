import threading
from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from render.fake_cuda import FakeLauncher, FakeTorch

from daemon import offline
from daemon.audio.paced import Paced
from daemon.clock import VirtualClock
from daemon.device import HOST
from daemon.engine import Engine
from daemon.errors import DeviceLost, RenderError, SourceError, SourceUnavailable
from daemon.features.extractor import Extractor
from daemon.flow import Block, Features, FrameFormat
from daemon.live import Listener, ModelChanger, RenderLoop, Stage
from daemon.mailbox import Mailbox
from daemon.mapping.space import survey
from daemon.params import Fade, Params
from daemon.parts import mapper_maker
from daemon.render.cuda import CudaDevice
from daemon.render.overload import Overload
from daemon.render.swatch import SwatchRenderer
from daemon.slots import Outlet, SlotRing
from daemon.stats import FrameStats

SR, HOP, BANDS = 48_000, 480, 8
FORMAT = FrameFormat(32, 32)


class ArraySource:
    """Sound in memory, as fast as it is read; fails or ends where told."""

    def __init__(self, samples, fail_at=None):
        self.sr, self.device, self.overruns = SR, "array", 0
        self._samples, self._at, self._fail_at = samples, 0, fail_at
        self.closed = 0

    def read(self, n):
        if self._fail_at is not None and self._at >= self._fail_at:
            raise SourceError("the cable is out")
        part = self._samples[:, self._at : self._at + n]
        if part.shape[1] == 0:
            return None
        self._at += part.shape[1]
        return Block(part, self._at - part.shape[1], self._at / SR)

    def close(self):
        self.closed += 1


def sound(seconds, seed=0):
    noise = np.random.default_rng(seed).standard_normal((1, round(seconds * SR))).astype(np.float32) * 0.2
    beat = (np.arange(noise.shape[1]) / SR) % 0.5 < 0.25
    return noise * beat


def steady(seconds):
    return np.random.default_rng(1).standard_normal((1, round(seconds * SR))).astype(np.float32) * 0.2


class Tap:
    """Stands before the renderer and keeps every ws."""

    def __init__(self, renderer):
        self._renderer, self.ws = renderer, []

    def render(self, latents, pixels):
        self.ws.append(None if latents.ws is None else latents.ws.copy())
        self._renderer.render(latents, pixels)


class Nowhere:
    name, repeats = "nowhere", False

    def open(self, format):
        pass

    def publish(self, slot):
        return True

    def close(self):
        pass


def engine():
    swatch = SwatchRenderer(32)
    space = survey(swatch.facts, swatch.to_w)
    return Engine(mapper_maker(space), space), Tap(swatch)


def loop(machine, tap, clock, fps=30.0, outlets=(), features=None, params=None):
    stats = FrameStats()
    ring = SlotRing(max(1, len(outlets)), FORMAT)
    features = features or Mailbox(Features.silence(BANDS))
    params = params or Mailbox(Fade.still(Params(seed=3)))
    stages = Mailbox(Stage(tap, None, None))
    return RenderLoop(machine, stages, ring, outlets, features, params, stats, clock, fps), stats


def test_live_and_offline_give_identical_latents():
    samples, fps = sound(3.0), 30
    there = Fade.still(Params(seed=3)).to(Params(seed=9, mapper="clusters", attack=0.1, psi=0.5), 1.0, 1.0)
    score = [(0.0, Fade.still(Params(seed=3))), (1.0, there), (2.5, there.set(freeze=True))]

    machine, tap = engine()
    frames = offline.render(
        ArraySource(samples),
        Extractor(SR, HOP, BANDS),
        machine,
        tap,
        Nowhere(),
        FORMAT,
        fps,
        Features.silence(BANDS),
        score,
    )

    machine, live = engine()
    clock, features, params = VirtualClock(), Mailbox(Features.silence(BANDS)), Mailbox(score[0][1])
    source = ArraySource(samples)
    listener = Listener("x", lambda stop: source, Extractor(SR, HOP, BANDS), features, params, clock, on_lost=print)
    rendering, _ = loop(machine, live, clock, fps, features=features, params=params)
    for n in range(frames):  # what the two threads do, in the order of the clock
        due = n / fps
        while features.latest().t + HOP / SR <= due + 1e-9 and (block := source.read(HOP)) is not None:
            params.put([fade for time, fade in score if time <= block.heard][-1])
            listener.hear(block)
        params.put([fade for time, fade in score if time <= due][-1])
        rendering.tick(due)

    assert frames == 90
    assert all(np.array_equal(a, b) for a, b in zip(tap.ws, live.ws, strict=True))
    assert not np.array_equal(tap.ws[20], tap.ws[24])
    assert np.array_equal(tap.ws[80], tap.ws[85])


def test_offline_twice_is_the_same_to_the_bit_and_another_seed_is_not():
    def run(seed):
        machine, tap = engine()
        args = (Nowhere(), FORMAT, 30, Features.silence(BANDS), [(0.0, Fade.still(Params(seed=seed)))])
        offline.render(ArraySource(sound(1.0)), Extractor(SR, HOP, BANDS), machine, tap, *args)
        return np.stack(tap.ws)

    assert np.array_equal(run(1), run(1))
    assert not np.array_equal(run(1), run(2))


def test_a_film_is_as_long_as_its_sound():
    for seconds, frames in ((1.0, 30), (1.01, 31), (0.02, 1)):
        machine, tap = engine()
        args = (Nowhere(), FORMAT, 30, Features.silence(BANDS), [(0.0, Fade.still(Params()))])
        assert offline.render(ArraySource(sound(seconds)), Extractor(SR, HOP, BANDS), machine, tap, *args) == frames


def test_every_tick_is_one_frame_when_there_is_time():
    machine, tap = engine()
    stop, clock = threading.Event(), VirtualClock(5.0)
    rendering, stats = loop(machine, tap, clock)
    times, tick = [], rendering.tick

    def counted(t):
        times.append(t)
        tick(t)
        if len(times) == 90:
            stop.set()

    rendering.tick = counted
    rendering.loop(stop)
    assert np.allclose(times, 5.0 + np.arange(90) / 30)
    assert stats.skipped == 0


def test_after_a_hitch_ticks_are_skipped_and_not_chased():
    machine, tap = engine()
    stop, clock = threading.Event(), VirtualClock()
    rendering, stats = loop(machine, tap, clock, fps=60)
    times, tick = [], rendering.tick

    def once_slow(t):
        times.append((t, clock.now()))
        tick(t)
        if len(times) == 10:
            clock.advance(1.0)
        if len(times) == 40:
            stop.set()

    rendering.tick = once_slow
    rendering.loop(stop)
    late = [now - t for t, now in times]
    assert max(late[11:]) < 1 / 60
    assert 58 <= stats.skipped <= 60


@settings(max_examples=40, deadline=None)
@given(
    st.floats(1.0, 240.0),
    st.floats(0.0, 1e5),
    st.lists(st.floats(0.0, 5.0), min_size=1, max_size=60),
)
def test_ticks_stay_on_their_grid_whatever_frames_take(fps, began, takes):
    """`takes` in periods."""
    stop, clock = threading.Event(), VirtualClock(began)
    rendering, stats = loop(None, SwatchRenderer(32), clock, fps)
    ticks, left = [], iter(takes)

    def tick(t):
        ticks.append((t, clock.now()))
        clock.advance(next(left) / fps)
        if len(ticks) == len(takes):
            stop.set()

    rendering.tick = tick
    rendering.loop(stop)
    period, sharp = 1 / fps, 1e-9 * max(began, 1.0)
    numbers = [round((t - began) * fps) for t, _ in ticks]
    assert np.allclose([t for t, _ in ticks], [began + n / fps for n in numbers], rtol=0, atol=sharp)
    assert all(a < b for a, b in pairwise(numbers))  # never two for one tick
    assert all(-sharp <= now - t < period + sharp for t, now in ticks)  # never early, never chasing
    assert stats.skipped in (numbers[-1] + 1 - len(ticks) + n for n in range(6))  # all but those of the last frame
    for (n, take), following in zip(zip(numbers, takes, strict=True), numbers[1:], strict=False):
        assert following - n <= max(1, int(take) + 1)  # and none is skipped that could have been rendered


def test_a_sink_that_never_takes_does_not_stop_the_renderer():
    machine, tap = engine()
    outlets = [Outlet(), Outlet()]
    for outlet in outlets:
        outlet.open()
    clock = VirtualClock()
    rendering, stats = loop(machine, tap, clock, outlets=outlets)
    held = None
    for n in range(50):
        rendering.tick(n / 30)
        if n == 3:
            held = outlets[0].take(0)  # a sink busy for ever with one picture
    assert stats.index == 49
    assert stats.skipped == 0
    assert held.index == 3
    assert outlets[1].take(0).index == 49


def test_a_slot_is_given_back_when_the_renderer_fails():
    machine, tap = engine()
    rendering, _ = loop(machine, tap, VirtualClock())
    broken = type("Broken", (), {"render": lambda self, latents, pixels: 1 / 0})()
    rendering._stages.put(Stage(broken, machine._make, machine._space))
    for _ in range(10):
        with pytest.raises(ZeroDivisionError):
            rendering.tick(0.0)


def test_it_is_told_when_the_render_thread_has_a_picture_in_hand():
    machine, tap = engine()
    rendering, stats = loop(machine, tap, VirtualClock())
    seen, render = [], tap.render

    def looked(latents, pixels):
        seen.append(stats.working)
        if len(seen) == 2:
            raise RuntimeError("broken")
        render(latents, pixels)

    tap.render = looked
    assert not stats.working
    rendering.tick(0.0)
    assert not stats.working
    with pytest.raises(RuntimeError):
        rendering.tick(0.1)
    assert not stats.working
    assert seen == [True, True]


def listener(sources, clock, said, params=None):
    features = Mailbox(Features.silence(BANDS))
    opened = iter(sources)

    def open_source(stop):
        source = next(opened)
        if isinstance(source, Exception):
            raise source
        return Paced(source, clock, stop)

    ears = Listener(
        "device:x",
        open_source,
        Extractor(SR, HOP, BANDS),
        features,
        params or Mailbox(Fade.still(Params())),
        clock,
        said,
    )
    return ears, features


def test_lost_sound_eases_to_silence_and_is_taken_up_again():
    stop, clock, said, seen = threading.Event(), VirtualClock(), [], []
    gone = [ArraySource(steady(2.0), fail_at=SR // 5), ArraySource(steady(2.0))]
    ears, features = listener([gone[0], SourceUnavailable("no input named 'x'"), gone[1]], clock, said.append)
    put = features.put

    def watch(value):
        seen.append((float(value.bands.max()), ears.status().state))
        put(value)
        if clock.now() > 2.5:
            stop.set()

    features.put = watch
    ears.loop(stop)
    levels = [level for level, _ in seen]
    lost = [level for level, state in seen if state == "lost"]
    assert len(said) == 2
    assert "the cable is out; trying again in 0.5 s" in said[0]
    assert "no input named 'x'; trying again in 1 s" in said[1]
    assert max(abs(np.diff(lost))) < 0.1
    assert lost[-1] < 0.02 < 0.3 < lost[0]
    assert levels[-1] > 0.3
    assert ears.status().reconnects == 1
    assert gone[0].closed == 1


def test_a_source_that_never_opened_is_an_error_at_once():
    ears, _ = listener([SourceUnavailable("no input named 'x'; there are: mic")], VirtualClock(), print)
    with pytest.raises(SourceUnavailable, match="there are: mic"):
        ears.loop(threading.Event())


def test_the_state_of_sound_is_named():
    stop, clock = threading.Event(), VirtualClock()
    ears, features = listener([ArraySource(np.zeros((1, 10 * SR), np.float32))], clock, print)
    assert ears.status().state == "opening"
    put, states = features.put, []

    def watch(value):
        put(value)
        states.append(ears.status().state)
        if clock.now() > 5:
            stop.set()

    features.put = watch
    ears.loop(stop)
    assert states[-1] == "silent"
    clock.advance(1.0)
    ears._source = object.__new__(ArraySource)
    assert ears._state(clock.now()) == "stalled"


def changer(open_stage, params, said):
    stages = Mailbox(Stage("first", None, None))
    return ModelChanger("first", open_stage, stages, params, said.append, lambda *why: said.append(why)), stages


def until(fine):
    for _ in range(2000):
        if fine():
            return
        threading.Event().wait(0.005)
    raise AssertionError("never")


def test_another_model_is_built_aside_and_a_broken_one_leaves_the_old_one():
    params, said, stop = Mailbox(Fade.still(Params(model="first"))), [], threading.Event()

    def open_stage(name):
        if name == "broken":
            raise RenderError("broken.pkl is cut short")
        return Stage(name, None, None)

    change, stages = changer(open_stage, params, said)
    thread = threading.Thread(target=change.loop, args=(stop,))
    thread.start()
    try:
        params.put(Fade.still(Params(model="broken")))
        until(lambda: said == [("broken", "first", "broken.pkl is cut short")])
        assert stages.latest().renderer == "first"
        params.put(Fade.still(Params(model="broken", psi=0.5)))  # not tried again with every knob that moves
        params.put(Fade.still(Params(model="second")))
        until(lambda: stages.latest().renderer == "second")
        params.put(Fade.still(Params(model="")))
        params.put(Fade.still(Params(model="first")))
        until(lambda: stages.latest().renderer == "first")
        assert said == [("broken", "first", "broken.pkl is cut short"), "second", "first"]
    finally:
        stop.set()
        thread.join()


def test_a_model_whose_opening_goes_wrong_in_an_unknown_way_is_not_opened_again_and_again():
    params, said, opened, stop = Mailbox(Fade.still(Params(model="first"))), [], [], threading.Event()

    def open_stage(name):
        opened.append(name)
        if name == "broken":
            raise ZeroDivisionError
        return Stage(name, None, None)

    change, stages = changer(open_stage, params, said)
    params.put(Fade.still(Params(model="broken")))
    with pytest.raises(ZeroDivisionError):
        change.loop(stop)
    thread = threading.Thread(target=change.loop, args=(stop,))  # as the supervisor starts it once more
    thread.start()
    try:
        params.put(Fade.still(Params(model="broken", psi=0.5)))
        threading.Event().wait(0.3)
        assert opened == ["broken"]
        params.put(Fade.still(Params(model="second")))
        until(lambda: stages.latest().renderer == "second")
        params.put(Fade.still(Params(model="first")))
        until(lambda: stages.latest().renderer == "first")
    finally:
        stop.set()
        thread.join()
    assert opened == ["broken", "second", "first"]
    assert said == ["second", "first"]


def test_slots_are_made_only_where_those_there_are_will_not_do():
    device, other = CudaDevice(live=True, lib=FakeTorch(VirtualClock())), FrameFormat(16, 32)
    on_host, on_device = (Stage(Cold(VirtualClock(), place), None, None) for place in (None, device))
    host, pinned = SlotRing(2, FORMAT), SlotRing(2, FORMAT, device)
    for stage, ring in ((on_host, host), (on_host, pinned), (on_device, pinned)):
        assert stage.onto(ring).ring is ring
        assert stage.onto(ring, FORMAT).ring is ring
    for stage, ring, form, place in (
        (on_device, host, None, device),
        (on_device, pinned, other, device),
        (on_host, pinned, other, HOST),  # nothing on the device for who does not paint there
        (on_host, host, other, HOST),
    ):
        made = stage.onto(ring, form).ring
        assert (made.device, made.format, made.size) == (place, form or FORMAT, ring.size)


def test_a_model_for_whose_slots_there_is_no_memory_leaves_the_old_one():
    lib = FakeTorch(VirtualClock())
    device, ring, opened = CudaDevice(live=True, lib=lib), SlotRing(1, FORMAT), []

    def open_stage(name):
        renderer = Cold(VirtualClock(), device)
        opened.append(name)
        lib.full = len(opened) == 1
        return Stage(renderer, None, None).onto(ring)

    params, said = Mailbox(Fade.still(Params(model="first"))), []
    change, stages = changer(open_stage, params, said)
    assert not change._change("large")
    assert stages.latest().renderer == "first"
    ((wanted, current, why),) = said
    assert (wanted, current) == ("large", "first")
    assert "no memory left" in why
    assert change._change("large")
    assert stages.latest().ring.device is device


def test_a_new_stage_is_taken_up_between_two_ticks_with_mappers_of_its_own():
    machine, tap = engine()
    rendering, _ = loop(machine, tap, VirtualClock())
    rendering.tick(0.0)
    other = SwatchRenderer(32, z_dim=24, seed=5)
    second = Tap(other)
    space = survey(other.facts, other.to_w)
    rendering._stages.put(Stage(second, mapper_maker(space), space))
    rendering.tick(0.1)
    assert (tap.ws[0].shape, second.ws[0].shape) == ((4, 16), (4, 24))
    assert len(tap.ws) == 1


def test_a_picture_knows_when_the_sound_it_shows_was_heard():
    machine, tap = engine()
    outlet = Outlet()
    outlet.open()
    features = Mailbox(replace(Features.silence(BANDS), heard=4.25))
    rendering, _ = loop(machine, tap, VirtualClock(7.0), outlets=[outlet], features=features)
    rendering.tick(7.0)
    slot = outlet.take(0)
    assert (slot.heard, slot.rendered) == (4.25, 7.0)
    slot.release()


def test_overruns_of_a_source_that_is_gone_still_count():
    stop, clock = threading.Event(), VirtualClock()
    sources = [ArraySource(steady(1.0), fail_at=SR // 5), ArraySource(steady(9.0))]
    sources[0].overruns, sources[1].overruns = 3, 4
    ears, features = listener(sources, clock, print)
    put = features.put

    def watch(value):
        put(value)
        if clock.now() > 2.0:
            stop.set()

    features.put = watch
    ears.loop(stop)
    assert ears.status().overruns == 7


def test_a_frame_that_is_late_has_missed_its_deadline():
    machine, tap = engine()
    clock = VirtualClock()
    rendering, stats = loop(machine, tap, clock, fps=50)
    render, takes = tap.render, iter([0.019, 0.021, 0.001])

    def slow(latents, pixels):
        clock.advance(next(takes))
        render(latents, pixels)

    tap.render = slow
    for _ in range(3):
        rendering.tick(clock.now())
    assert (stats.missed, stats.index) == (1, 2)
    assert stats.device_times() is None


class Cold:
    """A renderer whose first picture takes a second, as networks' do, and on a device or not."""

    def __init__(self, clock, device=None):
        self._swatch, self._clock = SwatchRenderer(32), clock
        self.facts, self.to_w = self._swatch.facts, self._swatch.to_w
        self.cold = True
        self.launcher = None if device is None else Begun(self, device)

    def render(self, latents, pixels):
        self.compute()
        self._swatch.render(latents, pixels)

    def compute(self):
        self._clock.advance(1.0 if self.cold else 0.01)
        self.cold = False


class Begun(FakeLauncher):
    def __init__(self, renderer, device):
        super().__init__(device)
        self._renderer = renderer

    def launch(self, latents, canvas):
        if self._renderer.cold:
            self._renderer.compute()
        super().launch(latents, canvas)


@pytest.mark.parametrize("before", ["host", "device"])
@pytest.mark.parametrize("after", ["host", "device"])
def test_while_another_model_is_made_ready_and_when_it_takes_over_there_is_no_gap(before, after):
    fps, clock = 50.0, VirtualClock()
    lib = FakeTorch(clock, lambda: 0.012, lambda: 0.001)
    device = CudaDevice(live=True, lib=lib)
    places = {"host": None, "device": device}
    working, finish, stop = threading.Event(), threading.Event(), threading.Event()
    lib.never_waits.add(threading.get_ident())

    def stage(place, warm):
        renderer = Cold(clock, places[place])
        renderer.cold = not warm
        space = survey(renderer.facts, renderer.to_w)
        return Stage(renderer, mapper_maker(space), space)

    first = stage(before, warm=True)
    ring = first.slots(1, FORMAT)
    assert (before == "device") == (ring.device is device)

    def open_stage(name):
        working.set()
        assert finish.wait(30)
        return stage(after, warm=True).onto(ring)  # who opens a model paints with it once before he hands it over

    params, stages, outlet, stats = Mailbox(Fade.still(Params(model="a"))), Mailbox(first), Outlet(), FrameStats()
    outlet.open()
    rendering = RenderLoop(
        Engine(first.make_mapper, first.space),
        stages,
        ring,
        [outlet],
        Mailbox(Features.silence(BANDS)),
        params,
        stats,
        clock,
        fps,
    )
    change = ModelChanger("a", open_stage, stages, params, lambda name: None, print)
    thread = threading.Thread(target=change.loop, args=(stop,))
    thread.start()
    shown, slots = [], []

    def ticks(count):
        for _ in range(count):
            due = (int(clock.now() * fps + 1e-9) + 1) / fps
            clock.wait_until(due, stop)
            rendering.tick(due)
            slot = outlet.take(0)
            if slot is not None:
                shown.append((slot.index, due))
                slots.append(slot)
            for slot in slots[:-1]:  # the newest is kept, as a sink would
                slot.release()
            del slots[:-1]

    try:
        ticks(20)
        params.put(Fade.still(Params(model="b")))
        assert working.wait(30)
        ticks(50)
        assert stages.latest() is first
        finish.set()
        until(lambda: stages.latest() is not first)
        ticks(20)
    finally:
        stop.set()
        finish.set()
        thread.join()
    assert rendering._stage is stages.latest()
    assert [index for index, _ in shown] == list(range(90))
    assert max(b - a for (_, a), (_, b) in pairwise(shown)) <= 2 / fps + 1e-9
    assert max(b - a for a, b in pairwise(stats._done)) <= 2 / fps + 1e-9  # nor between those that were complete
    assert stats.skipped == 0
    assert ("device" in (before, after)) == (
        rendering.ring.device is device
    )  # host memory that a device reaches will do
    clock.advance(1.0)
    rendering._land()
    assert stats.index == 89
    for slot in slots:
        slot.release()
    for used in (ring, rendering.ring):
        assert len(used.free) == used.size  # of neither is a slot kept


def test_a_model_that_was_not_warmed_would_show_so_in_that_test():
    clock = VirtualClock()
    renderer = Cold(clock)
    space = survey(renderer.facts, renderer.to_w)
    rendering, _ = loop(Engine(mapper_maker(space), space), renderer, clock)
    rendering.tick(0.0)
    assert clock.now() == 1.0


def overloaded():
    """An overload that is there to be taken."""
    much, now = Overload(30.0), 0.0
    while not much._due:
        now += 0.1
        much.frame(now, 1.0)
    return much


def stepping(open_stage, smaller, model="large"):
    params, said, stages = Mailbox(Fade.still(Params(model=model))), [], Mailbox(Stage("large", None, None))
    change = ModelChanger(
        "large", open_stage, stages, params, said.append, lambda *why: said.append(why),
        overload=overloaded(), smaller=smaller,
    )  # fmt: skip
    return change, stages, params, said


@pytest.mark.parametrize("model", ["large", ""])
def test_what_is_too_much_gives_way_to_what_is_smaller_and_comes_back_only_when_asked(model):
    stop = threading.Event()
    smaller = {"large": "small"}
    change, stages, params, said = stepping(
        lambda n: Stage(n, None, None), lambda name, _: smaller.get(name, ""), model
    )
    thread = threading.Thread(target=change.loop, args=(stop,))
    thread.start()
    try:
        until(lambda: len(said) == 2)
        assert (change.current, stages.latest().renderer) == ("small", "small")
        assert said[0] == "small"
        wanted, current, why = said[1]
        assert (wanted, current) == ("large", "small")  # what the desk is told: the model asked for cannot be had
        assert "large takes too long" in why
        params.put(Fade.still(Params(model=model, psi=0.5)))  # before the desk has put it right: not opened again
        threading.Event().wait(0.3)
        assert change.current == "small"
        params.put(Fade.still(Params(model="small")))
        threading.Event().wait(0.3)
        params.put(Fade.still(Params(model="large")))
        until(lambda: change.current == "large")
    finally:
        stop.set()
        thread.join()


def test_nothing_gives_way_where_nothing_smaller_is_allowed_or_it_cannot_be_had():
    opened = []

    def broken(name):
        opened.append(name)
        raise RenderError("it is cut short")

    for smaller in (lambda *_: "", lambda name, _: name):
        change, _, _, said = stepping(broken, smaller)
        assert change._step_down() == ""
        assert said == opened == []
    change, _, _, said = stepping(broken, lambda *_: "small")
    for _ in range(3):
        assert change._step_down() == ""
    assert (opened, said, change.current) == (["small"], [("small", "large", "it is cut short")], "large")


def test_while_a_model_is_opened_nothing_is_judged():
    loading = []

    def open_stage(name):
        loading.append(change._overload.loading)
        return Stage(name, None, None)

    change, _, _, _ = stepping(open_stage, lambda *_: "")
    change._change("other")
    assert loading == [True]
    assert not change._overload.loading


def test_a_lost_device_is_not_a_model_that_cannot_be_had():
    def lose(name):
        raise DeviceLost("the GPU is lost")

    change, _, _, said = stepping(lose, lambda *_: "")
    with pytest.raises(DeviceLost):
        change._change("other")
    assert said == []
    assert not change._overload.loading


def test_the_render_loop_tells_the_overload_what_frames_take():
    clock, much = VirtualClock(), Overload(50.0)
    machine, tap = engine()
    rendering, _ = loop(machine, tap, clock, fps=50.0)
    rendering._overload = much
    render = tap.render
    tap.render = lambda latents, pixels: (clock.advance(0.018), render(latents, pixels))
    while not much._due:
        assert clock.now() < 60
        clock.advance(0.002)
        rendering.tick(clock.now())
    assert clock.now() > 12


def test_a_quiet_machine_is_silent_at_once_whatever_the_features_still_ring_with():
    stop, clock = threading.Event(), VirtualClock()
    sound = np.concatenate([steady(1.0) + 0.1, np.zeros((1, 9 * SR), np.float32)], axis=1)  # with an offset
    ears, features = listener([ArraySource(sound)], clock, print)
    put, since = features.put, []

    def watch(value):
        put(value)
        if ears.status().state == "silent":
            since.append(clock.now())
            stop.set()

    features.put = watch
    ears.loop(stop)
    assert since[0] == pytest.approx(4.0, abs=0.1)
