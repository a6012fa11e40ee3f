import os
from pathlib import Path

import numpy as np
import pytest

from daemon.mapping.placement import Placement, inverse
from daemon.params import Params


def corner(matrix, x, y):
    return (matrix @ [x, y, 1.0])[:2]


def test_untouched_it_is_no_transform_at_all():
    assert np.array_equal(Placement().advance(0.1, Params()), np.eye(3, dtype=np.float32))


def test_moving_turning_and_zooming_are_as_the_artist_says_them():
    # what is shown at a place comes from where that place was before; rows run downwards
    np.testing.assert_allclose(corner(inverse(0.25, 0, 0, 1), 0.25, 0), [0, 0], atol=1e-7)
    np.testing.assert_allclose(corner(inverse(0, 0.25, 0, 1), 0, -0.25), [0, 0], atol=1e-7)
    np.testing.assert_allclose(corner(inverse(0, 0, 90, 1), 0, -0.5), [0.5, 0], atol=1e-7)
    np.testing.assert_allclose(corner(inverse(0, 0, 0, 2), 0.5, 0.5), [0.25, 0.25], atol=1e-7)


def test_the_centre_stays_the_centre_of_turning_and_zooming_wherever_it_was_moved():
    np.testing.assert_allclose(corner(inverse(0.3, 0.1, 37, 1.7), 0.3, -0.1), [0, 0], atol=1e-6)


def test_it_arrives_smoothly_in_the_seconds_of_all_motion():
    placement, there = Placement(), Params(translate_x=0.5, zoom=4.0, smoothing=0.5)
    placement.advance(0.0, Params(smoothing=0.5))
    path = np.stack([placement.advance(0.01, there) for _ in range(500)])
    assert np.abs(np.diff(path, axis=0)).max() < 0.03
    np.testing.assert_allclose(path[-1], inverse(0.5, 0, 0, 4), atol=1e-3)


def test_it_turns_the_short_way_round():
    placement = Placement()
    placement.advance(0.0, Params(rotate=170, smoothing=0.5))
    path = [placement.advance(0.05, Params(rotate=-170, smoothing=0.5)) for _ in range(200)]
    angles = np.degrees([np.arctan2(-m[0, 1], m[0, 0]) for m in path]) % 360
    assert angles.min() > 169
    assert angles.max() < 191
    assert np.all(np.diff(angles) >= -1e-3)
    np.testing.assert_allclose(path[-1], inverse(0, 0, -170, 1), atol=1e-5)


def test_an_official_network_obeys_it():
    pytest.importorskip("torch")
    from daemon.flow import Latents
    from daemon.render.generator import GeneratorRenderer

    here = Path(__file__).parent.parent
    shared = Path(os.environ.get("LATENTD_GOLDENS", here.parent.parent / "shared" / "goldens"))
    found = [folder / "sg3r_64.pkl" for folder in (here / "golden", shared) if (folder / "sg3r_64.pkl").exists()]
    if not found:
        pytest.skip("sg3r_64.pkl is not here")
    renderer = GeneratorRenderer(found[0], "cpu")
    z = np.random.default_rng(5).standard_normal((1, renderer.facts.z_dim)).astype(np.float32)
    ws = renderer.to_w(z, 1.0)[0]

    def picture(*where):
        pixels = np.zeros((64, 64, 4), np.uint8)
        renderer.render(Latents(ws, inverse(*where)), pixels)
        return pixels[..., :3].astype(float)

    still = picture(0, 0, 0, 1)
    assert np.abs(picture(0.25, 0, 0, 1)[:, 16:] - still[:, :-16]).max() <= 1
    assert np.abs(picture(0, 0.25, 0, 1)[:-16] - still[16:]).max() <= 1
    assert np.abs(picture(0, 0, 90, 1) - np.rot90(still)).max() <= 1
    assert np.array_equal(picture(0, 0, 0, 1), still)
