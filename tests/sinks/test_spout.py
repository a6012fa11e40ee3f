import sys
from threading import Event, Thread

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
    assert desk.handles == 1
    assert world.contexts == 1
    sink.close()
    sink.close()
    assert (world.senders, world.contexts, desk.handles) == ({}, 0, 0)


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
    world.senders["latentd"] = (640, 480)
    with pytest.raises(SinkError, match="another Spout sender"):
        sink.publish(slot)
    sink.close()
    assert world.senders == {"latentd": (640, 480)}


def test_the_sixty_fifth_sender_is_told_that_nobody_can_see_it(sink, world, slot):
    world.senders.update({f"other {n}": (1, 1) for n in range(64)})
    sink.open(FORMAT)
    with pytest.raises(SinkError, match="64 senders at most"):
        sink.publish(slot)


def test_a_receiver_that_keeps_the_texture_costs_a_picture_and_no_more(sink, world, desk, slot):
    sink.open(FORMAT)
    sink.publish(slot)
    desk.held = True
    assert not sink.publish(slot)
    desk.held = False
    assert sink.publish(slot)
    assert len(world.images) == 2
    assert not desk.locked


def test_the_mutex_is_given_back_when_a_send_fails(sink, world, desk, slot):
    sink.open(FORMAT)
    sink.publish(slot)
    world.answers["sendImage"] = False
    with pytest.raises(SinkError, match="did not take"):
        sink.publish(slot)
    assert not desk.locked


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
