"""A control is told from what it sends, and what was learnt is added to the file."""

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st
from midi.hands import cc, note

from daemon.errors import BadInput
from daemon.midi import mapping
from daemon.midi.learning import QUIET, Ear, Learnt
from daemon.midi.writing import learn


def heard(*messages):
    ear = Ear()
    for i, message in enumerate(messages):
        ear.hear(message, i * 0.01)
        assert ear.learnt(i * 0.01) is None
    found = ear.learnt(len(messages) * 0.01 + QUIET)
    return None if found is None else dict(found.keys)


@pytest.mark.parametrize(
    ("messages", "keys"),
    [
        ([cc(7, v, 3) for v in range(20, 40)], {"cc": 7, "channel": 3}),
        ([cc(7, 64)], {"cc": 7, "channel": 1}),
        ([cc(40, 127), cc(40, 0)], {"cc": 40, "channel": 1}),
        ([note(36, 99), note(36, 0)], {"note": 36, "channel": 1}),
        ([b"\xe2\x00\x40", b"\xe2\x10\x41"], {"bend": True, "channel": 3}),
        ([b"\xc0\x05"], {"program": True, "channel": 1}),
        ([cc(9, v) for v in (1, 1, 1, 2, 127, 127, 126)], {"encoder": 9, "encoding": "twos", "channel": 1}),
        ([cc(9, v) for v in (1, 1, 2, 2, 65, 65, 66)], {"encoder": 9, "encoding": "sign", "channel": 1}),
        ([cc(9, v) for v in (65, 65, 65, 63, 63)], {"encoder": 9, "encoding": "offset", "channel": 1}),
        (
            [m for v in range(5000, 5400, 50) for m in (cc(2, v >> 7), cc(34, v & 127))],
            {"cc": 2, "fine": 34, "channel": 1},
        ),
        (
            [cc(*m, 4) for v in range(5000, 5400, 50) for m in ((99, 2), (98, 44), (6, v >> 7), (38, v & 127))],
            {"nrpn": 300, "channel": 4},
        ),
        ([cc(99, 2), cc(98, 44), *[cc(6, v) for v in range(9)]], {"nrpn": 300, "channel": 1}),
        ([cc(6, v) for v in range(9)], {"cc": 6, "channel": 1}),
        ([cc(33, v) for v in range(9)], {"cc": 33, "channel": 1}),
        ([cc(1, 5), *[cc(7, v) for v in range(9)]], {"cc": 7, "channel": 1}),
        ([b"\xfe", b"\xf8"], None),
        ([], None),
    ],
)
def test_a_control_is_told_from_what_it_sends(messages, keys):
    assert heard(*messages) == keys


@given(st.lists(st.binary(max_size=4), max_size=40))
def test_whatever_is_heard_can_be_written_down(messages):
    ear = Ear()
    for message in messages:
        ear.hear(message, 0.0)
    found = ear.learnt(1.0)
    if found is not None:
        entry = {**dict(found.keys), "to": "/latentd/preset", "send": [1]} if found.button else dict(found.keys)
        text = yaml.safe_dump({"version": 1, "controls": [{"to": "/latentd/seed", **entry}]})
        assert len(mapping.parse(text, "x").controls) == 1


FADER = Learnt((("cc", 7), ("channel", 1)), button=False)
KNOB = Learnt((("encoder", 9), ("encoding", "sign"), ("channel", 2)), button=False)


def test_a_file_is_made_and_extended(tmp_path):
    path = tmp_path / "mine.yaml"
    assert learn(path, FADER, "/latentd/gain", "nano") == "{cc: 7, channel: 1, to: /latentd/gain}"
    learn(path, KNOB, "/latentd/psi", "ignored")
    assert path.read_text() == (
        "version: 1\ntitle: mine\nports: [nano]\ncontrols:\n"
        "  - {cc: 7, channel: 1, to: /latentd/gain}\n"
        "  - {encoder: 9, encoding: sign, channel: 2, to: /latentd/psi}\n"
    )
    plan = mapping.load(path)
    assert [control.target.address for control in plan.controls] == ["/latentd/gain", "/latentd/psi"]
    assert list(tmp_path.iterdir()) == [path]


