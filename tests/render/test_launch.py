# ruff: noqa: N806 - G is what the paper and its users call a generator
"""What is begun on a canvas is what is written into pixels: held on the CPU, whose tensors are the same to PyTorch."""

from functools import cache

import numpy as np
import pytest
import torch
from goldens import HERE

import stylegan3
from daemon.device import HostPage
from daemon.flow import Framing, Latents
from daemon.render.framing import resized
from daemon.render.generator import GeneratorRenderer
from daemon.render.launch import Asynchronous, GeneratorLauncher, Transform, Waiting
from stylegan3.gpu.banded import BandedFilters
from stylegan3.gpu.graph import run_eagerly
from stylegan3.gpu.painter import GpuPainter
from stylegan3.inference import TorchPainter
from stylegan3.noise import Noise

PLAIN = Framing()
MOVING = Noise("random", torch.Generator().manual_seed(0))


@cache
def network(name):
    return stylegan3.load(HERE / f"{name}.pkl")


@cache
def renderer(name, size):
    return GeneratorRenderer(HERE / f"{name}.pkl", "cpu", Framing(None if size is None else (size, size)))


def launcher(name, painter=None, framing=PLAIN):
    G, painter = network(name), painter or TorchPainter(network(name), torch.device("cpu"))
    return GeneratorLauncher(painter, G.img_resolution, Transform(G.synthesis), None, MOVING, framing)


def ws(name, seed=0):
    G = network(name)
    z = np.random.default_rng(seed).standard_normal((1, G.z_dim)).astype(np.float32)
    return renderer(name, None).to_w(z, 1.0)[0]


def launched(which, latents, side):
    canvas = torch.full((side, side, 4), 77, dtype=torch.uint8)
    which.launch(latents, canvas)
    return canvas.numpy().astype(int)


@pytest.mark.parametrize("name", ["sg3t_64", "sg2_64_skip"])
@pytest.mark.parametrize("side", [64, 48, 96])
def test_a_canvas_gets_the_picture_that_pixels_get(name, side):
    turn = np.array([[0, -1, 0.1], [1, 0, 0], [0, 0, 1]], np.float32)
    for latents in (Latents(ws(name), np.eye(3, dtype=np.float32)), Latents(ws(name, 1), turn, "off")):
        want = np.zeros((side, side, 4), np.uint8)
        renderer(name, None if side == 64 else side).render(latents, want)
        assert np.abs(launched(launcher(name), latents, side) - want).max() <= (1 if side == 64 else 2)


def test_no_latents_are_black():
    black = launched(launcher("sg3t_64"), Latents(None), 16)
    assert (black[..., :3] == 0).all()
    assert (black[..., 3] == 255).all()


def test_alpha_of_the_picture_is_laid_over_black():
    class Grey:
        def image(self, ws, noise):
            return torch.full((4, 2, 2), 1.0) * torch.tensor([1.0, 1.0, 1.0, 0.0])[:, None, None]

    canvas = launched(launcher("sg3t_64", Grey()), Latents(ws("sg3t_64")), 2)
    assert (canvas == [128, 128, 128, 255]).all()


class Begins:
    """A painter that begins pictures, and says how it was asked."""

    def __init__(self):
        self.asked = []

    def paint_into(self, ws, out):
        self.asked.append("begun")
        out.fill_(9)

    def image(self, ws, noise):
        self.asked.append(noise.mode)
        return torch.zeros(3, 64, 64)


