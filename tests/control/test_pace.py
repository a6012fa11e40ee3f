import random
from collections.abc import Iterator
from itertools import cycle, pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from daemon.control.pace import NoPictures, Pace
from daemon.stats import FrameStats

FLOOD = 5000.0  # datagrams a second
PERIOD = 1 / 30


class Lull(NoPictures):
    """Pictures that leave one in so many seconds."""

    def __init__(self, wait: float) -> None:
        self.wait = wait

    def lull(self, now: float) -> float:
        return self.wait


def batches(took: list[float], worked: float, rate: float = FLOOD, late: Iterator[float] | None = None) -> list[float]:
    """When batches are taken beside frames that took so long, s on the clock, from the ninth frame on.

    Timers are `late`, up to a millisecond, as an event loop's are.
    """
    stats, now, done, found = FrameStats(PERIOD), 0.0, 0, []
    pace, before, late = Pace(stats), 0.0, late or cycle((0.0, 0.0004, 0.001))

    def sleep(seconds: float) -> None:
        nonlocal now, done
        now += seconds + next(late)
        while done < len(took) and done * PERIOD + took[done] <= now:
            stats.frame(done * PERIOD, done * PERIOD + took[done], (done + 1) * PERIOD)
            done += 1
        stats.working = painting(now, took)

    while now < (len(took) - 3) * PERIOD:
        sleep(pace.rest(now, worked, round((now - before) * rate)))
        before = found[-1] if found else 0.0
        while (more := pace.more(now)) > 0:
            sleep(more)
        found.append(now)
        now += worked
    return [at for at in found if at > 9 * PERIOD]


def painting(now: float, took: list[float]) -> bool:
    return now % PERIOD < took[int(now / PERIOD)] - 1e-6  # it may begin when one ends


@pytest.mark.parametrize("worked", [0.0005, 0.001, 0.002])
@pytest.mark.parametrize("most", [0.004, 0.012, 0.018, 0.022])
def test_in_a_flood_no_batch_is_taken_while_a_picture_is_painted(most, worked):
    took = [most * (0.7 + 0.05 * (i * 3 % 7)) for i in range(300)]
    taken = batches(took, worked)
    assert len(taken) > 250  # and in every lull
    assert not [now for now in taken if painting(now, took) or painting(now + worked, took)]


@given(st.floats(0.003, 0.02), st.floats(0.0005, 0.002), st.floats(2500.0, FLOOD), st.integers(0, 2**32))
def test_nor_when_timers_are_late_and_more_than_one_fits_a_lull(most, worked, rate, seed):
    rng = random.Random(seed)
    took = [most * rng.uniform(0.8, 1.0) for _ in range(60)]
    late = iter(lambda: rng.uniform(0.0, 0.001), None)
    assert not [now for now in batches(took, worked, rate, late) if painting(now, took) or painting(now + worked, took)]


@pytest.mark.parametrize("every", [9, 20])
def test_a_picture_that_lasts_longer_than_those_before_it_is_left_alone_as_well(every):
    took = [0.021 if i % every == 0 else 0.012 for i in range(300)]
    taken = batches(took, 0.001)
    assert len(taken) > 250
    assert not [now for now in taken if painting(now, took)]


def test_a_picture_that_never_ends_is_waited_for_as_long_as_the_systems_buffer_lasts():
    stats = FrameStats(PERIOD)
    pace = Pace(stats)
    for now in (1.0, 1.03):
        stats.working = True
        rest = pace.rest(now, 0.001, 150)
    now += 0.001 + rest
    waited = 0.0
    while (more := pace.more(now)) > 0:
        now, waited = now + more, waited + more
    assert waited > 0.0
    assert rest + waited == pytest.approx(256 / 150 * 0.03)


def test_a_controllers_few_values_wait_for_no_picture_in_hand():
    stats = FrameStats(PERIOD)
    pace = Pace(stats)
    stats.working = True
    pace.rest(0.0, 0.0, 3)
    rest = pace.rest(0.010, 0.0, 16)
    assert rest == 0.010
    assert pace.more(0.010 + rest) == 0.0


def test_where_pictures_leave_no_time_a_flood_is_taken_all_the_same():
    took = [0.95 * PERIOD] * 300
    assert max(b - a for a, b in pairwise(batches(took, worked=0.001))) < 0.018


def test_batches_that_cost_much_rest_four_times_as_long():
    pace = Pace(NoPictures())
    assert pace.rest(0.0, 0.005, 500) == pytest.approx(0.020)
    assert pace.rest(1.0, 9.0, 500) == 0.1


def test_a_controllers_few_values_wait_for_no_picture():
    pace = Pace(Lull(0.03))
    pace.rest(0.0, 0.0, 3)
    assert pace.rest(0.010, 0.0, 16) == 0.010
    assert pace.rest(0.020, 0.0, 17) > 0.010


@given(st.integers(17, 8192), st.floats(0.0, 0.2), st.floats(0.001, 0.1))
def test_what_comes_meanwhile_fits_the_systems_buffer(new, lull, since):
    pace = Pace(Lull(lull))
    pace.rest(0.0, 0.0, new)
    rest = pace.rest(since, 0.0, new)
    assert rest >= 0.010
    assert rest == 0.010 or rest * new / since <= 256 * (1 + 1e-9)


def test_before_the_first_picture_there_is_no_lull_to_wait_for():
    stats = FrameStats(PERIOD)
    assert stats.lull(5.0) == 0.0
    stats.frame(0.0, 0.01)  # of which nobody said when the next is due
    assert stats.lull(5.0) == 0.0
