from datetime import UTC, datetime

import pytest
from control.rig import say, shelf
from show.stage import TOUCH, plan

from daemon.control.answer import Told
from daemon.control.desk import Desk
from daemon.control.refusal import Code, Refusal
from daemon.flow import Traits
from daemon.params import Fade, Params
from daemon.show.show import Cue, Facts, Show

PLAN = """
zone: UTC
playlists:
  round: {entries: [{preset: still, seconds: 10}, {preset: storm, seconds: 10}]}
  other: {entries: [{preset: sudden, seconds: 10}]}
play: round
wake: [{from: 10:00, to: 20:00}]
"""


class Played:
    """A desk and a show on it, looked at by hand."""

    def __init__(self, text=PLAN, place=None, hour=12):
        self.show = Show(plan(text), place)
        self.bank = shelf()
        self.desk = Desk(self.bank, Fade.still(Params()), None, (), show=self.show)
        self.t = 0.0
        self.look(hour=hour)

    def look(self, after=0.0, hour=12):
        self.t += after
        if self.show.ripen(self.t):
            assert self.desk.cue(Cue(), self.t) is None
        wall = datetime(2026, 6, 1, hour, tzinfo=UTC)
        cue = self.show.at(wall, self.t, Facts(self.bank.names, fading=self.desk.fading(self.t)))
        if cue is not None:
            assert self.desk.cue(cue, self.t) is None

    def night(self):
        """Until the clock is believed."""
        for _ in range(8):
            self.look(1.0, hour=22)

    def say(self, address, *args, after=1.0, sender=""):
        self.t += after
        return say(self.desk, address, *args, now=self.t, sender=sender)

    def wait(self, seconds=0.5, hour=12):
        """Looks as close as the service's."""
        for _ in range(round(seconds / 0.1)):
            self.look(0.1, hour)

    def stream(self, seconds, *messages, hour=12, rate=60, sender=TOUCH):
        """A controller that sends all it has, all the time."""
        looked = self.t
        for _ in range(round(seconds * rate)):
            self.t += 1 / rate
            for address, *args in messages:
                assert self.say(address, *args, after=0.0, sender=sender) is None
            if self.t - looked >= 0.2:
                looked = self.t
                self.look(hour=hour)

    @property
    def values(self):
        return self.desk.values(self.t)


def test_the_show_drives_the_desk_and_says_so():
    played = Played()
    assert (played.desk.preset, played.values["/latentd/show/playlist"]) == ("still", "round")
    assert played.desk.fade.end.psi == 0.5
    assert (played.values["/latentd/show/enable"], played.values["/latentd/show/entry"]) == (1, 0)
    played.look(10.0)
    assert (played.desk.preset, played.values["/latentd/show/entry"]) == ("storm", 1)
    assert played.desk.fading(played.t)


@pytest.mark.parametrize(
    ("address", "args"),
    [
        ("/latentd/preset", ("storm",)),
        ("/latentd/preset", (1,)),
        ("/latentd/preset/index", (1.0,)),
        ("/latentd/preset/index/norm", (0.5,)),
        ("/latentd/preset/next", (1,)),
        ("/latentd/preset/prev", (1,)),
        ("/latentd/preset/save", ("mine",)),
    ],
)
def test_a_recall_over_osc_is_a_hand_and_the_show_steps_back(address, args):
    played = Played()
    assert played.say(address, *args) is None
    assert played.show.by_hand
    taken = played.desk.preset
    played.look(2.0)
    assert played.desk.preset == taken != "still"
    assert played.say("/latentd/show/resume", 1) is None
    played.look(0.1)
    assert played.desk.preset == "still"


def test_what_changes_nothing_is_no_hand():
    played = Played()
    for address, args in (
        ("/latentd/preset", ("still",)),
        ("/latentd/preset", ("nobody",)),
        ("/latentd/preset/next", (0,)),
        ("/latentd/psi", (0.25,)),
    ):
        played.say(address, *args)
        assert not played.show.by_hand


def test_a_controller_that_sends_everything_all_the_time_is_obeyed_once():
    played = Played()
    played.wait(2)
    states = []
    for _ in range(60):
        played.stream(1, ("/latentd/preset/index", 1.0), ("/latentd/blackout", 0.0), ("/latentd/show/playlist", -1.0))
        states.append(played.desk.preset)
    assert states[:8] == ["storm"] * 8  # by hand, until the entry is over
    assert states.count("still") == pytest.approx(22, abs=3)


