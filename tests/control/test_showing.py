from datetime import UTC, datetime

import pytest
from control.rig import say, shelf
from show.stage import plan

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

    def __init__(self, text=PLAN):
        self.show = Show(plan(text))
        self.bank = shelf()
        self.desk = Desk(self.bank, Fade.still(Params()), None, (), show=self.show)
        self.t = 0.0
        self.look()

    def look(self, after=0.0, hour=12):
        self.t += after
        wall = datetime(2026, 6, 1, hour, tzinfo=UTC)
        cue = self.show.at(wall, self.t, Facts(self.bank.names, fading=self.desk.fading(self.t)))
        if cue is not None:
            assert self.desk.cue(cue, self.t) is None

    def night(self):
        """Until the clock is believed."""
        for _ in range(8):
            self.look(1.0, hour=22)

    def say(self, address, *args, after=1.0):
        self.t += after
        return say(self.desk, address, *args, now=self.t)

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
    states = []
    for _ in range(60):
        for _ in range(30):
            played.say("/latentd/preset/index", 1.0, after=1 / 30)
            played.say("/latentd/blackout", 0.0, after=0.0)
        played.look()
        states.append(played.desk.preset)
    assert states[:9] == ["storm"] * 9  # by hand, until the entry is over
    assert 15 < states.count("still") < 30
    played.night()
    for _ in range(60):
        played.say("/latentd/blackout", 0.0, after=1 / 60)
    assert played.values["/latentd/blackout"] == 0  # they began anew after a pause
    played.say("/latentd/blackout", 0.0, after=10)
    for _ in range(8):
        for _ in range(30):
            played.say("/latentd/blackout", 0.0, after=1 / 30)
        played.look(hour=12)
    for _ in range(8):
        for _ in range(30):
            played.say("/latentd/blackout", 0.0, after=1 / 30)
        played.look(hour=22)
    assert played.values["/latentd/blackout"] == 1


def test_a_playlist_that_is_asked_for_all_the_time_begins_once():
    played = Played()
    states = []
    for _ in range(40):
        for _ in range(30):
            played.say("/latentd/show/playlist", 0.0, after=1 / 30)
        played.look()
        states.append(played.desk.preset)
    assert 15 < states.count("storm") < 25


def test_the_shows_darkness_can_be_lifted_over_osc_and_a_hands_is_kept():
    played = Played()
    played.night()
    assert played.values["/latentd/blackout"] == 1
    assert played.say("/latentd/blackout", 0) is None
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
        ("/latentd/show/entry", (-1,), Code.RANGE),
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
        assert played.values["/latentd/blackout"] == played.show._own_black == is_switch
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
