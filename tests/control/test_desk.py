import math
import struct
from dataclasses import replace

import numpy as np
import pytest
from control.rig import CLUSTERS, Look, Shelf, say, shelf
from hypothesis import given
from hypothesis import strategies as st

from daemon.control.answer import Pong, Subscription, Told
from daemon.control.desk import Desk
from daemon.control.osc import decode
from daemon.control.refusal import Code, Refusal
from daemon.control.table import address_of
from daemon.errors import BadInput
from daemon.flow import Dims, Traits
from daemon.params import MAPPERS, Fade, Params, Range, Route, kind, meanings
from daemon.preset import Bank

RANGES = {name: meaning for name, meaning in meanings().items() if isinstance(meaning, Range)}
_MAPPERS = " or ".join(MAPPERS)


def fresh() -> Desk:
    return Desk(shelf(), Fade.still(Params()), None, CLUSTERS)


def refused(outcome) -> tuple[Code, str]:
    assert isinstance(outcome, Refusal), outcome
    return outcome.code, outcome.sentence()


@pytest.mark.parametrize(
    ("address", "sent", "field", "value"),
    [
        ("/latentd/psi", 0.5, "psi", 0.5),
        ("/latentd/psi", 1, "psi", 1.0),
        ("/latentd/psi", "0.5", "psi", 0.5),
        ("/latentd/psi", " 5e-1 ", "psi", 0.5),
        ("/latentd/gate", -40, "gate", -40.0),
        ("/latentd/gate/hold", 3.0, "gate_hold", 3.0),
        ("/latentd/gate/hysteresis", "12", "gate_hysteresis", 12.0),
        ("/latentd/seed", 12.0, "seed", 12),
        ("/latentd/seed", "12", "seed", 12),
        ("/latentd/seed", 12.6, "seed", 13),
        ("/latentd/seed", 16777215.0, "seed", 16777215),
        ("/latentd/freeze", True, "freeze", True),
        ("/latentd/freeze", 1, "freeze", True),
        ("/latentd/freeze", 1.0, "freeze", True),
        ("/latentd/freeze", "1", "freeze", True),
        ("/latentd/gate/enable", False, "gate_enable", False),
        ("/latentd/gate/enable", 0.0, "gate_enable", False),
        ("/latentd/gate/enable", "0", "gate_enable", False),
        ("/latentd/mapper", "clusters", "mapper", "clusters"),
        ("/latentd/psi/norm", 0.5, "psi", 0.75),
        ("/latentd/gate/norm", 0.25, "gate", -75.0),
        ("/latentd/gate/norm", "1", "gate", 0.0),
        ("/latentd/seed/norm", 1.0, "seed", 16777215),
        ("/latentd/freeze/norm", 1.0, "freeze", True),
    ],
)
def test_values_are_taken_as_controllers_send_them(desk, tell, address, sent, field, value):
    assert tell(address, sent) is None
    got = getattr(desk.fade.end, field)
    assert got == value
    assert type(got) is kind(field)
    assert desk.fade.start == desk.fade.end


