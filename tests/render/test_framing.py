# ruff: noqa: N806 - G is what the paper and its users call a generator
"""How a picture becomes a frame: its place, its alpha, its order; in host memory and where a device would do it."""

from functools import cache

import numpy as np
import pytest
import torch
from goldens import HERE
from hypothesis import example, given, settings
from hypothesis import strategies as st

import stylegan3
from daemon.flow import Alpha, Fit, Framing, Latents, Order
from daemon.render.framing import framed
from daemon.render.generator import GeneratorRenderer
from daemon.render.host import HostFrames, _scale, needed
from daemon.render.launch import GeneratorLauncher, Transform
from daemon.render.placing import LumaKey, placed
from daemon.render.swatch import SwatchRenderer
from stylegan3.inference import to_rgba
from stylegan3.noise import Noise

SIDES = st.integers(16, 4096)
SMALL = st.integers(16, 90)
FITS = st.sampled_from(list(Fit))
LUMA = Framing(transparency="luma", key=(0.1, 0.6))
OWN = 32  # px: side of the pictures here
SHOWN = Latents(np.zeros((1, 1), np.float32))


class Still:
    """A network and a painter that paints one picture, whatever it is asked for."""

    img_resolution = OWN

    def __init__(self, image):
        self._image = torch.from_numpy(image)
        self.img_channels = len(image)

    def image(self, ws, noise):
        return self._image.clone()

    def paint(self, ws, pixels, noise):
        assert pixels.flags.c_contiguous
        to_rgba(self._image.clone(), pixels)


def noise_picture(channels=3, seed=0):
    return np.random.default_rng(seed).uniform(-1.3, 1.3, (channels, OWN, OWN)).astype(np.float32)


def on_host(image, framing, latents=SHOWN):
    painter, form = Still(image), framing.format(OWN)
    frame = np.full((form.height, form.width, 4), 77, np.uint8)
    HostFrames(painter, painter, Transform(torch.nn.Module()), None, framing).render(latents, frame)
    return frame


def on_device(image, framing, latents=SHOWN):
    form = framing.format(OWN)
    canvas = torch.full((form.height, form.width, 4), 77, dtype=torch.uint8)
    GeneratorLauncher(Still(image), OWN, Transform(torch.nn.Module()), None, Noise("none"), framing).launch(
        latents, canvas
    )
    return canvas.numpy()


def framing(width, height, fit=Fit.LETTERBOX, **more):
    return Framing((width, height), fit, **more)


@given(SIDES, SIDES)
def test_a_letterbox_shows_the_whole_picture_as_large_as_it_can(width, height):
    place = placed(Fit.LETTERBOX, width, height)
    assert place.height == place.width == min(width, height)
    assert place.shown == (slice(0, place.height), slice(0, place.width))
    bars = [width - place.width, height - place.height]
    assert 0 in bars
    assert len(place.beside) == sum(bars[i] > 0 for i in (0, 1)) + sum(bars[i] > 1 for i in (0, 1))


@given(SIDES, SIDES)
def test_a_cover_leaves_nothing_beside_it_and_cuts_as_little_as_it_can(width, height):
    place = placed(Fit.COVER, width, height)
    assert place.height == place.width == max(width, height)
    assert place.at == (slice(0, height), slice(0, width))
    assert place.beside == ()


@given(SIDES, SIDES)
def test_a_stretched_picture_is_the_frame(width, height):
    place = placed(Fit.STRETCH, width, height)
    assert place.whole
    assert (place.height, place.width) == (height, width)


@given(FITS, SIDES, SIDES)
def test_the_middle_of_the_picture_is_in_the_middle_of_the_frame(fit, width, height):
    place = placed(fit, width, height)
    for scaled, room, shown, at in zip(
        (place.height, place.width), (height, width), place.shown, place.at, strict=True
    ):
        middle = at.start + (scaled / 2 - shown.start)  # of the picture, in the frame
        assert abs(middle - room / 2) <= 0.5
        assert shown.stop - shown.start == at.stop - at.start
        assert 0 <= shown.start < shown.stop <= scaled
        assert 0 <= at.start < at.stop <= room


