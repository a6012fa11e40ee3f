import logging

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from daemon import config, preset
from daemon.errors import BadInput
from daemon.params import CONTINUOUS, Params, Place, Range, Route, meanings

SHIPPED = config.shipped_presets()
FIRST = (
    "hearth",
    "kiln",
    "loom",
    "oracle",
    "orbit",
    "parallax",
    "prism",
    "pulsar",
    "reliquary",
    "storm",
    "strata",
    "tide",
)


def test_twelve_presets_ship_whole_and_in_order_and_the_first_is_the_quietest_to_begin_with(tmp_path):
    bank = preset.Bank(SHIPPED, tmp_path)
    assert bank.faults == []
    assert bank.names == FIRST
    assert bank.get(0) == bank.get("hearth")
    assert len({bank.get(name).title for name in bank.names} - {""}) == 12


def test_the_shipped_presets_use_what_there_is_to_play_and_need_nothing_more(tmp_path):
    bank = preset.Bank(SHIPPED, tmp_path)
    looks = [bank.get(name).params for name in bank.names]
    assert {params.mapper for params in looks} == {"mel", "clusters", "pairs"}
    assert not any(params.model or params.pairing or params.freeze or params.blackout for params in looks)
    assert any(params.stereo for params in looks)
    assert any(params.split for params in looks)
    assert any(params.auto for params in looks)
    assert any(params.loop for params in looks)
    assert any(params.anchors for params in looks)
    assert len({route.target for params in looks for route in params.routes}) >= 6
    assert all(params.gate_enable and params.drift > 0 for params in looks), "silence breathes"
    assert len({bank.get(name).curve for name in bank.names}) >= 3


def test_a_faulty_file_leaves_the_others_usable(tmp_path):
    (tmp_path / "good.yaml").write_text("version: 1\npsi: 0.5\n")
    (tmp_path / "bad.yaml").write_text("version: 1\npsi: 50\n")
    bank = preset.Bank(SHIPPED, tmp_path)
    assert bank.names == (*FIRST, "good")
    assert len(bank.faults) == 1
    assert "bad.yaml" in str(bank.faults[0])


def written(bank):
    """All that was saved has got to its file."""
    while (save := bank.unwritten) is not None:
        bank.settle(save, save.write())


def test_what_is_saved_is_recalled_by_the_next_bank(tmp_path):
    params = Params(mapper="clusters", seed=99, psi=0.25, gate_enable=False, clusters=(("calm", 0.5), ("vibrant", 1.0)))
    bank = preset.Bank(SHIPPED, tmp_path)
    bank.save("mine", params, 3.5, title="late night")
    written(bank)
    again = preset.Bank(SHIPPED, tmp_path).get("mine")
    assert (again.params, again.fade, again.title) == (params, 3.5, "late night")


def test_saved_presets_stand_where_the_next_start_has_them(tmp_path):
    bank = preset.Bank(SHIPPED, tmp_path)
    for name in ("mine", "aaa", "storm", "a-b", "a"):
        bank.save(name, Params(psi=0.25), 1)
    assert bank.names == (*FIRST, "a", "a-b", "aaa", "mine")
    written(bank)
    assert preset.Bank(SHIPPED, tmp_path).names == bank.names
    assert bank.get("storm").params.psi == 0.25


@pytest.mark.parametrize("name", ["1", "007", "1e5", "nan", "inf", "infinity", "Upper", "_a", "x" * 65])
def test_a_file_whose_name_is_none_is_left_out_and_said(tmp_path, name):
    (tmp_path / f"{name}.yaml").write_text("version: 1\n")
    bank = preset.Bank(SHIPPED, tmp_path)
    assert bank.names == FIRST
    assert "not a number; rename it" in str(bank.faults[0])


@pytest.mark.parametrize("name", ["", "../up", "A", "x" * 65, "a b", "a/b", ".hidden", "1", "1e5", "nan"])
def test_a_name_that_could_leave_the_folder_is_refused(tmp_path, name):
    with pytest.raises(BadInput, match="cannot be a name"):
        preset.Bank(SHIPPED, tmp_path).save(name, Params(), 1)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("which", ["nobody", len(FIRST), -1])
def test_an_unknown_preset_tells_what_there_is(tmp_path, which):
    with pytest.raises(BadInput, match=r"hearth|from 0 to 11"):
        preset.Bank(SHIPPED, tmp_path).get(which)


def some(name):
    meaning = meanings()[name]
    assert isinstance(meaning, Range)
    return st.floats(meaning.low, meaning.high)