@pytest.mark.parametrize(
    ("address", "args", "code", "sentence"),
    [
        ("/latentd/psi", [9.0], "range", "/latentd/psi takes 0 to 1.5, not 9"),
        ("/latentd/psi", ["9"], "range", "/latentd/psi takes 0 to 1.5, not the text '9'"),
        ("/latentd/psi", [-0.1], "range", "/latentd/psi takes 0 to 1.5, not -0.1"),
        ("/latentd/psi", [math.nan], "range", "/latentd/psi takes 0 to 1.5, not nan"),
        ("/latentd/psi", [math.inf], "range", "/latentd/psi takes 0 to 1.5, not inf"),
        ("/latentd/psi", ["nan"], "range", "/latentd/psi takes 0 to 1.5, not the text 'nan'"),
        ("/latentd/psi", ["loud"], "type", "/latentd/psi takes 0 to 1.5, not the text 'loud'"),
        ("/latentd/psi", ["1_0"], "type", "/latentd/psi takes 0 to 1.5, not the text '1_0'"),
        ("/latentd/psi", ["\x1b[2J"], "type", "/latentd/psi takes 0 to 1.5, not the text '\\x1b[2J'"),
        ("/latentd/psi", [b"abcd"], "type", "/latentd/psi takes 0 to 1.5, not a blob of 4 bytes"),
        ("/latentd/psi", [True], "type", "/latentd/psi takes 0 to 1.5, not true"),
        ("/latentd/psi", [None], "type", "/latentd/psi takes 0 to 1.5, not nil"),
        ("/latentd/psi", [], "count", "/latentd/psi takes 0 to 1.5, not nothing"),
        ("/latentd/psi", [1.0, 1.0], "count", "/latentd/psi takes 0 to 1.5, not 2 values"),
        ("/latentd/psi/norm", [1.01], "range", "/latentd/psi/norm takes 0 to 1, not 1.01"),
        ("/latentd/smoothing", [11], "range", "/latentd/smoothing takes 0 to 10 s, not 11"),
        ("/latentd/gate", [1], "range", "/latentd/gate takes -100 to 0 dBFS, not 1"),
        ("/latentd/seed", [-1], "range", "/latentd/seed takes 0 to 16777215, not -1"),
        ("/latentd/freeze", [2], "range", "/latentd/freeze takes 0 or 1, not 2"),
        ("/latentd/freeze", ["on"], "type", "/latentd/freeze takes 0 or 1, not the text 'on'"),
        ("/latentd/freeze", [], "count", "/latentd/freeze takes 0 or 1, not nothing"),
        ("/latentd/freeze", [math.nan], "range", "/latentd/freeze takes 0 or 1, not nan"),
        ("/latentd/mapper", ["theremin"], "name", f"/latentd/mapper takes {_MAPPERS}, not the text 'theremin'"),
        ("/latentd/mapper", [1.0], "type", f"/latentd/mapper takes {_MAPPERS}, not 1"),
        ("/latentd/cluster/calm", [1.5], "range", "/latentd/cluster/calm takes 0 to 1, not 1.5"),
        (
            "/latentd/cluster/angry",
            [1.0],
            "name",
            "this model has no cluster angry: it has aggressive, calm, vibrant",
        ),
        ("/latentd/cluster", [1.0], "type", "/latentd/cluster takes 3 weights (aggressive, calm, vibrant), not 1"),
        ("/latentd/cluster", [1.0, 2.0, 0.0], "range", "/latentd/cluster takes 0 to 1 for calm, not 2"),
        ("/latentd/cluster", [1.0, "x", 0.0], "type", "/latentd/cluster takes 0 to 1 for calm, not the text 'x'"),
        (
            "/latentd/preset",
            ["stil"],
            "name",
            "/latentd/preset takes one of still, storm, sudden, or an index, not the text 'stil'",
        ),
        ("/latentd/preset", [3], "range", "/latentd/preset takes an index from 0 to 2, not 3"),
        ("/latentd/preset", [-1], "range", "/latentd/preset takes an index from 0 to 2, not -1"),
        ("/latentd/preset", [math.nan], "range", "/latentd/preset takes an index from 0 to 2, not nan"),
        ("/latentd/preset", ["still", -1], "range", "/latentd/preset takes a fade of 0 to 600 s, not -1"),
        (
            "/latentd/preset",
            ["still", "soon"],
            "type",
            "/latentd/preset takes a fade of 0 to 600 s, not the text 'soon'",
        ),
        ("/latentd/preset", [], "count", "/latentd/preset takes name or index, [fade s], not nothing"),
        ("/latentd/preset", ["a", 1, 2], "count", "/latentd/preset takes name or index, [fade s], not 3 values"),
        ("/latentd/preset/next", [2], "range", "/latentd/preset/next takes 1, or nothing at all, not 2"),
        ("/latentd/preset/index", [7], "range", "/latentd/preset/index takes an index from 0 to 2, not 7"),
        ("/latentd/preset/index/norm", [7], "range", "/latentd/preset/index/norm takes 0 to 1, not 7"),
        ("/latentd/subscribe", ["x"], "type", "/latentd/subscribe takes a port from 1 to 65535, not the text 'x'"),
        ("/latentd/subscribe", [70000], "range", "/latentd/subscribe takes a port from 1 to 65535, not 70000"),
        ("/latentd/subscribe", [9000, 1], "count", "/latentd/subscribe takes port, [host], not 2 values"),
        (
            "/latentd/query",
            [b"xy"],
            "type",
            "/latentd/query takes an address or a pattern with * and ?, not a blob of 2 bytes",
        ),
        ("/latentd/query", ["/latentd/pssi"], "unknown", "/latentd/pssi is not an address; did you mean /latentd/psi?"),
        ("/latentd/query", ["/latentd/ping"], "unknown", "/latentd/ping has no value to tell"),
        ("/latentd/query", ["/x*"], "unknown", "no address matches /x*"),
        ("/latentd/query", ["*" * 200], "range", "a pattern has at most 128 characters and few stars"),
        ("/latentd/pssi", [1.0], "unknown", "there is no address /latentd/pssi; did you mean /latentd/psi?"),
        ("/quite/else", [1.0], "unknown", "there is no address /quite/else"),
        ("/latentd/ps*", [1.0], "unknown", "there is no address /latentd/ps*; patterns go to /latentd/query"),
        ("/latentd/translate/x", [2.0], "range", "/latentd/translate/x takes -1 to 1 picture widths, not 2"),
    ],
)
def test_what_cannot_be_is_refused_in_one_sentence_and_nothing_changes(desk, tell, address, args, code, sentence):
    before, fade = desk.values(0.0), desk.fade
    got_code, got = refused(tell(address, *args))
    assert got_code == code
    assert got.startswith(sentence)
    assert desk.values(0.0) == before
    assert desk.fade is fade


