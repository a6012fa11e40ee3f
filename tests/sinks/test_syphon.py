import sys
from threading import Event, Thread

import pytest
from sinks.fake_syphon import World

from daemon.clock import VirtualClock, WallClock
from daemon.errors import SinkError, SinkUnavailable
from daemon.flow import FrameFormat, Order
from daemon.sinks.publisher import Publisher
from daemon.sinks.syphon import SyphonSink
from daemon.slots import SlotRing

FORMAT = FrameFormat(8, 4, Order.BGRA)
BGRA, RGBA = 80, 70  # as Metal counts pixel formats


@pytest.fixture
def world():
    return World()


@pytest.fixture
def clock():
    return VirtualClock(100.0)


@pytest.fixture
def sink(world, clock):
    return SyphonSink("latentd", world.kit(), clock)


def slot_of(format=FORMAT, value=0):
    slot = SlotRing(1, format).acquire()
    slot.pixels[:] = value
    slot.pixels[0, 0] = range(4)
    return slot


def test_a_picture_is_handed_over_as_it_lies_and_said_to_be_flipped(sink, world):
    sink.open(FORMAT)
    slots = [slot_of(value=n) for n in range(5)]
    for slot in slots:
        assert sink.publish(slot)
    sink.close()
    assert world.servers == ["latentd"]
    assert world.shown == [(slot.pixels.tobytes(), 8, 4, BGRA, True) for slot in slots]


def test_pictures_in_rgba_are_said_to_be_so(sink, world):
    form = FrameFormat(6, 4, Order.RGBA)
    sink.open(form)
    sink.publish(slot_of(form))
    sink.close()
    assert [picture[1:4] for picture in world.shown] == [(6, 4, RGBA)]


def test_no_texture_is_written_before_the_gpu_has_read_it_and_none_is_waited_for_at_once(sink, world):
    sink.open(FORMAT)
    for n in range(4):
        sink.publish(slot_of())
        assert world.waits == max(n - 1, 0)


def test_the_server_is_announced_every_other_second_and_the_run_loop_pumped_each_picture(sink, world, clock):
    sink.open(FORMAT)
    for _ in range(81):
        sink.publish(slot_of())
        clock.advance(0.125)
    assert world.pumped == 81
    assert world.announced == 5
    assert sink.repeats


def test_everything_is_let_go_of_and_closing_twice_is_safe(sink, world):
    for opened in (1, 2):
        sink.open(FORMAT)
        sink.publish(slot_of())
        sink.close()
        sink.close()
        assert (world.stopped, world.directories, world.pools) == (opened, 0, 0)
    SyphonSink("x").close()


def test_a_resized_picture_has_textures_of_its_size(sink, world):
    for width in (8, 16):
        form = FrameFormat(width, 4, Order.BGRA)
        sink.open(form)
        sink.publish(slot_of(form))
        sink.close()
    assert [picture[1] for picture in world.shown] == [8, 16]


def test_whether_somebody_watches_is_known_how_many_is_not(sink, world):
    assert sink.receivers() is None
    sink.open(FORMAT)
    assert sink.receivers() == 0
    world.clients = True
    assert sink.receivers() == 1


@pytest.mark.parametrize("name", ["", "x" * 201, "a\n", "\0"])
def test_a_name_that_cannot_be_shown_is_refused(world, name):
    with pytest.raises(SinkUnavailable, match="cannot be a Syphon name; use 1 to 200 letters"):
        SyphonSink(name, world.kit()).open(FORMAT)
    assert world.servers == []


def test_a_name_in_any_letters_is_taken(world):
    SyphonSink("Übersee 映像", world.kit()).open(FORMAT)
    assert world.servers == ["Übersee 映像"]


def test_a_mac_without_metal_is_said_at_first_and_tried_again_later(world):
    sink = SyphonSink("latentd", world.kit())
    world.metal = False
    with pytest.raises(SinkUnavailable, match=r"Syphon cannot begin \(No Metal device is available\); it needs a Mac"):
        sink.open(FORMAT)
    sink.close()
    world.metal = True
    sink.open(FORMAT)
    sink.close()
    world.metal = False
    with pytest.raises(SinkError) as lost:
        sink.open(FORMAT)
    assert not isinstance(lost.value, SinkUnavailable)
    sink.close()
    assert world.pools == 0


def test_no_memory_for_a_texture_is_tried_again(world):
    sink, world.memory = SyphonSink("latentd", world.kit()), 1
    with pytest.raises(SinkError, match="no memory for 8 x 4 pixels"):
        sink.open(FORMAT)
    sink.close()
    assert (world.stopped, world.directories) == (1, 0)
    world.memory = 2
    sink.open(FORMAT)
    assert sink.publish(slot_of())


def test_a_gpu_that_fails_has_the_sink_opened_again(sink, world):
    sink.open(FORMAT)
    sink.publish(slot_of())
    sink.publish(slot_of())
    world.gpu_error = "out of memory"
    with pytest.raises(SinkError, match=r"did not take a picture \(out of memory\); opening it again"):
        sink.publish(slot_of())
    sink.close()
    assert (world.stopped, world.pools) == (1, 0)
    world.gpu_error = None
    sink.open(FORMAT)
    assert sink.publish(slot_of())


def test_publishing_without_an_open_is_an_error(sink):
    with pytest.raises(SinkError, match="not open"):
        sink.publish(slot_of())


@pytest.mark.skipif(sys.platform == "darwin", reason="it exists here")
def test_elsewhere_than_on_a_mac_it_says_so():
    with pytest.raises(SinkUnavailable, match="Syphon exists on macOS only"):
        SyphonSink("latentd").open(FORMAT)


@pytest.mark.skipif(sys.platform == "darwin", reason="it exists here")
def test_a_mac_without_the_package_is_told_how_to_get_it(monkeypatch):
    monkeypatch.setattr(sys, "platform", "darwin")
    with pytest.raises(SinkUnavailable, match=r"pip install syphon-python==0\.2\.0"):
        SyphonSink("latentd").open(FORMAT)


def test_everything_happens_on_the_sinks_own_thread(world):
    stop, done = Event(), []

    def live():
        publisher = Publisher(SyphonSink("latentd", world.kit()), FORMAT, WallClock())
        ring = SlotRing(1, FORMAT)
        feeder = Thread(target=feed, args=(publisher, ring, stop))
        feeder.start()
        publisher.loop(stop)
        feeder.join()
        done.append(publisher.status())

    thread = Thread(target=live)
    thread.start()
    thread.join(30)
    assert done[0].state == "closed"
    assert (done[0].errors, done[0].last_error) == (0, None)
    assert len(world.shown) >= 5
    assert world.stopped == 1


def feed(publisher, ring, stop):
    while publisher.status().published < 5:
        if (slot := ring.acquire()) is not None:
            publisher.outlet.offer(slot)
            slot.release()
    stop.set()
