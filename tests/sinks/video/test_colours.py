"""What is decoded is what was drawn: colours, order, orientation and size, by the test card."""

import av
import numpy as np
import pytest

from daemon.flow import FrameFormat, Order
from daemon.render.card import Card, draw, read
from daemon.sinks.video import VideoSink
from daemon.sinks.video.place import partial_of
from daemon.slots import SlotRing

SUFFIXES = (".mp4", ".mov", ".mkv")
BT709, LIMITED = 1, 1  # ITU-T H.273, and FFmpeg's number of the range


def shot(path, format, paint, frames=3, offline=True):
    """A film of what `paint(number, pixels)` paints, decoded."""
    sink, slot = VideoSink(path, 30.0, offline=offline), SlotRing(1, format).acquire()
    sink.open(format)
    for n in range(frames):
        paint(n, slot.pixels)
        slot.rendered = n / 30
        sink.publish(slot)
    sink.close()
    with av.open(str(partial_of(path) if offline else path)) as film:
        return list(film.decode(video=0))


def told(frame):
    """RGB by the matrix and range that the film says of itself, of which alone a player knows."""
    assert (frame.colorspace, frame.color_range) == (BT709, LIMITED)
    assert (frame.color_primaries, frame.color_trc) == (BT709, BT709)
    return frame.to_ndarray(format="rgb24", src_colorspace=frame.colorspace, src_color_range=frame.color_range)


@pytest.mark.parametrize("offline", [True, False])
@pytest.mark.parametrize(("suffix", "order"), [(".mp4", Order.RGBA), (".mov", Order.BGRA), (".mkv", Order.BGRA)])
def test_the_card_comes_back_as_it_was_drawn(tmp_path, suffix, order, offline):
    form = FrameFormat(256, 192, order)
    frames = shot(tmp_path / f"x{suffix}", form, Card(256, 192, order).paint, 5, offline)
    for n, frame in enumerate(frames):
        reading = read(told(frame))
        assert (reading.count, reading.faults) == (n, ())
        assert reading.error < 4


def test_flat_colours_are_right_to_four_levels(tmp_path):
    levels = (0, 1, 16, 64, 128, 192, 235, 254, 255)
    colours = [(r, g, b) for r in levels for g in (0, 96, 255) for b in levels[::2]]
    grid = np.zeros((9 * 16, 15 * 16, 4), np.uint8)
    for k, colour in enumerate(colours):
        y, x = 16 * (k // 15), 16 * (k % 15)
        grid[y : y + 16, x : x + 16] = (*colour, 255)
    form = FrameFormat(grid.shape[1], grid.shape[0])
    (frame,) = shot(tmp_path / "x.mp4", form, lambda _, pixels: np.copyto(pixels, grid), 1)
    seen = told(frame)[8::16, 8::16].reshape(-1, 3)[: len(colours)].astype(int)
    assert np.abs(seen - np.array(colours)).max() <= 4
    luma = frame.to_ndarray(format="yuv420p")[: grid.shape[0]]
    assert (luma.min(), luma.max()) == (16, 235)


@pytest.mark.parametrize(("width", "height"), [(129, 97), (128, 97), (129, 96)])
def test_a_picture_of_odd_size_has_its_last_row_and_column_twice(tmp_path, width, height):
    form = FrameFormat(width, height)
    (frame,) = shot(tmp_path / "x.mp4", form, Card(width, height).paint, 1)
    assert (frame.width, frame.height) == (width + width % 2, height + height % 2)
    seen = told(frame)
    assert read(seen[:height, :width]).faults == ()
    border = draw(width, height, 0)[..., :3].astype(int)
    assert np.abs(seen[height:].astype(int) - border[-1].mean(axis=0)).max(initial=0) < 80
    assert np.abs(seen[:, width:].astype(int) - border[:, -1].mean(axis=0)).max(initial=0) < 80


def test_alpha_is_kept_in_a_mov(tmp_path):
    form = FrameFormat(128, 96, Order.BGRA, alpha="straight")
    card = draw(128, 96, 7, Order.BGRA)
    card[..., 3] = np.linspace(0, 255, 128).astype(np.uint8)
    (frame,) = shot(tmp_path / "x.mov", form, lambda _, pixels: np.copyto(pixels, card), 1)
    assert frame.format.name.startswith("yuva444p")
    assert read(told(frame)).fine
    alpha = frame.to_ndarray(format="rgba")[..., 3]
    assert np.abs(alpha.astype(int) - card[..., 3]).max() <= 2