@pytest.mark.parametrize(
    ("sent", "meant"),
    [
        ("/latentd/translat/x", "/latentd/translate/x"),
        ("/latentd/translate", "/latentd/translate/x"),
        ("/latentd/translate_y", "/latentd/translate/y"),
        ("/latentd/transform/y/norm", "/latentd/translate/y/norm"),
        ("/latentd/hold", "/latentd/gate/hold"),
        ("/latentd/gate/hld", "/latentd/gate/hold"),
        ("/latentd/x", "/latentd/translate/x"),
        ("/latentd/pis", "/latentd/psi"),
        ("/latentd/PSI", "/latentd/psi"),
        ("/latentd/state/psi", "/latentd/psi"),
        ("/psi", "/latentd/psi"),
    ],
)
def test_a_misspelt_address_is_answered_with_the_one_that_was_meant(tell, sent, meant):
    assert refused(tell(sent, 1.0)) == (Code.UNKNOWN, f"there is no address {sent}; did you mean {meant}?")


@pytest.mark.parametrize("sent", ["xyz", "foo", "foo/norm", "size", "tempo", "knob/12", "1/fader1", ""])
def test_an_address_like_no_other_gets_no_hint(tell, sent):
    assert refused(tell(f"/latentd/{sent}", 1.0)) == (Code.UNKNOWN, f"there is no address /latentd/{sent}")


def test_a_query_takes_addresses_as_they_are_told(tell):
    for told, ours in (("state/psi", "psi"), ("state/gate/*", "gate/*"), ("state/cluster/calm", "cluster/calm")):
        answer = tell("/latentd/query", f"/latentd/{told}")
        assert isinstance(answer, Told)
        assert answer == tell("/latentd/query", f"/latentd/{ours}")
    assert refused(tell("/latentd/query", "/latentd/state/foo"))[0] is Code.UNKNOWN


@pytest.mark.parametrize(
    "name", ["", "A", "a b", "../x", "a/b", "-a", "_a", "x" * 65, "12", "1e3", "nan", "inf", "ä", "a\n"]
)
def test_a_preset_is_saved_under_a_plain_name_only(desk, tell, name):
    assert refused(tell("/latentd/preset/save", name))[0] is Code.NAME
    assert desk.preset is None


@given(st.sampled_from(sorted(RANGES)), st.floats(0, 1, width=32))
def test_norm_is_linear_over_the_range_of_every_number(name, value):
    desk, meaning = fresh(), RANGES[name]
    assert say(desk, f"{address_of(name)}/norm", value) is None
    got = getattr(desk.fade.end, name)
    expected = meaning.low + (meaning.high - meaning.low) * value
    assert meaning.low <= got <= meaning.high
    assert got == (math.floor(expected + 0.5) if kind(name) is int else pytest.approx(expected))


@given(
    st.lists(
        st.tuples(
            st.sampled_from([*fresh()._known, "/latentd/cluster/other", "/nowhere"]),
            st.lists(
                st.one_of(
                    st.floats(),
                    st.integers(-(2**63), 2**63 - 1),
                    st.text(),
                    st.binary(min_size=1),
                    st.booleans(),
                    st.none(),
                ),
                max_size=4,
            ),
            st.floats(0, 5),
        ),
        max_size=12,
    )
)
def test_the_state_is_always_valid_whatever_is_sent(messages):
    desk, now = fresh(), 0.0
    told = set(desk.values(now))
    for address, args, later in messages:
        now += later
        outcome = say(desk, address, *args, now=now)
        if isinstance(outcome, Refusal):
            assert outcome.sentence()
            assert len(outcome.sentence()) < 400
            assert outcome.sentence().isprintable()
        params = desk.fade.at(now)
        for name, meaning in RANGES.items():
            value = getattr(params, name)
            assert meaning.low <= value <= meaning.high
            assert type(value) is kind(name)
        assert params.mapper in ("mel", "clusters")
        assert all(0 <= weight <= 1 for _, weight in params.clusters)
        assert set(desk.values(now)) == told


def test_text_that_must_be_escaped_is_cut_after_that(desk):
    refused = say(desk, "/latentd/preset", "\U00010000" * 60)
    assert isinstance(refused, Refusal)
    assert "\\U00010000" in refused.sentence()
    assert len(refused.sentence()) < 200


