import numpy as np
import pytest

from daemon.features.envelope import Envelopes


def seconds_to(share, tau, dt, rising):
    """How long a step takes to go `share` of its way."""
    envelopes = Envelopes(1, dt)
    start, end = (0.0, 1.0) if rising else (1.0, 0.0)
    envelopes.step(np.array([start]), 0.0, 0.0)
    for n in range(1, 100_000):
        level = envelopes.step(np.array([end]), *((tau, 0.0) if rising else (0.0, tau)))[0]
        if abs(level - start) >= share:
            return n * dt
    raise AssertionError("never arrived")


@pytest.mark.parametrize("rising", [True, False])
@pytest.mark.parametrize("dt", [0.005, 0.01])
@pytest.mark.parametrize("tau", [0.2, 1.0, 5.0])
def test_a_step_goes_63_percent_of_its_way_in_the_time_set(tau, dt, rising):
    assert seconds_to(1 - 1 / np.e, tau, dt, rising) == pytest.approx(tau, rel=0.1)


def test_no_time_means_at_once():
    envelopes = Envelopes(2, 0.01)
    assert envelopes.step(np.array([1.0, 0.5]), 0.0, 0.0).tolist() == [1.0, 0.5]
    assert envelopes.step(np.array([0.0, 0.7]), 0.0, 0.0).tolist() == [0.0, 0.7]


def test_each_band_rises_and_falls_on_its_own():
    envelopes = Envelopes(2, 0.01)
    envelopes.step(np.array([1.0, 0.0]), 0.0, 0.0)
    falling, rising = envelopes.step(np.array([0.0, 1.0]), 0.0, 1.0)
    assert falling == pytest.approx(np.exp(-0.01))
    assert rising == 1.0
