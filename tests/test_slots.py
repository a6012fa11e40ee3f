import gc
import weakref
from threading import Event, Thread

import pytest

from daemon.clock import VirtualClock
from daemon.device import HOST, HostPage
from daemon.flow import FrameFormat, Order
from daemon.slots import Outlet, SlotRing

FORMAT = FrameFormat(4, 4)


def test_a_slot_is_free_again_when_the_last_hold_is_given_back():
    ring = SlotRing(1, FORMAT)
    slots = [ring.acquire() for _ in range(ring.size)]
    assert ring.acquire() is None
    slots[0].retain()
    slots[0].release()
    assert ring.acquire() is None
    slots[0].release()
    assert ring.acquire() is slots[0]


def test_giving_back_more_than_was_held_is_an_error():
    slot = SlotRing(1, FORMAT).acquire()
    slot.release()
    with pytest.raises(RuntimeError, match="more often"):
        slot.release()


def test_a_free_slot_cannot_be_held_behind_the_renderers_back():
    slot = SlotRing(1, FORMAT).acquire()
    slot.release()
    with pytest.raises(RuntimeError, match="belongs to the renderer"):
        slot.retain()


def test_the_newest_offer_replaces_the_one_not_taken():
    ring, outlet = SlotRing(1, FORMAT), Outlet()
    outlet.open()
    for index in range(10):
        slot = ring.acquire()
        slot.index = index
        outlet.offer(slot)
        slot.release()
    taken = outlet.take(0)
    assert taken.index == 9
    assert outlet.replaced == 9
    taken.release()
    assert outlet.take(0) is None
    assert len(ring.free) == ring.size


def test_an_outlet_that_is_not_open_holds_nothing():
    ring, outlet = SlotRing(1, FORMAT), Outlet()
    slot = ring.acquire()
    outlet.offer(slot)
    outlet.open()
    outlet.offer(slot)
    outlet.close()
    outlet.offer(slot)
    slot.release()
    assert len(ring.free) == ring.size
    assert outlet.take(0) is None


def test_closing_wakes_whoever_waits_and_who_comes_later_does_not_wait():
    outlet, woken = Outlet(), Event()
    outlet.open()

    def wait():
        outlet.take(60)
        outlet.take(60)
        woken.set()

    thread = Thread(target=wait)
    thread.start()
    outlet.close()
    assert woken.wait(10)
    thread.join()


def test_the_ring_is_large_enough_when_every_sink_holds_all_it_may():
    sinks = 3
    ring = SlotRing(sinks, FORMAT)
    outlets = [Outlet() for _ in range(sinks)]
    hands = [[] for _ in range(sinks)]  # the picture in hand, and one kept to be shown again
    for outlet in outlets:
        outlet.open()
    for index in range(60):
        slot = ring.acquire()
        assert slot is not None, index
        for outlet in outlets:
            outlet.offer(slot)
        slot.release()
        taker = index % sinks  # one after the other, so that all hands hold different pictures
        if len(hands[taker]) == 2:
            hands[taker].pop(0).release()
        hands[taker].append(outlets[taker].take(0))
    assert len({id(slot) for held in hands for slot in held}) == 2 * sinks
    for index in range(60, 70):  # nobody takes any more: every hand is full, and what waits is newer than all of them
        slot = ring.acquire()
        assert slot is not None, index
        for outlet in outlets:
            outlet.offer(slot)
        slot.release()


def test_a_ring_moves_to_another_device_only_if_it_is_another():
    class Elsewhere:
        def page(self, height, width):
            return HostPage(height, width)

    ring, there = SlotRing(3, FORMAT), Elsewhere()
    assert ring.on(HOST) is ring
    moved = ring.on(there)
    assert (moved.size, moved.device) == (ring.size, there)
    assert moved.on(there) is moved
    assert moved.acquire().format == FORMAT


def test_a_slot_in_flight_is_not_given_out_though_nobody_holds_it():
    ring = SlotRing(0, FORMAT)
    flying = ring.acquire()
    flying.flying = True
    flying.release()
    taken = {ring.acquire(), ring.acquire()}
    assert flying not in taken
    assert None in taken
    flying.flying = False
    assert ring.acquire() is flying


def test_a_picture_is_complete_when_the_first_who_looked_says_so_and_nobody_waits_for_it_then():
    slot = SlotRing(1, FORMAT).acquire()
    clock, waited = VirtualClock(4.0), []
    slot.page.wait = lambda: waited.append(clock.now())
    slot.rendered = 3.0
    slot.ready(clock)
    assert (slot.rendered, waited) == (3.0, [])  # made in host memory
    slot.pending = True
    slot.ready(clock)
    slot.complete(5.0)  # the render thread, at its next tick
    assert (slot.rendered, waited) == (4.0, [4.0])
    slot.pending = True
    slot.complete(6.0)
    slot.ready(clock)
    assert (slot.rendered, waited) == (6.0, [4.0])


def test_a_ring_for_another_format_is_another_ring():
    ring = SlotRing(3, FORMAT)
    assert ring.on(HOST, FrameFormat(4, 4)) is ring
    for other in (FrameFormat(8, 4), FrameFormat(4, 8), FrameFormat(4, 4, Order.BGRA)):
        made = ring.on(HOST, other)
        assert (made.size, made.device, made.format) == (ring.size, HOST, other)
        slot = made.acquire()
        assert (slot.format, slot.pixels.shape) == (other, (other.height, other.width, 4))
        assert made.on(HOST).format == other  # its own, if none is named


def test_the_memory_of_a_ring_that_is_left_goes_at_once_but_for_the_slots_somebody_holds():
    ring = SlotRing(1, FORMAT)
    pages = [weakref.ref(slot.page) for slot in ring.free]
    held = [ring.acquire(), ring.acquire()]
    held[0].retain()
    gc.collect()
    gc.disable()  # nobody has to come round for it
    try:
        del ring
        assert [page() is None for page in pages] == [False, False, True, True]
        for slot in (*held, held[0]):
            slot.release()
        with pytest.raises(RuntimeError, match="more often"):
            held[0].release()
        assert not any(page() is None for page in pages[:2])
        del held, slot
        assert all(page() is None for page in pages)
    finally:
        gc.enable()


def test_an_offer_wakes_whoever_waits():
    ring, outlet, taken = SlotRing(1, FORMAT), Outlet(), []
    outlet.open()
    thread = Thread(target=lambda: taken.append(outlet.take(60)))
    thread.start()
    slot = ring.acquire()
    outlet.offer(slot)
    thread.join(10)
    assert taken == [slot]
    slot.release()
    taken[0].release()
    assert len(ring.free) == ring.size


def test_an_outlet_knows_the_format_of_the_newest_offer_whether_it_took_it_or_not():
    outlet = Outlet()
    assert outlet.format is None
    for form in (FORMAT, FrameFormat(8, 8)):
        ring = SlotRing(0, form)
        slot = ring.acquire()
        outlet.offer(slot)
        assert outlet.format == form
        slot.release()
        assert len(ring.free) == ring.size
