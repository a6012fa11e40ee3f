"""The test card: drawn at any size, and read back whatever was done to it."""

from io import BytesIO

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from daemon.flow import Framing, Latents, Order
from daemon.render.card import Card, CardRenderer, draw, read
from daemon.render.card.layout import CELLS, COUNTS, Layout, cells, counted

SIZES = [(256, 256), (320, 180), (180, 320), (333, 217), (128, 128)]
SIDES = st.integers(40, 400)


def test_a_counter_is_read_as_it_was_written_and_nothing_else_is():
    for count in (0, 1, 2, 777, 21_845, 65_535, 65_536, 1_000_003):
        lit = cells(count)
        assert len(lit) == CELLS
        assert counted(lit) == count % COUNTS
        for i in range(CELLS):
            wrong = (*lit[:i], not lit[i], *lit[i + 1 :])
            assert counted(wrong) is None


@given(SIDES, SIDES, st.integers(0, 70_000), st.sampled_from(Order))
@settings(max_examples=30, deadline=None)
def test_a_card_of_any_size_and_order_is_read_to_the_bit(width, height, count, order):
    card = draw(width, height, count, order)
    assert card.shape == (height, width, 4)
    assert (card[..., 3] == 255).all()
    reading = read(card, order)
    assert reading.fine, reading
    assert (reading.count, reading.error) == (count % COUNTS, 0.0)
    assert read(card[..., :3], order) == reading


@pytest.mark.parametrize("size", [(16, 16), (4096, 16), (16, 300), (4096, 40)])
def test_the_smallest_and_the_largest_are_drawn(size):
    width, height = size
    card = draw(width, height, 9)
    reading = read(card)
    if min(size) < 40:
        assert reading.count is None
        assert "too small to be read: 40 x 40 at least" in reading.faults[0]
        corners = card[3, 3], card[3, -4], card[-4, 3], card[-4, -4]
        assert [list(corner[:3]) for corner in corners] == [[255, 0, 0], [0, 255, 0], [0, 0, 255], [255, 255, 255]]
    else:
        assert reading.fine


TURNED = {
    "mirrored": lambda card: card[:, ::-1],
    "upside down": lambda card: card[::-1],
    "turned by 180 degrees": lambda card: card[::-1, ::-1],
    "turned by 90 degrees": lambda card: np.rot90(card, -1),
    "turned by 270 degrees": np.rot90,
    "mirrored and turned by 90 degrees": lambda card: card.transpose(1, 0, 2),
    "mirrored and turned by 270 degrees": lambda card: card[::-1, ::-1].transpose(1, 0, 2),
    "red and blue are swapped": lambda card: card[..., [2, 1, 0, 3]],
}


@pytest.mark.parametrize("word", TURNED)
@pytest.mark.parametrize("size", SIZES)
def test_a_card_that_was_turned_or_swapped_is_refused_with_the_word_for_it(word, size):
    reading = read(TURNED[word](draw(*size, 777)))
    assert reading.faults == (word,)
    assert reading.count == 777


def test_two_faults_are_both_told():
    assert read(draw(200, 100, 3)[:, ::-1, [2, 1, 0, 3]]).faults == ("mirrored", "red and blue are swapped")


@given(SIDES.filter(lambda side: side > 63), SIDES.filter(lambda side: side > 63), st.integers(0, 3))
@settings(max_examples=30, deadline=None)
def test_one_line_cut_off_is_seen_and_named(width, height, side):
    card = draw(width, height, 5)
    cut = (card[1:], card[:-1], card[:, 1:], card[:, :-1])[side]
    (fault, *_) = read(cut).faults
    assert fault == f"cropped, or scaled: the border is missing {('above', 'below', 'left', 'right')[side]}"


def test_a_card_that_was_enlarged_over_its_edges_has_lost_its_border():
    card = Image.fromarray(draw(256, 256, 5)[6:-6, 6:-6]).resize((256, 256), Image.Resampling.BICUBIC)
    faults = read(np.asarray(card)).faults
    assert faults[0] == "cropped, or scaled: the border is missing above, below, left and right"


