import json

from control.rig import CLUSTERS, say, shelf

from daemon.control.desk import Desk
from daemon.control.oscquery.tree import Tree
from daemon.control.refusal import Refusal
from daemon.control.table import NUMERIC, Kind, rows
from daemon.flow import Traits
from daemon.params import Fade, Params

LACKING = {
    f"/latentd/{name}" for name in ("noise", "class", *(f"show/{n}" for n in ("enable", "playlist", "entry", "hold")))
}
"""What the plain model and a desk without a show have no use for."""


def tree_of(clusters=CLUSTERS, **kwargs):
    desk = Desk(shelf(), Fade.still(Params()), None, clusters, **kwargs)
    return Tree(desk.table, desk.choices, desk.lacks), desk.values(0.0)


def flat(node):
    return {
        node["FULL_PATH"]: node,
        **{k: v for child in node.get("CONTENTS", {}).values() for k, v in flat(child).items()},
    }


def test_every_address_of_the_table_is_a_node_under_the_nodes_of_its_path():
    tree, values = tree_of()
    nodes = flat(tree.node("/", values))
    assert {row.address for row in rows(CLUSTERS)} <= set(nodes)
    for path, node in nodes.items():
        for name, child in node.get("CONTENTS", {}).items():
            assert child["FULL_PATH"] == f"{path.rstrip('/')}/{name}"
    json.dumps(nodes, allow_nan=False)


def test_every_value_is_told_in_its_range_and_of_its_type():
    tree, values = tree_of()
    nodes = flat(tree.node("/", values))
    python = {"f": float, "i": int, "s": str, "T": bool, "F": bool}
    for path, value in values.items():
        node = nodes[path]
        assert node["ACCESS"] == (1 if path in LACKING else 3)
        assert node["VALUE"] == [value]
        assert type(node["VALUE"][0]) is python[node["TYPE"]]
        span = node.get("RANGE", [{}])[0]
        if "MIN" in span and path != "/latentd/preset/index":  # -1 before the first recall
            assert span["MIN"] <= value <= span["MAX"]
        if "VALS" in span and value and path != "/latentd/model":
            assert value in span["VALS"]


def test_every_number_of_the_table_has_its_range():
    tree, values = tree_of()
    for row in rows(CLUSTERS):
        node = tree.node(row.address, values)
        if row.kind in NUMERIC and row.low is not None and row.high is not None and row.kind is not Kind.TOGGLE:
            assert node["RANGE"] == [{"MIN": row.low, "MAX": row.high}]
            assert type(node["RANGE"][0]["MIN"]) is (int if node["TYPE"] == "i" else float)


def test_what_an_address_does_is_told_with_its_unit():
    tree, values = tree_of()
    smoothing = tree.node("/latentd/smoothing", values)
    assert smoothing["DESCRIPTION"] == "time constant of the latent's motion"
    assert smoothing["UNIT"] == ["time.second"]
    assert tree.node("/latentd/translate/x", values)["DESCRIPTION"].endswith(", picture widths")


def test_names_are_the_ones_there_are_now():
    models = ["lumen"]
    tree, values = tree_of(models=lambda: models, pairings=lambda: ("mine",))
    assert tree.node("/latentd/model", values)["RANGE"] == [{"VALS": ["lumen"]}]
    models.append("other")
    assert tree.node("/latentd/model", values)["RANGE"] == [{"VALS": ["lumen", "other"]}]
    assert tree.node("/latentd/smaller", values)["RANGE"] == [{"VALS": ["", "lumen", "other"]}]
    assert tree.node("/latentd/pairing", values)["RANGE"] == [{"VALS": ["", "mine"]}]
    assert tree.node("/latentd/preset", values)["RANGE"] == [{"VALS": ["still", "storm", "sudden"]}]
    assert tree.node("/latentd/preset/index", values)["RANGE"] == [{"MIN": 0, "MAX": 2}]
    assert "encodec" in tree.node("/latentd/mapper", values)["RANGE"][0]["VALS"]
    assert "onset" in tree.node("/latentd/route/3/source", values)["RANGE"][0]["VALS"]
    assert "rotate" in tree.node("/latentd/route/3/target", values)["RANGE"][0]["VALS"]


def test_every_name_that_is_told_is_one_that_is_taken():
    desk = Desk(shelf(), Fade.still(Params()), None, CLUSTERS, models=lambda: ("lumen",), pairings=lambda: ("mine",))
    tree = Tree(desk.table, desk.choices, desk.lacks)
    for path, node in flat(tree.node("/", desk.values(0.0))).items():
        for name in node.get("RANGE", [{}])[0].get("VALS", ()):
            if path != "/latentd/noise" and "/show/" not in path:  # of StyleGAN2; of a show that was planned
                assert say(desk, path, name) is None, (path, name)


def test_actions_are_written_and_never_read():
    tree, values = tree_of()
    for name, kind in (("preset/next", "I"), ("preset/save", "s"), ("subscribe", "i"), ("latent/z", "b")):
        node = tree.node(f"/latentd/{name}", values)
        assert (node["ACCESS"], node["TYPE"], "VALUE" in node) == (2, kind, False)
    assert tree.node("/latentd/cluster", values)["TYPE"] == "fff"
    assert len(tree.node("/latentd/cluster", values)["RANGE"]) == 3


