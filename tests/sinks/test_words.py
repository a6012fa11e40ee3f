import pytest
from sinks.test_monitor import status

from daemon.sinks.monitor.words import standing, up
from daemon.status import ShowStatus


def said(show=None, *, black=0, frozen=0):
    params = {"/latentd/blackout": black, "/latentd/freeze": frozen}
    return standing(status().model_copy(update={"params": params, "show": show}))


def show(on, **more):
    return ShowStatus(enabled=on != "off", on="nothing" if on == "off" else on, **more)


def test_there_is_nothing_to_say_where_nothing_is_black_or_frozen_and_no_show_is_planned():
    assert said() == ()
    assert standing(status()) == ()


def test_black_says_whose_it_is():
    assert said(black=1) == ("black: blackout is on",)
    assert said(show("blackout"), black=1, frozen=1) == ("black: the show's night", "frozen: freeze is on")
    assert said(show("blackout")) == ("lit by hand in the show's night",)
    assert said(show("entry", preset="storm"), black=1)[0] == "black: blackout is on"


@pytest.mark.parametrize(
    ("status_", "words"),
    [
        (show("off"), "the show is off"),
        (show("nothing"), "the show: nothing"),
        (show("preset", preset="storm"), "the show: storm"),
        (show("preset", preset="storm", held=True), "the show: storm, held"),
        (
            show("entry", preset="tide", playlist="day", entry=0, next_in_s=90.4),
            "entry 0 of day: tide, next in 90 s",
        ),
        (show("entry", preset="tide", playlist="day", entry=0, next_in_s=0.0), "entry 0 of day: tide, next now"),
        (show("entry", preset="tide", playlist="day", entry=3, held=True), "entry 3 of day: tide, held"),
        (show("attract", preset="hearth"), "attract: hearth, until there is sound"),
        (
            show("attract", preset="hearth", playlist="quiet", entry=1, next_in_s=600),
            "attract, entry 1 of quiet: hearth, next in 10 min, until there is sound",
        ),
        (show("attract", preset="hearth", held=True), "attract: hearth, held"),
        (show("hand", preset="tide"), "a hand has the show, until the schedule moves on"),
        (show("hand", preset="tide", next_in_s=7260), "a hand has the show, it goes on in 2 h"),
        (show("hand", preset="tide", held=True), "a hand has the show, held"),
    ],
)
def test_whose_the_picture_is_and_for_how_long(status_, words):
    assert said(status_) == (words,)


@pytest.mark.parametrize(
    ("seconds", "words"),
    [
        (0.4, "0 s"),
        (59.9, "59 s"),
        (60, "1 min"),
        (3599, "59 min"),
        (3600, "1 h 0 min"),
        (86400, "1 day 0 h 0 min"),
        (2_700_900, "31 days 6 h 15 min"),
    ],
)
def test_how_long_it_runs_is_told_in_days_hours_and_minutes(seconds, words):
    assert up(seconds) == words