@pytest.mark.parametrize("address", ["/latentd/preset/index", "/latentd/preset/index/norm", "/latentd/preset"])
def test_a_recall_that_was_streamed_before_the_start_is_no_wish(address):
    played = Played()
    for _ in range(40):
        played.stream(1, (address, 1.0))
        assert not played.show.by_hand
        assert played.desk.preset == played.show.on.preset
    played.say(address, 0.0 if played.desk.preset == "storm" else 1, after=0.1, sender=("10.0.0.8", 5))
    played.wait()
    assert played.show.by_hand  # a person's still is


def test_a_recall_in_the_first_second_that_is_said_once_is_done():
    played = Played()
    assert played.say("/latentd/preset", "storm", after=0.1) is None
    played.wait()
    assert (played.desk.preset, played.show.by_hand) == ("storm", True)
    assert isinstance(Played().say("/latentd/preset", "nobody", after=0.1), Refusal)
    assert isinstance(Played().say("/latentd/preset", "still", "x", after=0.1), Refusal)
    assert isinstance(Played().say("/latentd/preset", after=0.1), Refusal)


@pytest.mark.parametrize("gap", [0.25, 0.31, 1.0, 3.0, 1000.0])
@pytest.mark.parametrize("port", [TOUCH[1], 50_001])
def test_a_stream_that_is_back_takes_nothing_over(gap, port):
    played = Played(
        PLAN.replace("seconds: 10}]", "seconds: 5000}]").replace(
            "preset: still, seconds: 10", "preset: still, seconds: 5000"
        )
    )
    played.wait(2)
    played.stream(3, ("/latentd/preset/index", 1.0))
    played.say("/latentd/show/resume", 1)
    played.look()
    played.stream(3, ("/latentd/preset/index", 1.0))
    assert (played.desk.preset, played.show.by_hand) == ("still", False)
    played.look(gap)
    played.stream(3, ("/latentd/preset/index", 1.0), sender=("10.0.0.7", port))
    assert (played.desk.preset, played.show.by_hand) == ("still", False)
    played.stream(3, ("/latentd/preset/index", 2.0), sender=("10.0.0.7", port))
    assert (played.desk.preset, played.show.by_hand) == ("sudden", True)


def test_what_was_streamed_is_a_wish_if_it_is_said_once():
    played = Played(PLAN.replace("seconds: 10", "seconds: 5000"))
    played.wait(2)
    played.stream(3, ("/latentd/preset/index", 1.0))
    played.say("/latentd/show/resume", 1)
    played.look(5.0)
    assert played.say("/latentd/preset/index", 1.0) is None
    played.wait()
    assert (played.desk.preset, played.show.by_hand) == ("storm", True)


def test_the_same_pad_again_after_a_step_is_another_wish():
    played = Played(PLAN.replace("seconds: 10", "seconds: 5000"))
    played.wait(2)
    for _ in range(4):
        played.say("/latentd/preset", "storm", after=0.5)
    played.say("/latentd/preset/next", 1, after=0.1)
    assert played.desk.preset == "sudden"
    played.say("/latentd/preset", "storm", after=0.4)
    played.wait()
    assert played.desk.preset == "storm"


def test_what_was_streamed_before_a_restart_is_no_wish_after_it():
    played = Played()
    played.wait(2)
    played.stream(3, ("/latentd/preset/index", 1.0), ("/latentd/show/playlist", "other"))
    played.wait(30)
    again = Played(place=played.show.place())
    again.wait(5)
    again.stream(5, ("/latentd/preset/index", 1.0), ("/latentd/show/playlist", "other"))
    assert not again.show.by_hand
    assert again.show.on.playlist == "other"  # of which nothing began anew
    assert again.show.left > 0.0


