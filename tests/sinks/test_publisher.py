import asyncio
import sys
import threading
from contextlib import contextmanager, suppress
from itertools import pairwise
from random import Random
from threading import Event, Thread

import pytest
from sinks.fakes import StrictSink
from sinks.lockstep import Black, Painter

from daemon.backoff import Backoff
from daemon.clock import VirtualClock, WallClock
from daemon.device import HOST as HOST_MEMORY
from daemon.device import HostPage
from daemon.errors import SinkError
from daemon.flow import Features, FrameFormat
from daemon.live import RenderLoop, Stage
from daemon.mailbox import Mailbox
from daemon.params import Fade, Params
from daemon.sinks.publisher import Publisher
from daemon.sinks.sink import HOST
from daemon.slots import SlotRing
from daemon.stats import FrameStats
from daemon.stopping import Body
from daemon.supervisor import ThreadService, supervise

FORMAT = FrameFormat(16, 16)


@contextmanager
def running(*publishers):
    """Each publisher on its thread, started again at once when it fails, as the supervisor would later."""
    stop = Event()

    def keep(publisher):
        while not stop.is_set():
            with suppress(SinkError):
                publisher.loop(stop)

    threads = [Thread(target=keep, args=(publisher,)) for publisher in publishers]
    for thread in threads:
        thread.start()
    try:
        for publisher in publishers:
            assert publisher.settled.wait(30)
        yield
    finally:
        stop.set()
        for thread in threads:
            thread.join(30)
            assert not thread.is_alive()


def until(condition):
    for _ in range(30_000):
        if condition():
            return
        Event().wait(0.001)
    raise AssertionError("it did not happen within half a minute")


def offer(ring, publishers, index, *, rendered=0.0, heard=None):
    slot = ring.acquire()
    assert slot is not None, "the renderer was starved"
    slot.pixels[:] = index % 256
    slot.index, slot.rendered, slot.heard = index, rendered, heard
    for publisher in publishers:
        publisher.outlet.offer(slot)
    slot.release()


def test_slow_failing_late_and_missing_sinks_neither_starve_the_renderer_nor_tear_nor_keep_a_picture():
    gate = Event()
    fast = StrictSink("fast", repeats=True)
    slow = StrictSink("slow", hold=gate, repeats=True)
    flaky = StrictSink("flaky", fail_every=10)
    late = StrictSink("late", refuse_open=2)
    missing = StrictSink("missing", unavailable="there is no such thing here")
    sinks = (fast, slow, flaky, late, missing)
    publishers = [Publisher(sink, FORMAT, WallClock()) for sink in sinks]
    ring = SlotRing(len(sinks), FORMAT)
    with running(*publishers):
        until(lambda: late.opened == 1)
        offer(ring, publishers, 0)
        assert slow.inside.wait(30)
        last = 0
        while last < 200 or flaky.opened < 3:
            last += 1
            offer(ring, publishers, last)
            if last % 10 == 0:
                until(lambda n=last: fast.seen[-1:] == [n])
        until(lambda: fast.seen[-1:] == [last])
        assert publishers[1].status().published == 0
        gate.set()
        until(lambda: slow.seen[-1:] == [last])
        until(lambda: late.seen[-1:] == [last])
    assert len(ring.free) == ring.size
    assert fast.seen == sorted(fast.seen)
    assert slow.seen[:2] == [0, last]
    assert [sink.torn for sink in sinks] == [0] * 5
    assert flaky.opened == flaky.closed > 1
    assert len(fast.threads) == len(slow.threads) == len(missing.threads) == 1
    said = {publisher.name: publisher.status() for publisher in publishers}
    assert said["slow"].replaced == last - 1
    assert said["flaky"].errors >= 2
    assert said["flaky"].last_error == "lost"
    assert said["late"].errors == 2
    assert said["missing"].state == "unavailable"
    assert said["missing"].last_error == "there is no such thing here"
    assert said["fast"].state == "closed"


