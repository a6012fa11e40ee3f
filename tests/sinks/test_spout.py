import sys
from threading import Event, Thread

import numpy as np
import pytest
from sinks.fake_spout import Desk, World

from daemon.clock import WallClock
from daemon.errors import SinkError, SinkUnavailable
from daemon.flow import FrameFormat, Order
from daemon.sinks.publisher import Publisher
from daemon.sinks.spout import SpoutSink
from daemon.slots import SlotRing

FORMAT = FrameFormat(8, 4, Order.BGRA)


@pytest.fixture
def world():
    return World()


@pytest.fixture
def desk(world):
    return Desk(world)


@pytest.fixture
def sink(world, desk):
    return SpoutSink("latentd", world, desk)


@pytest.fixture
def slot():
    slot = SlotRing(1, FORMAT).acquire()
    slot.pixels[:] = range(4)
    return slot


class StillClock:
    t = 0.0

    def now(self):
        return self.t


def publish_many(sink, slot):
    """As many as it takes to look at the list again."""
    for _ in range(100):
        sink.publish(slot)


def test_a_picture_is_sent_as_it_lies_and_the_right_way_up(sink, world, slot):
    sink.open(FORMAT)
    assert sink.publish(slot)
    assert world.images == [("latentd", slot.pixels.tobytes(), 0x80E1, False)]
    assert world.senders == {"latentd": (8, 4)}


def test_pictures_in_rgba_are_said_to_be_so(sink, world, slot):
    sink.open(FrameFormat(8, 4, Order.RGBA))
    sink.publish(slot)
    assert world.images[0][2] == 0x1908


def test_everything_is_let_go_of_and_closing_twice_is_safe(sink, world, desk, slot):
    sink.open(FORMAT)
    sink.publish(slot)
    sink.publish(slot)
    assert sorted(desk.handles.values()) == ["latentd_SpoutAccessMutex", "latentd_spout_latentd"]
    assert world.contexts == 1
    sink.close()
    sink.close()
    assert (world.senders, world.contexts, desk.handles) == ({}, 0, {})


def test_the_name_is_the_same_after_opening_again(sink, world, slot):
    for _ in range(2):
        sink.open(FORMAT)
        sink.publish(slot)
        assert list(world.senders) == ["latentd"]
        sink.close()


@pytest.mark.parametrize("name", ["", "x" * 201, "naïve", "a/b", "a\n"])
def test_a_name_that_spout_cannot_carry_is_refused_before_anything_is_opened(world, desk, name):
    with pytest.raises(SinkUnavailable, match="use 1 to 200 letters"):
        SpoutSink(name, world, desk).open(FORMAT)
    assert world.log == []


def test_a_name_already_taken_is_refused_not_changed_in_silence(sink, world):
    world.senders["latentd"] = (640, 480)
    with pytest.raises(SinkError, match="is there already"):
        sink.open(FORMAT)
    assert world.senders == {"latentd": (640, 480)}


def test_a_name_taken_between_looking_and_sending_is_found_out(sink, world, slot):
    sink.open(FORMAT)
    world.senders["latentd"] = (8, 4)
    with pytest.raises(SinkError, match="is there already"):
        sink.publish(slot)
    sink.close()
    assert world.senders == {"latentd": (8, 4)}
    assert world.images == []


def test_a_sender_that_writes_over_ours_is_found_out(sink, world, slot):
    sink.open(FORMAT)
    sink.publish(slot)
    world.senders["latentd"] = (640, 480)
    with pytest.raises(SinkError, match="another Spout sender"):
        publish_many(sink, slot)


def test_a_name_that_a_crash_left_in_the_list_is_taken_over(sink, world, slot):
    world.stale.add("latentd")
    sink.open(FORMAT)
    sink.publish(slot)
    assert list(world.senders) == ["latentd"]


def test_one_setting_of_a_name_that_a_crash_left_gives_another_name(world):
    world.stale.add("x")
    sender = world.SpoutSender()
    sender.setSenderName("x")
    sender.sendImage(bytes(4), 1, 1, 6408, False, 0)
    assert list(world.senders) == ["x_1"]


@pytest.mark.parametrize("where", ["in another process", "in this one"])
def test_two_daemons_cannot_send_under_one_name(world, desk, sink, where):
    if where == "in this one":
        SpoutSink("latentd", world, desk).open(FORMAT)
    else:
        desk.claimed.add("latentd_spout_latentd")
    before = dict(desk.handles)
    with pytest.raises(SinkError, match="another latentd sends as latentd; stop it, or take another name"):
        sink.open(FORMAT)
    assert desk.handles == before


def test_a_name_that_is_refused_is_not_claimed(sink, world, desk):
    world.senders["latentd"] = (640, 480)
    with pytest.raises(SinkError):
        sink.open(FORMAT)
    assert desk.handles == {}
    assert world.contexts == 0


def test_a_sender_that_vanishes_from_the_list_is_opened_again(sink, world, slot):
    sink.open(FORMAT)
    sink.publish(slot)
    del world.senders["latentd"]
    world.unlisted["latentd"] = (8, 4)  # its memory is there, since we hold it
    with pytest.raises(SinkError, match="latentd has vanished from Spout's list"):
        publish_many(sink, slot)
    sink.close()
    sink.open(FORMAT)
    assert sink.publish(slot)
    assert list(world.senders) == ["latentd"]


def test_remote_desktop_coming_or_going_opens_it_again(sink, desk, slot):
    for over in (True, False):
        sink.open(FORMAT)
        sink.publish(slot)
        desk.over_remote_desktop = over
        with pytest.raises(SinkError, match="Remote Desktop; opening Spout again"):
            sink.publish(slot)
        sink.close()


