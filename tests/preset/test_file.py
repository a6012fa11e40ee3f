from pathlib import Path

import pytest

from daemon import config, document, preset, state
from daemon.errors import BadInput
from daemon.params import Params, Place, Route

SHIPPED = config.shipped_presets()


def faults(text):
    with pytest.raises(BadInput) as e:
        document.parse(text, preset.PresetFile, "preset x.yaml", preset.upgraded)
    return e.value.faults


def test_the_schema_file_is_fresh():
    assert (SHIPPED / "schema.json").read_text() == preset.schema()


def test_all_faults_are_named_at_once():
    found = faults("version: 0\npsi: 9\nfoo: 1\nclusters: {a: 7}\nseed: x\n")
    assert [f.split(":")[0].split(" ")[0] for f in found] == ["version", "clusters.a", "seed", "psi", "foo"]


@pytest.mark.parametrize(
    ("text", "word"),
    [
        ("a: [", "line 1"),
        ("a: &x 1\nb: *x", "aliases"),
        ("psi: 1\npsi: 2", "twice"),
        ("\x00", "characters"),
        ("!!python/object/apply:os.system [true]", "constructor"),
        ("psi: !!bool maybe", "a tag"),
        ("psi: !!int ''", "a tag"),
        ("psi: !!timestamp foo", "a tag"),
        ("psi: !!map [1]", "a tag"),
        ("[" * 5000, "nested"),
        ("- 1\n- 2", "the whole file"),
        ("version: 1\npsi: .nan", "psi"),
        ("version: 1\nfade: .inf", "fade"),
        ("", "version"),
    ],
)
def test_yaml_that_is_no_preset_is_one_sentence(text, word):
    assert word in "; ".join(faults(text))


def test_a_huge_file_is_not_read(tmp_path):
    path = tmp_path / "big.yaml"
    path.write_bytes(b"#" * (document.LIMIT + 1))
    with pytest.raises(BadInput, match="larger than 1 MB"):
        preset.load(path)


def test_state_goes_on_without_freeze_or_blackout(tmp_path):
    path = tmp_path / "deep" / "state.yaml"
    assert state.load(path) is None
    state.store(path, state.State(Params(psi=0.5, freeze=True, blackout=True), "tide"))
    assert state.load(path) == state.State(Params(psi=0.5), "tide")
    assert [p.name for p in Path(path).parent.iterdir()] == ["state.yaml"]


def test_a_config_with_faults_names_them_all(tmp_path):
    path = tmp_path / "c.yaml"
    path.write_text("version: 1\nfps: 0\nosc: {port: 99999, hots: x}\nsinks: []\n")
    with pytest.raises(BadInput) as e:
        config.load(path)
    assert {f.split(":")[0].split(" ")[0] for f in e.value.faults} == {"sinks", "fps", "osc.port", "osc.hots"}


def test_a_missing_config_that_was_asked_for_is_a_fault(tmp_path):
    with pytest.raises(BadInput, match="cannot be read"):
        config.load(tmp_path / "none.yaml")


@pytest.mark.parametrize(("text", "classes"), [("2", (0, 0, 1)), ("[0.5, 0.25]", (0.5, 0.25)), ("[]", ())])
def test_a_class_is_an_index_or_weights(tmp_path, text, classes):
    path = tmp_path / "p.yaml"
    path.write_text(f"version: 1\nmodel: mine\nclass: {text}\n")
    params = preset.load(path).params
    assert (params.classes, params.model) == (classes, "mine")
    preset.store(path, preset.Preset("p", "", 1.0, params))
    assert preset.load(path).params == params


@pytest.mark.parametrize("text", ["-1", "[2]", "cat", "[.nan]"])
def test_a_class_that_is_none_is_a_fault(text):
    assert any("class" in fault for fault in faults(f"version: 1\nclass: {text}\n"))


ROUTES = """
version: 1
bands: [1, 0.5]
routes:
  - {source: onset, target: rotate, range: [0, 30], curve: 2, attack: 0.01, release: 0.4}
  - {source: band/0, target: direction/2}
"""


def test_routes_are_a_table_of_the_preset_and_come_back_as_they_were(tmp_path):
    path = tmp_path / "a.yaml"
    path.write_text(ROUTES, encoding="utf-8")
    params = preset.load(path).params
    assert params.routes == (Route("onset", "rotate", 0, 30, 2, 0.01, 0.4), Route("band/0", "direction/2"))
    assert params.bands == (1, 0.5)
    preset.store(path, preset.Preset("a", "", 1.0, params))
    assert preset.load(path).params == params


