"""Which model was asked for, and which to go on with where that cannot be had."""

from daemon.preset import Asked


def test_what_is_asked_for_follows_what_was_had():
    assert Asked().then("a", "lumen") == Asked("a", "")
    assert Asked("a").then("b", "a") == Asked("b", "a")


def test_what_was_never_had_is_not_gone_back_to():
    assert Asked("a").then("b", "a").then("c", "a") == Asked("c", "a")
    assert Asked().then("broken", "lumen").then("c", "lumen") == Asked("c", "")


def test_asking_again_or_for_none_changes_nothing():
    asked = Asked("b", "a")
    assert asked.then("b", "b") == asked.then("b", "a") == asked.then("", "b") == asked


def test_a_preset_names_what_renders_if_anybody_asked_for_it():
    assert [Asked("b", "a").pinned(model) for model in ("b", "a", "lumen", "")] == ["b", "a", "", ""]
    assert Asked().pinned("lumen") == ""