def test_cluster_weights_are_set_one_by_one_or_all_in_order(desk, tell):
    assert tell("/latentd/cluster/calm", "0.5") is None
    assert tell("/latentd/cluster/vibrant/norm", 0.25) is None
    assert [desk.fade.end.cluster(name) for name in CLUSTERS] == [0.0, 0.5, 0.25]
    assert tell("/latentd/cluster", 1.0, "0.25", 0) is None
    assert [desk.fade.end.cluster(name) for name in CLUSTERS] == [1.0, 0.25, 0.0]


def test_a_model_without_clusters_says_so():
    desk = Desk(shelf(), Fade.still(Params()), None, ())
    assert "no clusters" in refused(say(desk, "/latentd/cluster", 1.0))[1]
    assert "it has none" in refused(say(desk, "/latentd/cluster/calm", 1.0))[1]


def test_clusters_that_cannot_be_addressed_are_refused_at_once():
    with pytest.raises(BadInput):
        Desk(shelf(), Fade.still(Params()), None, ("a b",))


def test_the_last_value_wins_and_a_flood_of_it_changes_nothing(desk, tell):
    for value in (0.1, 0.9, 0.5):
        tell("/latentd/psi", value)
    assert desk.fade.end.psi == 0.5
    fade = desk.fade
    for _ in range(100):
        tell("/latentd/psi", 0.5)
        tell("/latentd/cluster/calm", 0.0)
        assert desk.fade is fade


@pytest.mark.parametrize("which", ["storm", 1, 1.0, "1", "1.0"])
def test_a_preset_is_recalled_by_name_or_index_over_its_own_time(desk, tell, which):
    assert tell("/latentd/preset", which, now=10.0) is None
    assert desk.preset == "storm"
    assert desk.fade.at(10.0).psi == 1.0
    assert desk.fade.at(12.0).psi == pytest.approx(1.25)
    assert desk.fade.at(12.0).cluster("aggressive") == pytest.approx(0.5)
    assert desk.fade.at(14.0).psi == 1.5
    assert desk.fade.at(10.0).mapper == "clusters", "names are there at once"
    assert desk.fading(13.9)
    assert not desk.fading(14.0)


def test_a_given_fade_time_goes_before_the_presets_own(desk, tell):
    tell("/latentd/preset", "storm", "1", now=10.0)
    assert desk.fade.at(10.5).psi == pytest.approx(1.25)
    tell("/latentd/preset", "still", 0, now=11.0)
    assert desk.fade.at(11.0).psi == 0.5


def test_recall_and_retime_in_mid_fade_are_continuous(desk, tell):
    tell("/latentd/preset", "storm", 10, now=0.0)
    before = desk.fade.at(5.0).psi
    tell("/latentd/preset", "storm", 2, now=5.0)
    assert desk.fade.at(5.0).psi == pytest.approx(before)
    assert desk.fade.at(7.0).psi == 1.5
    before = desk.fade.at(6.0).psi
    tell("/latentd/preset", "still", now=6.0)
    assert desk.fade.at(6.0).psi == pytest.approx(before)
    assert desk.fade.at(8.0).psi == 0.5


def test_a_controller_that_repeats_a_recall_sixty_times_a_second_still_arrives(desk, tell):
    for i in range(300):
        tell("/latentd/preset", 1.0, now=i / 60)
    assert desk.fade.at(4.0).psi == 1.5
    assert desk.fade.at(2.0).psi == pytest.approx(1.25)


def test_a_preset_recalled_again_undoes_what_was_changed_by_hand(desk, tell):
    tell("/latentd/preset", "sudden", now=0.0)
    tell("/latentd/gain", 3.0, now=1.0)
    tell("/latentd/preset", "sudden", now=2.0)
    assert desk.fade.at(2.0).gain == pytest.approx(0.2)


def test_a_value_set_in_mid_fade_holds_while_the_others_go_on(desk, tell):
    tell("/latentd/preset", "storm", now=0.0)
    for i in range(60):
        tell("/latentd/psi", 0.25, now=1 + i / 60)
    assert desk.fade.at(2.0).psi == 0.25
    assert desk.fade.at(4.0).psi == 0.25
    assert desk.fade.at(2.0).gain == pytest.approx(2.5)


def test_setting_in_mid_fade_what_is_to_come_has_it_at_once(desk, tell):
    tell("/latentd/preset", "storm", now=0.0)
    tell("/latentd/psi", 1.5, now=1.0)
    tell("/latentd/cluster/aggressive", 1.0, now=1.0)
    assert desk.fade.at(1.0).psi == 1.5
    assert desk.fade.at(1.0).cluster("aggressive") == 1.0


def test_next_and_prev_go_round(desk, tell):
    seen = []
    for at, address in enumerate(["next"] * 4 + ["prev"] * 4):
        assert tell(f"/latentd/preset/{address}", 1, now=float(at)) is None
        seen.append(desk.preset)
    assert seen == ["still", "storm", "sudden", "still", "sudden", "storm", "still", "sudden"]


