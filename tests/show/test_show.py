from dataclasses import replace
from datetime import UTC, datetime

import pytest
from show.stage import NAMES, TOUCH, Stage, plan, stage

from daemon import state
from daemon.params import Params
from daemon.show.deck import Mark
from daemon.show.plan import Plan
from daemon.show.show import Cue, Place, Show

ROUND = """
zone: UTC
playlists:
  round:
    entries:
      - {preset: a, seconds: 10}
      - {preset: b, seconds: 20, fade: 3}
      - {preset: c, seconds: 30}
  other: {fade: 1, entries: [{preset: d, seconds: 5}, {preset: a, seconds: 5}]}
play: round
"""
QUIET = ROUND + "silence: {after: 60, sound: 2, preset: idle, fade: 4}\n"
DAY = ROUND + "wake: [{from: 10:00, to: 20:00}]\n"


def test_entries_follow_one_another_each_with_its_time_and_fade():
    s = stage(ROUND).go(65)
    assert s.cues == [(0, Cue("a", 0.0)), (10, Cue("b", 3.0)), (30, Cue("c")), (60, Cue("a"))]


def test_nothing_is_planned_and_nothing_is_done():
    for plan_ in (Plan(), plan("enable: true"), plan(ROUND.replace("play: round", ""))):
        s = Stage(Show(plan_))
        assert s.go(1000, 50).cues == []
        assert s.show.on.kind == "nothing"


def test_what_is_on_while_nobody_looks_for_a_day_is_one_entry_further_on():
    s = stage(ROUND).go(5)
    s.taken()
    s.go(86_400, step=86_400)
    assert s.taken() == [Cue("b", 3.0)]
    assert s.show.left == 20


def test_the_first_rule_that_holds_is_on_and_what_no_rule_has_is_the_rest():
    text = ROUND + (
        "schedule:\n"
        "  - {from: 13:00, to: 14:00, days: [tue], blackout: true}\n"
        "  - {from: 13:00, to: 15:00, days: [mon-wed], preset: d, fade: 9}\n"
    )
    s = stage(text).go(3599, 3599)
    assert s.show.on.kind == "entry"
    s.taken()
    s.go(1)
    assert s.taken() == [Cue("d", 9.0)]
    s.go(7200, 7200)
    assert s.show.on.kind == "entry"
    s.go(22 * 3600, 22 * 3600)
    assert (s.black, s.show.on.kind) == (True, "blackout")
    s.go(3600, 3600)
    assert (s.black, s.picture) == (False, "d")
    s.go(86_400, 86_400)
    assert s.picture == "d"
    s.go(86_400, 86_400)
    assert s.show.on.kind == "entry"  # Thursday


def test_hours_over_midnight_belong_to_the_day_they_begin_on():
    s = stage(
        ROUND + "schedule: [{from: 22:00, to: 04:00, days: [sat], first: 2026-06-06, last: 2026-06-06, preset: d}]\n"
    )
    begin = s.begin.timestamp()
    on = []
    for hour in range(24 * 14):
        s.t = hour * 3600.0
        s.look()
        if s.show.on.preset == "d":
            on.append(datetime.fromtimestamp(begin + s.t, UTC).strftime("%a %d %H"))
    assert on == ["Sat 06 22", "Sat 06 23", "Sun 07 00", "Sun 07 01", "Sun 07 02", "Sun 07 03"]


def test_days_of_every_year_go_round_its_end_and_leap_days_come_in_leap_years():
    winter = plan("schedule: [{first: 12-24, last: 01-06, preset: a}]").rules[0].span
    days = [datetime(2027, 1, 6, 12), datetime(2026, 12, 24), datetime(2026, 12, 23, 23, 59), datetime(2027, 1, 7)]
    assert [winter.holds(day) for day in days] == [True, True, False, False]
    leap = plan("schedule: [{first: 02-29, last: 02-29, preset: a}]").rules[0].span
    assert leap.holds(datetime(2028, 2, 29, 12))
    assert not leap.holds(datetime(2027, 2, 28, 12))
    assert not leap.holds(datetime(2027, 3, 1))


def test_silence_brings_the_idle_preset_and_sound_brings_back_what_was_on():
    s = stage(QUIET).go(65)
    s.taken()
    s.go(3)  # a, of which 8 s have gone by
    assert s.show.left == 2
    s.be_silent()
    s.go(59)
    assert s.show.on.kind == "entry"
    kind, entry, left = s.show.on.kind, s.show.on.entry, s.show.left
    s.taken()
    s.go(100)
    assert s.taken() == [Cue("idle", 4.0)]
    assert (s.show.on.kind, s.show.left) == ("attract", None)
    s.be_heard()
    s.go(1)
    assert s.taken() == []
    s.go(1)
    assert s.taken() == [Cue(NAMES[entry], 4.0)]
    assert (s.show.on.kind, s.show.on.entry) == (kind, entry)
    assert s.show.left == pytest.approx(left, abs=1.0)


