"""Swatch: what tests and machines without torch render with."""

import subprocess
import sys

import numpy as np

from daemon.flow import Latents
from daemon.render.swatch import SwatchRenderer


def picture(renderer: SwatchRenderer, ws: np.ndarray | None) -> np.ndarray:
    pixels = np.full((renderer.facts.resolution, renderer.facts.resolution, 4), 77, np.uint8)
    renderer.render(Latents(ws), pixels)
    return pixels


def test_the_picture_is_a_function_of_the_latents_alone() -> None:
    a, b = SwatchRenderer(), SwatchRenderer()
    z = np.random.default_rng(0).standard_normal((2, 16)).astype(np.float32)
    ws = a.to_w(z, 0.8)
    assert ws.shape == (2, a.facts.num_ws, 16)
    assert ws.dtype == np.float32
    assert np.array_equal(ws, b.to_w(z, 0.8))
    picture(b, ws[1])
    assert np.array_equal(picture(a, ws[0]), picture(b, ws[0]))


def test_every_latent_moves_it_and_a_little_moves_it_a_little() -> None:
    renderer = SwatchRenderer()
    ws = renderer.to_w(np.zeros((1, 16), np.float32), 1.0)[0]
    still = picture(renderer, ws).astype(float)
    for layer in range(renderer.facts.num_ws):
        for i in range(16):
            moved = ws.copy()
            moved[layer, i] += 1.0
            assert np.abs(picture(renderer, moved) - still).mean() > 0.1
    nudged = ws + np.float32(0.001)
    assert np.abs(picture(renderer, nudged) - still).max() <= 2


def test_it_is_opaque_colourful_and_black_without_latents() -> None:
    renderer = SwatchRenderer(size=96)
    anchors = [picture(renderer, renderer.to_w(a.z[None], 1.0)[0]) for a in renderer.facts.anchors]
    assert [a.name for a in renderer.facts.anchors] == ["aggressive", "calm", "vibrant"]
    for pixels in anchors:
        assert pixels.shape == (96, 96, 4)
        assert (pixels[..., 3] == 255).all()
        assert pixels[..., :3].std() > 10
    assert np.abs(anchors[0].astype(int) - anchors[1]).mean() > 10
    black = picture(renderer, None)
    assert (black[..., 3] == 255).all()
    assert not black[..., :3].any()


def test_psi_zero_is_the_average() -> None:
    renderer = SwatchRenderer()
    assert np.allclose(renderer.to_w(np.ones((1, 16), np.float32), 0.0), renderer.facts.w_avg)


def test_it_needs_no_torch() -> None:
    code = "import sys; import daemon.render.swatch; print('torch' in sys.modules)"
    assert (
        subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.strip()
        == "False"
    )
