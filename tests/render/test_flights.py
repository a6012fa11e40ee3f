"""Frames under way on a device: what a strict device sees of the render loop, whatever the delays."""

import threading
import weakref
from dataclasses import dataclass, replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from render.fake_cuda import FakeLauncher, FakeTorch, Misuse, value

from daemon.clock import VirtualClock, WallClock
from daemon.device import DeviceFull
from daemon.engine import Engine
from daemon.errors import DeviceLost
from daemon.flow import Features, FrameFormat
from daemon.live import RenderLoop, Stage
from daemon.mailbox import Mailbox
from daemon.mapping.space import survey
from daemon.params import Fade, Params
from daemon.parts import mapper_maker
from daemon.render.cuda import CudaDevice
from daemon.render.swatch import SwatchRenderer
from daemon.sinks.publisher import Publisher
from daemon.slots import Outlet, SlotRing
from daemon.stats import FrameStats

FORMAT = FrameFormat(4, 4)
SWATCH = SwatchRenderer(4)


class OnDevice:
    """A renderer with a launcher; to be asked to wait would be a mistake."""

    facts, to_w = SWATCH.facts, SWATCH.to_w

    def __init__(self, device):
        self.launcher = FakeLauncher(device)

    def render(self, latents, pixels):
        raise AssertionError("the render thread was made to wait")


def stage_on(device):
    renderer = OnDevice(device)
    space = survey(renderer.facts, renderer.to_w)
    return Stage(renderer, mapper_maker(space), space)


class Show:
    """A render loop on a fake device in virtual time, ticked by hand."""

    def __init__(self, paints, copies, sinks=2, fps=50.0):
        self.clock, self.fps = VirtualClock(1.0), fps
        paints, copies = iter(paints), iter(copies)
        self.lib = FakeTorch(self.clock, lambda: next(paints), lambda: next(copies))
        self.device = CudaDevice(live=True, lib=self.lib)
        self.stage = stage_on(self.device)
        self.ring = SlotRing(sinks, FORMAT, self.device)
        self.outlets = [Outlet() for _ in range(sinks)]
        for outlet in self.outlets:
            outlet.open()
        self.stats = FrameStats()
        self.stages = Mailbox(self.stage)
        self.features = Mailbox(Features.silence(8))
        self.loop = RenderLoop(
            Engine(self.stage.make_mapper, self.stage.space), self.stages, self.ring, self.outlets,
            self.features, Mailbox(Fade.still(Params())), self.stats, self.clock, fps,
        )  # fmt: skip

    def tick(self):
        self.lib.never_waits.add(threading.get_ident())
        try:
            self.loop.tick(self.clock.now())
        finally:
            self.lib.never_waits.clear()

    def ticks(self, count):
        for _ in range(count):
            self.tick()
            self.clock.advance(1 / self.fps)


@dataclass
class Watcher:
    """A sink in virtual time: holds the newest picture it took, and keeps one it has shown."""

    outlet: Outlet
    holds: object  # iterator of ticks
    keeps: bool

    def __post_init__(self):
        self.hand, self.kept, self.left, self.seen = None, None, 0, []

    def step(self, clock):
        if self.hand is None:
            self.hand = self.outlet.take(0)
            self.left = next(self.holds)
        if self.hand is None or not self.hand.page.fetched():  # asleep until the device wakes it
            return
        if not self.seen or self.seen[-1] != self.hand.index:
            self.hand.ready(clock)
            self.seen.append(self.hand.index)
        assert (self.hand.pixels == value(self.hand.index)).all(), "torn"
        self.left -= 1
        if self.left < 0:
            if self.kept is not None:
                self.kept.release()
            self.kept, self.hand = (self.hand, None) if self.keeps else (self.hand.release(), None)

    def leave(self):
        self.outlet.close()
        for slot in (self.hand, self.kept):
            if slot is not None:
                slot.release()


seconds = st.floats(0.0, 0.09)
many = 40


