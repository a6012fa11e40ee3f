import numpy as np

from daemon.flow import Latents
from daemon.mapping.placement import inverse
from daemon.sync.crossing import SECONDS, Crossing


def still(value, *place):
    return Latents(np.full((6, 8), value, np.float32), inverse(*place) if place else None)


def test_another_source_is_arrived_at_without_a_jump_and_then_exact():
    crossing, dt = Crossing(), 1 / 60
    own, theirs = still(0.0, -0.2, 0.1, 170.0, 1.0), still(1.0, 0.4, -0.3, -150.0, 2.5)
    assert crossing.show(0.0, -1, own) is own
    shown = [crossing.show(n * dt, 5, theirs) for n in range(1, int(SECONDS / dt) + 3)]
    steps = [float(np.abs(b.ws - a.ws).max()) for a, b in zip([own, *shown], shown, strict=False)]
    assert max(steps) < 2.0 * dt / SECONDS
    assert shown[-1] is theirs
    turned = [float(np.abs(b.transform - a.transform).max()) for a, b in zip([own, *shown], shown, strict=False)]
    assert max(turned) < 0.05
    assert min(abs(np.linalg.det(one.transform)) for one in shown) > 0.1  # never through a single point


def test_a_change_in_the_middle_of_another_does_not_jump_either():
    crossing = Crossing()
    crossing.show(0.0, -1, still(0.0))
    crossing.show(0.1, 1, still(1.0))
    middle = crossing.show(SECONDS / 2, 1, still(1.0)).ws
    assert 0.1 < middle[0, 0] < 0.9
    np.testing.assert_allclose(crossing.show(SECONDS / 2, 2, still(-3.0)).ws, middle, atol=1e-5)


def test_black_and_another_model_are_cut_to():
    crossing, black = Crossing(), Latents(None)
    crossing.show(0.0, -1, still(0.0))
    assert crossing.show(0.1, 1, black).ws is None
    assert crossing.show(0.2, 2, still(1.0)).ws[0, 0] == 1.0
    other = Latents(np.ones((4, 4), np.float32))
    np.testing.assert_array_equal(crossing.show(0.3, 3, other).ws, other.ws)