@pytest.mark.parametrize("sender", [TOUCH, "", ("::1", 4, 0, 0)])
@pytest.mark.parametrize("rate", [60, 30, 10, 5])
def test_no_stream_of_zeros_lights_a_dark_wall(sender, rate):
    played = Played()
    played.wait(2)
    zeros = [("/latentd/blackout", 0.0), ("/latentd/blackout/norm", 0.0)]
    played.stream(2, *zeros, sender=sender, rate=rate)
    played.night()
    for gap in (0.0, 0.25, 0.31, 0.5, 1.0, 3.0, 60.0, 10_000.0):  # of either side
        played.look(gap, hour=22)
        for port in (50_000, 50_000, 50_001):  # begun again, too
            who = sender if port == 50_000 or not sender else (sender[0], port, *sender[2:])
            played.stream(2, *zeros, hour=22, sender=who, rate=rate)
            played.wait(1.0, hour=22)
            assert played.values["/latentd/blackout"] == 1, (gap, port)
    played.stream(1, ("/latentd/blackout", 0.0), hour=22, sender=sender)
    played.t += 2.0  # the daemon stands still, and then all comes at once, before or after the next look
    for _ in range(3):
        played.look(hour=22)
        for _ in range(30):
            played.say("/latentd/blackout", 0.0, after=0.0, sender=sender)
        played.wait(1.0, hour=22)
    assert played.values["/latentd/blackout"] == 1


def test_a_stream_of_zeros_does_not_light_a_daemon_that_begins_at_night():
    played = Played(hour=22)
    assert played.values["/latentd/blackout"] == 1
    played.stream(5, ("/latentd/blackout", 0.0), hour=22)
    played.wait(5, hour=22)
    assert played.values["/latentd/blackout"] == 1


def test_a_stream_that_stands_still_after_its_first_word_is_found_out():
    played = Played()
    played.night()
    played.say("/latentd/blackout", 0.0, sender=TOUCH)
    played.wait(3, hour=22)
    assert played.values["/latentd/blackout"] == 0  # taken for a person's
    played.stream(0.5, ("/latentd/blackout", 0.0), hour=22)
    assert played.values["/latentd/blackout"] == 1
    played.stream(5, ("/latentd/blackout", 0.0), hour=22)
    played.wait(3, hour=22)
    assert played.values["/latentd/blackout"] == 1


def test_a_look_that_comes_late_does_not_take_what_waits_for_a_persons():
    played = Played()
    played.night()
    played.wait(0.3, hour=22)
    played.say("/latentd/blackout", 0.0, after=0.05, sender=TOUCH)
    played.look(5.0, hour=22)  # stopped meanwhile, and the stream's next word is not read yet
    assert played.values["/latentd/blackout"] == 1
    played.stream(2, ("/latentd/blackout", 0.0), hour=22)
    assert played.values["/latentd/blackout"] == 1


def test_a_new_socket_for_each_message_is_a_stream_all_the_same():
    played = Played()
    played.night()
    for i in range(200):
        played.say("/latentd/blackout", 0.0, after=0.02, sender=("10.0.0.9", 40_000 + i))
        played.look(hour=22)
    played.wait(1, hour=22)
    assert played.values["/latentd/blackout"] == 1


def test_while_a_stream_goes_on_a_person_and_its_own_change_are_heard():
    played = Played()
    played.night()
    zero, one = ("/latentd/blackout", 0.0), ("/latentd/blackout", 1.0)
    played.stream(2, zero, hour=22)
    played.say("/latentd/blackout", 0, after=0.005, sender=None)  # at the page
    played.stream(2, zero, hour=22)
    assert played.values["/latentd/blackout"] == 0
    played.stream(2, one, hour=22)
    assert played.values["/latentd/blackout"] == 1
    played.stream(20, zero, hour=22)
    assert played.values["/latentd/blackout"] == 0  # it changed
    played.say("/latentd/blackout", 1, after=0.005, sender=None)
    assert played.values["/latentd/blackout"] == 1
    played.stream(0.1, zero, hour=22)  # which the page cannot hold, as by day
    played.say("/latentd/blackout", 0, after=0.005, sender=("10.0.0.7", 7))  # a button on the same machine
    played.stream(1, zero, hour=22)
    assert played.values["/latentd/blackout"] == 0


def test_a_switch_that_goes_to_and_fro_lights_the_night_after_a_hand_made_it_black():
    played = Played()
    played.say("/latentd/blackout", 1)
    played.night()
    assert played.say("/latentd/blackout", 0) == Told(("/latentd/blackout",))
    played.wait(1, hour=22)
    assert played.values["/latentd/blackout"] == 1  # its own is let go, the night is the show's
    assert played.say("/latentd/blackout", 1) is None
    assert played.say("/latentd/blackout", 0) is None
    played.wait(1, hour=22)
    assert played.values["/latentd/blackout"] == 0