@settings(max_examples=40, deadline=None)
@given(
    st.lists(seconds, min_size=many, max_size=many),
    st.lists(seconds, min_size=many, max_size=many),
    st.lists(st.lists(st.integers(0, 12), min_size=6, max_size=6), min_size=1, max_size=3),
    st.lists(st.booleans(), min_size=3, max_size=3),
)
def test_whatever_the_delays_no_picture_is_torn_lost_or_out_of_order(paints, copies, holds, keeps):
    show = Show(paints, copies, sinks=len(holds))
    hands = zip(show.outlets, holds, keeps, strict=False)
    watchers = [Watcher(outlet, iter([*hold] * many), keep) for outlet, hold, keep in hands]
    for _ in range(many):
        show.tick()
        for _ in range(4):
            show.clock.advance(1 / show.fps / 4)
            for watcher in watchers:
                watcher.step(show.clock)
    begun = show.stage.renderer.launcher.painted
    assert begun + show.stats.skipped == many  # nothing but two in flight keeps a tick from its picture
    for watcher in watchers:
        assert watcher.seen == sorted(set(watcher.seen))
        watcher.leave()
    show.clock.advance(60.0)
    show.loop._land()
    assert (show.stats.index + 1, show.stats.in_flight) == (begun, 0)
    assert len(show.ring.free) == show.ring.size
    assert not any(slot.flying or slot.pending for slot in show.ring.free)


@settings(max_examples=40, deadline=None)
@given(st.lists(st.floats(0.0, 0.009), min_size=many, max_size=many))
def test_a_device_that_keeps_up_is_never_skipped(paints):
    show = Show(paints, [0.001] * many)
    for _ in range(many):
        show.tick()
        show.clock.advance(1 / show.fps)
    assert show.stats.skipped == 0
    assert show.stats.missed == 0
    show.loop._land()
    assert show.stats.index == many - 1
    assert show.stats.times().max <= 10.001
    assert show.stats.device_times().max == pytest.approx(1e3 * (max(paints) + 0.001), abs=1e-2)


def test_frames_that_are_done_after_the_next_is_due_have_missed_their_deadline():
    show = Show([0.005, 0.024, 0.005, 0.005, 0.005], [0.001] * 5)
    for _ in range(5):
        show.tick()
        show.clock.advance(1 / show.fps)
    show.loop._land()
    # the second is done 25 ms after it began, with 20 to spend; the third is delayed by it and still in time: it took
    # 10 ms, and where nobody waited for it, its painting is taken to have begun after the copy before, 1 ms too late
    assert [round(ms, 1) for ms in show.stats._ms] == [6.0, 25.0, 11.0, 6.0, 6.0]
    assert show.stats.missed == 1
    assert show.stats.skipped == 0


def test_two_in_flight_are_the_most_and_latency_does_not_grow_without_a_sign():
    show = Show([0.1] * 100, [0.001] * 100)
    for _ in range(60):
        show.tick()
        show.clock.advance(1 / show.fps)
    assert show.stats.skipped > 45
    assert max(show.stats._ms) <= 202


@pytest.mark.parametrize(("paint", "much"), [(0.019, True), (0.009, False)])
def test_what_a_device_takes_is_what_an_overload_is_judged_by(paint, much):
    show = Show([paint] * 2000, [0.0] * 2000)
    for _ in range(1000):
        show.tick()
        show.clock.advance(1 / show.fps)
    assert show.loop._overload.take() == much


@pytest.mark.parametrize(("host", "paint", "much"), [(0.009, 0.009, False), (0.018, 0.001, True), (0.001, 0.018, True)])
def test_what_the_host_and_the_device_do_side_by_side_is_not_added_up(host, paint, much):
    show = Show([paint] * 2000, [0.0] * 2000)
    latest = show.features.latest
    show.features.latest = lambda: (show.clock.advance(host), latest())[1]  # the host's part comes before the launch
    for _ in range(1000):
        show.tick()
        show.clock.advance(1 / show.fps - host)
    assert show.stats.skipped == 0
    assert show.loop._overload.take() == much


