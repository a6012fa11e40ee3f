from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from daemon.sinks.video.reel import Reel

FPS = Fraction(30)


def shown(times, fps=FPS):
    """(frames [(number, picture)], the reel) of pictures 0, 1, ... that came at these times."""
    reel, frames = Reel(fps), []
    for picture, when in enumerate(times):
        frames += reel.add(when, picture)
    return frames + reel.settle(), reel


@st.composite
def schedules(draw):
    """Pictures in time, too fast, late, and with hitches; the clock begins anywhere."""
    gaps = draw(st.lists(st.sampled_from([0.001, 0.02, 0.033, 0.035, 0.05, 0.4, 1.9, 5.0]), min_size=1, max_size=60))
    jitter = draw(st.lists(st.floats(0, 0.01), min_size=len(gaps), max_size=len(gaps)))
    t, times = draw(st.floats(0, 1e6)), []
    for gap, more in zip(gaps, jitter, strict=True):
        t += gap + more
        times.append(t)
    return times


@given(schedules(), st.sampled_from([Fraction(30), Fraction(24_000, 1001), Fraction(120)]))
def test_every_picture_stands_within_half_a_frame_of_when_it_was_completed(times, fps):
    frames, reel = shown(times, fps)
    numbers = [n for n, _ in frames]
    assert numbers[0] == 0
    assert numbers == sorted(set(numbers))
    first = {}
    for n, picture in frames:
        first.setdefault(picture, n)
    assert list(first) == sorted(first)
    assert len(first) + reel.left_out == len(times)
    for picture, n in first.items():
        assert abs(reel.origin + n / fps - times[picture]) <= 0.5 / fps + 1e-9
    newest = -1
    for n, picture in frames:  # what is not new is the newest again
        assert picture == newest or first[picture] == n
        newest = picture


@given(st.lists(st.floats(-0.1, 0.1), min_size=40, max_size=40), st.floats(0, 0.4))
def test_pictures_that_come_unevenly_after_a_late_first_one_are_neither_repeated_nor_lost(jitter, late):
    times = [(k + wobble) / 30 for k, wobble in enumerate(jitter)]
    times[0] = late / 30
    frames, reel = shown(times)
    assert frames == [(n, n) for n in range(40)]
    assert reel.left_out == 0


def test_what_did_not_come_is_the_picture_before_again():
    frames, _ = shown([k / 30 for k in range(10)] + [k / 30 for k in range(15, 20)])
    assert [n for n, _ in frames] == list(range(20))
    assert [picture for _, picture in frames] == [*range(10), *[9] * 5, *range(10, 15)]


def test_a_long_gap_is_not_filled_with_copies():
    frames, _ = shown([k / 30 for k in range(10)] + [3600.0])
    assert [n for n, _ in frames] == [*range(10), 108_000]


def test_a_picture_whose_frame_is_taken_is_left_out():
    frames, reel = shown([k / 60 for k in range(40)])
    assert [n for n, _ in frames] == list(range(len(frames)))
    assert len(frames) == pytest.approx(20, abs=1)
    assert len(frames) + reel.left_out == 40


def test_a_film_of_nothing_has_no_frames():
    assert shown([])[0] == []