@given(FITS, SIDES, SIDES)
def test_the_picture_and_what_is_beside_it_are_the_frame_and_do_not_overlap(fit, width, height):
    place = placed(fit, width, height)
    parts = [place.at, *place.beside]
    sizes = [
        [len(range(*part.indices(n))) for part, n in zip(parted, (height, width), strict=True)] for parted in parts
    ]
    assert sum(h * w for h, w in sizes) == height * width
    if height * width <= 100_000:
        count = np.zeros((height, width), int)
        for part in parts:
            count[part] += 1
        assert (count == 1).all()


@given(
    FITS, SMALL, SMALL, st.sampled_from(["opaque", "luma", "own"]), st.sampled_from([1, 3, 4]), st.sampled_from(Order)
)
@settings(max_examples=60, deadline=None)
def test_a_device_paints_the_frame_that_the_cpu_paints(fit, width, height, transparency, channels, order):
    how = framing(width, height, fit, transparency=transparency, key=(0.1, 0.6), order=order)
    image = noise_picture(channels)
    a, b = on_host(image, how), on_device(image, how)
    assert np.abs(a[..., :3].astype(int) - b[..., :3]).max() <= 2  # a level off along the rows, and one along columns
    assert np.abs(a[..., :3].astype(int) - b[..., :3]).mean() < 0.05
    if transparency != "luma":
        assert np.abs(a[..., 3].astype(int) - b[..., 3]).max() <= 1
    else:  # each is its own picture's
        for frame in (a, b):
            want = frame.copy()
            LumaKey(how).apply(want)
            assert np.array_equal(frame, want)
    black = [painted(image, how, Latents(None)) for painted in (on_host, on_device)]
    assert np.array_equal(*black)
    assert not black[0][..., :3].any()
    assert (black[0][..., 3] == (255 if transparency == "opaque" else 0)).all()


@given(FITS, SMALL, SMALL, st.sampled_from([3, 4]))
@settings(max_examples=40, deadline=None)
def test_an_opaque_frame_is_so_everywhere_and_black_beside_the_picture(fit, width, height, channels):
    how = framing(width, height, fit)
    for painted in (on_host, on_device):
        frame = painted(np.full((channels, OWN, OWN), 0.9, np.float32), how)
        assert (frame[..., 3] == 255).all()
        place = placed(fit, width, height)
        assert all(not frame[part][..., :3].any() for part in place.beside)
        assert (frame[place.at][..., :3] > 200).all()


@pytest.mark.parametrize("painted", [on_host, on_device])
def test_pictures_are_neither_turned_nor_moved_when_they_are_scaled(painted):
    image = np.full((3, OWN, OWN), -1, np.float32)
    image[0, :8, :8] = image[1, :8, -8:] = image[2, -8:, :8] = 1  # red top left, green top right, blue bottom left
    frame = painted(image, framing(320, 200, Fit.LETTERBOX))
    corners = [frame[20, 60 + 20], frame[20, 259 - 20], frame[179, 60 + 20], frame[179, 259 - 20]]
    assert [list(corner) for corner in corners] == [
        [255, 0, 0, 255], [0, 255, 0, 255], [0, 0, 255, 255], [0, 0, 0, 255],
    ]  # fmt: skip
    assert not frame[:, :60, :3].any()
    assert not frame[:, 260:, :3].any()
    edge = frame[100, :, :3].copy()
    assert not edge.any()
    image[:] = np.linspace(-1, 1, OWN)[:, None]  # darker on top
    rows = painted(image, framing(64, 300, Fit.STRETCH))[..., 1].astype(int)
    assert (np.diff(rows[:, 32]) >= 0).all()
    assert abs(rows[:, 32].mean() - 127.5) < 1


def test_the_kernel_is_keys_own_which_keeps_every_slope():
    ramp = np.broadcast_to(np.linspace(-0.9, 0.9, OWN, dtype=np.float32), (3, OWN, OWN)).copy()
    frame = on_host(ramp, framing(4 * OWN, 4 * OWN, Fit.STRETCH))[64, 12:-12, 0].astype(float)
    want = np.interp((np.arange(4 * OWN) + 0.5) / 4 - 0.5, np.arange(OWN), (ramp[0, 0] + 1) * 127.5)[12:-12]
    assert np.abs(frame - want).max() <= 1


