"""What a preset asks for and the model in force has not got."""

from dataclasses import replace

import pytest
from control.rig import CLUSTERS, Look, Shelf, say

from daemon.control.desk import Desk
from daemon.control.misfits import misfits
from daemon.control.table import Kind
from daemon.flow import Dims, Traits
from daemon.params import Fade, Params, Place, Route

PLAIN = Params()
T, SG2 = Traits(), Traits("StyleGAN2", classes=3, transform=False, noise=True)


@pytest.mark.parametrize(
    ("params", "traits", "words"),
    [
        (replace(PLAIN, zoom=2.0, rotate=9.0), SG2, "rotate, zoom (StyleGAN3 has an input transform)"),
        (replace(PLAIN, routes=(Route("beat", "zoom"),)), SG2, "zoom (StyleGAN3 has an input transform)"),
        (replace(PLAIN, noise="moving"), T, "noise moving (StyleGAN2 has noise inputs)"),
        (replace(PLAIN, classes=(0.0, 1.0)), T, "class 1 (it was trained without classes)"),
        (replace(PLAIN, classes=(0.0, 0.0, 0.0, 0.5)), SG2, "class 3 (its classes go from 0 to 2)"),
        (
            replace(PLAIN, mapper="clusters", clusters=(("wild", 0.5), ("calm", 0.0))),
            T,
            "the cluster wild (it has aggressive, vibrant)",
        ),
        (
            replace(PLAIN, mapper="clusters", anchors=(Place("far", z=(1.0, 2.0)),)),
            T,
            "the anchor far of 2 numbers (its z has 512)",
        ),
    ],
)
def test_each_thing_a_model_lacks_is_named(params, traits, words):
    assert misfits(params, traits, Dims(), ("aggressive", "vibrant")) == (words,)


@pytest.mark.parametrize(
    ("params", "traits"),
    [
        (PLAIN, T),
        (PLAIN, SG2),
        (replace(PLAIN, noise="moving", classes=(0.0, 0.0, 1.0)), SG2),
        (replace(PLAIN, zoom=2.0, classes=(1.0,), routes=(Route("beat", "zoom"), Route("", "rotate"))), T),
        (replace(PLAIN, routes=(Route("", "zoom"),)), SG2),
        (replace(PLAIN, clusters=(("wild", 1.0),), anchors=(Place("far", z=(1.0,)),)), T),  # not of this mapper
        (replace(PLAIN, mapper="clusters", anchors=(Place("far", 3),), clusters=(("far", 1.0),)), T),
    ],
)
def test_what_a_model_has_is_not_complained_of(params, traits):
    clusters = ("calm", *(place.name for place in params.anchors if params.mapper == "clusters"))
    assert misfits(params, traits, Dims(), clusters) == ()


OWN = replace(PLAIN, mapper="clusters", anchors=(Place("deep", 12), Place("calm", 3)), clusters=(("deep", 1.0),))
LOOKS = (
    Look("own", 2.0, OWN),
    Look("plain", 1.0, PLAIN),
    Look("noisy", 1.0, replace(PLAIN, noise="off")),
    Look("other", 1.0, replace(PLAIN, noise="off", model="faces"), "ease-in"),
)


def made(preset=None, start=PLAIN):
    said, bank = [], Shelf(*LOOKS)
    return Desk(bank, Fade.still(start), preset, CLUSTERS, model="lumen", on_misfit=said.append), said, bank


def test_a_presets_own_places_can_be_addressed_while_it_is_in_force():
    desk, said, _ = made()
    assert say(desk, "/latentd/preset", "own") is None
    assert say(desk, "/latentd/cluster/deep", 0.5) is None
    assert desk.fade.end.cluster("deep") == 0.5
    assert [row.key for row in desk.table if row.key in ("deep", *CLUSTERS)] == [*CLUSTERS, "deep"]
    assert desk.values(0.0)["/latentd/cluster/deep"] == 0.5
    assert say(desk, "/latentd/cluster", 0.1, 0.2, 0.3, 0.4) is None
    assert say(desk, "/latentd/preset", "plain") is None
    assert "this model has no cluster deep" in say(desk, "/latentd/cluster/deep", 0.5).text
    assert "/latentd/cluster/deep" not in desk.values(0.0)
    assert said == []


