"""Slots as files: colours in either order, alpha where it says something."""

from io import BytesIO

import numpy as np
import pytest
from PIL import Image

from daemon.flow import Alpha, FrameFormat, Order
from daemon.sinks import encode
from daemon.slots import SlotRing


def slot_of(order, alpha):
    slot = SlotRing(1, FrameFormat(24, 16, order, alpha=alpha)).acquire()
    slot.pixels[:] = np.random.default_rng(0).integers(0, 256, (16, 24, 4), np.uint8)
    slot.pixels[:, :12, 3] = 0
    return slot


def in_rgba(slot):
    return slot.pixels if slot.format.order is Order.RGBA else slot.pixels[..., [2, 1, 0, 3]]


@pytest.mark.parametrize("order", Order)
def test_a_png_keeps_straight_alpha_and_the_colours_under_it(order):
    slot = slot_of(order, Alpha.STRAIGHT)
    with Image.open(BytesIO(encode.png(encode.image(slot)))) as picture:
        assert picture.mode == "RGBA"
        assert np.array_equal(np.asarray(picture), in_rgba(slot))


@pytest.mark.parametrize("order", Order)
def test_an_opaque_picture_has_no_alpha_whatever_its_bytes_say(order):
    slot = slot_of(order, Alpha.OPAQUE)
    with Image.open(BytesIO(encode.png(encode.image(slot)))) as picture:
        assert picture.mode == "RGB"
        assert np.array_equal(np.asarray(picture), in_rgba(slot)[..., :3])


@pytest.mark.parametrize("order", Order)
def test_a_jpeg_shows_what_is_transparent_over_black(order):
    slot = slot_of(order, Alpha.STRAIGHT)
    slot.pixels[:] = (255, 255, 255, 0)
    slot.pixels[:, 12:, 3] = 128
    with Image.open(BytesIO(encode.jpeg(encode.image(slot), 95))) as picture:
        assert picture.mode == "RGB"
        shown = np.asarray(picture)[4].astype(int)
    assert shown[:8].max() < 8
    assert np.abs(shown[16:] - 128).max() < 8
