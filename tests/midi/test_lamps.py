"""Lights on the controller: what the daemon tells, and no more than that."""

import pytest
from midi.hands import bridge, cc, note

from daemon.midi.lamps import BURST, QUIET


def lit(made, now):
    """Everything that is sent to the controller from now on, in the end."""
    sent = []
    while (due := made.due()) is not None and len(sent) < 2000:
        now = max(now, due)
        made.take(now)
        sent += made.lights(now)
    return sent


def shown(made, now=0.0):
    made.plugged(now)
    return lit(made, now + 1)


def test_a_light_shows_what_the_daemon_says_and_is_out_before():
    made = bridge("note: 3, channel: 2, to: /latentd/freeze, light: true")
    assert shown(made) == [note(3, 0, 2)]
    made.told("/latentd/state/freeze", 1, 2.0)
    assert lit(made, 2.0) == [note(3, 127, 2)]
    made.told("/latentd/state/freeze", 1, 3.0)
    assert lit(made, 3.0) == []
    made.deserted()
    assert lit(made, 4.0) == [note(3, 0, 2)]


def test_a_light_may_be_another_message_with_colours_of_its_own():
    made = bridge("cc: 3, to: /latentd/freeze, light: {note: 9, channel: 16, lit: 60, dark: 12}")
    assert shown(made) == [note(9, 12, 16)]
    made.told("/latentd/state/freeze", 1, 2.0)
    assert lit(made, 2.0) == [note(9, 60, 16)]
    assert made.dark() == [note(9, 12, 16)]


def test_of_preset_buttons_the_present_one_is_lit():
    made = bridge(
        "note: 1, to: /latentd/preset, send: storm, light: true",
        "note: 2, to: /latentd/preset, send: [2, 4], light: true",
    )
    shown(made)
    made.told("/latentd/state/preset", "storm", 2.0)
    made.told("/latentd/state/preset/index", 1, 2.0)
    assert lit(made, 2.0) == [note(1, 127)]
    made.told("/latentd/state/preset", "tide", 3.0)
    made.told("/latentd/state/preset/index", 2, 3.0)
    assert lit(made, 3.0) == [note(1, 0), note(2, 127)]


def test_a_button_that_changes_its_own_light_is_told_again():
    made = bridge("note: 1, to: /latentd/preset, send: storm, light: true")
    shown(made)
    made.told("/latentd/state/preset", "storm", 2.0)
    lit(made, 2.0)
    made.heard(note(1, 127), 3.0)
    assert lit(made, 3.0) == [note(1, 127)]


def test_a_ring_shows_the_value_but_leaves_a_moving_hand_alone():
    made = bridge("encoder: 9, to: /latentd/gain, step: 0.25, light: true")
    assert shown(made) == [cc(9, 0)]
    made.told("/latentd/state/gain", 2.0, 2.0)
    assert lit(made, 2.0) == [cc(9, 64)]
    made.heard(cc(9, 1), 3.0)
    made.take(3.0)
    made.told("/latentd/state/gain", 3.0, 3.05)
    assert made.lights(3.1) == []
    assert made.due() == pytest.approx(3.0 + QUIET)
    assert made.lights(3.0 + QUIET) == [cc(9, 96)]


def test_a_toggle_between_two_values_lights_at_the_nearer_upper_one():
    made = bridge("cc: 3, to: /latentd/gain, does: toggle, low: 1, high: 3, light: true")
    shown(made)
    for value, level in ((2.1, [cc(3, 127)]), (4.0, []), (1.9, [cc(3, 0)])):
        made.told("/latentd/state/gain", value, 2.0)
        assert lit(made, 2.0) == level


def test_lights_without_a_control_show_state_or_sound():
    made = bridge(
        lights="lights:\n  - {note: 1, shows: /latentd/heartbeat/gate}\n  - {cc: 2, shows: /latentd/audio/beat}\n"
        "  - {note: 3, shows: /latentd/mapper, equals: clusters}\n  - {cc: 4, shows: /latentd/gain, low: 0, high: 2}\n"
    )
    assert len(shown(made)) == 4
    for address, value in (
        ("heartbeat/gate", 1.0),
        ("audio/beat", 0.5),
        ("state/mapper", "clusters"),
        ("state/gain", 1),
    ):
        made.told(f"/latentd/{address}", value, 2.0)
    assert lit(made, 2.0) == [note(1, 127), cc(2, 64), note(3, 127), cc(4, 64)]


def test_a_controller_is_never_flooded_and_shows_everything_when_it_comes_back():
    made = bridge(*(f"note: {i}, to: /latentd/preset, send: {i}, light: true" for i in range(40)))
    made.plugged(0.0)
    now, count = 0.0, 0
    while (due := made.due()) is not None:
        now = max(now, due)
        sent = made.lights(now)
        assert len(sent) <= BURST
        count += len(sent)
    assert count == 40
    made.unplugged()
    made.told("/latentd/state/preset/index", 7, 5.0)
    assert made.due() is None
    assert made.lights(6.0) == []
    assert [message[2] for message in shown(made, 7.0)].count(127) == 1