def test_a_cough_does_not_end_the_quiet():
    s = stage(QUIET)
    s.be_silent()
    s.go(70)
    s.taken()
    for _ in range(50):
        s.be_heard()
        s.go(1)
        s.be_silent()
        s.go(20)
    assert s.taken() == []


def test_it_sleeps_outside_the_hours_it_is_awake_and_wakes_where_it_was():
    s = stage(DAY)
    s.go(8 * 3600 - 1, 60)
    s.taken()
    entry = s.show.on.entry
    s.go(1)
    assert s.taken() == [Cue(blackout=True)]
    s.go(14 * 3600 - 1, 60)
    assert s.taken() == []
    s.go(1)
    assert s.taken() == [Cue(None, 0.0, blackout=False)]
    assert s.show.on.entry == entry


def test_a_show_that_begins_at_night_begins_black():
    s = stage(DAY, begin=datetime(2026, 6, 1, 3, tzinfo=UTC))
    assert s.taken() == [Cue(blackout=True)]
    s.go(7 * 3600, 600)
    assert s.taken() == [Cue("a", 0.0, blackout=False)]


def test_whoever_makes_it_black_keeps_it_black():
    s = stage(DAY)
    s.switch(True)
    s.go(12 * 3600, 60)
    s.go(12 * 3600, 60)
    assert s.black
    assert all(cue.blackout is None for cue in s.taken())
    s.switch(False)
    assert not s.black


def test_whoever_lets_go_at_night_leaves_it_to_the_show_and_then_may_light_it():
    s = stage(DAY)
    s.switch(True)
    s.go(9 * 3600, 60)
    s.switch(False)
    assert s.black
    s.switch(False)
    assert not s.black
    s.go(3600, 60)
    assert not s.black
    s.switch(True)
    assert s.black
    s.go(18 * 3600, 60)  # through a day
    assert s.black
    s.switch(False)
    assert not s.black
    s.go(4 * 3600, 60)
    assert s.black
    s.go(14 * 3600, 60)
    assert not s.black


def test_a_recall_by_hand_is_left_until_the_entry_is_over():
    s = stage(ROUND).go(12)
    s.taken()
    s.recall("d")
    s.go(17)
    assert (s.taken(), s.picture) == ([], "d")
    s.fading = True
    s.go(5)
    assert (s.taken(), s.picture) == ([], "d")
    s.fading = False
    s.go(1)
    assert s.taken() == [Cue("c")]


def test_a_recall_by_hand_ends_when_it_is_resumed_or_the_next_is_asked_for():
    s = stage(ROUND).go(12)
    s.taken()
    s.recall("d")
    s.go(1)
    s.show.resume()
    assert s.show.asked
    s.go(1)
    assert s.taken() == [Cue("b", 3.0)]
    assert s.show.left == 16
    s.recall("d")
    s.show.skip()
    s.go(1)
    assert s.taken() == [Cue("c")]


def test_a_recall_by_hand_ends_when_the_schedule_moves_on():
    s = stage(ROUND.replace("play: round", "preset: c") + "schedule: [{from: 13:00, to: 14:00, preset: b}]\n")
    s.taken()
    s.recall("d")
    s.go(3599, 60)
    assert s.taken() == []
    s.go(1)
    assert s.taken() == [Cue("b")]


def test_a_recall_by_hand_ends_with_the_night():
    s = stage(DAY.replace("seconds: 30", "seconds: 90000").replace("play: round", "preset: c"))
    s.go(60)
    s.taken()
    s.recall("d")
    s.go(8 * 3600, 60)
    s.go(14 * 3600, 60)
    assert s.taken() == [Cue(blackout=True), Cue("c", 0.0, blackout=False)]


def test_nothing_comes_while_nobody_makes_a_sound_if_somebody_has_recalled_something():
    s = stage(QUIET.replace("seconds: 10", "seconds: 500"))
    s.recall("d")
    s.be_silent()
    s.taken()
    s.go(400)
    assert s.taken() == []
    s.go(101)
    assert s.taken() == [Cue("idle", 4.0)]