def test_what_is_heard_is_looked_up_last_of_all_before_a_picture_is_begun():
    show = Show([0.001] * 9, [0.001] * 9)
    acquire, heard = show.ring.acquire, iter(range(1, 9))

    def late():
        slot = acquire()
        show.features.put(replace(show.features.latest(), heard=float(next(heard))))
        return slot

    show.ring.acquire = late
    for n in range(1, 4):
        show.tick()
        slot = show.outlets[0].take(0)
        assert slot.heard == n
        slot.release()
        show.clock.advance(1 / show.fps)


def test_sinks_that_never_give_a_slot_back_stop_neither_the_device_nor_the_others():
    show = Show([0.015] * many, [0.001] * many, sinks=3)
    stuck = []
    watcher = Watcher(show.outlets[2], iter([0] * 10 * many), keeps=True)
    for n in range(many):
        show.tick()
        if n in (3, 11):  # two each is what a sink may have in its hands
            stuck += [outlet.take(0) for outlet in show.outlets[:2]]
        for _ in range(4):
            show.clock.advance(1 / show.fps / 4)
            watcher.step(show.clock)
    assert show.stats.skipped == 0
    assert [slot.index for slot in stuck] == [3, 3, 11, 11]
    assert all((slot.pixels == value(slot.index)).all() for slot in stuck)
    assert watcher.seen == list(range(many))


def test_a_swap_while_two_are_in_flight_shows_both_and_keeps_what_paints_them_until_they_are_done():
    show = Show([0.035] * 9, [0.001] * 9)
    old = weakref.ref(show.stage.renderer.launcher)
    shown = []

    def tick():
        show.tick()
        if (slot := show.outlets[0].take(0)) is not None:
            shown.append(slot)
        show.clock.advance(1 / show.fps)

    tick()
    tick()
    assert len(show.loop._flights) == 2
    show.stage = stage_on(show.device)
    show.stage.renderer.launcher.painted = 100
    show.stages.put(show.stage)
    tick()  # 40 ms: the first is done, the second is not; the new one begins behind it
    assert (len(show.loop._flights), show.loop._launcher) == (2, show.stage.renderer.launcher)
    assert old() is not None
    tick()
    assert old() is not None
    tick()  # 80 ms: the second is done
    assert old() is None
    show.clock.advance(1.0)
    show.loop._land()
    assert [int(slot.pixels[0, 0, 0]) for slot in shown] == [0, 1, 100, 101]
    assert [slot.index for slot in shown] == [0, 1, 2, 3]
    assert show.stats.index == 3


def test_pictures_of_another_size_are_begun_while_those_of_the_old_are_in_flight_and_the_old_slots_go_by_themselves():
    show = Show([0.035] * 9, [0.001] * 9)
    shown, pages = [], [weakref.ref(slot.page) for slot in show.ring.free]

    def tick():
        show.tick()
        for outlet in show.outlets:
            if (slot := outlet.take(0)) is not None:
                shown.append(slot) if outlet is show.outlets[0] else slot.release()
        show.clock.advance(1 / show.fps)

    tick()
    tick()
    show.stage = stage_on(show.device).onto(show.ring, FrameFormat(2, 6))
    show.stages.put(show.stage)
    show.ring = None
    while len(shown) < 5:
        tick()
    show.clock.advance(1.0)
    show.loop._land()
    assert [slot.pixels.shape for slot in shown] == [(4, 4, 4)] * 2 + [(6, 2, 4)] * 3
    assert all((slot.pixels == value(n)).all() for slot, n in zip(shown, (0, 1, 0, 1, 2), strict=True))
    assert [slot.index for slot in shown] == [0, 1, 2, 3, 4]
    assert sum(page() is not None for page in pages) == 2  # those that are held
    for slot in shown:
        slot.release()
    del shown[:], slot
    assert not any(page() for page in pages)
    assert len(show.loop.ring.free) == show.loop.ring.size


def test_a_stage_with_the_slots_there_are_is_taken_up_when_no_other_slot_is_free():
    show = Show([0.001] * 9, [0.001] * 9)
    held = []
    for _ in range(show.ring.size - 1):
        show.ticks(1)
        held.append(show.outlets[0].take(0))
        show.outlets[1].take(0).release()
    assert len(show.ring.free) == 1
    show.stages.put(stage_on(show.device).onto(show.ring))
    assert show.stages.latest().ring is show.ring
    show.ticks(1)
    assert show.outlets[1].take(0).index == len(held)


