import logging
import os
from dataclasses import replace

import pytest
from mapping.trained import made

from daemon.mapping.mlp import Grid, pack
from daemon.mapping.shelf import MOST, Shelf, Shelves
from daemon.render.swatch import SwatchRenderer

FACTS = SwatchRenderer(16).facts
OTHER = replace(FACTS, name="other", w_avg=FACTS.w_avg + 1)
GRID = Grid(48_000, 480, 1024)


@pytest.fixture
def folders(tmp_path):
    own, shipped = tmp_path / "own", tmp_path / "shipped"
    own.mkdir()
    shipped.mkdir()
    return own, shipped


def shelf(folders):
    made = Shelf(folders, ("z", "w", "ws"), GRID)
    made.look()
    return made


def put(path, learned, stamp=None):
    path.write_bytes(pack(learned))
    if stamp is not None:
        os.utime(path, (stamp, stamp))


def names(shelf, facts=FACTS):
    return [learned.name for learned in shelf.fitting(facts)]


def test_ones_own_come_first_each_by_name_and_take_the_place_of_shipped_ones(folders):
    own, shipped = folders
    for path in (shipped / "a", shipped / "b", own / "c", own / "b"):
        put(path.with_suffix(".safetensors"), made(facts=FACTS, seed=len(path.parent.name)))
    both = shelf(folders)
    assert names(both) == ["b", "c", "a"]
    assert both.of(FACTS).named("b") is both.files[0]


def test_a_file_trained_while_it_runs_is_known_at_the_next_look(folders):
    trained = shelf(folders)
    choice = trained.of(FACTS)
    assert choice.named("late") is None
    put(folders[0] / "late.safetensors", made(facts=FACTS), stamp=1)
    assert choice.named("late") is None
    trained.look()
    first = choice.named("late")
    assert first is not None
    trained.look()
    assert choice.named("late") is first
    put(folders[0] / "late.safetensors", made(facts=FACTS, seed=9), stamp=2)
    trained.look()
    assert choice.named("late") not in (None, first)
    (folders[0] / "late.safetensors").unlink()
    trained.look()
    assert choice.named("late") is None


def test_a_name_that_is_not_there_is_the_first(folders):
    put(folders[1] / "a.safetensors", made(facts=FACTS))
    put(folders[1] / "b.safetensors", made(facts=FACTS))
    choice = shelf(folders).of(FACTS)
    assert [choice.named(name).name for name in ("", "nowhere", "b")] == ["a", "a", "b"]


def test_what_cannot_be_used_is_left_out_and_the_log_says_why_once(folders, caplog):
    (folders[0] / "broken.safetensors").write_bytes(b"nonsense")
    put(folders[0] / "weights.safetensors", made("weights", facts=FACTS))
    put(folders[0] / "foreign.safetensors", made(facts=replace(OTHER, name=FACTS.name)))  # an earlier training of it
    put(folders[0] / "good.safetensors", made(facts=FACTS))
    with caplog.at_level(logging.INFO):
        trained = shelf(folders)
        for _ in range(3):
            trained.look()
            assert names(trained) == ["good"]
    said = [record.getMessage() for record in caplog.records]
    assert len(said) == len(set(said)) == 3
    assert any("broken.safetensors" in text and "cut short" in text for text in said)
    assert any("it gives weights" in text for text in said)
    assert any("foreign is left out" in text and "another network" in text for text in said)


def test_ones_own_of_another_network_does_not_hide_a_shipped_one(folders):
    put(folders[0] / "a.safetensors", made(facts=OTHER))
    put(folders[1] / "a.safetensors", made(facts=FACTS))
    trained = shelf(folders)
    assert names(trained) == names(trained, OTHER) == ["a"]


def test_another_grid_plays_and_is_said(folders, caplog):
    put(folders[0] / "a.safetensors", made(facts=FACTS))
    trained = Shelf(folders, ("w",), Grid(44_100, 512, 1024))
    trained.look()
    with caplog.at_level(logging.INFO):
        assert names(trained) == ["a"]
    assert "1024 samples every 480 at 48000 Hz" in caplog.text


def test_a_folder_full_of_files_is_bounded_and_folders_may_be_absent(folders, tmp_path, caplog):
    for i in range(MOST + 3):
        put(folders[0] / f"{i:03}.safetensors", made(facts=FACTS))
    assert len(shelf((*folders, tmp_path / "absent")).files) == MOST
    assert f"{MOST + 3} trained files" in caplog.text


def test_the_clusters_that_were_trained_are_among_a_networks_anchors(tmp_path):
    (tmp_path / "clusters").mkdir()
    learned = made("weights", facts=FACTS, clusters=("calm", "mine"))
    put(tmp_path / "clusters" / "swatch.safetensors", learned)
    shelves = Shelves.of((tmp_path,), GRID)
    known = shelves.known(FACTS)
    assert known.clusters == ("aggressive", "calm", "vibrant", "mine")
    assert known.anchors[3].z.tolist() == pytest.approx(learned.tensors["anchors"][1].tolist())
    assert known.anchors[1].z.tolist() == pytest.approx(learned.tensors["anchors"][0].tolist())
    assert shelves.known(OTHER) is OTHER
