import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from daemon.mapping.sphere import blend, gaussian, shell, slerp

DIMS = st.integers(4, 128)
SEEDS = st.integers(0, 2**24 - 1)


@given(DIMS, SEEDS, SEEDS, st.floats(0, 1))
def test_every_blend_lies_on_the_shell(dims, a, b, mix):
    assert np.linalg.norm(slerp(gaussian(a, dims), gaussian(b, dims), mix)) == pytest.approx(np.sqrt(dims))


@given(DIMS, SEEDS, SEEDS, st.floats(0, 1))
def test_a_blend_of_two_is_slerp_by_the_textbook(dims, a, b, mix):
    p, q = gaussian(a, dims), gaussian(b, dims)
    angle = np.arccos(np.clip(p @ q / dims, -1, 1))
    if not 1e-3 < angle < 3:
        return
    textbook = (np.sin((1 - mix) * angle) * p + np.sin(mix * angle) * q) / np.sin(angle)
    np.testing.assert_allclose(slerp(p, q, mix), textbook, atol=1e-6 * np.sqrt(dims))


@given(SEEDS, st.lists(st.floats(0, 1), min_size=3, max_size=3), st.floats(0.1, 5))
def test_only_the_ratio_of_weights_counts(seed, weights, factor):
    points = [gaussian(seed + i, 32) for i in range(3)]
    if sum(weights) < 1e-3:
        return
    np.testing.assert_allclose(blend(points, weights), blend(points, [w * factor for w in weights]), atol=1e-6)


def test_the_mean_is_where_the_pulls_cancel():
    points, weights = [gaussian(i, 16) for i in range(4)], np.array([0.4, 0.3, 0.2, 0.1])
    mean = blend(points, weights) / 4.0
    pull = np.zeros(16)
    for point, weight in zip(points, weights, strict=True):
        unit = point / 4.0
        cosine = unit @ mean
        pull += weight * np.arccos(cosine) / np.sqrt(1 - cosine**2) * (unit - cosine * mean)
    assert np.linalg.norm(pull) < 1e-6


def test_opposite_points_and_no_weights_still_give_a_latent():
    p = gaussian(1, 8)
    for weights in ((0.5, 0.5), (0.0, 0.0)):
        z = blend((p, -p), weights)
        assert np.isfinite(z).all()
        assert np.linalg.norm(z) == pytest.approx(np.sqrt(8))


def test_shell_survives_zero():
    assert np.isfinite(shell(np.zeros(8))).all()