def test_whoever_recalls_something_in_the_quiet_is_not_thrown_out_by_their_own_sound():
    s = stage(QUIET).go(65)
    s.go(3)  # a, of which 2 s are left
    s.be_silent()
    s.go(70)
    entry, s.t = s.show.on, s.t
    s.recall("d")
    s.taken()
    s.go(500)
    assert s.taken() == []
    s.be_heard()
    s.go(5)
    assert (s.taken(), s.picture, s.show.by_hand) == ([], "d", True)
    assert (entry.kind, s.show.on.kind) == ("attract", "entry")
    whole = s.show.playlists and s.show.left
    s.go(whole - 1)
    assert s.taken() == []
    s.go(2)
    assert len(s.taken()) == 1
    assert not s.show.by_hand


def test_without_a_hand_the_time_that_was_left_is_what_is_left_after_the_quiet():
    s = stage(QUIET.replace("seconds: 10", "seconds: 500")).go(480)
    s.be_silent()
    s.go(100)
    s.be_heard()
    s.go(2)
    assert s.show.left < 30


def test_a_hold_may_be_stepped_through_whatever_rule_has_begun():
    s = stage(ROUND + "schedule: [{from: 13:00, to: 14:00, preset: d}]\n")
    s.show.hold(True)
    s.go(3700, 10)
    s.taken()
    assert s.show.skip()
    s.go(1)
    assert s.taken() == [Cue("b", 3.0)]
    assert s.show.jump(2)
    s.go(1)
    assert s.taken() == [Cue("c")]
    s.show.hold(False)
    s.go(1)
    assert s.taken() == [Cue("d")]


@pytest.mark.parametrize("attract", ["preset: idle", "play: other"])
def test_a_playlist_asked_for_in_the_quiet_is_on_until_there_was_sound(attract):
    s = stage(QUIET.replace("preset: idle", attract).replace("seconds: 20", "seconds: 2000"))
    s.be_silent()
    s.go(70)
    assert s.show.on.kind == "attract"
    s.show.play("round")
    s.go(500)
    assert (s.show.on.kind, s.show.on.playlist) == ("entry", "round")
    s.be_heard()
    s.go(5)
    s.be_silent()
    s.go(70)
    assert s.show.on.kind == "attract"
    s.show.play("round")
    s.go(1)
    s.show.play(None)
    s.go(1)
    assert s.show.on.kind == "attract"


def test_a_playlist_asked_for_in_the_quiet_holds_it_off_no_longer_than_it_is_chosen():
    s = stage(QUIET + "schedule: [{from: 13:00, to: 14:00, preset: c}]\n")
    s.be_silent()
    s.go(70)
    s.show.play("round")
    s.go(3500)
    assert s.show.on.playlist == "round"
    s.go(100)
    assert s.show.on.kind == "attract"


def test_without_a_hold_the_schedule_goes_before_a_step():
    s = stage(ROUND + "schedule: [{from: 13:00, to: 14:00, preset: d}]\n").go(3599)
    s.show.skip()
    s.go(1)
    assert s.picture == "d"


def test_in_the_quiet_there_is_no_entry_to_go_on_from_unless_a_playlist_is_on():
    s = stage(QUIET)
    assert s.show.skip()
    s.be_silent()
    s.go(70)
    s.taken()
    assert not s.show.skip()
    assert not s.show.jump(0)
    assert "idle is on until there is sound" in s.show.instead()
    s.go(5)
    assert s.taken() == []
    two = stage(QUIET.replace("preset: idle", "play: other"))
    two.be_silent()
    two.go(70)
    two.taken()
    assert two.show.skip()
    two.go(1)
    assert len(two.taken()) == 1
    assert (two.show.on.kind, two.show.on.playlist) == ("attract", "other")


@pytest.mark.parametrize("hold", [False, True])
def test_any_sound_at_all_ends_the_quiet_where_it_needs_none_of_a_length(hold):
    s = stage(QUIET.replace("sound: 2", "sound: 0"))
    s.be_silent()
    s.go(70)
    s.taken()
    s.show.hold(hold)
    s.go(600)
    assert (s.taken(), s.show.on.kind) == ([], "attract")
    s.show.hold(False)
    s.be_heard()
    s.go(2)
    assert s.show.on.kind == "entry"


def restarted(s, days=0.0, plan_=None):
    again = Stage(Show(plan_ or s.show.plan, s.show.place(), s.picture), begin=s.begin, t=s.t + days * 86_400)
    again.picture = s.picture
    again.look()
    return again