def test_prev_before_any_recall_is_the_last(desk, tell):
    tell("/latentd/preset/prev", 1)
    assert desk.preset == "sudden"


def test_a_button_fires_on_1_and_ignores_0(desk, tell):
    for release in (0, 0.0, "0", False):
        assert tell("/latentd/preset/next", release) is None
        assert desk.preset is None
    for at, press in enumerate((1, 1.0, "1", True)):
        before = desk.preset
        assert tell("/latentd/preset/next", press, now=float(at)) is None
        assert desk.preset != before


def test_without_presets_a_recall_says_so():
    desk = Desk(Shelf(), Fade.still(Params()), None, ())
    for address, args in (("next", [1]), ("prev", [1])):
        assert "no presets" in refused(say(desk, f"/latentd/preset/{address}", *args))[1]
    assert "there are none" in refused(say(desk, "/latentd/preset", 0))[1]
    assert "there are none" in refused(say(desk, "/latentd/preset", "still"))[1]
    assert isinstance(say(desk, "/latentd/preset/index/norm", 0.0), Refusal)
    assert desk.values(0.0)["/latentd/preset/index"] == -1


def test_a_knob_goes_over_all_presets(desk, tell):
    seen = []
    for value in (0.0, 0.5, 1.0):
        tell("/latentd/preset/index/norm", value)
        seen.append(desk.preset)
    assert seen == ["still", "storm", "sudden"]


def test_a_recall_lets_go_neither_of_freeze_nor_of_blackout(desk, tell):
    tell("/latentd/blackout", 1)
    tell("/latentd/freeze", 1)
    tell("/latentd/preset", "storm", 0)
    assert desk.fade.end.blackout
    assert desk.fade.end.freeze


def test_the_present_values_are_saved_in_mid_fade_and_come_back(desk, tell):
    tell("/latentd/preset", "storm", now=0.0)
    assert tell("/latentd/preset/save", "mine", now=2.0) is None
    assert desk.preset == "mine"
    assert desk.values(2.0)["/latentd/preset/index"] == 3
    tell("/latentd/preset", "still", 0, now=3.0)
    tell("/latentd/preset", "mine", 0, now=4.0)
    assert desk.fade.at(4.0).psi == pytest.approx(1.25)


def test_saving_in_mid_fade_stays_where_it_was_saved(desk, tell):
    tell("/latentd/preset", "storm", now=0.0)
    tell("/latentd/preset/save", "mine", now=2.0)
    saved = desk.values(2.0)
    assert saved["/latentd/psi"] == pytest.approx(1.25)
    assert desk.values(3.0) == desk.values(60.0) == saved
    assert (saved["/latentd/preset"], desk.fade.end.mapper) == ("mine", "clusters")


def test_a_save_that_could_not_be_kept_after_all_leaves_the_preset_before(desk, tell):
    tell("/latentd/preset", "storm", now=0.0)
    tell("/latentd/preset/save", "mine", now=60.0)
    assert desk.preset == "mine"
    desk.unsave("other")
    assert desk.preset == "mine"
    desk.unsave("mine")
    assert (desk.preset, desk.fade.end.psi) == ("storm", 1.5)
    tell("/latentd/preset/save", "mine", now=61.0)
    tell("/latentd/preset", "still", now=62.0)
    desk.unsave("mine")  # it is not what is in force by now
    assert desk.preset == "still"


def test_of_two_saves_that_could_not_be_kept_neither_is_left(desk, tell):
    for name in ("first", "second"):
        tell("/latentd/preset/save", name)
    for name in ("first", "second"):
        del desk._board.bank._looks[name]
        desk.unsave(name)
    assert desk.preset is None


def test_a_refused_save_lets_the_fade_go_on(desk, tell):
    tell("/latentd/preset", "storm", now=0.0)
    fade = desk.fade
    tell("/latentd/preset/save", "readonly", now=2.0)
    assert desk.fade is fade


def test_a_preset_that_cannot_be_saved_is_refused_in_the_banks_words(desk, tell):
    assert refused(tell("/latentd/preset/save", "readonly")) == (Code.PRESET, "preset: the folder cannot be written")
    assert desk.preset is None


def test_a_preset_that_cannot_be_read_any_more_is_refused_and_the_state_stays():
    class Torn(Shelf):
        def get(self, which):
            raise BadInput(f"preset {which}", ["psi is missing"])

    desk = Desk(Torn(Look("a", 0.0, Params())), Fade.still(Params(psi=0.3)), None, ())
    assert refused(say(desk, "/latentd/preset", "a"))[0] is Code.PRESET
    assert desk.fade.end.psi == 0.3


