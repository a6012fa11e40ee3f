import math

import numpy as np
import pytest
from spaces import curved

from daemon.mapping.plane import Plane
from daemon.mapping.space import survey
from daemon.params import Params

SPACE = survey(*curved())
FACTS = SPACE.facts
PLACE, PUSH = SPACE.mean + SPACE.std, 2 * SPACE.std
STILL = Params(drift=0.0, smoothing=0.0)


def test_it_rests_at_its_place_and_goes_where_the_push_says():
    plane = Plane(1, SPACE)
    np.testing.assert_allclose(plane.advance(0.1, PLACE, PUSH, STILL), np.tile(PLACE + PUSH, (FACTS.num_ws, 1)), 1e-5)
    params = Params(drift=0.0, smoothing=0.0, gain=0.5, psi=0.25)
    wanted = FACTS.w_avg + 0.25 * (PLACE + 0.5 * PUSH - FACTS.w_avg)
    np.testing.assert_allclose(plane.advance(0.1, PLACE, PUSH, params)[3], wanted, rtol=1e-5, atol=1e-6)


def test_places_may_differ_by_layer_and_layers_take_their_share():
    ws = np.random.default_rng(1).standard_normal((FACTS.num_ws, FACTS.w_dim))
    params = Params(drift=0.0, smoothing=0.0, layers_coarse=0.0, layers_fine=2.0)
    shown = Plane(1, SPACE).advance(0.1, ws, PUSH, params)
    np.testing.assert_allclose(shown, ws + np.repeat([0, 1, 2], 2)[:, None] * PUSH, atol=1e-5)


@pytest.mark.parametrize("fps", [15, 30, 60, 144])
def test_smoothing_takes_its_seconds_at_any_frame_rate(fps):
    plane, params = Plane(1, SPACE), Params(drift=0.0, smoothing=0.4)
    plane.advance(0.0, PLACE, 0 * PUSH, params)
    for _ in range(fps):
        ws = plane.advance(1 / fps, PLACE, PUSH, params)
    np.testing.assert_allclose(ws[0], PLACE + (1 - math.exp(-2.5)) * PUSH, rtol=1e-4, atol=1e-6)


def test_its_walk_is_as_wide_as_w_lies_and_closes():
    plane, params = Plane(1, SPACE), Params(drift=1.0, smoothing=0.0, loop=20.0)
    path = np.stack([plane.advance(0.1, SPACE.mean, 0 * PUSH, params)[0] for _ in range(401)]) - SPACE.mean
    np.testing.assert_allclose(path[400], path[200], atol=1e-4)
    along = path[:200] @ (SPACE.directions / np.square(SPACE.directions).sum(axis=1, keepdims=True)).T
    assert 0.5 < along.var(axis=0).mean() < 2.0  # in its own standard deviations