def test_a_night_that_was_lifted_stays_light_over_a_restart_and_the_next_is_dark():
    s = stage(DAY).go(9 * 3600, 60)  # 21:00
    assert restarted(s).black
    s.switch(False)
    assert not s.black
    s.go(3600, 60)
    for again in (restarted(s), restarted(restarted(s)), restarted(s, 0.3)):
        assert not again.black
        again.go(600)
        assert not again.black
        again.go(24 * 3600, 600)
        assert again.black == (again.show.on.kind == "blackout")
    for days in (1.0, 2.0, 30.0, -1.0):
        assert restarted(s, days).black
    s.switch(True)
    s.switch(False)
    s.go(15 * 3600, 60)
    assert s.show.place().lifted is None


def test_a_lifted_night_and_what_was_streamed_go_through_the_file_of_the_last_state(tmp_path):
    s = stage(DAY).go(9 * 3600, 60)
    s.switch(False)
    for i in range(5):
        s.show.heard(TOUCH, "/latentd/preset/index", (3.0,), s.t + i / 60)
        s.show.heard(TOUCH, "/latentd/preset", ("b", 4), s.t + i / 60)
    place = s.show.place()
    assert place.lifted is not None
    assert len(place.streams) == 2
    state.store(tmp_path / "state.yaml", state.State(Params(), None, place))
    assert state.load(tmp_path / "state.yaml").place == place


def test_two_nights_that_are_lifted_are_two():
    s = stage(DAY).go(9 * 3600, 60)
    s.switch(False)
    s.go(24 * 3600, 60)
    assert s.black
    s.switch(False)
    s.go(600, 60)
    assert not restarted(s).black


def test_a_stream_that_is_found_out_does_not_wait_for_the_next_look():
    s = stage(DAY).go(9 * 3600, 1)
    s.switch(False, TOUCH)
    s.go(1, 0.2)
    assert not s.black
    assert not s.show.asked
    s.switch(False, TOUCH)
    s.switch(False, TOUCH)
    assert s.show.asked
    s.look()
    assert s.black


def test_who_streams_long_after_they_lit_it_leaves_it_light():
    s = stage(DAY).go(9 * 3600, 1)
    s.switch(False, TOUCH)
    s.go(12, 0.2)
    s.stream(5, False)
    assert not s.black


def test_a_stream_that_changes_soon_after_its_sender_lit_it_is_obeyed():
    s = stage(DAY).go(9 * 3600, 1)
    s.switch(False, TOUCH)
    s.go(1, 0.2)
    s.stream(1, True)
    assert s.black
    s.stream(2, False)
    assert not s.black


def test_a_hand_that_made_it_black_at_night_and_lets_go_lights_it():
    s = stage(DAY).go(9 * 3600, 60)
    s.switch(True)
    s.switch(False)
    assert not s.black


def test_a_hold_keeps_what_is_on_and_its_time_but_not_the_night():
    s = stage(DAY).go(12)
    s.taken()
    s.show.hold(True)
    s.go(600)
    assert s.taken() == []
    assert s.show.left == 18
    s.show.hold(False)
    s.go(18)
    assert s.taken() == [Cue("c")]
    s.show.hold(True)
    s.go(7 * 3600 + 3000, 60)
    assert s.black
    s.go(14 * 3600, 60)
    assert not s.black
    assert s.show.on.preset == "c"
    s.taken()
    s.go(600)
    assert s.taken() == []


def test_a_hold_may_be_stepped_through():
    s = stage(ROUND)
    s.show.hold(True)
    s.taken()
    for expected in ("b", "c", "a"):
        s.show.skip()
        s.go(100)
        assert [cue.preset for cue in s.taken()] == [expected]


def test_a_hold_keeps_a_recall_by_hand_while_the_schedule_moves_on():
    s = stage(ROUND + "schedule: [{from: 13:00, to: 14:00, preset: d}]\n")
    s.recall("idle")
    s.show.hold(True)
    s.taken()
    s.go(3700, 10)
    assert (s.taken(), s.picture) == ([], "idle")
    s.show.resume()
    s.go(1)
    assert s.taken() == [Cue("d")]


def test_a_playlist_asked_for_is_on_until_the_schedule_moves_on():
    s = stage(ROUND + "schedule: [{from: 13:00, to: 14:00, preset: c}]\n").go(12)
    s.taken()
    s.show.play("other")
    s.go(1)
    assert s.taken() == [Cue("d", 1.0)]
    s.go(5)
    assert s.taken() == [Cue("a", 1.0)]
    s.show.play(None)
    s.go(1)
    assert s.taken() == [Cue("b", 3.0)]
    s.show.play("other")
    s.go(3600, 1)
    assert s.picture == "c"
    s.go(3600, 10)
    assert s.show.on.playlist == "round"