def test_where_the_size_is_the_pictures_own_nothing_is_scaled():
    image = noise_picture()
    want = np.zeros((OWN, OWN, 4), np.uint8)
    to_rgba(torch.from_numpy(image.copy()), want)
    for fit in Fit:
        assert np.array_equal(on_host(image, Framing(fit=fit)), want)
        assert np.array_equal(on_host(image, framing(OWN, OWN, fit)), want)
        assert np.array_equal(on_device(image, framing(OWN, OWN, fit)), want)
    wide = on_host(image, framing(OWN + 9, OWN))
    assert np.array_equal(wide[:, 4 : 4 + OWN], want)
    assert np.array_equal(on_host(image, framing(OWN - 7, OWN, Fit.COVER)), want[:, 3 : OWN - 4])


@example(32, 320, 100)
@example(96, 32, 11)
@given(st.integers(8, 300), st.integers(8, 2000), st.integers(8, 2000))
@settings(max_examples=100, deadline=None)
def test_what_will_not_be_seen_is_not_scaled_and_what_is_seen_stays_the_same_to_the_bit(own, scaled, room):
    start = max(scaled - room, 0) // 2
    shown = slice(start, start + min(scaled, room))
    part = needed(own, scaled, shown)
    assert (part.source.stop - part.source.start) * scaled == part.length * own
    picture = np.random.default_rng(own).integers(0, 256, (own, 4, 4), np.uint8)
    whole, some = np.zeros((scaled, 4, 4), np.uint8), np.zeros((part.length, 4, 4), np.uint8)
    _scale(picture, whole)
    _scale(picture[part.source], some)
    assert np.array_equal(some[part.seen], whole[shown])


def test_half_of_a_256_model_is_scaled_for_a_wide_screen():
    part = needed(256, 1920, placed(Fit.COVER, 1920, 1080).shown[0])
    assert part.length < 1150


# -- alpha


@given(st.floats(0, 0.99), st.floats(0.001, 1), st.sampled_from(Order))
def test_alpha_by_luma_rises_with_it_from_nothing_to_all_and_leaves_colours_be(low, wide, order):
    how = Framing(order=order, transparency="luma", key=(low, min(low + wide, 1.0)))
    rng = np.random.default_rng(1)
    pixels = rng.integers(0, 256, (40, 50, 4), np.uint8)
    pixels[0, :, :3] = np.arange(50)[:, None] * 5  # greys
    pixels[1, 0, :3], pixels[1, 1, :3] = 0, 255
    before = pixels.copy()
    LumaKey(how).apply(pixels)
    assert np.array_equal(pixels[..., :3], before[..., :3])
    rgb = pixels[..., :3] if order is Order.RGBA else pixels[..., 2::-1]
    luma = rgb @ np.array([0.2126, 0.7152, 0.0722]) / 255
    low, high = how.key
    t = np.clip((luma - low) / (high - low), 0, 1)
    near = 0.003  # weights are of 256
    assert (np.diff(pixels[..., 3].ravel()[np.argsort(luma.ravel(), kind="stable")].astype(int)) >= -1).mean() > 0.9
    assert not pixels[..., 3][luma < low - near].any()
    assert (pixels[..., 3][luma > high + near] == 255).all()
    slope = 255 * 1.5 / (high - low) * near  # the steepest
    assert (np.abs(pixels[..., 3] - 255 * t * t * (3 - 2 * t)) <= slope + 1).all()
    assert (np.diff(pixels[0, :, 3].astype(int)) >= 0).all()
    assert pixels[1, 0, 3] == 0
    assert pixels[1, 1, 3] == 255


def test_red_and_blue_weigh_what_they_do_in_either_order():
    for order, colours in ((Order.RGBA, np.eye(3)), (Order.BGRA, np.eye(3)[::-1])):
        pixels = np.zeros((1, 3, 4), np.uint8)
        pixels[0, :, :3] = 255 * colours
        LumaKey(Framing(order=order, transparency="luma", key=(0.0, 1.0))).apply(pixels)
        red, green, blue = pixels[0, :, 3].astype(float)
        assert blue < red < green
        want = [255 * t * t * (3 - 2 * t) for t in (0.2126, 0.7152, 0.0722)]
        assert np.allclose([red, green, blue], want, atol=1.5)


def test_beside_a_picture_with_alpha_there_is_nothing_to_see():
    for transparency in ("luma", "own"):
        for painted in (on_host, on_device):
            how = framing(100, 40, transparency=transparency)
            frame = painted(np.full((3, OWN, OWN), 0.9, np.float32), how)
            assert not frame[:, :30].any()
            assert not frame[:, 70:].any()
            assert (frame[:, 30:70, 3] == 255).all()
    assert how.format(OWN).alpha is Alpha.STRAIGHT
    assert Framing().format(OWN).alpha is Alpha.OPAQUE