def test_a_route_keeps_its_number_where_others_before_it_are_free(tmp_path):
    path, third = tmp_path / "a.yaml", Route("onset", "rotate", high=30.0)
    half = (Route("rms"), Route(target="psi"))  # begun by a hand, and no route yet
    for table in ((Route(), Route(), third), (*half, third), (*half, third, Route(), half[0])):
        preset.store(path, preset.Preset("a", "", 1.0, Params(routes=table)))
        assert preset.load(path).params.routes == (Route(), Route(), third)
        state.store(path, state.State(Params(routes=table), "a"))
        assert state.load(path).params.routes == (Route(), Route(), third)
    preset.store(path, preset.Preset("a", "", 1.0, Params(routes=(*half, Route()))))
    assert "routes: []" in path.read_text()
    path.write_text("version: 2\nroutes: [null, {source: rms, target: psi}, null]\n")
    assert preset.load(path).params.routes == (Route(), Route("rms", "psi"))


@pytest.mark.parametrize(
    ("route", "word"),
    [
        ("{source: loud, target: rotate}", "no level of the sound is called 'loud'"),
        ("{source: onset, target: seed}", "'seed' cannot be moved"),
        ("{source: onset, target: rotate, range: [0, 361]}", "360"),
        ("{source: onset, target: rotate, range: [0]}", "range"),
        ("{source: onset, target: rotate, curve: 0}", "curve"),
        ("{source: onset, target: rotate, code: 'exec()'}", "code"),
        ("{target: rotate}", "source"),
    ],
)
def test_a_route_that_cannot_be_is_named(route, word):
    assert word in "; ".join(faults(f"version: 1\nroutes:\n  - {route}\n"))


def test_there_are_no_more_routes_than_slots():
    assert "routes" in "; ".join(faults("version: 1\nroutes:\n" + "  - {source: rms, target: psi}\n" * 17))


@pytest.mark.parametrize("far", ["[0.5, -1, 2.25]", "0.5 -1 2.25", "'0.5\n  -1.0 2.25'"])
def test_anchors_are_seeds_or_numbers_and_come_back_as_they_were(tmp_path, far):
    path = tmp_path / "a.yaml"
    path.write_text(f"version: 2\nanchors:\n  deep: 1207\n  far: {far}\nclusters: {{deep: 1}}\n")
    params = preset.load(path).params
    assert params.anchors == (Place("deep", 1207), Place("far", z=(0.5, -1.0, 2.25)))
    preset.store(path, preset.Preset("a", "", 1.0, params))
    assert preset.load(path).params == params
    state.store(path, state.State(params, "a"))
    assert state.load(path).params == params


@pytest.mark.parametrize(
    ("anchors", "word"),
    [
        ("{'a b': 1}", "letters, digits"),
        ("{'': 1}", "letters, digits"),
        ("{a/b: 1}", "letters, digits"),
        ("{a: -1}", "a seed from 0 to 16777215"),
        ("{a: 16777216}", "a seed"),
        ("{a: 1.5}", "a seed"),
        ("{a: true}", "a seed"),
        ("{a: storm}", "a seed"),
        ("{a: []}", "numbers that are not all 0"),
        ("{a: [0, 0]}", "not all 0"),
        ("{a: [1, .nan]}", "not all 0"),
        ("{a: [1, .inf]}", "not all 0"),
        ("{a: [1, 1001]}", "not all 0"),
        ("{a: [1, x]}", "not all 0"),
        ("{a: '1 x'}", "not all 0"),
        ("{a: 1 nan}", "not all 0"),
        ("{a: 0 0.0}", "not all 0"),
        (f"{{a: [1, {10**400}]}}", "not all 0"),
        (f"{{a: '{'1 ' * 5000}'}}", "not all 0"),
        ("[1]", "anchors"),
        ("{" + ", ".join(f"a{n}: {n}" for n in range(17)) + "}", "16"),
    ],
)
def test_an_anchor_that_cannot_be_is_one_sentence(anchors, word):
    (fault,) = faults(f"version: 2\nanchors: {anchors}\n")
    assert word in fault
    assert "Value error" not in fault


@pytest.mark.parametrize("curve", ["fast", "1", "[linear]", "LINEAR"])
def test_a_curve_that_is_none_is_a_fault(curve):
    (fault,) = faults(f"version: 2\ncurve: {curve}\n")
    assert "linear, smooth, ease-in or ease-out, not " in fault
