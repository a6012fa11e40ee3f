from datetime import UTC, datetime, timedelta
from itertools import pairwise
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from daemon.show.almanac import SteadyWall, face


def stamp(text, zone="UTC", fold=0):
    return datetime.fromisoformat(text).replace(tzinfo=ZoneInfo(zone), fold=fold).timestamp()


def test_a_time_that_does_not_exist_comes_when_the_clock_is_set_forward():
    berlin = ZoneInfo("Europe/Berlin")
    change = stamp("2026-03-29T01:00")
    half_past_two = datetime(2026, 3, 29, 2, 30)
    assert face(change - 1, berlin) < half_past_two <= face(change, berlin)


def test_a_time_that_exists_twice_comes_once_and_the_clock_stands_in_its_second_showing():
    berlin = ZoneInfo("Europe/Berlin")
    again = stamp("2026-10-25T01:00")  # 3:00 becomes 2:00
    seen = [face(again + s, berlin) for s in (-1800, -1, 0, 1800, 3599, 3600)]
    assert seen[0] == datetime(2026, 10, 25, 2, 30)
    assert seen[1] == datetime(2026, 10, 25, 2, 59, 59)
    assert seen[2] == seen[3] == seen[4] == datetime(2026, 10, 25, 3) - timedelta(microseconds=1)
    assert seen[5] == datetime(2026, 10, 25, 3)


# with the years in which they did it: by half an hour, by two, at midnight, over midnight, a day left out, no daylight
ZONES = (
    *(("Europe/Berlin", 2026), ("America/New_York", 2026), ("Australia/Lord_Howe", 2026), ("Antarctica/Troll", 2026)),
    *(("America/Sao_Paulo", 2018), ("America/Nuuk", 2024), ("Pacific/Apia", 2011), ("Asia/Kolkata", 2026)),
    *(("Europe/Dublin", 2026), ("Africa/Casablanca", 2026), ("America/Havana", 2026), ("Asia/Gaza", 2026)),
)


@pytest.mark.parametrize(("name", "year"), ZONES)
def test_through_a_year_it_is_the_latest_that_the_clock_has_shown(name, year):
    zone, begin = ZoneInfo(name), datetime(year, 1, 1, tzinfo=UTC).timestamp()
    latest, stood = datetime.min, 0
    for half in range(366 * 48):
        at = begin + half * 1800
        shown = datetime.fromtimestamp(at, zone).replace(tzinfo=None)
        before, latest = latest, max(latest, shown)
        stood += before == latest
        said = face(at, zone)
        assert timedelta() <= said - latest < timedelta(minutes=30)
        if before != latest:
            assert said == shown
    expected = {"Asia/Kolkata": 0, "Australia/Lord_Howe": 1, "Antarctica/Troll": 4}
    assert stood == expected.get(name, 2)


def test_the_zone_of_the_machine_is_read_alike(monkeypatch):
    import time

    for name in ("Europe/Berlin", "Australia/Lord_Howe", "America/Nuuk"):
        monkeypatch.setenv("TZ", name)
        time.tzset()
        try:
            for hour in range(1, 8784, 2):
                at = datetime(2026, 1, 1, tzinfo=UTC).timestamp() + hour * 3600 + 600
                assert face(at, None) == face(at, ZoneInfo(name))
        finally:
            monkeypatch.undo()
            time.tzset()


def test_a_clock_that_is_set_right_by_a_little_is_followed():
    wall = SteadyWall()
    assert wall.at(1000.0, 0.0) == 1000.0
    assert wall.at(1011.5, 10.0) == 1011.5
    assert wall.at(1020.0, 20.0) == 1020.0


def test_a_clock_that_jumps_is_believed_when_it_is_steady():
    for jump in (3600.0, -3600.0, 86_400.0, -86_400 * 365.0):
        wall = SteadyWall()
        wall.at(1e9, 0.0)
        said = [wall.at(1e9 + s + (jump if s > 10 else 0), float(s)) - 1e9 - s for s in range(20)]
        assert said == [0.0] * 16 + [jump] * 4


def test_a_clock_that_two_programs_fight_over_is_not_followed_to_and_fro():
    wall = SteadyWall()
    wall.at(1e9, 0.0)
    for s in range(1, 600):
        assert wall.at(1e9 + s + (s % 3) * 3600, float(s)) - 1e9 <= s + 0.1


def test_a_clock_set_back_by_minutes_is_waited_for():
    wall = SteadyWall()
    wall.at(1e9, 0.0)
    said = [wall.at(1e9 + s - (120 if s > 10 else 0), float(s)) - 1e9 for s in range(1, 400)]
    assert all(a <= b for a, b in pairwise(said))
    assert said[-1] == 399 - 120


@given(st.lists(st.tuples(st.floats(0.2, 2000), st.floats(-90_000, 90_000)), max_size=40))
def test_what_is_believed_moves_at_most_once_in_five_seconds(steps):
    wall, t, offset = SteadyWall(), 0.0, 0.0
    wall.at(1e9, 0.0)
    moved = []
    before = 0.0
    for dt, jump in steps:
        for part in range(3):  # a jump, and two looks at the clock as it then is
            t += dt / 3
            offset += jump if part == 0 else 0.0
            said = wall.at(1e9 + t + offset, t) - 1e9 - t
            if abs(said - before) > 600 + 2:  # no waiting for a clock set back
                moved.append(t)
            before = said
    assert all(b - a >= 5.0 / 3 for a, b in pairwise(moved))