def test_an_entry_that_is_asked_for_all_the_time_is_gone_to_once():
    played = Played()
    played.wait(2)
    states = []
    for _ in range(40):
        played.stream(1, ("/latentd/show/entry", 0.0))
        states.append(played.values["/latentd/show/entry"])
    assert 12 < states.count(1) < 28
    played.say("/latentd/preset", "sudden")
    played.stream(1, ("/latentd/show/entry", 0.0))
    assert played.desk.preset == "sudden"
    played.say("/latentd/show/resume", 1)
    at = played.values["/latentd/show/entry"]
    played.stream(2, ("/latentd/show/entry", 1.0 - at))
    assert played.values["/latentd/show/entry"] == 1 - at
    assert played.say("/latentd/show/entry", -1) is None  # what state tells where there is none


def test_an_entry_that_was_streamed_while_no_playlist_was_on_is_no_wish_once_one_is():
    played = Played(PLAN.replace("preset: storm, seconds: 10", "preset: storm, seconds: 5000"))
    played.wait(12)
    assert played.values["/latentd/show/entry"] == 1
    played.night()
    assert isinstance(played.say("/latentd/show/entry", 0.0, sender=TOUCH), Refusal)
    played.stream(8, ("/latentd/show/entry", 0.0), hour=22)  # refused once
    played.stream(8, ("/latentd/show/entry", 0.0))
    assert played.show.on.entry == 1


def test_what_cannot_be_skipped_or_gone_to_says_what_is_on():
    played = Played(
        "zone: UTC\nwake: [{from: 10:00, to: 20:00}]\npreset: still\n"
        "playlists: {x: {entries: [{preset: still, seconds: 9}]}}"
    )
    for address, value in (("/latentd/show/next", 1), ("/latentd/show/entry", 0)):
        refusal = played.say(address, value)
        assert "the one preset still" in refusal.text
    played.night()
    assert "hours of blackout" in played.say("/latentd/show/next", 1).text
    played.say("/latentd/show/enable", 0)
    played.look()
    assert "enable 1" in played.say("/latentd/show/entry", 0).text


def test_a_playlist_that_is_asked_for_all_the_time_begins_once():
    played = Played()
    played.wait(2)
    states = []
    for _ in range(40):
        played.stream(1, ("/latentd/show/playlist", 0.0))
        states.append(played.desk.preset)
    assert 15 < states.count("storm") < 25


def test_the_shows_darkness_can_be_lifted_over_osc_and_a_hands_is_kept():
    played = Played()
    played.night()
    assert played.values["/latentd/blackout"] == 1
    assert played.say("/latentd/blackout", 0) is None
    assert played.values["/latentd/blackout"] == 1  # until it is clear that it is no stream
    played.wait(hour=22)
    assert played.values["/latentd/blackout"] == 0
    played.say("/latentd/blackout", 1)
    for _ in range(8):
        played.look(1.0)
    assert played.values["/latentd/blackout"] == 1
    played.say("/latentd/blackout/norm", 0.0)
    assert played.values["/latentd/blackout"] == 0


def test_a_cluster_called_blackout_is_no_darkness():
    played = Played()
    played.desk.fit(("blackout",), Traits(), "")
    played.say("/latentd/cluster/blackout", 1.0)
    played.night()
    assert played.say("/latentd/cluster/blackout", 0.0) is None
    assert (played.values["/latentd/cluster/blackout"], played.values["/latentd/blackout"]) == (0.0, 1)


def test_playlists_are_played_by_name_and_by_index():
    played = Played()
    for wish in ("other", 1, "1", 1.0):
        assert played.say("/latentd/show/playlist", wish) is None
        played.look()
        assert (played.desk.preset, played.values["/latentd/show/playlist"]) == ("sudden", "other")
        assert played.say("/latentd/show/playlist", "" if wish == "1" else -1) is None
        played.look()
        assert played.values["/latentd/show/playlist"] == "round"


def test_next_hold_entry_and_enable_are_obeyed():
    played = Played()
    played.say("/latentd/show/next", 1)
    played.say("/latentd/show/next", 0)
    played.look()
    assert played.desk.preset == "storm"
    played.say("/latentd/show/hold", True)
    played.look(100.0)
    assert (played.desk.preset, played.values["/latentd/show/hold"]) == ("storm", 1)
    played.say("/latentd/show/entry", 0.0)
    played.look()
    assert played.desk.preset == "still"
    played.say("/latentd/show/hold/norm", 0.0)
    assert played.values["/latentd/show/hold"] == 0
    played.say("/latentd/show/enable", 0)
    played.look(100.0)
    assert (played.desk.preset, played.values["/latentd/show/enable"]) == ("still", 0)
    assert played.values["/latentd/show/entry"] == -1