def test_saving_is_rationed(desk, tell):
    outcomes = [tell("/latentd/preset/save", f"p{i}", now=1 + i / 1000) for i in range(100)]
    assert outcomes[0] is None
    assert refused(outcomes[-1])[0] is Code.BUSY
    assert tell("/latentd/preset/save", "later", now=60.0) is None


def test_the_real_bank_is_a_bank(tmp_path):
    bank = Bank(tmp_path, tmp_path)
    desk = Desk(bank, Fade.still(Params(psi=0.4)), None, ())
    assert say(desk, "/latentd/preset/save", "mine", 3) is None
    say(desk, "/latentd/psi", 1.0)
    assert say(desk, "/latentd/preset", "mine", 0) is None
    assert desk.fade.at(0.0).psi == 0.4
    save = bank.unwritten
    bank.settle(save, save.write())
    assert Bank(tmp_path, tmp_path).get("mine").fade == 3


def test_every_value_is_told_in_full(desk, tell):
    tell("/latentd/psi", 0.7)
    tell("/latentd/preset", "storm", 0)
    tell("/latentd/psi", 0.7)
    values = desk.values(0.0)
    assert values["/latentd/psi"] == 0.7, "as it was sent, not as 32 bits have it"
    assert values["/latentd/preset"] == "storm"
    assert values["/latentd/preset/index"] == 1
    assert values["/latentd/mapper"] == "clusters"
    assert values["/latentd/seed"] == 7
    assert values["/latentd/freeze"] == 0
    assert values["/latentd/gate/enable"] == 0
    assert values["/latentd/cluster/aggressive"] == 1.0
    assert values["/latentd/cluster/calm"] == 0.0
    assert {type(value) for value in values.values()} == {float, int, str}
    assert all(values[address_of(name)] is not None for name in meanings())


@pytest.mark.parametrize(
    ("args", "count"),
    [([], None), ([1], None), ([1.0], None), (["*"], None), (["/latentd/psi"], 1), (["/latentd/gate*"], 4)],
)
def test_a_query_names_what_is_to_be_told(desk, tell, args, count):
    told = tell("/latentd/query", *args)
    assert isinstance(told, Told)
    valued = {row.address for row in desk.table if row.valued}
    assert len(told.addresses) == (count or len(valued))
    assert set(told.addresses) <= valued
    assert tell("/latentd/query", 0) is None


def test_new_patterns_are_rationed_and_known_ones_are_not(tell):
    assert isinstance(tell("/latentd/query", "/latentd/g*"), Told)
    outcomes = [tell("/latentd/query", f"/latentd/g*{i}") for i in range(100)]
    assert refused(outcomes[-1])[0] is Code.BUSY
    assert isinstance(tell("/latentd/query", "/latentd/g*"), Told)


def test_subscribe_and_ping_ask_the_endpoint(tell):
    assert tell("/latentd/subscribe", 9000) == Subscription(9000, None)
    assert tell("/latentd/subscribe", "9000", "127.0.0.1") == Subscription(9000, "127.0.0.1")
    assert tell("/latentd/subscribe", 9000.0) == Subscription(9000, None)
    assert tell("/latentd/subscribe") == Subscription(None, None)
    body = struct.pack(">f", 1.5)
    assert tell("/latentd/ping", 1.5) == Pong(b",f\0\0" + body)


def test_values_as_another_encoding_sends_them(desk):
    double = b"/latentd/psi\0\0\0\0,d\0\0" + struct.pack(">d", 0.25)
    long = b"/latentd/seed\0\0\0,h\0\0" + struct.pack(">q", 99)
    array = b"/latentd/cluster\0\0\0\0,[fff]\0\0" + struct.pack(">fff", 1.0, 0.5, 0.25)
    for datagram in (double, long, array):
        (message,) = decode(datagram)
        assert desk.apply(message, 0.0) is None
    assert desk.fade.end == replace(desk.fade.start)
    assert (desk.fade.end.psi, desk.fade.end.seed, desk.fade.end.cluster("calm")) == (0.25, 99, 0.5)


STYLEGAN2 = Traits("StyleGAN2-ADA skip", classes=3, transform=False, noise=True)


def test_what_a_model_has_not_got_is_refused_in_words_and_what_it_has_is_taken():
    plain, other = fresh(), Desk(shelf(), Fade.still(Params()), None, (), STYLEGAN2)
    needs = "needs another model: this"
    for desk, address, args, sentence in [
        (
            plain,
            "/latentd/noise",
            ["off"],
            f"/latentd/noise {needs} StyleGAN3-T has no noise inputs; StyleGAN2 has them",
        ),
        (plain, "/latentd/class", [1], f"/latentd/class {needs} StyleGAN3-T was not trained with classes"),
        (
            other,
            "/latentd/zoom",
            [2.0],
            f"/latentd/zoom {needs} {STYLEGAN2.variant} has no input transform; StyleGAN3 has one",
        ),
        (other, "/latentd/translate/x/norm", [0.5], "/latentd/translate/x needs another model"),
    ]:
        code, got = refused(say(desk, address, *args))
        assert code == Code.MODEL
        assert got.startswith(sentence)
    assert say(other, "/latentd/noise", "moving") is None
    assert say(plain, "/latentd/zoom", 2.0) is None
    assert (other.fade.end.noise, plain.fade.end.zoom) == ("moving", 2.0)