def test_two_slots_would_starve_the_renderer_and_still_not_tear():
    gate = Event()
    slow = StrictSink(hold=gate, repeats=True)
    publisher = Publisher(slow, FORMAT, WallClock())
    ring = SlotRing(0, FORMAT)
    with running(publisher):
        offer(ring, [publisher], 0)
        assert slow.inside.wait(30)
        offer(ring, [publisher], 1)
        assert ring.acquire() is None
        gate.set()
        until(lambda: slow.seen[-1:] == [1])
    assert slow.torn == 0
    assert len(ring.free) == ring.size


def test_stopping_while_a_picture_is_in_hand_and_another_waits_gives_both_back():
    gate = Event()
    sink = StrictSink(hold=gate)
    publisher, ring = Publisher(sink, FORMAT, WallClock()), SlotRing(1, FORMAT)
    stop = Event()
    thread = Thread(target=publisher.loop, args=(stop,))
    thread.start()
    assert publisher.settled.wait(30)
    offer(ring, [publisher], 0)
    assert sink.inside.wait(30)
    offer(ring, [publisher], 1)
    stop.set()
    gate.set()
    thread.join(30)
    assert not thread.is_alive()
    assert len(ring.free) == ring.size
    assert sink.closed == 1
    offer(ring, [publisher], 2)
    assert len(ring.free) == ring.size


def test_a_lost_sink_is_closed_counted_and_handed_to_the_supervisor():
    sink = StrictSink(fail_every=1)
    publisher, ring = Publisher(sink, FORMAT, WallClock()), SlotRing(1, FORMAT)
    caught = []

    def once():
        try:
            publisher.loop(Event())
        except SinkError as error:
            caught.append(str(error))

    thread = Thread(target=once)
    thread.start()
    assert publisher.settled.wait(30)
    offer(ring, [publisher], 0)
    thread.join(30)
    assert caught == ["lost"]
    said = publisher.status()
    assert (said.state, said.errors, said.last_error) == ("retrying", 1, "lost")
    assert sink.closed == 1
    offer(ring, [publisher], 1)
    assert len(ring.free) == ring.size


def test_a_mistake_of_ours_also_gives_everything_back():
    class Broken(StrictSink):
        def publish(self, slot):
            raise ZeroDivisionError

    sink = Broken(repeats=True)
    publisher, ring = Publisher(sink, FORMAT, WallClock()), SlotRing(1, FORMAT)

    def once():
        with pytest.raises(ZeroDivisionError):
            publisher.loop(Event())

    thread = Thread(target=once)
    thread.start()
    assert publisher.settled.wait(30)
    offer(ring, [publisher], 0)
    thread.join(30)
    assert publisher.status().state == "retrying"
    assert publisher.status().last_error == "ZeroDivisionError"
    assert sink.closed == 1
    assert len(ring.free) == ring.size


def test_a_sink_is_called_stalled_while_a_picture_is_in_its_hands_for_more_than_a_second():
    gate, clock = Event(), VirtualClock()
    sink = StrictSink(hold=gate)
    publisher, ring = Publisher(sink, FORMAT, clock), SlotRing(1, FORMAT)
    with running(publisher):
        assert publisher.status().state == "ok"
        offer(ring, [publisher], 0)
        assert sink.inside.wait(30)
        clock.advance(0.9)
        assert publisher.status().state == "ok"
        clock.advance(0.2)
        assert publisher.status().state == "stalled"
        gate.set()
        until(lambda: publisher.status().published == 1)
        assert publisher.status().state == "ok"


def test_a_sink_that_refuses_for_more_than_a_second_is_stalled_and_its_pictures_count_as_left_out():
    clock = VirtualClock()
    sink = StrictSink(busy=(1, 2))
    publisher, ring = Publisher(sink, FORMAT, clock), SlotRing(1, FORMAT)
    with running(publisher):
        offer(ring, [publisher], 0)
        until(lambda: publisher.status().replaced == 1)
        clock.advance(1.5)
        offer(ring, [publisher], 1)
        until(lambda: publisher.status().replaced == 2)
        assert publisher.status().state == "stalled"
        offer(ring, [publisher], 2)
        until(lambda: publisher.status().published == 1)
        assert publisher.status().state == "ok"