def test_memory_that_is_full_for_a_while_costs_pictures_and_nothing_else():
    show = Show([0.001] * 400, [0.001] * 400)
    show.tick()
    show.lib.full = True
    show.clock.advance(1 / show.fps)
    show.ticks(200)  # 4 s, while another model is made ready
    assert show.stats.skipped == 200
    show.lib.full = False
    show.tick()
    assert show.stats.skipped == 200
    assert show.outlets[0].take(0).index == 1
    show.lib.full = True
    with pytest.raises(DeviceLost, match="no memory left") as said:
        show.ticks(300)  # it has as long again
    assert said.value.exit_code == 75
    assert show.stats.skipped > 450
    assert len(show.ring.free) == show.ring.size - 1  # the one in hand and in the other outlet


def test_no_memory_for_the_slots_of_a_model_is_a_model_that_cannot_be_had():
    show = Show([], [])
    show.lib.full = True
    with pytest.raises(DeviceFull, match="no memory left"):
        stage_on(show.device).onto(SlotRing(2, FORMAT))


def test_a_device_that_hangs_is_lost_and_one_that_is_slow_or_slept_is_not():
    show = Show([9.0, 1e9, 1.0], [0.001] * 9)
    show.ticks(470)
    assert show.stats.index == 0  # slow, but there
    show.clock.advance(3600.0)  # the lid was closed
    show.ticks(20)
    began = show.clock.now()
    with pytest.raises(DeviceLost, match="not finished a picture for 10 s") as said:
        show.ticks(3000)
    assert said.value.exit_code == 75
    assert show.clock.now() > began + 8


def test_a_slot_that_nobody_wanted_is_not_painted_again_before_it_was_fetched():
    show = Show([0.05] * 9, [0.001] * 9, sinks=0)
    assert show.ring.size == 2
    show.tick()
    (first,) = (slot for slot in show.ring.free if slot.flying)
    assert show.ring.acquire() is not first
    assert show.ring.acquire() is None
    show.clock.advance(0.2)
    show.loop._land()
    assert show.ring.acquire() is first


def test_a_lost_device_is_said_once_and_given_no_more_work():
    show = Show([0.01] * 9, [0.001] * 9)
    show.tick()
    slot = show.outlets[0].take(0)
    show.lib.lost = True
    with pytest.raises(
        DeviceLost, match=r"lost to this process \(CUDA error: an illegal memory access was encountered\)"
    ):
        show.tick()
    slept = []

    def read():
        with pytest.raises(DeviceLost) as said:
            slot.ready(show.clock)
        slept.append(said.value)

    reader = threading.Thread(target=read)
    reader.start()
    reader.join()
    assert slept[0].exit_code == 75
    assert "\n" not in str(slept[0])


def test_a_painter_that_fails_gives_its_slot_back_and_the_next_tick_paints():
    show = Show([0.001] * 9, [0.001] * 9)
    launcher = show.stage.renderer.launcher
    launch = launcher.launch
    launcher.launch = lambda latents, canvas: 1 / 0
    for _ in range(2 * show.ring.size):
        with pytest.raises(ZeroDivisionError):
            show.tick()
    launcher.launch = launch
    show.tick()
    assert show.outlets[0].take(0).index == 0


class Reader:
    """A sink on a thread of its own that looks at every pixel."""

    name, about = "reader", ""

    def __init__(self, repeats, pause):
        self.repeats, self._pause = repeats, pause
        self.torn, self.seen = 0, []

    def open(self, format):
        pass

    def publish(self, slot):
        want = value(slot.index)
        self.torn += bool((slot.pixels != want).any())
        threading.Event().wait(self._pause)
        self.torn += bool((slot.pixels != want).any())
        self.seen.append(slot.index)
        return True

    def close(self):
        pass

    def receivers(self):
        return None