@pytest.mark.parametrize("painted", [on_host, on_device])
def test_a_networks_own_alpha_is_handed_on_and_what_is_not_seen_lends_no_colour(painted):
    image = np.zeros((4, OWN, OWN), np.float32)  # grey and opaque on the right, red and transparent on the left
    image[:, :, : OWN // 2] = np.array([1, -1, -1, -1])[:, None, None]
    image[3, :, OWN // 2 :] = 1
    frame = painted(image, framing(200, 100, Fit.STRETCH, transparency="own"))
    assert (frame[:, 0, 3] == 0).all()
    assert (frame[:, -1, 3] == 255).all()
    seen = frame[frame[..., 3] > 16][:, :3].astype(int)
    assert (np.abs(seen - 128) <= 2).all()
    over_black = painted(image, framing(200, 100, Fit.STRETCH))
    assert (over_black[..., 3] == 255).all()
    own_size = painted(image, Framing(transparency="own"))
    assert np.array_equal(own_size[..., 3], np.where(image[3] > 0, 255, 0))


# -- whole renderers


@cache
def network(name, how):
    return GeneratorRenderer(HERE / f"{name}.pkl", "cpu", how)


def render(renderer, how, seed=0):
    form = how.format(renderer.facts.resolution)
    z = np.random.default_rng(seed).standard_normal((1, renderer.facts.z_dim)).astype(np.float32)
    pixels = np.full((form.height, form.width, 4), 77, np.uint8)
    renderer.render(Latents(renderer.to_w(z, 0.7)[0]), pixels)
    return pixels


@pytest.mark.parametrize("name", ["sg3t_64", "sg2_64_skip"])
@pytest.mark.parametrize("size", [None, (90, 50)])
def test_a_renderer_paints_blue_first_where_sinks_take_it_so(name, size):
    rgba = Framing(size, transparency="luma")
    bgra = Framing(size, order=Order.BGRA, transparency="luma")
    a, b = render(network(name, rgba), rgba), render(network(name, bgra), bgra)
    assert np.array_equal(a[..., [2, 1, 0, 3]], b)
    assert a[..., :3].std() > 10


@given(FITS, SMALL, SMALL, st.sampled_from(["opaque", "luma"]))
@settings(max_examples=40, deadline=None)
def test_swatch_draws_frames_of_any_size(fit, width, height, transparency):
    a, b = (framing(width, height, fit, transparency=transparency, order=order) for order in Order)
    frame = render(SwatchRenderer(64, framing=a), a)
    assert np.array_equal(frame[..., [2, 1, 0, 3]], render(SwatchRenderer(64, framing=b), b))
    place, side = placed(fit, width, height), placed(fit, width, height).width
    for part in place.beside:
        assert not frame[part][..., :3].any()
        assert (frame[part][..., 3] == (255 if transparency == "opaque" else 0)).all()
    if transparency == "opaque" and fit is not Fit.STRETCH:
        alone = Framing((side, side))
        assert np.array_equal(frame[place.at], render(SwatchRenderer(64, framing=alone), alone)[place.shown])


def test_a_frame_is_painted_whole_whatever_its_memory_held():
    for fit in Fit:
        for transparency in ("opaque", "luma", "own"):
            how = framing(70, 41, fit, transparency=transparency)
            for channels in (3, 4):
                canvas = [torch.full((41, 70, 4), fill, dtype=torch.uint8) for fill in (0, 255)]
                for each in canvas:
                    framed(torch.from_numpy(noise_picture(channels)), each, how)
                assert torch.equal(*canvas)


def test_loading_for_another_order_leaves_networks_that_others_load_alone():
    network("sg3t_64", Framing(order=Order.BGRA))
    G, again = stylegan3.load(HERE / "sg3t_64.pkl"), stylegan3.load(HERE / "sg3t_64.pkl")
    ws = torch.zeros(1, G.num_ws, G.w_dim)
    assert torch.equal(G.synthesis(ws), again.synthesis(ws))
    renderer, frame = network("sg3t_64", Framing()), np.zeros((64, 64, 4), np.uint8)
    renderer.render(Latents(ws[0].numpy()), frame)
    want = np.zeros_like(frame)
    with torch.inference_mode():
        to_rgba(G.synthesis(ws)[0], want)
    assert np.abs(frame.astype(int) - want).max() <= 1
