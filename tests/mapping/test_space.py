import numpy as np
import pytest
from spaces import LAYERS, W, Z, curved

from daemon.flow import ModelFacts
from daemon.mapping.space import survey


def test_a_survey_tells_where_w_lies_and_which_ways_it_goes():
    facts, to_w = curved()
    space = survey(facts, to_w)
    w = to_w(np.random.default_rng(9).standard_normal((20_000, Z)), 1.0, None)[:, 0]
    np.testing.assert_allclose(space.std, w.std(axis=0), rtol=0.06)
    np.testing.assert_allclose(space.mean, w.mean(axis=0), atol=0.06 * w.std())
    along = (w - w.mean(axis=0)) @ (space.directions / np.linalg.norm(space.directions, axis=1, keepdims=True)).T
    np.testing.assert_allclose(along.std(axis=0), np.linalg.norm(space.directions, axis=1), rtol=0.1, atol=0.02)
    products = space.directions @ space.directions.T
    np.testing.assert_allclose(products, np.diag(np.diag(products)), atol=1e-3)
    assert np.all(np.diff(np.diag(products)) <= 1e-6)


def test_a_step_is_as_long_as_its_largest_layer_in_deviations_of_w():
    space = survey(*curved())
    step = np.zeros((LAYERS, W), np.float32)
    step[2] = 3 * space.std
    step[4] = -space.std
    assert space.deviations(step) == pytest.approx(3.0, rel=1e-5)
    step[2, 1:] = 0.0
    assert space.deviations(step) == pytest.approx(max(1.0, 3.0 / np.sqrt(W)), rel=1e-5)


def test_toward_stops_where_the_limit_says_and_arrives_otherwise():
    space = survey(*curved())
    last, there = np.zeros((LAYERS, W), np.float32), np.tile(4 * space.std, (LAYERS, 1))
    assert space.toward(last, there, 4.001) is there
    np.testing.assert_allclose(space.toward(last, there, 1.0), there / 4, rtol=1e-5)
    assert np.array_equal(space.toward(last, there, 0.0), last)


def test_a_space_that_stands_still_can_be_surveyed():
    facts = ModelFacts("still", 64, Z, W, LAYERS, np.zeros(W, np.float32))
    space = survey(facts, lambda z, psi, classes: np.zeros((len(z), LAYERS, W), np.float32))
    step = np.ones((LAYERS, W), np.float32)
    assert np.isfinite(space.toward(np.zeros_like(step), step, 0.5)).all()