def test_a_still_picture_is_handed_over_again_to_those_who_want_it_and_counted_once():
    clock = VirtualClock()
    wants, does_not = StrictSink("wants", repeats=True), StrictSink("does not")
    publishers = [Publisher(sink, FORMAT, clock) for sink in (wants, does_not)]
    ring = SlotRing(2, FORMAT)
    with running(*publishers):
        offer(ring, publishers, 7)
        until(lambda: all(publisher.status().published for publisher in publishers))
        for times in (2, 3):
            clock.advance(0.71)
            until(lambda n=times: wants.seen == [7] * n)
    assert does_not.seen == [7]
    assert publishers[0].status().published == 1
    assert len(ring.free) == ring.size


def test_latency_is_from_rendered_to_handed_over_and_each_sound_is_shown_once():
    clock = VirtualClock(10.0)
    sink = StrictSink()
    publisher, ring = Publisher(sink, FORMAT, clock), SlotRing(1, FORMAT)
    with running(publisher):
        for index, heard in enumerate((None, 9.97, 9.97, 9.98)):
            offer(ring, [publisher], index, rendered=9.995, heard=heard)
            until(lambda n=index: publisher.status().published == n + 1)
    assert publisher.status().latency_ms == pytest.approx(5.0)
    assert publisher.shown_latency() == pytest.approx((30.0, 20.0))


def test_an_unavailable_sink_is_final_and_waits_to_be_stopped():
    sink = StrictSink(unavailable="never")
    publisher, stop = Publisher(sink, FORMAT, WallClock()), Event()
    thread = Thread(target=publisher.loop, args=(stop,))
    thread.start()
    assert publisher.settled.wait(30)
    until(lambda: publisher.status().state == "unavailable")
    assert thread.is_alive()
    stop.set()
    thread.join(30)
    assert publisher.status().state == "unavailable"
    assert sink.opened == 0


class SlowPage(HostPage):
    """A page that is fetched when told."""

    def __init__(self, height, width):
        super().__init__(height, width)
        self.done, self.waits = Event(), 0

    def wait(self):
        self.waits += 1
        assert self.done.wait(30)


class SlowDevice:
    def page(self, height, width):
        return SlowPage(height, width)


def test_a_picture_a_device_still_works_on_is_waited_for_by_each_sink_and_not_shown_before():
    clock, ring = WallClock(), SlotRing(2, FORMAT, SlowDevice())
    sinks = [StrictSink("a"), StrictSink("b", repeats=True)]
    publishers = [Publisher(sink, FORMAT, clock) for sink in sinks]
    with running(*publishers):
        slot = ring.acquire()
        slot.index, slot.rendered, slot.pending = 5, clock.now(), True
        began = slot.rendered
        for publisher in publishers:
            publisher.outlet.offer(slot)
        until(lambda: slot.page.waits == 2)
        assert [sink.calls for sink in sinks] == [0, 0]
        slot.pixels[:] = 5
        slot.page.done.set()
        until(lambda: all(sink.seen == [5] for sink in sinks))
        assert [sink.torn for sink in sinks] == [0, 0]
        assert not slot.pending
        assert slot.rendered > began  # when it was complete, so that the latency is that of the hand-over
        slot.release()
    assert len(ring.free) == ring.size


class Rough:
    """A sink that copies row by row, letting others run in between, and fails as a seed says; strict as to order."""

    about = ""

    def __init__(self, seed, repeats, fails):
        self.name, self.repeats = f"rough {seed}", repeats
        self._rng, self._fails = Random(seed), fails
        self._open, self.seen, self.wrong = None, [], []

    def accepts(self):
        return HOST

    def _maybe(self):
        if self._rng.random() < self._fails:
            raise SinkError("lost")

    def open(self, format):
        self._maybe()
        self._open = format

    def publish(self, slot):
        if slot.format != self._open:
            self.wrong.append("format")
        rows = []
        for row in slot.pixels:
            rows.append(row.copy())
            Event().wait(0.0)
        if any((row != slot.index % 251).any() for row in rows):
            self.wrong.append("torn")
        self._maybe()
        self.seen.append(slot.index)
        return self._rng.random() > self._fails

    def close(self):
        self._open = None

    def receivers(self):
        return None