def test_on_real_threads_the_sinks_wait_and_the_render_thread_never_does():
    clock, rng = WallClock(), np.random.default_rng(0)
    delays = iter(rng.uniform(0.0, 0.012, 100_000).tolist())
    lib = FakeTorch(clock, lambda: next(delays), lambda: next(delays) / 4, virtual=False)
    device = CudaDevice(live=True, lib=lib)
    stage = stage_on(device)
    sinks = [Reader(True, 0.001), Reader(False, 0.03)]
    publishers = [Publisher(sink, FORMAT, clock) for sink in sinks]
    ring, stats = SlotRing(len(sinks), FORMAT, device), FrameStats()
    loop = RenderLoop(
        Engine(stage.make_mapper, stage.space), Mailbox(stage), ring, [p.outlet for p in publishers],
        Mailbox(Features.silence(8)), Mailbox(Fade.still(Params())), stats, clock, 120.0,
    )  # fmt: skip
    stop, failed = threading.Event(), []

    def body(run, *, renders=False):
        if renders:
            lib.never_waits.add(threading.get_ident())
        try:
            run(stop)
        except BaseException as e:  # noqa: BLE001 - shown by the assertion below
            failed.append(e)

    threads = [threading.Thread(target=body, args=(p.loop,)) for p in publishers]
    for thread in threads:
        thread.start()
    for publisher in publishers:
        assert publisher.settled.wait(10)
    threads.append(threading.Thread(target=body, args=(loop.loop,), kwargs={"renders": True}))
    threads[-1].start()
    for _ in range(3000):
        if len(sinks[1].seen) >= 12 or failed:
            break
        threading.Event().wait(0.01)
    stop.set()
    for thread in threads:
        thread.join(20)
    assert failed == []
    assert [sink.torn for sink in sinks] == [0, 0]
    for sink in sinks:
        assert len(sink.seen) >= 12
        assert sink.seen == sorted(sink.seen)
    assert lib.canvases  # it was the device that painted
    threading.Event().wait(0.05)
    loop._land()
    assert len(ring.free) == ring.size
    assert stats.index + 1 == stage.renderer.launcher.painted


def test_the_fake_device_is_as_strict_as_it_says():
    clock = VirtualClock(1.0)
    lib = FakeTorch(clock)
    lib.never_waits.add(threading.get_ident())
    device = CudaDevice(lib=lib)
    pages = [device.page(2, 2) for _ in range(4)]

    def paint(page):
        with page.painting():
            page.canvas.paint(1)

    paint(pages[3])
    with pytest.raises(Misuse, match="recorded again"):
        paint(pages[3])
    clock.advance(1.0)
    paint(pages[0])
    pages[0].fetch()
    with pytest.raises(Misuse, match="before its last picture"):
        paint(pages[0])
    with pytest.raises(Misuse, match="render thread waited"):
        pages[0].wait()
    with pytest.raises(Misuse, match="have not fired"):
        pages[0].seconds()
    with pytest.raises(Misuse, match="recorded again"):
        pages[0].fetch()
    paint(pages[1])
    pages[1].fetch()
    with pytest.raises(Misuse, match="more than two"):
        paint(pages[2])
    with lib.cuda.stream(device.paint), pytest.raises(Misuse, match="has to wait"):
        pages[1]._host.copy_(pages[1].canvas, non_blocking=True)
    with lib.cuda.stream(lib.cuda.Stream()), pytest.raises(Misuse, match="without waiting for the painting"):
        pages[1]._host.copy_(pages[1].canvas, non_blocking=True)
    clock.advance(1.0)
    assert pages[0].fetched()
    assert pages[1].seconds() > 0
    with lib.cuda.stream(device.copy), pytest.raises(Misuse, match="another stream"):
        pages[0].canvas.paint(1)
    lib.full = True
    with pytest.raises(DeviceFull):
        paint(pages[0])
    lib.lost = True
    with pytest.raises(DeviceLost):
        paint(pages[0])
    lib.lost = False
    with pytest.raises(Misuse, match="is lost"):
        paint(pages[2])
