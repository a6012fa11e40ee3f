"""Mapping files: every fault is named, and the shipped ones are played as they are meant."""

from contextlib import suppress
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from daemon.config import ASSETS
from daemon.errors import BadInput
from daemon.midi import mapping
from daemon.midi.file import ControlFile, MapFile
from daemon.midi.message import Encoding
from daemon.midi.plan import Does

pytestmark = pytest.mark.usefixtures("own_home")
SHIPPED = sorted(path.stem for path in (ASSETS / "midi").glob("*.yaml"))


def faults(*controls, head="version: 1", lights=""):
    text = head + "\ncontrols:\n" + "".join(f"  - {{{line}}}\n" for line in controls) + lights
    try:
        mapping.parse(text, "x")
    except BadInput as e:
        return list(e.faults)
    return []


def test_three_controllers_are_shipped():
    assert SHIPPED == ["launchcontrolxl", "midimix", "nanokontrol2"]
    assert sorted(mapping.available()) == SHIPPED


@pytest.mark.parametrize("name", SHIPPED)
def test_a_shipped_mapping_uses_every_number_once_and_says_where_it_is_from(name):
    path = mapping.find(name)
    plan = mapping.load(path)
    sources = [control.source for control in plan.controls]
    assert len(set(sources)) == len(sources) >= 30
    assert plan.ports
    assert len({control.source.channel for control in plan.controls}) == 1
    presets = [control.send for control in plan.controls if control.target.address == "/latentd/preset"]
    assert presets == [(i,) for i in range(12)]
    said = path.read_text()
    assert "ot tested on the hardware" in said
    assert "public" in said


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("to: /latentd/gain", "one of cc, encoder, note, bend, nrpn and program"),
        ("cc: 1, note: 2, to: /latentd/gain", "only one"),
        ("cc: 128, to: /latentd/gain", "at most 127"),
        ("cc: 1, channel: 0, to: /latentd/gain", "at least 1"),
        ("cc: 1, to: /latentd/gian", "did you mean /latentd/gain"),
        ("cc: 1, to: /latentd/gain/norm", "without /norm"),
        ("cc: 1, to: /latentd/gain, low: -1", "low: /latentd/gain takes 0 to 4, not -1"),
        ("cc: 1, to: /latentd/gate, high: 3", "high: /latentd/gate takes -100 to 0 dBFS, not 3"),
        ("cc: 1, to: /latentd/gain, low: 1, high: 1", "low and high are the same"),
        ("cc: 1, to: /latentd/gain, low: .nan", "finite"),
        ("cc: 1, to: /latentd/gain, speed: 3", "speed is not a known key"),
        ("cc: 1, to: /latentd/gain, curve: 0", "at least 0.1"),
        ("cc: 1, to: /latentd/mapper", "send: mel"),
        ("cc: 1, to: /latentd/latent/z", "send"),
        ("cc: 1, to: /latentd/class", "give low and high"),
        ("encoder: 1, to: /latentd/preset/index", "give low and high"),
        ("cc: 1, to: /latentd/preset/index, low: 1", "low and high"),
        ("encoder: 1, to: /latentd/gain, step: 0", "step of 0"),
        ("encoder: 1, to: /latentd/gain, encoding: gray", "twos, sign or offset, not 'gray'"),
        ("cc: 1, to: /latentd/gain, step: 0.1", "are for an encoder"),
        ("encoder: 1, to: /latentd/gain, does: hold", "for notes and for cc"),
        ("note: 1, to: /latentd/gain", "a value to send, velocity: true, or what it does"),
        ("note: 1, to: /latentd/gain, does: value", "a note has no position"),
        ("note: 1, to: /latentd/gain, send: 9", "send: /latentd/gain takes 0 to 4, not 9"),
        ("note: 1, to: /latentd/gain, send: {a: 1}", "a list of 1 to 16"),
        ("note: 1, to: /latentd/gain, send: []", "a list of 1 to 16"),
        ("note: 1, to: /latentd/freeze, send: 1, does: toggle", "send is for"),
        ("cc: 1, to: /latentd/gain, velocity: true", "velocity is for a note"),
        ("cc: 1, fine: 1, to: /latentd/gain", "another number than its own"),
        ("note: 1, fine: 3, to: /latentd/freeze", "fine is for cc alone"),
        ("cc: 1, fine: 3, to: /latentd/freeze", "fine is for what has a position"),
        ("program: true, to: /latentd/gain", "not the number of a program"),
        ("program: true, to: /latentd/preset, light: true", "no state"),
        ("note: 1, to: /latentd/preset/next, light: true", "no state"),
        ("bend: true, to: /latentd/rotate, light: true", "say which light"),
        ("nrpn: 300, to: /latentd/gain, light: true", "say which light"),
        ("nrpn: 16384, to: /latentd/gain", "at most 16383"),
        ("nrpn: 300, to: /latentd/freeze, does: toggle", "does: toggle is for notes and for cc"),
        ("cc: 1, to: /latentd/gain, light: {cc: 1, note: 1}", "cc or note, not both"),
        ("cc: 1, to: /latentd/preset/index, light: true", "give low and high"),
        ("cc: 1, to: /latentd/gain, light: {lit: 200}", "at most 127"),
    ],
)
def test_a_fault_is_named_with_its_place(line, words):
    (fault,) = faults("cc: 100, to: /latentd/drift", line)
    assert fault.startswith("controls.1")
    assert words in fault


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("shows: /latentd/freeze", "cc or note"),
        ("note: 1, shows: /latentd/frieze", "did you mean /latentd/freeze"),
        ("note: 1, shows: /latentd/preset/next", "no state"),
        ("note: 1, shows: /latentd/preset/index", "a value it equals"),
        ("note: 1", "shows"),
    ],
)
def test_a_fault_of_a_light_is_named_with_its_place(line, words):
    (fault,) = faults(lights=f"lights:\n  - {{{line}}}\n")
    assert fault.startswith("lights.0")
    assert words in fault