def test_a_last_state_with_places_of_its_own_has_them_from_the_start_and_keeps_them_with_another_model():
    desk, _, _ = made("own", OWN)
    assert say(desk, "/latentd/cluster/deep", 0.25) is None
    desk.fit(("wild",), SG2, "faces")
    assert say(desk, "/latentd/cluster/deep", 0.75) is None
    assert say(desk, "/latentd/cluster/wild", 0.5) is None


def test_a_recall_of_what_the_model_lacks_is_done_and_said_in_one_sentence_once():
    desk, said, _ = made()
    for now in range(3):
        assert say(desk, "/latentd/preset", "noisy", now=float(now)) is None
    assert desk.fade.end.noise == "off"
    assert said == ["noisy asks lumen for what it has not got: noise off (StyleGAN2 has noise inputs)"]


def test_a_preset_of_another_model_is_judged_by_that_one_when_it_is_there():
    desk, said, _ = made()
    assert say(desk, "/latentd/preset", "other") is None
    assert (desk.fade.end.model, said) == ("faces", [])
    desk.fit((), SG2, "faces")
    assert said == []


def test_a_preset_whose_model_cannot_be_had_is_judged_by_the_one_that_stays():
    desk, said, _ = made()
    say(desk, "/latentd/preset", "other")
    desk.stay("faces", "lumen")
    assert said == ["other asks lumen for what it has not got: noise off (StyleGAN2 has noise inputs)"]


def test_a_recall_takes_the_curve_of_its_preset_also_over_a_time_that_is_given():
    desk, _, _ = made()
    say(desk, "/latentd/preset", "other", 4.0, now=1.0)
    assert (desk.fade.curve, desk.fade.seconds) == ("ease-in", 4.0)


def test_what_is_saved_has_the_fade_and_the_curve_of_the_preset_it_came_from_and_its_places():
    desk, _, bank = made()
    say(desk, "/latentd/preset/save", "first")
    say(desk, "/latentd/preset", "other")
    say(desk, "/latentd/preset/save", "second", now=9.0)
    say(desk, "/latentd/preset", "own", now=10.0)
    say(desk, "/latentd/preset/save", "third", 7.0, now=20.0)
    told = [(bank.get(name).fade, bank.get(name).curve) for name in ("first", "second", "third")]
    assert told == [(2.0, "smooth"), (1.0, "ease-in"), (7.0, "linear")]
    assert bank.get("third").params.anchors == OWN.anchors


def test_the_preset_in_force_is_recalled_anew_when_its_file_changed_and_nothing_jumps():
    desk, said, bank = made()
    say(desk, "/latentd/preset", "plain", now=0.0)
    bank.save("plain", replace(PLAIN, psi=0.2, noise="off", anchors=(Place("new", 5),)), 4.0, "linear")
    desk.reload(("plain",), 10.0)
    assert [desk.fade.at(t).psi for t in (10.0, 12.0, 14.0)] == pytest.approx([1.0, 0.6, 0.2])
    assert "/latentd/cluster/new" in desk.values(10.0)
    assert len(said) == 1


def test_a_change_of_another_preset_or_of_one_that_is_gone_changes_nothing():
    desk, _, bank = made()
    say(desk, "/latentd/preset", "plain", now=0.0)
    fade = desk.fade
    bank.save("own", replace(PLAIN, psi=0.2), 4.0, "linear")
    desk.reload(("own",), 10.0)
    desk.reload((), 11.0)
    assert desk.fade is fade
    bank._looks.pop("plain")
    desk.reload(("plain",), 12.0)
    assert desk.fade is fade
    assert desk.preset == "plain"
    assert desk.values(12.0)["/latentd/preset/index"] == -1


@pytest.mark.parametrize("name", ["noise", "zoom", "rotate", "translate_x", "classes"])
def test_a_cluster_may_be_called_as_what_the_model_lacks(name):
    desk = Desk(Shelf(*LOOKS), Fade.still(PLAIN), None, (name,), Traits(transform=False))
    assert say(desk, f"/latentd/cluster/{name}", 0.5) is None
    assert say(desk, f"/latentd/cluster/{name}/norm", 0.25) is None
    assert desk.fade.end.cluster(name) == 0.25
    assert not any(desk.lacks(row) for row in desk.table if row.kind is Kind.WEIGHT)
