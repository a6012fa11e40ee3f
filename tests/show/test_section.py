from datetime import date, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from daemon import document
from daemon.config import Config
from daemon.errors import BadInput
from daemon.show.plan import Attract, Black, Entry, Play, Playlist, Still, Yearly
from daemon.show.section import ShowSection
from daemon.show.service import faults

WHOLE = """
version: 1
show:
  zone: Europe/Berlin
  seed: 7
  playlists:
    evening:
      order: shuffle
      fade: 8
      entries:
        - {preset: hearth, seconds: 300}
        - {preset: tide, seconds: [120, 600], fade: 20}
  schedule:
    - {from: 10:00, to: 18:00:30, days: [mon-fri], play: evening}
    - {from: "22:00", to: 02:00, days: [sat, fri-mon], preset: storm, fade: 3, first: 12-24, last: 01-06}
    - {first: 2026-12-24, blackout: true}
  wake: [{from: 9:00, to: 24:00}]
  silence: {after: 120, preset: hearth}
  play: evening
"""


def test_the_plan_is_what_was_written():
    plan = document.parse(WHOLE, Config, "config").show.plan()
    assert plan.zone == ZoneInfo("Europe/Berlin")
    assert plan.playlists == {
        "evening": Playlist("evening", (Entry("hearth", 300, 300, 8), Entry("tide", 120, 600, 20)), True)
    }
    day, night, out = plan.rules
    assert (day.span.begin, day.span.end) == (timedelta(hours=10), timedelta(hours=18, seconds=30))
    assert (day.span.days, day.what) == (frozenset(range(5)), Play("evening"))
    assert (night.span.begin, night.span.end) == (timedelta(hours=22), timedelta(hours=26))
    assert night.span.days == frozenset({4, 5, 6, 0})
    assert (night.span.first, night.span.last, night.what) == (Yearly(12, 24), Yearly(1, 6), Still("storm", 3))
    assert (out.span.first, out.span.last, out.what) == (date(2026, 12, 24), None, Black())
    assert (plan.wake[0].begin, plan.wake[0].end) == (timedelta(hours=9), timedelta(hours=24))
    assert plan.attract == Attract(120, 1, Still("hearth"), None)
    assert (plan.otherwise, plan.seed, plan.used) == (Play("evening"), 7, True)


def test_a_config_with_a_show_survives_the_flags_that_go_over_it():
    config = document.parse(WHOLE, Config, "config")
    assert Config.model_validate(config.model_dump()) == config


@given(st.integers(0, 23), st.integers(0, 59), st.sampled_from((None, 0, 1, 30, 59)), st.booleans(), st.booleans())
def test_a_time_of_day_is_the_same_with_quotes_and_without(hour, minute, second, quoted, padded):
    if (hour, minute) == (0, 0):
        return
    text = f"{hour:02}" if padded else str(hour)
    text += f":{minute:02}" + ("" if second is None else f":{second:02}")
    text = f"'{text}'" if quoted else text
    section = document.parse(f"wake: [{{from: 00:00, to: {text}}}]", ShowSection, "show")
    assert section.wake[0].to == timedelta(hours=hour, minutes=minute, seconds=second or 0)


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ("zone: Moon/Base", r"zone: there is no time zone 'Moon/Base'; use a name such as Europe/Berlin"),
        ("zone: Europe", "zone: there is no time zone 'Europe'"),
        ("zone: ../etc/passwd", "zone: there is no time zone"),
        ("zone: /etc/localtime", "zone: there is no time zone"),
        ('zone: "a\\0"', "zone: there is no time zone"),
        ("play: x", r"play: there is no playlist 'x'; there are none"),
        ("schedule: [{play: x}]\nsilence: {after: 2, play: y}", r"schedule.0.play.*'x'.*silence.play.*'y'"),
        ("schedule: [{from: 25:00, blackout: true}]", r"schedule.0.from: a time of day such as 18:30"),
        ("schedule: [{from: noon, blackout: true}]", r"schedule.0.from: a time of day"),
        ("schedule: [{from: 12.5, blackout: true}]", r"schedule.0.from: a time of day"),
        ("schedule: [{from: true, blackout: true}]", r"schedule.0.from: a time of day"),
        ("schedule: [{from: -10:00, blackout: true}]", r"schedule.0.from: a time of day"),
        ("schedule: [{preset: a, blackout: true}]", r"schedule.0: one of play"),
        ("schedule: [{from: 10:00}]", r"schedule.0: one of play"),
        ("schedule: [{preset: a}, {days: [mo], preset: a}]", r"schedule.1.days: a list of mon"),
        ("schedule: [{days: [], preset: a}]", r"schedule.0.days"),
        ("schedule: [{days: [mon-], preset: a}]", r"schedule.0.days"),
        ("schedule: [{days: [mon-tue-wed], preset: a}]", r"schedule.0.days"),
        ("schedule: [{days: 3, preset: a}]", r"schedule.0.days"),
        ("schedule: [{first: 02-30, last: 03-01, preset: a}]", r"schedule.0.first: a day such as"),
        ("schedule: [{first: '2026-02-29', preset: a}]", r"schedule.0.first: a day such as"),
        ("schedule: [{first: 2026-06-02, last: 2026-06-01, preset: a}]", r"schedule.0: the first day is after"),
        ("schedule: [{first: 12-24, preset: a}]", r"schedule.0: first and last"),
        ("wake: [{from: 10:00, to: 10:00}]", r"wake.0: from and to are the same"),
        ("wake: [{from: 10:00, till: 11:00}]", r"wake.0.till is not a known key"),
        ("playlists: {a: {entries: []}}", r"playlists.a.entries"),
        ("playlists: {a: {entries: [{preset: x}]}}", r"playlists.a.entries.0.seconds is missing; it is needed"),
        ("playlists: {a: {entries: [{preset: x, seconds: [5, 2]}]}}", r"entries.0.seconds: the fewest seconds"),
        ("playlists: {a: {entries: [{preset: x, seconds: 0}]}}", r"entries.0.seconds"),
        ("playlists: {a: {entries: [{preset: x, seconds: .inf}]}}", r"entries.0.seconds"),
        ("playlists: {a: {entries: [{preset: x, seconds: [1, 2, 3]}]}}", r"entries.0.seconds"),
        ("playlists: {'1': {entries: [{preset: x, seconds: 5}]}}", r"playlists.1"),
        ("playlists: {a: {order: random, entries: [{preset: x, seconds: 5}]}}", r"playlists.a.order"),
        ("silence: {after: 10}", r"silence: one of play"),
        ("preset: a\nplay: b\nplaylists: {b: {entries: [{preset: x, seconds: 5}]}}", "play or preset"),
    ],
)
def test_a_fault_is_named_with_its_place(wrong, said):
    with pytest.raises(BadInput, match=said):
        document.parse(wrong, ShowSection, "show")