def test_a_painter_that_begins_pictures_is_asked_to_where_size_and_noise_allow():
    painter = Begins()
    begins = launcher("sg3t_64", painter)
    assert (launched(begins, Latents(ws("sg3t_64")), 64) == 9).all()
    launched(begins, Latents(ws("sg3t_64")), 32)
    launched(begins, Latents(ws("sg3t_64"), noise="moving"), 64)  # which StyleGAN3 has none of
    assert painter.asked == ["begun", "const", "begun"]
    through = Begins()  # what it begins is opaque
    launched(launcher("sg3t_64", through, Framing(transparency="own")), Latents(ws("sg3t_64")), 64)
    assert through.asked == ["const"]
    painter = Begins()
    noisy = launcher("sg2_64_skip", painter)
    for noise in ("fixed", "off", "moving"):
        launched(noisy, Latents(ws("sg2_64_skip"), noise=noise), 64)
    assert painter.asked == ["begun", "none", "random"]


@pytest.mark.parametrize("side", [64, 40])
def test_the_gpus_own_painter_paints_canvases_that_move(side):
    here = torch.device("cpu")
    painter = GpuPainter(network("sg3t_64"), BandedFilters(), run_eagerly, engine="x", dtype=torch.float32, device=here)
    assert isinstance(painter, Asynchronous)
    begins = launcher("sg3t_64", painter)
    for turn in (np.eye(3), [[0, -1, 0.1], [1, 0, 0], [0, 0, 1]]):
        latents, want = Latents(ws("sg3t_64", 4), np.array(turn, np.float32)), np.zeros((side, side, 4), np.uint8)
        renderer("sg3t_64", None if side == 64 else side).render(latents, want)
        assert np.abs(launched(begins, latents, side) - want).max() <= (1 if side == 64 else 2)


def test_the_transform_is_the_networks_wherever_that_has_moved():
    G = stylegan3.load(HERE / "sg3t_64.pkl")
    transform = Transform(G.synthesis)
    transform.set(Latents(ws("sg3t_64"), 3 * np.eye(3, dtype=np.float32)))
    G.synthesis.input.transform = torch.eye(3, dtype=torch.float64)  # as moving to a GPU does: another tensor
    transform.set(Latents(ws("sg3t_64"), 2 * np.eye(3, dtype=np.float32)))
    assert torch.equal(G.synthesis.input.transform, 2 * torch.eye(3, dtype=torch.float64))
    assert not Transform(network("sg2_64_skip").synthesis)


def test_a_picture_made_smaller_shows_no_pattern_that_it_has_not():
    rows = torch.arange(60)
    for thick in (1, 2):  # too fine for half the size, and for a third
        stripes = ((rows // thick) % 2 * 2.0 - 1.0).expand(3, 60, 60)
        for side in (30, 20) if thick == 1 else (20,):
            assert resized(stripes, side, side)[:, 4:-4, 4:-4].abs().max() < 0.3
    wave = torch.sin(rows * (2 * torch.pi / 20)).expand(3, 60, 60)
    want = torch.sin((2 * rows[:30] + 0.5) * (2 * torch.pi / 20))
    assert (resized(wave, 30, 30) - want).abs()[:, :, 4:-4].max() < 0.05
    assert resized(wave, 60, 60) is wave


def test_on_a_cpu_nothing_is_begun_that_is_not_waited_for():
    assert renderer("sg3t_64", None).launcher is None


def test_waiting_gives_the_pixels_of_the_page():
    class Now(HostPage):
        """A device that is done at once."""

        def __init__(self, height, width):
            super().__init__(height, width)
            self.canvas, self.steps = torch.zeros(height, width, 4, dtype=torch.uint8), []

        def painting(self):
            self.steps.append("painting")
            return torch.inference_mode()

        def fetch(self):
            self.steps.append("fetch")

        def wait(self):
            self.steps.append("wait")
            self.pixels[:] = self.canvas.numpy()

    class AtOnce:
        def page(self, height, width):
            self.made = Now(height, width)
            return self.made

    device, pixels = AtOnce(), np.zeros((8, 8, 4), np.uint8)
    Waiting(launcher("sg3t_64"), 8, 8, device).render(Latents(None), pixels)
    assert (pixels == [0, 0, 0, 255]).all()
    assert device.made.steps == ["painting", "fetch", "wait"]
