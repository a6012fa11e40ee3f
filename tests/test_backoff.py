from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from daemon.backoff import Troubles, alike, span

DAY = 86400.0


def test_what_fails_for_ever_is_said_at_once_and_then_at_growing_spacing_up_to_an_hour():
    troubles = Troubles()
    tries = [(i * 30.0, f"nobody is there; again in {min(2**i, 30)} s") for i in range(int(7 * DAY / 30))]
    said = [now for now, why in tries if troubles.amiss("spout", why, now)]
    gaps = [later - sooner for sooner, later in pairwise(said)]
    assert said[0] == 0.0
    assert gaps[:6] == [60.0, 120.0, 240.0, 480.0, 960.0, 1920.0]
    assert set(gaps[6:]) == {3600.0}


def test_another_reason_is_said_at_once_and_another_number_is_none():
    troubles = Troubles()
    assert troubles.amiss("audio", "no input 'x'; again in 1 s", 0.0) == "no input 'x'; again in 1 s"
    assert troubles.amiss("audio", "no input 'x'; again in 30 s", 30.0) is None
    assert troubles.amiss("audio", "it is in use; again in 30 s", 60.0) == "it is in use; again in 30 s"
    assert troubles.amiss("audio", "no input 'x'; again in 30 s", 90.0) is None  # it was said
    assert troubles.amiss("audio", "no input 'x'; again in 30 s", 181.0) == (
        "no input 'x'; again in 30 s (for 3 min, 5 times)"
    )
    assert troubles.amiss("spout", "no input 'x'", 181.0) == "no input 'x'"  # each for itself


def test_ever_new_reasons_are_spaced_as_well():
    troubles = Troubles()
    said = [troubles.amiss("x", f"reason {chr(0x4E00 + i)}", i * 30.0) for i in range(2880)]
    assert sum(line is not None for line in said) < 45


def test_what_works_again_says_so_once_with_how_long_it_did_not():
    troubles = Troubles()
    assert troubles.well("ndi", 0.0) is None
    troubles.amiss("ndi", "gone", 10.0)
    assert [troubles.well("ndi", t) for t in (400.0, 401.9)] == [None, None]
    assert troubles.well("ndi", 402.0) == "ndi works again, after 6 min"
    assert troubles.well("ndi", 500.0) is None
    assert troubles.names() == ()
    assert troubles.amiss("ndi", "gone", 501.0) == "gone"  # this is another time


def test_a_try_that_fails_at_once_is_no_recovery():
    troubles = Troubles()
    troubles.amiss("ndi", "gone", 0.0)
    for i in range(1, 20):
        assert troubles.well("ndi", i * 30.0 - 1.0) is None
        troubles.amiss("ndi", "gone", i * 30.0)
    assert troubles.names() == ("ndi",)


def test_what_says_nothing_for_ten_minutes_is_over():
    troubles = Troubles()
    assert troubles.amiss("osc", "no handles", 0.0)
    assert troubles.amiss("osc", "no handles", 30.0) is None
    assert troubles.amiss("osc", "no handles", 700.0) == "no handles"


def test_what_comes_and_goes_all_day_is_said_at_growing_spacing_as_well():
    troubles, said = Troubles(), 0
    for minute in range(24 * 60):
        said += troubles.amiss("x", "gone", minute * 60.0) is not None
        for second in (10.0, 20.0):
            said += troubles.well("x", minute * 60.0 + second) is not None
    assert 24 <= said <= 24 * 8  # of 2880


@settings(max_examples=60, deadline=None)
@given(st.lists(st.tuples(st.sampled_from([1, 3, 20, 90]), st.sampled_from([3.0, 30.0, 70.0, 900.0])), max_size=60))
def test_however_it_comes_and_goes_few_lines_are_said_and_none_is_missing(turns):
    troubles, now, lines, open_ = Troubles(), 0.0, [], False
    for failures, well in turns:
        for _ in range(failures):
            if line := troubles.amiss("x", "gone", now):
                lines.append(now)
                assert line.startswith("gone")
                open_ = True
            now += 30.0
        began = now - 30.0
        for step in (0.0, well):
            if line := troubles.well("x", began + 1.0 + step):
                lines.append(now)
                assert line.startswith("x works again")
                assert open_  # nothing is over that was not said to have begun
                open_ = False
        now = max(now, began + 1.0 + well)
    if turns:
        assert lines[0] == 0.0
    for begin in lines:
        assert sum(begin <= t < begin + 3600.0 for t in lines) <= 2 * 3 + 2 * 7  # beginnings and ends, and spaced


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ("again in 0.5 s", "again in 30 s", True),
        ("takes 0..1.5, not -3.25e-05", "takes 0..1.5, not 7", True),
        ("/latentd/band/0 takes 0..2", "/latentd/band/1 takes 0..2", False),
        ("shm:1 is taken", "shm:2 is taken", False),
        ("'7' is not here", "'8' is not here", False),
        ("10.0.0.5 is not obeyed", "10.0.0.6 is not obeyed", False),
        ("w512 is gone", "w513 is gone", False),
    ],
)
def test_what_differs_in_its_numbers_alone_is_alike_and_names_are_not_numbers(one, other, same):
    assert (alike(one) == alike(other)) is same


@pytest.mark.parametrize(
    ("seconds", "said"),
    [(0.4, "0 s"), (119.0, "119 s"), (121.0, "2 min"), (7300.0, "2 h"), (172799.0, "48 h"), (9 * DAY, "9 days")],
)
def test_lengths_of_time_are_said_as_people_say_them(seconds, said):
    assert span(seconds) == said