def test_a_card_in_a_letterbox_is_no_card_of_that_size():
    frame = np.zeros((256, 400, 4), np.uint8)
    frame[:, 72:328] = draw(256, 256, 5)
    assert not read(frame).fine


@pytest.mark.parametrize("size", SIZES)
def test_two_halves_of_two_cards_are_torn(size):
    card, later = draw(*size, 40), draw(*size, 41)
    card[size[1] // 2 :] = later[size[1] // 2 :]
    assert read(card).faults == ("torn: the counter says 40 at the top and 41 at the bottom",)


def test_a_strip_of_another_frame_in_the_middle_is_seen():
    card, later = draw(320, 180, 40), draw(320, 180, 70)
    card[60:110] = later[60:110]
    (fault,) = read(card).faults
    assert fault.startswith("not as it was drawn around x ")


@pytest.mark.parametrize("size", SIZES)
def test_letters_in_another_place_are_seen(size):
    card = draw(*size, 40)
    box = Layout(*size).letter
    card[box.area] = card[box.area][:, ::-1]
    (fault,) = read(card).faults
    assert fault.startswith("not as it was drawn around x ")


def test_video_levels_taken_for_full_ones_are_said():
    card = draw(256, 256, 40)
    card[..., :3] = 16 + card[..., :3] * (219 / 255)
    assert read(card).faults == ("washed out: black is shown as 16, white as 235",)


@pytest.mark.parametrize("colour", [0, 128, 255])
def test_what_is_no_card_is_said_to_be_none(colour):
    reading = read(np.full((90, 160, 4), colour, np.uint8))
    assert reading.count is None
    assert reading.faults[0].startswith("no card: its corners are ")
    noise = np.random.default_rng(0).integers(0, 256, (90, 160, 4), np.uint8)
    assert read(noise).count is None


@pytest.mark.parametrize("size", [*SIZES, (160, 90), (640, 360)])
@pytest.mark.parametrize("quality", [40, 75, 92])
def test_a_card_that_went_through_a_jpeg_is_still_read(size, quality):
    out = BytesIO()
    Image.fromarray(draw(*size, 54_321)[..., :3]).save(out, "JPEG", quality=quality)
    reading = read(np.asarray(Image.open(out)))
    assert reading.fine, reading
    assert reading.count == 54_321
    assert 0 < reading.error < 15


def test_every_part_that_moves_moves_and_the_rest_stands_still():
    first, second = draw(320, 180, 30), draw(320, 180, 31)
    moved = (first != second).any(axis=2)
    layout = Layout(320, 180)
    for box in (*layout.counters, layout.dial):
        assert moved[box.area].any()
        moved[box.area] = False
    assert not moved.any()


def test_painting_into_memory_that_held_something_leaves_nothing_of_it():
    card, pixels = Card(64, 48, Order.BGRA), np.full((48, 64, 4), 77, np.uint8)
    for count in (5, 6):
        card.paint(count, pixels)
        assert np.array_equal(pixels, draw(64, 48, count, Order.BGRA))


def test_the_model_counts_its_frames_and_black_is_one():
    renderer, pixels = CardRenderer(Framing((96, 64), order=Order.BGRA)), np.zeros((64, 96, 4), np.uint8)
    ws = renderer.to_w(np.zeros((1, renderer.facts.z_dim), np.float32), 1.0)[0]
    for count in range(3):
        renderer.render(Latents(ws), pixels)
        assert read(pixels, Order.BGRA).count == count
    renderer.render(Latents(None), pixels)
    assert (pixels == [0, 0, 0, 255]).all()
    renderer.render(Latents(ws), pixels)
    assert read(pixels, Order.BGRA).count == 4
    assert renderer.facts.name == "card"


def test_the_cards_luma_is_its_alpha_where_that_is_asked_for():
    how = Framing((96, 64), transparency="luma", key=(0.2, 0.9))
    renderer, pixels = CardRenderer(how), np.zeros((64, 96, 4), np.uint8)
    renderer.render(Latents(np.zeros((4, 16), np.float32)), pixels)
    assert np.array_equal(pixels[..., :3], draw(96, 64, 0)[..., :3])
    assert pixels[0, 5, 3] == 255
    assert pixels[1, 5, 3] == 0
