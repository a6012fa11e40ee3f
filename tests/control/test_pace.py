from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from daemon.control.pace import Pace
from daemon.stats import FrameStats

FLOOD = 5000.0  # datagrams a second
PERIOD = 1 / 30


def batches(took: list[float], worked: float, rate: float = FLOOD) -> list[float]:
    """When batches are taken beside frames that took so long, s on the clock, from the ninth frame on."""
    stats, pace, now, done, found = FrameStats(), Pace(lambda t: stats.lull(t, PERIOD)), 0.0, 0, []
    before = 0.0
    while now < len(took) * PERIOD:
        while done < len(took) and done * PERIOD + took[done] <= now:
            stats.frame(done * PERIOD, done * PERIOD + took[done], (done + 1) * PERIOD)
            done += 1
        if done > 8:
            found.append(now)
        rest = pace.rest(now, worked, round((now - before) * rate))
        before, now = now, now + worked + rest
    return found


def painting(now: float, took: list[float]) -> bool:
    return now % PERIOD < took[int(now / PERIOD)] - 1e-6  # it may begin when one ends


@pytest.mark.parametrize("worked", [0.0005, 0.001, 0.002])
@pytest.mark.parametrize("most", [0.004, 0.012, 0.018, 0.022])
def test_in_a_flood_no_batch_is_taken_while_a_picture_is_painted(most, worked):
    took = [most * (0.7 + 0.05 * (i * 3 % 7)) for i in range(300)]
    taken = batches(took, worked)
    assert len(taken) > 250  # and in every lull
    assert not [now for now in taken if painting(now, took) or painting(now + worked, took)]


def test_where_pictures_leave_no_time_a_flood_is_taken_all_the_same():
    took = [0.95 * PERIOD] * 300
    assert max(b - a for a, b in pairwise(batches(took, worked=0.001))) < 0.017


def test_batches_that_cost_much_rest_four_times_as_long():
    pace = Pace(lambda now: 0.0)
    assert pace.rest(0.0, 0.005, 500) == pytest.approx(0.020)
    assert pace.rest(1.0, 9.0, 500) == 0.1


def test_a_controllers_few_values_wait_for_no_picture():
    pace = Pace(lambda now: 0.03)
    pace.rest(0.0, 0.0, 3)
    assert pace.rest(0.010, 0.0, 16) == 0.010
    assert pace.rest(0.020, 0.0, 17) > 0.010


@given(st.integers(17, 8192), st.floats(0.0, 0.2), st.floats(0.001, 0.1))
def test_what_comes_meanwhile_fits_the_systems_buffer(new, lull, since):
    pace = Pace(lambda now: lull)
    pace.rest(0.0, 0.0, new)
    rest = pace.rest(since, 0.0, new)
    assert rest >= 0.010
    assert rest == 0.010 or rest * new / since <= 256 * (1 + 1e-9)


def test_before_the_first_picture_there_is_no_lull_to_wait_for():
    stats = FrameStats()
    assert stats.lull(5.0, PERIOD) == 0.0
    stats.frame(0.0, 0.01)  # of which nobody said when the next is due
    assert stats.lull(5.0, PERIOD) == 0.0