ROUTED = st.builds(
    Route,
    st.sampled_from(["rms", "band/3", "beat", "chroma/9"]),
    st.sampled_from(["psi", "rotate", "direction/4"]),
    st.floats(-360, 360),
    st.floats(-360, 360),
    st.floats(0.1, 10),
    st.floats(0, 10),
    st.floats(0, 10),
)
PLACES = st.one_of(
    st.builds(Place, st.sampled_from(["deep", "a.b", "Z9"]), st.integers(0, 1 << 24 - 1)),
    st.builds(Place, st.just("far"), z=st.lists(st.floats(0.5, 1000), min_size=2, max_size=5).map(tuple)),
)
LOOKS = st.fixed_dictionaries({name: some(name) for name in CONTINUOUS}).flatmap(
    lambda numbers: st.builds(
        Params,
        **{name: st.just(value) for name, value in numbers.items()},
        seed=st.integers(0, 16777215),
        mapper=st.sampled_from(["mel", "clusters", "pairs"]),
        stereo=st.booleans(),
        classes=st.lists(st.floats(0, 1), max_size=3).map(tuple),
        clusters=st.dictionaries(st.sampled_from(["calm", "wild"]), st.floats(0, 1)).map(lambda d: tuple(d.items())),
        bands=st.lists(st.floats(0, 2), max_size=4).map(tuple),
        routes=st.lists(ROUTED, max_size=4).map(tuple),
        anchors=st.lists(PLACES, max_size=3, unique_by=lambda place: place.name).map(tuple),
    )
)


@settings(max_examples=15, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(LOOKS, st.floats(0, 600), st.sampled_from(["linear", "smooth", "ease-in", "ease-out"]))
def test_every_look_is_saved_and_comes_back_to_the_last_digit(tmp_path, params, fade, curve):
    bank = preset.Bank(SHIPPED, tmp_path)
    saved = bank.save("mine", params, fade, curve)
    written(bank)
    again = preset.Bank(SHIPPED, tmp_path).get("mine")
    assert saved == bank.get("mine") == again
    assert (again.params, again.fade, again.curve) == (params, fade, curve)


def test_what_is_saved_again_keeps_its_title(tmp_path):
    bank = preset.Bank(SHIPPED, tmp_path)
    bank.save("mine", Params(), 1, title="late night")
    bank.save("mine", Params(psi=0.5), 1)
    assert (bank.get("mine").title, bank.get("mine").params.psi) == ("late night", 0.5)


def test_what_is_saved_is_there_at_once_as_its_file_will_have_it(tmp_path):
    bank = preset.Bank(SHIPPED, tmp_path)
    half = (Route("rms"), Route("rms", "psi"), Route())
    saved = bank.save("mine", Params(psi=0.25, freeze=True, blackout=True, routes=half), 1)
    assert saved == bank.get("mine")
    assert list(tmp_path.iterdir()) == []
    written(bank)
    assert preset.Bank(SHIPPED, tmp_path).get("mine") == saved
    assert (saved.params.freeze, saved.params.blackout, saved.params.routes) == (False, False, (Route(), half[1]))


def test_what_no_file_could_hold_is_not_saved(tmp_path):
    bank = preset.Bank(SHIPPED, tmp_path)
    for params in (Params(psi=99.0), Params(clusters=(("calm", 1.0000000000000002),)), Params(gain=float("nan"))):
        with pytest.raises(BadInput, match="preset mine: "):
            bank.save("mine", params, 1)
    assert (bank.names, bank.unwritten) == (FIRST, None)


def test_the_last_of_a_name_wins_and_the_others_keep_their_order(tmp_path):
    bank = preset.Bank(SHIPPED, tmp_path)
    for name, psi in (("a", 0.1), ("b", 0.2), ("a", 0.3)):
        bank.save(name, Params(psi=psi), 1)
    first = bank.unwritten
    assert (first.preset.name, first.preset.params.psi) == ("b", 0.2)
    entry = first.write()
    bank.save("b", Params(psi=0.4), 1)  # while it is written
    bank.settle(first, entry)
    assert bank.get("b").params.psi == 0.4
    written(bank)
    again = preset.Bank(SHIPPED, tmp_path)
    assert [again.get(name).params.psi for name in "ab"] == [0.3, 0.4]


def test_what_cannot_be_written_is_named_and_the_bank_is_as_before(tmp_path):
    (tmp_path / "file").write_text("in the way")
    bank = preset.Bank(SHIPPED, tmp_path / "file")
    for name in ("mine", "storm"):
        before = bank.get("storm")
        bank.save(name, Params(psi=0.125), 1)
        save = bank.unwritten
        with pytest.raises(BadInput, match=rf"{name}\.yaml cannot be written"):
            save.write()
        bank.settle(save, None)
        assert (bank.names, bank.get("storm"), bank.unwritten) == (FIRST, before, None)


def test_a_disk_that_takes_nothing_holds_no_more_than_so_many(tmp_path):
    bank = preset.Bank(SHIPPED, tmp_path)
    for n in range(64):
        bank.save(f"p{n}", Params(), 1)
    with pytest.raises(BadInput, match="64 wait to be written"):
        bank.save("more", Params(), 1)
    bank.save("p7", Params(psi=0.5), 1)
    written(bank)
    bank.save("more", Params(), 1)


def test_files_of_an_earlier_version_are_read_and_said_in_one_line_of_the_log(tmp_path, caplog):
    for name in ("old", "older"):
        (tmp_path / f"{name}.yaml").write_text("version: 1\npsi: 0.25\n")
    (tmp_path / "new.yaml").write_text("version: 2\npsi: 0.25\n")
    with caplog.at_level(logging.INFO):
        bank = preset.Bank(SHIPPED, tmp_path)
    assert [record.getMessage() for record in caplog.records] == [
        "of an earlier version, and read as version 2: old, older; saved again they are"
    ]
    assert (bank.get("old").curve, bank.get("new").curve) == ("linear", "smooth")
    assert bank.get("old").params == bank.get("new").params
