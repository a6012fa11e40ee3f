from io import BytesIO
from threading import Event

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from daemon.flow import Alpha, FrameFormat, Order
from daemon.sinks import encode
from daemon.sinks.preview import PreviewSink
from daemon.slots import SlotRing


def picture(index, rendered, order=Order.RGBA, grey=0):
    slot = SlotRing(1, FrameFormat(16, 16, order)).acquire()
    slot.pixels[..., :3], slot.pixels[..., 3] = grey, 255
    slot.index, slot.rendered = index, rendered
    return slot


def test_nothing_is_encoded_while_nobody_looks(monkeypatch):
    monkeypatch.setattr(encode, "image", lambda slot: 1 / 0)
    sink = PreviewSink()
    assert not sink.begun
    assert sink.publish(picture(0, 0.0))
    assert sink.begun
    assert sink.newest() is None


def test_no_slot_is_kept():
    ring = SlotRing(1, FrameFormat(16, 16))
    sink = PreviewSink()
    with sink.watch(lambda: None), sink.ask(lambda data: None):
        slot = ring.acquire()
        sink.publish(slot)
        slot.release()
        assert len(ring.free) == ring.size


def test_who_watches_gets_the_newest_picture_and_is_woken():
    sink, woken = PreviewSink(), []
    with sink.watch(lambda: woken.append(sink.newest().index)):
        for index in range(3):
            sink.publish(picture(index, index / 30, grey=40 * index))
        assert woken == [0, 1, 2]
        shown = np.asarray(Image.open(BytesIO(sink.newest().data)))
        assert shown.shape == (16, 16, 3)
        assert abs(int(shown.mean()) - 80) <= 2
        assert sink.receivers() == 1
    assert sink.receivers() == 0
    assert sink.newest() is None


def test_a_fast_renderer_is_shown_at_most_thirty_times_a_second_and_its_last_picture_always():
    sink, woken = PreviewSink(), []
    with sink.watch(lambda: woken.append(sink.newest().index)):
        for index in range(120):
            sink.publish(picture(index, index / 120))
        assert 25 <= len(woken) <= 31
        assert woken[-1] != 119
        sink.publish(picture(119, 119 / 120))  # nothing new came: the last one again
        assert woken[-1] == 119
        sink.publish(picture(119, 119 / 120))
        assert woken.count(119) == 1


def test_a_still_is_given_once_to_each_who_asked_and_matches_to_the_pixel():
    sink, got = PreviewSink(), []
    slot = picture(0, 0.0, Order.BGRA)
    slot.pixels[..., :3] = (1, 2, 3)
    with sink.ask(got.append), sink.ask(got.append):
        sink.publish(slot)
        sink.publish(slot)
    assert len(got) == 2
    assert np.asarray(Image.open(BytesIO(got[0])))[5, 5].tolist() == [3, 2, 1]


def test_who_asks_and_leaves_costs_nothing(monkeypatch):
    monkeypatch.setattr(encode, "image", lambda slot: 1 / 0)
    sink, never = PreviewSink(), Event()
    with sink.ask(lambda data: never.set()):
        pass
    sink.publish(picture(0, 0.0))
    assert not never.is_set()


def test_a_watched_picture_stays_when_its_slot_is_painted_anew():
    sink = PreviewSink()
    with sink.raw.watch(lambda: None):
        slot = picture(0, 0.0, grey=40)
        sink.publish(slot)
        slot.pixels[:] = 200
        assert sink.raw.newest().data.data[0, 0].tolist() == [40, 40, 40, 255]
        assert sink.newest() is None


@pytest.mark.parametrize("order", Order)
def test_a_film_and_a_jpeg_show_what_is_transparent_over_black(order):
    sink = PreviewSink()
    slot = SlotRing(1, FrameFormat(16, 16, order, alpha=Alpha.STRAIGHT)).acquire()
    slot.pixels[:] = 200
    slot.pixels[8:, :, 3] = 0
    with sink.raw.watch(lambda: None), sink.watch(lambda: None):
        sink.publish(slot)
        for seen in (sink.raw.newest().data.data, np.asarray(Image.open(BytesIO(sink.newest().data)))):
            assert abs(int(seen[2, 2, 0]) - 157) < 3
            assert not seen[12, 2, :3].any()


@given(st.lists(st.floats(-0.2, 0.2), min_size=60, max_size=60), st.integers(20, 30))
def test_pictures_that_come_a_little_early_or_late_are_all_shown(early, fps):
    sink, woken = PreviewSink(), []
    with sink.watch(lambda: woken.append(sink.newest().index)):
        for index, off in enumerate(early):
            sink.publish(picture(index, (index + off) / fps))
    assert len(woken) >= 58


@given(st.lists(st.floats(0, 0.05), min_size=20, max_size=200))
def test_never_more_than_thirty_a_second_are_made(gaps):
    sink, times, now = PreviewSink(), [], 0.0
    with sink.watch(lambda: times.append(now)):
        for index, gap in enumerate(gaps):
            now += gap
            sink.publish(picture(index, now))
    for first in range(len(times)):
        within = [when for when in times[first:] if when < times[first] + 1]
        assert len(within) <= 31 or within[31] - within[0] > 1 - 2 / 30