BY_HAND = """\
version: 1   # of the format
ports: [thing]
controls:

  # my faders
  - {cc: 1, to: /latentd/drift}   # slow
  - cc: 7
    to: /latentd/psi     # will go
    curve: 2

  # my buttons
  - note: 3
    to: /latentd/freeze
    light: {lit: 60}
  # the end

# lights come last
lights:
  - {note: 9, shows: /latentd/blackout}
"""


def test_comments_and_everything_else_stay_where_they_were(tmp_path):
    path = tmp_path / "mine.yaml"
    path.write_text(BY_HAND)
    learn(path, FADER, "/latentd/gain", "x")
    gone = "  - cc: 7\n    to: /latentd/psi     # will go\n    curve: 2\n"
    new = "    light: {lit: 60}\n"
    assert path.read_text() == BY_HAND.replace(gone, "").replace(
        new, new + "  - {cc: 7, channel: 1, to: /latentd/gain}\n"
    )


def test_what_a_control_did_before_is_kept_when_asked_for(tmp_path):
    path = tmp_path / "mine.yaml"
    path.write_text(BY_HAND)
    learn(path, FADER, "/latentd/gain", "x", add=True)
    assert [c.target.address for c in mapping.load(path).controls if c.source.number == 7] == [
        "/latentd/psi",
        "/latentd/gain",
    ]


@pytest.mark.parametrize("empty", ["", "controls:\n", "controls: []\n", "controls: # none yet\n"])
def test_a_file_without_controls_gets_its_first(tmp_path, empty):
    path = tmp_path / "mine.yaml"
    path.write_text(f"version: 1\n{empty}title: x\n")
    learn(path, FADER, "/latentd/gain", "x")
    assert len(mapping.load(path).controls) == 1
    assert mapping.load(path).title == "x"


@pytest.mark.parametrize(
    ("text", "to", "words"),
    [
        ("version: 1\ncontrols: [{cc: 1, to: /latentd/gain}]\n", "/latentd/psi", "a line of its own"),
        ("version: 3\n", "/latentd/psi", "version"),
        ("version: 1\n", "/latentd/mapper", "send"),
        (BY_HAND, "/latentd/pis", "did you mean /latentd/psi"),
    ],
)
def test_a_file_that_cannot_be_extended_is_left_alone(tmp_path, text, to, words):
    path = tmp_path / "mine.yaml"
    path.write_text(text)
    with pytest.raises(BadInput, match=words):
        learn(path, FADER, to, "x")
    assert path.read_text() == text


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("mappings")


ENTRIES = st.lists(
    st.fixed_dictionaries({"cc": st.integers(0, 127), "to": st.sampled_from(["/latentd/gain", "/latentd/psi"])}),
    max_size=6,
    unique_by=lambda one: one["cc"],
)


@given(ENTRIES, st.integers(0, 127), st.booleans(), st.integers(0, 4), st.text("# ab\n", max_size=20))
def test_whatever_the_layout_the_rest_stays_or_nothing_is_written(
    tmp_path_factory, entries, number, flow, indent, tail
):
    path = tmp_path_factory.mktemp("x") / "m.yaml"
    listed = yaml.safe_dump(entries, default_flow_style=flow or None).splitlines() if entries else []
    lines = [" " * indent + line for line in listed]
    text = "\n".join(["version: 1", "controls:", *lines, *(f"# {line}" for line in tail.split("\n")), ""])
    path.write_text(text)
    try:
        learn(path, Learnt((("cc", number),), button=False), "/latentd/drift", "x")
    except BadInput:
        assert path.read_text() == text
        return
    after = yaml.safe_load(path.read_text())["controls"]
    assert after == [*(one for one in entries if one["cc"] != number), {"cc": number, "to": "/latentd/drift"}]
    assert path.read_text().count("#") == text.count("#")