def test_a_class_is_an_index_or_a_weight_for_each():
    desk = Desk(shelf(), Fade.still(Params()), None, (), STYLEGAN2)
    for args, weights, told in (
        ([2], (0.0, 0.0, 1.0), 2),
        (["1"], (0.0, 1.0), 1),
        ([0.25, 0.5, 0.125], (0.25, 0.5, 0.125), 1),
    ):
        assert say(desk, "/latentd/class", *args) is None
        assert desk.fade.end.classes == weights
        assert desk.values(0.0)["/latentd/class"] == told
    before = desk.fade
    for args in ([3], [-1], [0.5, 0.5], [0.0, 0.0, 0.0], [1.0, 2.0, 0.0], ["cat"], []):
        assert "index from 0 to 2, or 3 weights" in refused(say(desk, "/latentd/class", *args))[1]
    assert desk.fade is before


def test_a_model_is_asked_for_by_a_name_there_is():
    desk = Desk(shelf(), Fade.still(Params(model="mine.pkl")), None, ("calm",), models=lambda: ("lumen", "swatch"))
    assert say(desk, "/latentd/model", "swatch") is None
    assert desk.fade.end.model == "swatch"
    assert refused(say(desk, "/latentd/model", "../secret"))[1].startswith("/latentd/model takes one of lumen, swatch")
    desk.stay("swatch", "lumen")
    assert desk.values(0.0)["/latentd/model"] == "lumen"
    say(desk, "/latentd/model", "swatch")
    desk.stay("mine.pkl", "lumen")  # the answer to an older wish
    assert desk.values(0.0)["/latentd/model"] == "swatch"


def test_fitted_to_another_model_it_has_that_ones_clusters():
    desk = Desk(shelf(), Fade.still(Params()), None, ("calm",))
    desk.fit(("wild",), STYLEGAN2, "other")
    assert say(desk, "/latentd/cluster/wild", 0.5) is None
    assert refused(say(desk, "/latentd/cluster/calm", 0.5))[0] == Code.NAME
    assert "/latentd/cluster/wild" in desk.values(0.0)


def test_a_preset_without_a_model_keeps_the_one_there_is():
    desk = Desk(shelf(), Fade.still(Params(model="mine")), None, ())
    assert say(desk, "/latentd/preset", 0) is None
    assert desk.fade.end.model == "mine"


def test_a_preset_is_saved_with_the_model_in_force_and_not_with_one_just_asked_for():
    bank = shelf()
    desk = Desk(bank, Fade.still(Params(model="lumen")), None, (), model="lumen", models=lambda: ("lumen", "broken"))
    assert say(desk, "/latentd/model", "broken") is None
    assert say(desk, "/latentd/preset/save", "keepme") is None
    assert bank.get("keepme").params.model == "lumen"


def test_a_route_is_edited_one_number_or_name_at_a_time(desk, tell):
    assert tell("/latentd/route/2/source", "onset") is None
    assert tell("/latentd/route/2/target", "rotate") is None
    assert tell("/latentd/route/2/high", 30.0) is None
    assert tell("/latentd/route/2/attack", "0.2") is None
    routes = desk.fade.end.routes
    assert routes[:2] == (Route(), Route())
    assert routes[2] == Route("onset", "rotate", high=30.0, attack=0.2)
    assert len(routes) == 3
    assert desk.values(0.0)["/latentd/route/2/high"] == 30.0
    assert desk.values(0.0)["/latentd/route/2/source"] == "onset"


def test_the_numbers_of_a_route_may_come_before_its_names(desk, tell):
    tell("/latentd/route/1/high", 30.0)
    tell("/latentd/route/1/release", 0.5)
    assert "/latentd/route/1/high" not in desk.values(0.0)
    tell("/latentd/route/1/source", "onset")
    tell("/latentd/route/1/target", "translate/x")
    assert desk.fade.end.routes == (Route(), Route("onset", "translate_x", high=30.0, release=0.5))
    tell("/latentd/route/1/source")
    tell("/latentd/route/1/target")
    assert desk.fade.end.routes == ()