def test_an_entry_may_be_gone_to():
    s = stage(ROUND)
    s.taken()
    assert s.show.jump(2)
    s.go(1)
    assert s.taken() == [Cue("c")]
    assert not s.show.jump(3)
    assert not s.show.jump(-1)
    s.go(28)
    assert s.taken() == []
    s.go(1)
    assert s.taken() == [Cue("a")]
    s.show.jump(0)
    s.go(1)
    assert s.taken() == []


def test_a_show_that_is_switched_off_leaves_everything_to_others_and_comes_back():
    s = stage(DAY).go(12)
    s.show.enable(False)
    s.taken()
    s.recall("d")
    s.go(9 * 3600, 60)
    assert (s.taken(), s.show.on.kind) == ([], "nothing")
    s.show.enable(True)
    s.go(1)
    assert s.taken() == [Cue(blackout=True)]
    s.show.enable(False)
    s.go(1)
    assert s.taken() == [Cue(None, 0.0, blackout=False)]
    s.go(14 * 3600, 60)
    s.show.enable(True)
    s.go(1)
    assert s.taken() == [Cue("b", 3.0)]


def test_a_preset_that_is_gone_is_skipped_and_shown_again_when_it_is_back():
    s = stage(ROUND)
    s.names = ("a", "c")
    s.taken()
    s.go(10)
    assert s.taken() == [Cue("c")]
    s.names = ("a", "b")
    s.go(1)
    assert s.taken() == [Cue("a")]
    s.names = ()
    s.go(100)
    assert (s.taken(), s.show.on.kind) == ([], "nothing")
    s.names = NAMES
    s.go(1)
    assert len(s.taken()) <= 1
    assert s.show.on.kind == "entry"


@pytest.mark.parametrize("order", ["sequence", "shuffle"])
def test_it_goes_on_where_it_was(order):
    text = QUIET.replace("  round:\n", f"  round:\n    order: {order}\n").replace("seconds: 30", "seconds: 3000")
    whole = stage(text).go(700)
    again = Stage(Show(whole.show.plan, whole.show.place(), whole.picture), t=5000.0, sound=5000.0)
    again.picture = whole.picture
    again.begin = datetime.fromtimestamp(again.begin.timestamp() - 4000, UTC)
    again.look()
    assert again.taken() == []  # what is on has been restored by others
    assert (again.show.on, again.show.place().marks) == (whole.show.on, whole.show.place().marks)
    assert whole.show.left <= again.show.left < whole.show.left + 60
    whole.taken()
    whole.show.skip()
    again.show.skip()
    whole.go(3)
    again.go(3)
    assert whole.taken() == again.taken() != []


def test_a_place_with_another_picture_than_the_one_restored_is_shown_at_once():
    whole = stage(ROUND).go(12)
    again = Stage(Show(whole.show.plan, whole.show.place(), "d"))
    again.look()
    assert again.taken() == [Cue("b", 0.0)]


def test_whoever_took_over_before_a_restart_still_has():
    whole = stage(ROUND).go(12)
    whole.recall("d")
    whole.go(1)
    again = Stage(Show(whole.show.plan, whole.show.place(), "d"))
    again.look()
    again.go(15)
    assert again.taken() == []
    again.go(10)
    assert [cue.preset for cue in again.taken()] == ["c"]


def test_a_place_of_another_plan_does_no_harm():
    place = Place(True, True, "gone", 99, "a", True, True, (Mark("gone", "a", 5, 1.0, 1, (3,)),))
    s = Stage(Show(plan(ROUND), replace(place, held=False), "a"))
    s.go(100)
    assert s.show.on.kind == "entry"
    assert s.show.chosen is None
    nothing = Stage(Show(Plan(), place, "a"))
    nothing.go(10)
    assert nothing.taken() == []
    assert not nothing.show.enabled


def test_where_it_is_seldom_changes():
    s = stage(ROUND.replace("seconds: 10", "seconds: 3600").replace("seconds: 20", "seconds: [600, 900]"))
    places = set()
    for _ in range(7200):
        s.go(1)
        places.add(s.show.place())
    assert len(places) < 7200 / 60 + 10


@pytest.mark.parametrize("asked", [True, False])
def test_a_config_that_was_changed_since_says_whether_the_show_is_on(asked):
    before = plan(ROUND.replace("zone: UTC", f"zone: UTC\nenable: {not asked}".lower().replace("utc", "UTC")))
    after = plan(ROUND.replace("zone: UTC", f"zone: UTC\nenable: {asked}".lower().replace("utc", "UTC")))
    kept = Show(before).place()
    assert Show(before, kept).enabled is not asked
    assert Show(after, kept).enabled is asked
    by_osc = Show(before)
    by_osc.enable(asked)
    assert Show(before, by_osc.place()).enabled is asked
