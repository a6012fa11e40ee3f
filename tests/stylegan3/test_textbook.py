# ruff: noqa: N806 - G is what the paper and its users call a generator
"""The baseline is the network: official pictures, and float64 against float64."""

from copy import deepcopy

import numpy as np
import pytest
import torch
from goldens import NAMES, golden

import stylegan3
from stylegan3 import Generator, StyleGAN2Config, StyleGAN3Config, textbook
from stylegan3.noise import Noise

TOLERANCE = 1e-4  # of a picture's standard deviation
SMALL = {"z_dim": 16, "w_dim": 24, "channel_base": 512, "channel_max": 24}
CASES = {
    "t": StyleGAN3Config(img_resolution=32, num_layers=6, **SMALL),
    "t clamped": StyleGAN3Config(img_resolution=16, num_layers=4, conv_clamp=0.5, **SMALL),
    "t unclamped, grey": StyleGAN3Config(img_resolution=16, num_layers=4, conv_clamp=None, img_channels=1, **SMALL),
    "r": StyleGAN3Config(img_resolution=32, num_layers=6, conv_kernel=1, use_radial_filters=True, **SMALL),
    "odd": StyleGAN3Config(img_resolution=16, num_layers=4, filter_size=5, lrelu_upsampling=3, **SMALL),
    "skip": StyleGAN2Config(img_resolution=32, **SMALL),
    "resnet": StyleGAN2Config(img_resolution=16, architecture="resnet", conv_clamp=0.5, **SMALL),
    "orig": StyleGAN2Config(img_resolution=8, architecture="orig", use_noise=False, **SMALL),
}


def lively(config: StyleGAN3Config | StyleGAN2Config) -> Generator:
    """A network in float64 none of whose numbers is 0 or 1."""
    with torch.random.fork_rng(devices=[]), torch.no_grad():
        torch.manual_seed(3)
        G = Generator(config).eval().requires_grad_(False)
        for name, p in G.synthesis.named_parameters():
            if name.endswith(("bias", "noise_strength", "input.affine.weight")):
                p.add_(0.3 * torch.randn_like(p))
        for name, b in G.synthesis.named_buffers():
            if name.endswith("magnitude_ema"):
                b.fill_(1.7)
            if name.endswith("transform"):
                b.copy_(torch.tensor([[0.8, -0.5, 0.1], [0.5, 0.9, -0.2], [0, 0, 1]]))
    return G.double()


@pytest.mark.parametrize("name", CASES)
def test_the_textbook_and_the_network_agree_in_float64(name: str) -> None:
    G = lively(CASES[name])
    ws = torch.randn(1, G.num_ws, G.w_dim, generator=torch.Generator().manual_seed(1), dtype=torch.float64)
    for mode in ("const", "none"):
        want = G.synthesis(ws, noise_mode=mode)
        got = textbook.synthesize(G, ws, Noise(mode))
        assert float((got - want).abs().max() / want.std()) < 1e-9


@pytest.mark.parametrize("name", NAMES)
def test_the_textbook_gives_the_official_pictures(name: str) -> None:
    data = golden(name)
    G = stylegan3.load(data.checkpoint)
    painter = textbook.TextbookPainter(G, 1)
    for case in data.cases():
        if hasattr(G.synthesis, "input"):
            G.synthesis.input.transform.copy_(torch.from_numpy(data.transform(case)))
        noise = Noise("none" if case == "nonoise" else "const")
        got = np.stack([painter.image(ws, noise).numpy() for ws in data.arrays[f"{case}/ws"]])
        want = data.arrays[f"{case}/img"]
        assert np.abs(got - want).max() <= TOLERANCE * want.std(), case


def test_painting_writes_the_picture_rounded() -> None:
    G = deepcopy(lively(CASES["t"])).float()
    painter, pixels = textbook.TextbookPainter(G, 1), np.zeros((32, 32, 4), np.uint8)
    ws = np.random.default_rng(0).standard_normal((G.num_ws, G.w_dim)).astype(np.float32)
    painter.paint(ws, pixels)
    want = np.clip(np.rint(painter.image(ws).numpy() * 127.5 + 127.5), 0, 255).transpose(1, 2, 0)
    assert np.array_equal(pixels[..., :3], want.astype(np.uint8))
    assert (pixels[..., 3] == 255).all()
    assert pixels[..., :3].std() > 5