@settings(max_examples=30)
@given(st.recursive(st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=9), st.lists))
def test_whatever_is_written_is_taken_or_named(value):
    for at in ("from", "to", "days", "first", "last"):
        try:
            ShowSection.model_validate({"schedule": [{at: value, "preset": "a"}], "zone": value})
        except ValueError:
            continue


def test_presets_that_are_not_there_are_named_with_their_places():
    plan = document.parse(WHOLE, Config, "config").show.plan()
    assert faults(plan, ("hearth", "tide", "storm")) == []
    said = faults(plan, ("tide",))
    assert [text.partition(":")[0] for text in said] == [
        "show.playlists.evening.entries.0.preset",
        "show.schedule.1.preset",
        "show.silence.preset",
    ]
    assert "'storm'" in said[1]


MANY = """
playlists:
  day: {entries: [{preset: a, seconds: 0}, {preset: b, seconds: 5}]}
  bad: {entries: [{preset: a}]}
schedule:
  - {from: 25:00, play: nowhere}
  - {from: 9, play: day}
  - {to: 7:61}
wake: [{from: 9}]
silence: {after: 0, play: gone}
play: away
"""


def test_all_faults_of_a_show_are_told_at_once_and_each_once():
    with pytest.raises(BadInput) as told:
        document.parse(MANY, ShowSection, "show")
    assert sorted(told.value.faults) == [
        "play: there is no playlist 'away'; there are day, bad",
        "playlists.bad.entries.0.seconds is missing; it is needed",
        "playlists.day.entries.0.seconds: at least 1, not 0",
        "schedule.0.from: a time of day such as 18:30, from 00:00 to 24:00, not '25:00'",
        "schedule.0.play: there is no playlist 'nowhere'; there are day, bad",
        "schedule.1.from: a time of day such as 18:30, from 00:00 to 24:00, not 9",
        "schedule.2.to: a time of day such as 18:30, from 00:00 to 24:00, not '7:61'",
        "schedule.2: one of play: PLAYLIST, preset: NAME and blackout: true is needed",
        "silence.after: at least 1, not 0",
        "silence.play: there is no playlist 'gone'; there are day, bad",
        "wake.0.from: a time of day such as 18:30, from 00:00 to 24:00, not 9",
    ]


@pytest.mark.parametrize("off", ["off", "Off", "NO", "n", "f", "false", "0", "0.0", "'0'", "'False'"])
def test_a_rule_that_is_not_black_may_say_so_in_every_word_for_it(off):
    (rule,) = document.parse(f"schedule: [{{preset: a, blackout: {off}}}]", ShowSection, "show").schedule
    assert rule.what() == Still("a", None)
    with pytest.raises(BadInput) as told:
        document.parse(f"schedule: [{{blackout: {off}, from: 9}}]", ShowSection, "show")
    assert [fault.partition(":")[0] for fault in told.value.faults] == ["schedule.0.from", "schedule.0"]


def test_two_faults_of_one_rule_are_both_told_and_one_that_is_found_twice_once():
    with pytest.raises(BadInput) as told:
        document.parse("schedule: [{from: 9:00, to: 9:00}, {from: 9:00}]", ShowSection, "show")
    one = "one of play: PLAYLIST, preset: NAME and blackout: true is needed"
    same = "from and to are the same; leave both out for the whole day"
    assert sorted(told.value.faults) == [f"schedule.0: {same}", f"schedule.0: {one}", f"schedule.1: {one}"]
