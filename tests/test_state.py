"""The last state, where it cannot be read, put aside or kept."""

import errno
import os
from pathlib import Path

import pytest

from daemon.params import Params
from daemon.state import Keeper, State


@pytest.fixture
def told():
    return []


def test_a_state_is_kept_and_gone_on_with(tmp_path, told):
    path = tmp_path / "deep" / "state.yaml"
    keeper = Keeper(path, told.append)
    assert keeper.last() is None
    keeper.keep(State(Params(psi=0.25), "tide"))
    assert Keeper(path, told.append).last() == State(Params(psi=0.25), "tide")
    assert told == []


def test_a_state_that_is_as_it_was_is_not_written_again(tmp_path, told):
    path = tmp_path / "state.yaml"
    keeper = Keeper(path, told.append)
    keeper.keep(State(Params(), "tide"))
    path.unlink()
    keeper.keep(State(Params(), "tide"))
    assert not path.exists()


def test_a_spoilt_state_is_put_aside_and_said_once(tmp_path, told):
    path = tmp_path / "state.yaml"
    path.write_text("psi: [")
    keeper = Keeper(path, told.append)
    assert (keeper.last(), keeper.last()) == (None, None)
    assert (tmp_path / "state.yaml.bad").read_text() == "psi: ["
    assert len(told) == 1
    assert "line 1" in told[0]
    assert "kept as state.yaml.bad, beginning with the first preset" in told[0]


@pytest.mark.parametrize("aside", ["cannot", "can"])
def test_a_folder_in_its_place_is_no_state(tmp_path, told, aside):
    path = tmp_path / "state.yaml"
    path.mkdir()
    if aside == "cannot":
        (tmp_path / "state.yaml.bad").write_text("an older one")
    assert Keeper(path, told.append).last() is None
    assert len(told) == 1
    assert ("is kept as" in told[0]) == (aside == "can")
    assert "beginning with the first preset" in told[0]


@pytest.mark.parametrize("what", ["stat", "open"])
def test_one_that_may_not_be_read_nor_put_aside_is_said_in_one_sentence(tmp_path, told, monkeypatch, what):
    path = tmp_path / "state.yaml"
    path.write_text("version: 2\n")

    def refuse(*_, **__):
        raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), str(path))

    monkeypatch.setattr(Path, what, refuse)
    monkeypatch.setattr(Path, "replace", refuse)
    assert Keeper(path, told.append).last() is None
    assert told == [f"state {path}: cannot be read (Permission denied); beginning with the first preset"]


def test_what_cannot_be_kept_is_said_once_until_it_can(tmp_path, told):
    (tmp_path / "home").write_text("in the way")
    keeper = Keeper(tmp_path / "home" / "state.yaml", told.append)
    for psi in (0.1, 0.2):
        keeper.keep(State(Params(psi=psi), None))
    assert len(told) == 1
    assert f"cannot be kept in {tmp_path / 'home'} (" in told[0]
    (tmp_path / "home").unlink()
    keeper.keep(State(Params(psi=0.2), None))
    assert Keeper(tmp_path / "home" / "state.yaml", told.append).last() == State(Params(psi=0.2), None)