@pytest.mark.parametrize(
    ("address", "args", "code"),
    [
        ("/latentd/show/playlist", ("nobody",), Code.NAME),
        ("/latentd/show/playlist", (2,), Code.RANGE),
        ("/latentd/show/playlist", (-2,), Code.RANGE),
        ("/latentd/show/playlist", (float("nan"),), Code.RANGE),
        ("/latentd/show/playlist", (True,), Code.TYPE),
        ("/latentd/show/playlist", ("round", 1), Code.COUNT),
        ("/latentd/show/entry", (2,), Code.RANGE),
        ("/latentd/show/entry", (-2,), Code.RANGE),
        ("/latentd/show/entry", (float("inf"),), Code.RANGE),
        ("/latentd/show/entry", ("x",), Code.TYPE),
        ("/latentd/show/enable", (2,), Code.RANGE),
        ("/latentd/show/hold", ("x",), Code.TYPE),
        ("/latentd/show/next", (7,), Code.RANGE),
        ("/latentd/show/resume", (1, 1), Code.COUNT),
    ],
)
def test_what_cannot_be_is_refused_and_the_show_goes_on(address, args, code):
    played = Played()
    before = played.show.place()
    refusal = played.say(address, *args)
    assert isinstance(refusal, Refusal)
    assert refusal.code is code
    assert address in refusal.text
    assert played.show.place() == before


@pytest.mark.parametrize(
    ("address", "args"),
    [
        ("/latentd/show/playlist", ("nobody",)),
        ("/latentd/show/playlist", ("other", 1)),
        ("/latentd/show/playlist", (7,)),
        ("/latentd/preset", ("nobody",)),
        ("/latentd/preset/index", (7.0,)),
        ("/latentd/preset/index/norm", (7.0,)),
        ("/latentd/blackout", (7,)),
        ("/latentd/blackout/norm", ("x",)),
    ],
)
def test_what_is_refused_is_refused_each_time_also_after_a_cue(address, args):
    played = Played()
    for _ in range(3):
        assert isinstance(played.say(address, *args, after=0.05), Refusal)
    played.show.skip()
    played.look()
    assert played.desk.preset == "storm"
    assert isinstance(played.say(address, *args, after=0.05), Refusal)


@pytest.mark.parametrize("address", ["/latentd/blackout", "/latentd/blackout/norm"])
def test_the_show_and_the_desk_take_the_same_for_a_switch(address):
    played = Played()
    for value, is_switch in (
        (True, True),
        ("0.75", True),
        (0.5, True),
        (7, False),
        ("x", False),
        (float("nan"), False),
    ):
        refusal = played.say(address, value)
        assert (refusal is None) == is_switch, value
        assert played.values["/latentd/blackout"] == played.show._dark.own == is_switch
        assert played.say(address, False) is None
    assert played.values["/latentd/blackout"] == 0


def test_without_a_plan_the_addresses_say_what_to_do_and_nothing_is_watched():
    desk = Desk(shelf(), Fade.still(Params()), None, ())
    for name, value in (("enable", 1), ("next", 1), ("hold", 0), ("resume", 1), ("playlist", "x"), ("entry", 0)):
        refusal = say(desk, f"/latentd/show/{name}", value)
        assert isinstance(refusal, Refusal)
        assert "under show in the config" in refusal.text
    assert desk.values(0.0)["/latentd/show/enable"] == 0
    assert desk.values(0.0)["/latentd/show/playlist"] == ""
    assert say(desk, "/latentd/query", "/latentd/show/playlist") == Told(("/latentd/show/playlist",))


def test_a_cue_that_cannot_be_is_one_sentence():
    desk = Desk(shelf(), Fade.still(Params()), None, ())
    assert "'nobody'" in desk.cue(Cue("nobody"), 0.0)
    assert desk.cue(Cue("storm", 0.0, blackout=True), 0.0) is None
    assert (desk.fade.at(0.0).psi, desk.fade.end.blackout) == (1.5, True)