def test_what_is_said_once_is_critical_and_what_is_streamed_is_not():
    tree, values = tree_of()
    nodes = flat(tree.node("/", values))
    critical = {path.removeprefix("/latentd/") for path, node in nodes.items() if node.get("CRITICAL")}
    assert {"preset", "preset/next", "preset/save", "blackout", "freeze", "model", "show/next", "class"} <= critical
    assert not {"psi", "gain", "cluster/calm", "cluster", "band/0", "latent/z", "ping", "", "gate"} & critical
    assert all(node.get("CRITICAL", True) is True for node in nodes.values())


def test_tags_say_what_stands_together():
    tree, values = tree_of()
    tags = {row.address: tree.node(row.address, values)["TAGS"] for row in rows(CLUSTERS)}
    assert all(len(told) == 1 and told[0].islower() for told in tags.values())
    wanted = {
        "preset": "presets", "preset/next": "presets", "psi": "play", "gate/hold": "gate", "blackout": "hand",
        "cluster/calm": "clusters", "cluster": "clusters", "route/3/low": "routes", "show/next": "show",
        "zoom": "transform", "model": "model", "ping": "asking", "latent/ws": "latent", "split": "mel",
    }  # fmt: skip
    assert {name: tags[f"/latentd/{name}"] for name in wanted} == {name: [tag] for name, tag in wanted.items()}
    assert tree.attribute("/latentd/gate", "TAGS", values) == {"TAGS": ["gate"]}
    assert tree.attribute("/latentd/layers", "TAGS", values) is None


def test_a_class_has_the_range_of_the_model():
    desk = Desk(shelf(), Fade.still(Params()), None, CLUSTERS, traits=Traits(classes=10))
    tree = Tree(desk.table, desk.choices, desk.lacks, desk.traits.classes)
    assert tree.node("/latentd/class", desk.values(0.0))["RANGE"] == [{"MIN": 0, "MAX": 9}]


def test_every_range_and_value_has_one_entry_for_each_type():
    tree, values = tree_of()
    for node in flat(tree.node("/", values)).values():
        for name in ("VALUE", "RANGE", "UNIT"):
            assert name not in node or len(node[name]) == len(node["TYPE"]), (node["FULL_PATH"], name)


def test_what_would_be_refused_now_can_only_be_read():
    desk = Desk(shelf(), Fade.still(Params()), None, CLUSTERS)
    tree = Tree(desk.table, desk.choices, desk.lacks)

    def access():
        nodes = flat(tree.node("/", desk.values(0.0)))
        return {row.address.removeprefix("/latentd/"): nodes[row.address]["ACCESS"] for row in desk.table}

    without = access()
    assert {name for name, bits in without.items() if bits == 1} == {path.removeprefix("/latentd/") for path in LACKING}
    assert (without["show/next"], without["preset/next"], without["psi"]) == (0, 2, 3)
    desk.fit(CLUSTERS, Traits(transform=False, noise=True, classes=10), "other")
    other = access()
    assert (other["noise"], other["class"], other["rotate"], other["zoom"]) == (3, 3, 1, 1)
    for name, bits in other.items():  # as the desk has it
        refusal = say(desk, f"/latentd/{name}", "no value of any")
        assert (isinstance(refusal, Refusal) and "needs another model" in refusal.text) <= (bits in (0, 1))
    assert tree_of(())[0].node("/latentd/cluster", {})["ACCESS"] == 0
    assert tree_of()[0].node("/latentd/cluster", {})["ACCESS"] == 2


def test_what_only_stands_over_others_has_no_value_and_no_type():
    tree, values = tree_of()
    for path in ("/", "/latentd", "/latentd/layers", "/latentd/route", "/latentd/route/0"):
        node = tree.node(path, values)
        assert (node["ACCESS"], "TYPE" in node, "VALUE" in node) == (0, False, False)
        assert node["CONTENTS"]


def test_all_that_can_be_reached_can_be_reached_where_nothing_is_under_it():
    tree, values = tree_of()
    nodes = flat(tree.node("/", values))
    for row in rows(CLUSTERS):
        node = nodes[row.address]
        if "CONTENTS" in node and row.valued:
            leaf = node["CONTENTS"]["value"]
            assert leaf == {k: v for k, v in node.items() if k != "CONTENTS"} | {"FULL_PATH": f"{row.address}/value"}
    assert tree.told(values) == {
        path: bool(node["VALUE"][0]) if node["TYPE"] in "TF" else node["VALUE"][0]
        for path, node in nodes.items()
        if "VALUE" in node
    }


def test_an_address_may_stand_over_others():
    tree, values = tree_of()
    gate = tree.node("/latentd/gate", values)
    assert gate["VALUE"] == [-55.0]
    assert set(gate["CONTENTS"]) == {"value", "hold", "hysteresis", "enable"}


def test_one_attribute_is_told_alone_and_what_is_not_there_is_none():
    tree, values = tree_of()
    assert tree.attribute("/latentd/psi", "VALUE", values) == {"VALUE": [1.0]}
    assert tree.attribute("/latentd/psi", "CONTENTS", values) is None
    assert tree.attribute("/latentd", "VALUE", values) is None
    assert tree.attribute("/latentd/preset/next", "VALUE", values) is None
    assert set(tree.attribute("/latentd/gate", "CONTENTS", values)["CONTENTS"]) == {
        "value",
        "hold",
        "hysteresis",
        "enable",
    }
    assert not tree.knows("/latentd/nowhere")