def test_a_route_without_source_and_target_is_gone_and_its_numbers_untold(desk, tell):
    tell("/latentd/route/0/source", "beat")
    tell("/latentd/route/0/target", "direction/3")
    assert "/latentd/route/0/curve" in desk.values(0.0)
    tell("/latentd/route/0/source")
    tell("/latentd/route/0/target", "")
    assert desk.fade.end.routes == ()
    values = desk.values(0.0)
    assert values["/latentd/route/0/source"] == ""
    assert "/latentd/route/0/curve" not in values
    assert refused(tell("/latentd/query", "/latentd/route/0/curve")) == (
        Code.UNKNOWN,
        "route 0 is not in use: give it a source and a target first",
    )


@pytest.mark.parametrize(
    ("address", "value", "code"),
    [
        ("source", "loudnes", Code.NAME),
        ("source", "band/64", Code.NAME),
        ("source", 3.0, Code.TYPE),
        ("target", "__class__", Code.NAME),
        ("target", "seed", Code.NAME),
        ("target", "direction/16", Code.NAME),
        ("low", 361.0, Code.RANGE),
        ("high", math.nan, Code.RANGE),
        ("curve", 0.0, Code.RANGE),
        ("release", "soon", Code.TYPE),
    ],
)
def test_a_route_that_cannot_be_is_refused_and_changes_nothing(desk, tell, address, value, code):
    before = desk.fade
    assert refused(tell(f"/latentd/route/0/{address}", value))[0] == code
    assert desk.fade is before


def test_a_route_may_begin_at_any_band_and_any_descriptor(desk, tell):
    for source in ("band/0", "band/63", "mfcc/13", "beat/phase", "rms"):
        assert tell("/latentd/route/1/source", source) is None


def test_a_route_edited_in_a_fade_is_where_the_fade_arrives(desk, tell):
    tell("/latentd/preset", "storm", 4.0)
    tell("/latentd/route/0/source", "onset")
    tell("/latentd/route/0/target", "rotate")
    tell("/latentd/route/0/high", 90.0)
    assert desk.fade.at(4.0).routes[0].high == 90.0
    assert desk.fade.at(2.0).routes[0].high == pytest.approx(45.0)
    assert desk.values(2.0)["/latentd/route/0/high"] == 90.0


def test_a_band_takes_a_gain_and_the_others_keep_theirs(desk, tell):
    assert tell("/latentd/band/2", 0.25) is None
    assert desk.fade.end.bands == (1.0, 1.0, 0.25)
    assert tell("/latentd/band/0/norm", 1.0) is None
    assert desk.fade.end.bands == (2.0, 1.0, 0.25)
    assert desk.values(0.0)["/latentd/band/5"] == 1.0
    assert refused(tell("/latentd/band/2", 2.5))[0] == Code.RANGE


def latent_desk():
    return Desk(shelf(), Fade.still(Params()), None, CLUSTERS, dims=Dims(4, 3, 2))


@pytest.mark.parametrize("form", ["blob", "numbers"])
def test_a_latent_from_outside_is_taken_whole(form):
    desk = latent_desk()
    z, ws = np.arange(4, dtype="<f4") / 8, np.arange(6, dtype="<f4") / 8
    for address, sent in (("z", z), ("ws", ws)):
        args = (sent.tobytes(),) if form == "blob" else tuple(map(float, sent))
        assert say(desk, f"/latentd/latent/{address}", *args, now=2.5) is None
    (got, when), (layers, _) = desk.hand.z, desk.hand.ws
    np.testing.assert_array_equal(got, z)
    np.testing.assert_array_equal(layers, ws.reshape(2, 3))
    assert when == 2.5
    assert desk.hand.offset is None
    with pytest.raises(ValueError, match="read-only"):
        got[0] = 1


@pytest.mark.parametrize(
    "args",
    [
        (),
        (b"\0" * 12,),
        (b"\0" * 20,),
        (1.0, 2.0, 3.0),
        (1.0, 2.0, 3.0, "x"),
        (1.0, 2.0, 3.0, math.nan),
        (1.0, 2.0, 3.0, 1e30),
        (np.array([0, 0, 0, np.inf], "<f4").tobytes(),),
    ],
)
def test_a_latent_that_is_none_is_refused_in_words(args):
    desk = latent_desk()
    code, sentence = refused(say(desk, "/latentd/latent/z", *args))
    assert code in (Code.COUNT, Code.RANGE)
    assert "4 numbers" in sentence or "-1000 to 1000" in sentence
    assert desk.hand.z is None


def test_names_of_a_list_may_be_let_go_but_something_always_renders(desk, tell):
    assert tell("/latentd/smaller", "") is None
    assert tell("/latentd/pairing", "") is None
    assert refused(tell("/latentd/pairing", "nowhere")) == (
        Code.NAME,
        "/latentd/pairing: nothing was paired for this model yet; see latentd train pairs",
    )
