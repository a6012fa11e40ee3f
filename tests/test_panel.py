"""The desk as the page steers it."""

import numpy as np
import pytest
from sinks.stage import Stage

from daemon.control.osc import Message
from daemon.flow import Hand, Traits
from daemon.show.plan import Entry, Plan, Playlist
from daemon.show.show import Show

UNDRAWN = ("/latentd/preset", "/latentd/preset/index")  # tiles


@pytest.fixture
def stage(tmp_path):
    return Stage(tmp_path)


def test_every_address_with_a_value_is_on_the_page_once(stage):
    drawn = [control.address for control in stage.panel.panel().controls]
    assert sorted([*drawn, *UNDRAWN]) == sorted(r.address for r in stage.desk.table if r.valued and not r.of_show)


def test_a_show_is_on_the_page_when_there_is_one(tmp_path):
    plan = Plan(playlists={"night": Playlist("night", (Entry("hearth", 60, 60), Entry("storm", 60, 60)))})
    stage = Stage(tmp_path, show=Show(plan))
    panel = stage.panel.panel()
    drawn = {control.address: control.shape for control in panel.controls if control.group == "show"}
    assert set(drawn) == {row.address for row in stage.desk.table if row.of_show}
    assert drawn["/latentd/show/next"] == "button"
    assert panel.lists["show_playlist"] == ("", "night")
    assert stage.panel.apply("/latentd/show/playlist", "night") is None


def test_controls_stand_in_the_groups_the_page_has(stage):
    groups = {}
    for control in stage.panel.panel().controls:
        groups.setdefault(control.group, []).append(control.label)
    assert set(groups) == {
        *("play", "hand", "gate", "hearing", "layers", "transform", "model", "routes", "bands"),
        *("mel", "clusters", "pairs", "encodec"),
    }
    assert groups["gate"] == ["threshold", "hold", "hysteresis", "enable"]
    assert groups["clusters"] == ["hearing", "aggressive", "calm", "vibrant"]
    assert groups["bands"] == [str(i) for i in range(8)]
    assert groups["hand"] == ["freeze", "blackout"]
    assert "psi" in groups["play"]
    assert "coarse smoothing" in groups["layers"]


def test_a_preset_is_untouched_until_anything_is_moved_from_wherever(stage):
    assert not stage.panel.untouched()  # there is none yet
    stage.hear("/latentd/preset", "kiln", 0)
    assert stage.panel.untouched()
    psi = stage.value("/latentd/psi")
    stage.hear("/latentd/freeze", 1)
    assert stage.panel.untouched()  # a hand on the picture, which whoever takes pictures sees
    for address, value in (("psi", 0.125), ("route/0/high", 1.0), ("band/3", 0.5), ("cluster/calm", 1.0), ("seed", 7)):
        stage.hear(f"/latentd/{address}", value)
        assert not stage.panel.untouched(), address
        stage.hear("/latentd/preset", "kiln", 0)
        assert stage.panel.untouched(), address
    stage.panel.apply("/latentd/psi", 0.125)
    stage.panel.apply("/latentd/psi", psi)
    assert stage.panel.untouched()  # as the preset has it
    stage.hear("/latentd/model", "lumen-128")  # which is not there yet
    assert not stage.panel.untouched()


def test_a_preset_with_a_latent_from_outside_is_not_what_is_seen(stage):
    stage.hear("/latentd/preset", "kiln", 0)
    for name in ("z", "ws", "offset"):
        stage.hands.put(Hand(**{name: (np.zeros(4, np.float32), stage.clock.now())}))
        assert not stage.panel.untouched()
        stage.hands.put(Hand(**{name: (np.zeros(4, np.float32), stage.clock.now() - 60.0)}))
        assert stage.panel.untouched()


def test_every_number_and_name_the_panel_offers_is_taken(stage):
    panel = stage.panel.panel()
    lists = panel.lists
    for control in panel.controls:
        if control.lacking:
            continue
        offered = lists[control.list] if control.shape == "name" else (control.low, control.high)
        for value in offered:
            assert stage.panel.apply(control.address, value) is None, (control, value)


def test_a_cluster_called_as_a_field_leaves_the_names_of_that_alone(tmp_path, monkeypatch):
    plain = Stage(tmp_path).panel.panel().lists
    monkeypatch.setattr("sinks.stage.CLUSTERS", tuple(filter(None, plain)))
    assert Stage(tmp_path).panel.panel().lists == plain


def test_what_the_model_lacks_is_marked_and_refused_with_the_reason(tmp_path):
    stage = Stage(tmp_path, Traits(variant="StyleGAN2", transform=False, noise=True))
    lacking = {control.address for control in stage.panel.panel().controls if control.lacking}
    assert lacking == {"/latentd/" + name for name in ("translate/x", "translate/y", "rotate", "zoom", "class")}
    assert "needs another model" in stage.panel.apply("/latentd/zoom", 2.0)


def test_what_is_set_on_the_page_is_handed_on_as_by_osc(stage):
    assert stage.panel.apply("/latentd/psi", 0.25) is None
    assert stage.params.latest().end.psi == 0.25
    assert stage.panel.apply("/latentd/preset", "storm") is None
    assert stage.desk.preset == "storm"


@pytest.mark.parametrize(
    ("address", "value"),
    [
        ("/latentd/psi", 99.0),
        ("/latentd/psi", float("nan")),
        ("/latentd/psi", float("inf")),
        ("/latentd/psi", "warm"),
        ("/latentd/pis", 1.0),
        ("/latentd/preset", "nothing such"),
        ("/latentd/preset/save", "../../escape"),
        ("/latentd/model", "nothing such"),
        ("/latentd/seed", -1),
        ("/latentd/latent/z", 1.0),
        ("", 1.0),
    ],
)
def test_a_refusal_is_osc_s_own_sentence(stage, address, value):
    before = stage.params.latest()
    sentence = stage.panel.apply(address, value)
    assert sentence == stage.desk.apply(Message(address, (value,), b""), 0.0).sentence()
    assert stage.params.latest() is before


@pytest.mark.parametrize("name", ["query", "subscribe", "ping"])
def test_what_needs_a_sender_to_answer_is_for_osc(stage, name):
    assert "asked over OSC" in stage.panel.apply(f"/latentd/{name}", 1)


def test_each_click_on_a_button_is_a_press_however_quick(stage):
    names = stage.bank.names
    for _ in range(3):
        assert stage.panel.apply("/latentd/preset/next", 1.0) is None
    assert stage.desk.preset == names[2]
