import numpy as np

from daemon.mapping.walk import Walk


def test_the_walk_keeps_its_variance_for_a_day():
    walk = Walk(3, 64)
    for begin in (0.0, 3600.0, 86400.0):
        places = np.stack([walk.at(begin + t) for t in np.arange(0, 600, 1.7)])
        assert 0.9 < places.var() < 1.1
        assert abs(places.mean()) < 0.05


def test_the_walk_is_smooth_and_never_still():
    walk = Walk(5, 64)
    places = np.stack([walk.at(t) for t in np.arange(0, 120, 1 / 30)])
    steps = np.linalg.norm(np.diff(places, axis=0), axis=1)
    assert steps.min() > 0.3 * steps.mean()
    assert steps.max() < 3 * steps.mean()
    assert steps.max() < 0.05 * np.linalg.norm(places[0])


def test_the_seed_is_the_walk():
    assert np.array_equal(Walk(7, 16).at(12.5), Walk(7, 16).at(12.5))
    assert not np.allclose(Walk(7, 16).at(12.5), Walk(8, 16).at(12.5))