def test_the_sixty_fifth_sender_is_told_that_nobody_can_see_it(sink, world, slot):
    world.senders.update({f"other {n}": (1, 1) for n in range(64)})
    sink.open(FORMAT)
    with pytest.raises(SinkError, match="64 senders at most"):
        sink.publish(slot)
    sink.close()
    assert world.unlisted == {}


def test_a_receiver_that_keeps_the_texture_costs_a_picture_and_no_more(sink, world, desk, slot):
    sink.open(FORMAT)
    sink.publish(slot)
    desk.held = True
    assert not sink.publish(slot)
    desk.held = False
    assert sink.publish(slot)
    assert len(world.images) == 2
    assert not desk.locked


def test_a_receiver_left_over_from_before_cannot_hold_up_the_first_picture(sink, world, desk, slot):
    desk.known.add("latentd")
    desk.held = True
    sink.open(FORMAT)
    assert not sink.publish(slot)
    desk.held = False
    assert sink.publish(slot)
    assert world.images[0][0] == "latentd"


def test_a_receiver_that_goes_on_holding_the_texture_is_a_stalled_sink(sink, world, desk, slot):
    clock = StillClock()
    publisher, stop = Publisher(sink, FORMAT, clock), Event()
    thread = Thread(target=publisher.loop, args=(stop,))
    thread.start()
    assert publisher.settled.wait(10)

    def offer_until(condition):
        while not condition() and thread.is_alive():
            publisher.outlet.offer(slot)
            stop.wait(0.001)

    offer_until(lambda: desk.waits > 0)
    desk.held = True
    waits = desk.waits
    offer_until(lambda: desk.waits > waits + 2)
    assert publisher.status().state == "ok"
    clock.t += 1.5
    assert publisher.status().state == "stalled"
    assert publisher.status().last_error is None
    desk.held = False
    offer_until(lambda: publisher.status().state == "ok")
    stop.set()
    thread.join(10)
    assert publisher.status().state == "closed"


def test_the_mutex_is_given_back_when_a_send_fails(sink, world, desk, slot):
    sink.open(FORMAT)
    sink.publish(slot)
    world.answers["sendImage"] = False
    with pytest.raises(SinkError, match="did not take"):
        sink.publish(slot)
    assert not desk.locked


@pytest.mark.parametrize(("width", "height"), [(1, 1), (3, 5), (1279, 719), (8, 1000)])
def test_pictures_of_any_size_and_alpha_are_sent_to_the_byte(sink, world, width, height):
    slot = SlotRing(1, FrameFormat(width, height, Order.BGRA)).acquire()
    slot.pixels[:] = np.random.default_rng(1).integers(0, 256, slot.pixels.shape)
    sink.open(slot.format)
    sink.publish(slot)
    assert world.images == [("latentd", slot.pixels.tobytes(), 0x80E1, False)]
    assert world.senders == {"latentd": (width, height)}


def test_another_size_is_the_same_sender_opened_again(sink, world, desk):
    for size in (8, 20, 6):
        slot = SlotRing(1, FrameFormat(size, 4, Order.BGRA)).acquire()
        sink.open(slot.format)
        assert sink.publish(slot)
        assert sink.publish(slot)
        assert world.senders == {"latentd": (size, 4)}
        sink.close()
    assert desk.handles == {}


def test_the_way_is_told_once_it_is_known(world, desk, slot):
    sink = SpoutSink("latentd", world, desk)
    assert sink.about == "latentd"
    sink.open(FORMAT)
    assert sink.about == "latentd"
    sink.publish(slot)
    assert sink.about == "latentd, CPU share"
    world.cpu_share = False
    sink.publish(slot)
    assert sink.about == "latentd, texture share"


def test_without_a_gl_context_it_still_sends(sink, world, slot):
    world.answers["createOpenGL"] = False
    sink.open(FORMAT)
    assert sink.publish(slot)
    sink.close()
    assert world.contexts == 0


def test_the_hidden_window_is_answered_for_at_every_picture(sink, desk, slot):
    sink.open(FORMAT)
    sink.publish(slot)
    sink.publish(slot)
    assert desk.pumps == 2


def test_a_service_session_is_refused_with_what_to_do(world):
    with pytest.raises(SinkUnavailable, match="when a user logs on"):
        SpoutSink("latentd", world, Desk(world, session=0)).open(FORMAT)


@pytest.mark.skipif(sys.platform == "win32", reason="Spout exists here")
def test_elsewhere_than_on_windows_it_says_what_to_use():
    with pytest.raises(SinkUnavailable, match="exists on Windows only; use preview"):
        SpoutSink("latentd").open(FORMAT)


@pytest.mark.skipif(sys.platform == "win32", reason="SpoutGL is there")
def test_without_the_package_it_says_what_to_install(world, desk):
    with pytest.raises(SinkUnavailable, match="pip install SpoutGL"):
        SpoutSink("latentd", None, desk).open(FORMAT)


def test_a_publisher_keeps_the_sender_on_one_thread(sink, world, desk, slot):
    publisher, stop = Publisher(sink, FORMAT, WallClock()), Event()
    thread = Thread(target=publisher.loop, args=(stop,))
    thread.start()
    assert publisher.settled.wait(10)
    publisher.outlet.offer(slot)
    while publisher.status().published < 1 and thread.is_alive():
        stop.wait(0.001)
    stop.set()
    thread.join(10)
    assert publisher.status().state == "closed"  # the fake raises on another thread
    assert publisher.status().last_error is None
    assert world.contexts == 0
