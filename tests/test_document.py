"""Files written in one step, also where somebody reads them at that moment."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import BaseModel

from daemon import config, document
from daemon.errors import BadInput
from daemon.midi.file import MapFile


class Anything(BaseModel):
    value: object


PLAIN = st.text(st.characters(exclude_categories=["Cs"]), max_size=12) | st.sampled_from(
    [
        "off",
        "on",
        "no",
        "010",
        "1:30",
        "10:00",
        "1e5",
        "0x1f",
        ".5",
        "1_000",
        "true",
        "null",
        "~",
        "2026-12-24",
        "=",
        "<<",
    ]
)
NUMBERS = st.integers(-(2**70), 2**70) | st.floats(allow_nan=False)
DATA = st.recursive(st.none() | st.booleans() | NUMBERS | PLAIN, lambda s: st.lists(s, max_size=4))


@given(DATA)
def test_what_is_written_is_read_as_it_was(data):
    read = document.parse(document.dump({"value": data}), Anything, "file").value
    assert (read, repr(read)) == (data, repr(data))  # 1 is not 1.0, nor true


@pytest.mark.parametrize(("word", "lit"), [("on", True), ("true", True), ("Yes", True), ("off", False), ("no", False)])
def test_a_light_is_on_in_every_word_for_it(word, lit):
    text = f"version: 1\ncontrols: [{{note: 1, to: /latentd/freeze, light: {word}}}]"
    (control,) = document.parse(text, MapFile, "mapping").controls
    assert (control.light is not None) is lit


class Windows:
    """A folder as Windows has it: a file that a reader has open is not replaced."""

    def __init__(self, monkeypatch, readings, code=32):
        self.readings, self.code, self.tries, self.waited = readings, code, 0, 0.0
        real = Path.replace

        def replace(path, target):
            self.tries += 1
            if self.tries <= self.readings:
                error = PermissionError(13, "The process cannot access the file", str(target))
                error.winerror = self.code
                raise error
            return real(path, target)

        monkeypatch.setattr(Path, "replace", replace)
        monkeypatch.setattr(document, "Event", lambda: self)

    def wait(self, seconds):
        self.waited += seconds


@pytest.mark.parametrize("code", [5, 32])
def test_a_file_that_is_read_just_now_is_replaced_a_moment_later(tmp_path, monkeypatch, code):
    path = tmp_path / "state.yaml"
    path.write_text("old")
    windows = Windows(monkeypatch, readings=3, code=code)
    document.write(path, "new")
    assert path.read_text() == "new"
    assert (windows.tries, [file.name for file in tmp_path.iterdir()]) == (4, ["state.yaml"])


def test_a_file_that_stays_open_is_given_up_within_a_second_and_said(tmp_path, monkeypatch):
    path = tmp_path / "state.yaml"
    path.write_text("old")
    windows = Windows(monkeypatch, readings=10**6)
    with pytest.raises(PermissionError) as told:
        document.write(path, "new")
    assert "open in another program" in told.value.strerror
    assert 0 < windows.waited <= 1.0
    assert path.read_text() == "old"
    assert [file.name for file in tmp_path.iterdir()] == ["state.yaml"]


def test_what_may_not_be_written_is_said_at_once(tmp_path, monkeypatch):
    windows = Windows(monkeypatch, readings=10**6, code=None)
    with pytest.raises(PermissionError, match="cannot access"):
        document.write(tmp_path / "state.yaml", "new")
    (tmp_path / "folder").mkdir()
    windows.code = 5  # which is also what Windows says of a folder in its place
    with pytest.raises(PermissionError, match="cannot access"):
        document.write(tmp_path / "folder", "new")
    assert windows.waited == 0


def test_a_file_that_may_not_be_looked_at_is_there_and_whoever_reads_it_hears_why(tmp_path, monkeypatch):
    assert not document.is_there(tmp_path / "none.yaml")
    (tmp_path / "file").write_text("")
    assert not document.is_there(tmp_path / "file" / "none.yaml")
    assert document.is_there(tmp_path / "file")

    def refuse(*_, **__):
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(Path, "stat", refuse)
    assert document.is_there(tmp_path / "config.yaml")
    monkeypatch.setenv("LATENTD_HOME", str(tmp_path))
    with pytest.raises(BadInput, match=r"config\.yaml: cannot be read \(Permission denied\)"):
        config.load(None)