def test_all_faults_are_named_at_once():
    told = faults("cc: 1, to: /latentd/gian", "note: 1, to: /latentd/gain", "cc: 3, to: /latentd/gain, low: 7, high: 9")
    assert [fault.partition(":")[0] for fault in told] == ["controls.0", "controls.1", "controls.2", "controls.2"]


@pytest.mark.parametrize(
    ("lines", "words"),
    [
        (("cc: 1, to: /latentd/gain", "cc: 1, to: /latentd/gain, curve: 2"), "twice"),
        (("cc: 1, to: /latentd/gain", "encoder: 1, to: /latentd/psi"), "both as cc and as encoder"),
        (("nrpn: 300, to: /latentd/gain", "cc: 38, to: /latentd/psi"), "both as part of nrpn and as cc"),
        (("cc: 6, channel: 4, to: /latentd/psi", "nrpn: 300, to: /latentd/gain"), "both as part of nrpn and as cc"),
        (("cc: 1, fine: 33, to: /latentd/gain", "cc: 33, channel: 4, to: /latentd/psi"), "both as fine and as cc"),
    ],
)
def test_one_message_cannot_mean_two_kinds_of_thing(lines, words):
    assert words in faults(*lines)[0]
    assert faults(*(f"channel: {i + 1}, " + line.replace("channel: 4, ", "") for i, line in enumerate(lines))) == []


def test_one_control_may_lead_to_two_addresses():
    assert faults("cc: 1, to: /latentd/gain", "cc: 1, to: /latentd/psi") == []


def test_what_is_left_open_is_what_is_meant():
    plan = mapping.parse(
        "version: 1\ncontrols:\n  - {cc: 1, to: /latentd/freeze}\n  - {cc: 2, to: /latentd/gain}\n"
        "  - {note: 3, to: /latentd/freeze}\n  - {note: 4, to: /latentd/preset/prev}\n"
        "  - {cc: 5, to: /latentd/cluster/x}\n",
        "x",
    )
    assert [control.does for control in plan.controls] == [
        Does.TOGGLE,
        Does.VALUE,
        Does.TOGGLE,
        Does.TRIGGER,
        Does.VALUE,
    ]
    assert all(control.takeover for control in plan.controls)


@pytest.mark.parametrize("text", ["", "[]", "version: 2", "version: 1\ncontrols: 3", "a: [", "version: 1\nports: nano"])
def test_what_is_no_mapping_is_refused_in_words(text):
    with pytest.raises(BadInput, match="mapping x: "):
        mapping.parse(text, "x")


@given(st.text(max_size=200))
def test_no_text_does_more_than_be_refused(text):
    with suppress(BadInput):
        mapping.parse(text, "x")


def test_a_mapping_of_ones_own_takes_the_place_of_a_shipped_one(own_home):
    path = own_home / "midi" / "midimix.yaml"
    path.parent.mkdir(parents=True)
    path.write_text("version: 1\n")
    assert mapping.find("midimix") == path
    assert mapping.find(str(path)) == path
    with pytest.raises(BadInput, match="nanokontrol2"):
        mapping.find("nobody")


def test_the_example_of_the_page_is_a_mapping():
    page = (Path(__file__).parents[2] / "docs" / "MIDI.md").read_text(encoding="utf-8")
    example = page.partition("## A mapping")[2].partition("```yaml\n")[2].partition("```")[0]
    plan = mapping.parse(example, "x")
    assert (len(plan.controls), len(plan.lamps)) == (13, 1)
    told = {
        "version",
        "title",
        "ports",
        "controls",
        "cc",
        "encoder",
        "note",
        "bend",
        "nrpn",
        "program",
    }  # by the example alone
    names = {*SHIPPED, *Does, *Encoding, *ControlFile.model_fields, *MapFile.model_fields} - told
    assert {name for name in names if f"`{name}`" not in page} == set()
