import math
from dataclasses import replace

import numpy as np
import pytest

from daemon.flow import Features
from daemon.mapping.mel import MelMapper, beside, shares
from daemon.mapping.motion import projection
from daemon.mapping.sphere import gaussian, shell
from daemon.params import Params

DIMS, BANDS = 32, 8
STILL = Params(drift=0.0, smoothing=0.0)
LEVELS = np.linspace(1, 0.4, BANDS, dtype=np.float32)


def to_w(z, psi, classes):
    """A model whose w is z itself, in six layers."""
    return np.repeat(psi * z[:, None], 6, axis=1)


def sound(left, right=None):
    left = np.asarray(left, np.float32)
    if right is None:
        return Features(0.0, 0.0, -6.0, True, left)
    right = np.asarray(right, np.float32)
    return replace(Features(0.0, 0.0, -6.0, True, (left + right) / 2), sides=np.stack([left, right]))


def show(features, params=STILL, bands=BANDS):
    return MelMapper(3, bands, DIMS, to_w).advance(0.1, features, params)


def test_the_left_and_the_right_push_their_own_ways():
    place, quiet = gaussian(3, DIMS), np.zeros(BANDS)
    push, side = projection(3, BANDS, DIMS), beside(projection(3, BANDS, DIMS), 3)
    stereo = replace(STILL, stereo=True)
    left, right = show(sound(LEVELS, quiet), stereo)[0], show(sound(quiet, LEVELS), stereo)[0]
    np.testing.assert_allclose(left, shell(place + LEVELS @ (push + side) / 2), atol=1e-4)
    np.testing.assert_allclose(right, shell(place + LEVELS @ (push - side) / 2), atol=1e-4)
    np.testing.assert_allclose((push + side) @ (push - side).T, 0, atol=1e-9)
    np.testing.assert_allclose(push @ side.T, 0, atol=1e-9)
    np.testing.assert_allclose(side @ side.T, np.eye(BANDS) * DIMS / BANDS, atol=1e-9)


def test_what_is_in_the_middle_and_mono_sound_push_as_without_stereo():
    stereo, mono = replace(STILL, stereo=True), show(sound(LEVELS))
    np.testing.assert_allclose(show(sound(LEVELS, LEVELS), stereo), mono, atol=1e-5)
    assert np.array_equal(show(sound(LEVELS), stereo), mono)
    assert np.array_equal(show(sound(LEVELS, LEVELS)), mono)
    one_sided = sound(LEVELS, 0 * LEVELS)
    assert np.array_equal(show(one_sided), show(sound(one_sided.bands)))
    assert np.linalg.norm(show(sound(LEVELS, 0 * LEVELS), stereo)[0] - show(sound(0 * LEVELS, LEVELS), stereo)[0]) > 1


def test_sides_are_projected_where_dimensions_are_few():
    push = projection(1, 8, 12)
    side = beside(push, 1)
    np.testing.assert_allclose(side @ side.T, np.eye(8) * 12 / 8, atol=1e-9)
    for push in (projection(1, 20, 12), beside(projection(1, 20, 12), 1)):
        np.testing.assert_allclose(push.T @ push, np.eye(12), atol=1e-9)
    assert not np.allclose(projection(1, 20, 12), beside(projection(1, 20, 12), 1))


def test_each_band_has_its_gain():
    gains = (0.0, 2.0, 1.0)
    louder = LEVELS * np.array([*gains, *[1.0] * (BANDS - 3)])
    np.testing.assert_allclose(show(sound(LEVELS), replace(STILL, bands=gains)), show(sound(louder)), atol=1e-5)
    assert np.array_equal(show(sound(LEVELS), replace(STILL, bands=(1.0,) * 64)), show(sound(LEVELS)))


def test_split_bands_move_layers_of_their_own_only():
    rest, split = show(sound(np.zeros(BANDS))), replace(STILL, split=1.0)
    for band, layers in ((0, (0, 1)), (2, (0, 1)), (3, (2, 3)), (7, (4, 5))):
        alone = np.zeros(BANDS)
        alone[band] = 1.0
        left_alone = show(sound(alone, np.zeros(BANDS)), replace(split, stereo=True))
        for shown in (show(sound(alone), split), left_alone):
            moved = np.linalg.norm(shown - rest, axis=1)
            assert np.flatnonzero(moved > 1e-4).tolist() == list(layers)
    whole = show(sound(np.ones(BANDS)))
    parted = show(sound(np.ones(BANDS)), split)
    np.testing.assert_allclose(np.linalg.norm(parted - rest, axis=1), np.linalg.norm(whole - rest, axis=1), rtol=0.25)


def test_split_comes_in_and_goes_without_a_jump():
    mapper, params = MelMapper(3, BANDS, DIMS, to_w), replace(STILL, smoothing=0.2)
    path = [mapper.advance(0.02, sound(LEVELS), params) for _ in range(20)]
    splits = (*np.linspace(0, 1, 20), *np.linspace(1, 0, 20), *[0.0] * 400)
    path += [mapper.advance(0.02, sound(LEVELS), replace(params, split=float(split))) for split in splits]
    assert np.linalg.norm(np.diff(path[1:], axis=0), axis=2).max() < 0.1 * math.sqrt(DIMS)
    np.testing.assert_allclose(path[-1], show(sound(LEVELS)), atol=1e-4)


def test_shares_keep_the_strength_of_all_bands_together():
    for bands in (3, 8, 9, 40):
        np.testing.assert_allclose(np.square(shares(bands, 1.0)).sum(axis=1), bands)
        assert np.array_equal(shares(bands, 0.0), np.ones((3, bands)))
        assert shares(bands, 0.5).min() == 0.5


def test_more_or_fewer_bands_than_it_has_are_heard_as_far_as_they_go():
    few = show(sound(LEVELS[:3]))
    assert np.array_equal(few, show(sound([*LEVELS[:3], *[0.0] * 5])))
    assert np.array_equal(show(sound([*LEVELS, 1.0, 1.0])), show(sound(LEVELS)))


@pytest.mark.parametrize("fps", [15, 30, 60, 144])
def test_the_path_is_the_same_at_any_frame_rate(fps):
    mapper, params = MelMapper(3, BANDS, DIMS, to_w), Params(drift=1.0, loop=9.0)
    mapper.advance(0.0, sound(LEVELS), params)
    for _ in range(2 * fps):
        ws = mapper.advance(1 / fps, sound(LEVELS), params)
    fine = MelMapper(3, BANDS, DIMS, to_w)
    fine.advance(0.0, sound(LEVELS), params)
    for _ in range(2000):
        wanted = fine.advance(1 / 1000, sound(LEVELS), params)
    assert np.linalg.norm(ws - wanted, axis=1).max() < 0.04 * math.sqrt(DIMS)