@pytest.mark.parametrize("seed", range(3))
def test_on_threads_that_run_as_they_like_no_picture_tears_and_every_slot_comes_back(seed):
    sinks = [Rough(seed, repeats=True, fails=0.0), Rough(seed + 9, repeats=False, fails=0.05)]
    sinks += [Rough(seed + 18, repeats=True, fails=0.2)]
    formats = (FORMAT, FrameFormat(8, 32))
    publishers = [Publisher(sink, FORMAT, WallClock()) for sink in sinks]
    rings, rng = [SlotRing(len(sinks), FORMAT)], Random(seed)
    interval = sys.getswitchinterval()
    sys.setswitchinterval(1e-5)  # s: threads take turns in the middle of everything
    try:
        with running(*publishers):
            for index in range(800):
                if rng.random() < 0.02:
                    rings.append(rings[-1].on(HOST_MEMORY, rng.choice(formats)))
                slot = rings[-1].acquire()
                assert slot is not None, "the renderer was starved"
                slot.index = index
                for row in slot.pixels:
                    row[:] = index % 251
                    if rng.random() < 0.1:
                        Event().wait(0.0)
                for publisher in publishers:
                    publisher.outlet.offer(slot)
                slot.release()
                if index % 16 == 15:
                    until(lambda n=index: sinks[0].seen[-1:] == [n])
    finally:
        sys.setswitchinterval(interval)
    assert [sink.wrong for sink in sinks] == [[], [], []]
    assert [len(ring.free) for ring in rings] == [ring.size for ring in rings]
    for sink in sinks:
        assert all(a < b or (a == b and sink.repeats) for a, b in pairwise(sink.seen))
        assert sink._open is None


async def test_at_the_end_every_thread_is_joined_and_every_slot_is_back_but_for_a_sink_that_is_stuck():
    gate = Event()
    sinks = [StrictSink("a", repeats=True), StrictSink("b", fail_every=5), StrictSink("stuck", hold=gate)]
    clock, stats = WallClock(), FrameStats()
    publishers = [Publisher(sink, FORMAT, clock) for sink in sinks]
    ring, stages = SlotRing(len(sinks), FORMAT), Mailbox(Stage(Painter(), None, None))
    loop = RenderLoop(
        Black(), stages, ring, [p.outlet for p in publishers], Mailbox(Features.silence(8)),
        Mailbox(Fade.still(Params())), stats, clock, 200.0,
    )  # fmt: skip
    services = [ThreadService("render", loop.loop, patience=30)]
    waits = (30, 30, 0.2)  # s: there is nothing to wait for from the last
    services += [ThreadService(p.name, p.loop, s, abandon=True) for p, s in zip(publishers, waits, strict=True)]
    task = asyncio.create_task(supervise(*services, on_failure=lambda *said: None, backoff=Backoff(0.001)))
    try:
        while not (sinks[0].calls > 20 and sinks[1].closed > 1 and sinks[2].inside.is_set()):
            await asyncio.sleep(0.002)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        left = [thread.name for thread in threading.enumerate() if isinstance(thread, Body)]
        assert left == ["stuck"]
        assert [sink.opened - sink.closed for sink in sinks] == [0, 0, 1]
        assert ring.size - len(ring.free) in (1, 2)  # in its hands, and waiting for it
    finally:
        gate.set()
    for thread in threading.enumerate():
        if isinstance(thread, Body):
            thread.join(30)
    assert len(ring.free) == ring.size
    assert [sink.torn for sink in sinks] == [0, 0, 0]
    assert publishers[2].patience == 2.0
    assert Publisher(StrictSink("video"), FORMAT, clock).patience == 20.0
