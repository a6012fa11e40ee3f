import math
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from daemon.flow import Anchor, Features
from daemon.mapping.clusters import ClustersMapper
from daemon.mapping.mel import MelMapper
from daemon.mapping.motion import projection
from daemon.mapping.sphere import gaussian
from daemon.mapping.walk import approach
from daemon.params import Params

DIMS, BANDS = 32, 8
LOUD = Features(0.0, 0.0, -6.0, True, np.linspace(1, 0.4, BANDS, dtype=np.float32))
QUIET = Features.silence(BANDS)


def to_w(z, psi, classes):
    """A model whose w is z itself."""
    return np.repeat(psi * z[:, None], 3, axis=1)


def anchors():
    return [Anchor(name, gaussian(100 + i, DIMS).astype(np.float32)) for i, name in enumerate(("calm", "wild"))]


def makers():
    return [
        pytest.param(lambda seed: MelMapper(seed, BANDS, DIMS, to_w), id="mel"),
        pytest.param(lambda seed: ClustersMapper(seed, BANDS, DIMS, anchors(), to_w), id="clusters"),
    ]


def drive(mapper, features, params, seconds, fps=50):
    return np.stack([mapper.advance(1 / fps, features, params)[0] for _ in range(round(seconds * fps))])


@pytest.mark.parametrize("make", makers())
def test_every_latent_lies_on_the_shell(make):
    path = drive(make(1), LOUD, Params(gain=4, drift=1), 2)
    np.testing.assert_allclose(np.linalg.norm(path, axis=1), math.sqrt(DIMS), rtol=1e-5)


@pytest.mark.parametrize("make", makers())
def test_the_same_seed_is_the_same_piece_and_another_is_not(make):
    a, b, c = (drive(make(seed), LOUD, Params(), 1) for seed in (5, 5, 6))
    assert np.array_equal(a, b)
    assert not np.allclose(a, c, atol=0.1)


@pytest.mark.parametrize("make", makers())
def test_sound_moves_it_and_gain_says_how_far(make):
    still = replace(Params(), drift=0.0)
    rest = drive(make(1), QUIET, still, 3)[-1]
    reach = [np.linalg.norm(drive(make(1), LOUD, replace(still, gain=g), 3)[-1] - rest) for g in (0.0, 0.5, 1.0, 2.0)]
    assert reach[0] < 1e-6
    assert reach == sorted(reach)
    assert reach[2] > 0.3 * math.sqrt(DIMS)


@pytest.mark.parametrize("make", makers())
def test_silence_eases_to_idle_motion_and_never_snaps(make):
    mapper, params = make(1), Params(smoothing=0.3)
    drive(mapper, LOUD, params, 3)
    path = drive(mapper, QUIET, params, 3)
    steps = np.linalg.norm(np.diff(path, axis=0), axis=1)
    assert steps.max() < 0.1 * math.sqrt(DIMS)
    assert steps[-20:].min() > 0
    assert np.all(steps[:20] > steps[-20:].mean())


@settings(deadline=None, max_examples=20)
@given(st.sampled_from([15, 24, 30, 60, 120]))
def test_smoothing_takes_the_same_seconds_at_any_frame_rate(fps):
    mapper, params = MelMapper(1, BANDS, DIMS, to_w), Params(smoothing=0.5, drift=0.0, gain=0.2)
    begin = mapper.advance(0.0, QUIET, params)[0]
    far = drive(MelMapper(1, BANDS, DIMS, to_w), LOUD, params, 10, fps)[-1]
    after = drive(mapper, LOUD, params, 0.5, fps)[-1]
    half = drive(mapper, LOUD, params, 0.0 + 1 / fps, fps)[-1]
    done = np.linalg.norm(after - begin) / np.linalg.norm(far - begin)
    assert done == pytest.approx(1 - math.exp(-round(0.5 * fps) / fps / 0.5), abs=0.03)
    assert np.linalg.norm(half - far) < np.linalg.norm(after - far)


def test_a_cluster_at_full_weight_is_its_anchor():
    mapper = ClustersMapper(1, BANDS, DIMS, anchors(), to_w)
    z = mapper.advance(0.02, QUIET, Params(drift=0.0, clusters=(("wild", 1.0),)))[0]
    np.testing.assert_allclose(z, anchors()[1].z, atol=1e-4)


def test_without_weights_clusters_rest_at_the_seed():
    z = ClustersMapper(9, BANDS, DIMS, anchors(), to_w).advance(0.02, QUIET, Params(drift=0.0))[0]
    np.testing.assert_allclose(z, gaussian(9, DIMS), atol=1e-4)


def test_bands_push_in_directions_of_their_own():
    push = projection(4, BANDS, DIMS)
    np.testing.assert_allclose(push @ push.T, np.eye(BANDS) * DIMS / BANDS, atol=1e-9)


@given(st.floats(1e-4, 1), st.floats(1e-3, 10), st.integers(1, 50))
def test_approach_does_not_depend_on_how_a_second_is_cut(dt, tau, cuts):
    left = (1 - approach(dt / cuts, tau)) ** cuts
    assert left == pytest.approx(1 - approach(dt, tau), rel=1e-6)


@pytest.mark.parametrize("make", makers())
def test_each_third_of_the_layers_takes_its_share_of_the_motion(make):
    still = Params(layers_coarse=0.0, layers_fine=2.0, smoothing=0.1)
    whole, shared, rest = make(1), make(1), make(1)
    for _ in range(40):
        moved = whole.advance(0.02, LOUD, Params(smoothing=0.1))
        ws = shared.advance(0.02, LOUD, still)
        place = rest.advance(0.02, LOUD, Params(smoothing=0.1, gain=0.0, drift=0.0))
    np.testing.assert_allclose(ws[0], place[0], atol=1e-5)
    np.testing.assert_allclose(ws[1], moved[1], atol=1e-5)
    np.testing.assert_allclose(ws[2], place[2] + 2 * (moved[2] - place[2]), atol=1e-4)


def test_a_cluster_weight_glides_in_layers_that_take_no_motion():
    mapper, params = ClustersMapper(1, BANDS, DIMS, anchors(), to_w), Params(layers_coarse=0.0, smoothing=0.3)
    mapper.advance(0.02, QUIET, params)
    path = drive(mapper, QUIET, replace(params, clusters=(("wild", 1.0),)), 2)
    assert np.linalg.norm(np.diff(path, axis=0), axis=1).max() < 0.1 * math.sqrt(DIMS)
