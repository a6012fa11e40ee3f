import json

import pytest

from daemon.control.oscquery.news import MOST, joined, news


def told(old, new):
    def node(path):
        return {"FULL_PATH": path, **new[path], "CONTENTS": "those under it"}

    return [
        (said.pop("COMMAND").removeprefix("PATH_"), said.pop("DATA"), said)
        for said in map(json.loads, news(old, new, node))
    ]


def test_nothing_is_said_of_a_tree_that_is_the_same():
    assert told({"/": {}, "/a": {"ACCESS": 3}}, {"/": {}, "/a": {"ACCESS": 3}}) == []


def test_what_went_and_came_is_named_and_then_what_all_of_it_is_under():
    old, new = {"/": {}, "/a": {}, "/a/b": {}, "/c": {}}, {"/": {}, "/a": {}, "/a/d": {"TYPE": "f"}, "/c": {}}
    assert told(old, new) == [
        ("REMOVED", "/a/b", {}),
        ("ADDED", "/a/d", {"FULL_PATH": "/a/d", "TYPE": "f", "CONTENTS": "those under it"}),
        ("CHANGED", "/a", {}),
    ]


def test_what_is_under_what_went_or_came_is_not_named():
    tree = {"/": {}, "/a": {}, "/a/b": {}, "/a/b/c": {}}
    assert [one[:2] for one in told({"/": {}}, tree)] == [("ADDED", "/a"), ("CHANGED", "/")]
    assert [one[:2] for one in told(tree, {"/": {}})] == [("REMOVED", "/a"), ("CHANGED", "/")]


@pytest.mark.parametrize(
    ("changed", "over"),
    [
        (("/a/b",), "/a/b"),
        (("/a/b", "/a/b/c"), "/a/b"),
        (("/a/b", "/a/bc"), "/a"),
        (("/a/b/c", "/a/d"), "/a"),
        (("/a/b", "/e"), "/"),
        (("/", "/a/b"), "/"),
    ],
)
def test_the_lowest_node_over_all_that_changed_is_named(changed, over):
    paths = ("/", "/a", "/a/b", "/a/b/c", "/a/bc", "/a/d", "/e")
    old = {path: {"ACCESS": 3} for path in paths}
    new = {path: {"ACCESS": 1 if path in changed else 3} for path in paths}
    assert told(old, new) == [("CHANGED", over, {})]


def test_of_very_much_only_that_it_is_other_is_said():
    many = {"/": {}, **{f"/{i}": {} for i in range(MOST)}}
    assert told({"/": {}}, many) == [("CHANGED", "/", {})]
    few = {"/": {}, **{f"/{i}": {} for i in range(MOST - 1)}}
    assert len(told({"/": {}}, few)) == MOST


def test_what_waits_is_bounded():
    assert joined(("a",), ("b",)) == ("a", "b")
    assert joined(("a",) * MOST, ("b",)) == (*("a",) * MOST, "b")
    assert joined(("a",) * MOST, ("b", "c")) == ('{"COMMAND": "PATH_CHANGED", "DATA": "/"}',)
