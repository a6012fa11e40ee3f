import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from daemon.mapping.layers import LayerSmoothing, spread
from daemon.params import Params

TAUS = Params(layers_coarse_smoothing=1.0, layers_mid_smoothing=0.0, layers_fine_smoothing=0.2)
HERE, THERE = np.zeros((6, 4), np.float32), np.ones((6, 4), np.float32)


@settings(deadline=None, max_examples=20)
@given(st.sampled_from([15, 24, 30, 60, 144]))
def test_each_third_takes_its_own_seconds_at_any_frame_rate(fps):
    smoothing = LayerSmoothing()
    smoothing.advance(0.0, HERE, TAUS)
    for _ in range(fps):
        ws = smoothing.advance(1 / fps, THERE, TAUS)
    wanted = [1 - math.exp(-1.0)] * 2 + [1.0] * 2 + [1 - math.exp(-5.0)] * 2
    np.testing.assert_allclose(ws, np.repeat(np.array(wanted)[:, None], 4, axis=1), atol=1e-4)


def test_without_smoothing_ws_are_the_very_same():
    smoothing = LayerSmoothing()
    assert smoothing.advance(0.1, THERE, Params()) is THERE


def test_smoothing_that_is_turned_up_begins_where_the_picture_is():
    smoothing = LayerSmoothing()
    smoothing.advance(0.1, THERE, Params())
    assert smoothing.advance(0.01, HERE, TAUS)[0, 0] == pytest.approx(math.exp(-0.01))


def test_thirds_cover_every_number_of_layers():
    assert spread((1.0, 2.0, 3.0), 16).ravel().tolist() == [1.0] * 6 + [2.0] * 5 + [3.0] * 5
    assert spread((1.0, 2.0, 3.0), 4).ravel().tolist() == [1.0, 1.0, 2.0, 3.0]
    assert spread((1.0, 2.0, 3.0), 1).ravel().tolist() == [1.0]
