# ruff: noqa: N803, N806 - G is what the paper and its users call a generator
"""Blue before red: the same numbers in another order, whatever paints them."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from goldens import NAMES, path

import stylegan3
from stylegan3 import Generator
from stylegan3.config import StyleGAN3Config
from stylegan3.gpu.banded import BandedFilters
from stylegan3.gpu.graph import run_eagerly
from stylegan3.gpu.painter import GpuPainter
from stylegan3.inference import ways
from stylegan3.order import swap_red_and_blue
from stylegan3.stylegan2 import StyleGAN2Config


def ws_of(G):
    z = torch.from_numpy(np.random.default_rng(0).standard_normal((1, G.z_dim)).astype(np.float32))
    with torch.inference_mode():
        return G.mapping(z, torch.eye(max(G.c_dim, 1))[:1, : G.c_dim])[0].numpy()


def painted(G, ws):
    """By the first way that paints it here, by PyTorch, and by the GPU's own on the CPU: bytes and numbers of each."""
    for painter in (*(way.build(1) for way in (ways(G)[0], ways(G)[-1])), *on_gpu(G)):
        pixels = np.full((G.img_resolution, G.img_resolution, 4), 77, np.uint8)
        painter.paint(ws, pixels)
        yield pixels, painter.image(ws).numpy().copy()


def on_gpu(G):
    if G.name == "sg3t_64":
        here = torch.device("cpu")
        yield GpuPainter(G, BandedFilters(), run_eagerly, engine="x", dtype=torch.float32, device=here)


@pytest.mark.parametrize("name", [name for name in NAMES if name != "sg3t_256"])
def test_every_golden_network_paints_blue_first_to_the_bit(name):
    plain, swapped = stylegan3.load(path(name)), stylegan3.load(path(name))
    swap_red_and_blue(swapped)
    ws = ws_of(plain)
    for (want, numbers), (pixels, others) in zip(painted(plain, ws), painted(swapped, ws), strict=True):
        assert np.array_equal(pixels, want[..., [2, 1, 0, 3]])
        assert np.array_equal(others, numbers[[2, 1, 0]])
        assert np.abs(want[..., 0].astype(int) - want[..., 2]).max() > 5  # there was something to swap


def small(config, channels):
    torch.manual_seed(0)
    return Generator(replace(config, img_channels=channels)).eval()


SMALL = (
    StyleGAN3Config(32, z_dim=8, w_dim=20, channel_base=640, channel_max=20, num_layers=5),
    StyleGAN2Config(16, z_dim=8, w_dim=20, channel_base=320, channel_max=20),
)


@pytest.mark.parametrize("config", SMALL, ids=lambda config: type(config).__name__)
def test_alpha_stays_the_last_and_grey_stays_grey(config):
    for channels, order in ((4, [2, 1, 0, 3]), (3, [2, 1, 0]), (1, [0])):
        G = small(config, channels)
        ws = torch.from_numpy(ws_of(G))[None]
        with torch.inference_mode():
            before = G.synthesis(ws)[0].numpy()
            swap_red_and_blue(G)
            assert np.array_equal(G.synthesis(ws)[0].numpy(), before[order])
            swap_red_and_blue(G)
            assert np.array_equal(G.synthesis(ws)[0].numpy(), before)
