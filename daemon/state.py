"""The last state: where an installation goes on after a restart."""

from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from pydantic import create_model

from daemon import document, preset
from daemon.errors import BadInput
from daemon.params import Params
from daemon.show.show import Place

_File: Any = create_model("StateFile", __base__=preset.StateFile, show=(Place | None, None))


@dataclass(frozen=True, slots=True)
class State:
    """The params, the preset they came from, if they did, and where the show is, if there is one."""

    params: Params  # with the model that was asked for, "" for none, whatever renders
    preset: str | None
    place: Place | None = None
    model_before: str = ""  # asked for before that one, which may not have been had


def load(path: Path) -> State | None:
    """The state kept at `path`; None where there is none yet. `BadInput` names every fault."""
    if not document.is_there(path):
        return None
    file = document.read(path, _File, "state", preset.upgraded)
    return State(preset.params_of(file), file.preset, file.show, file.model_before)


def store(path: Path, state: State) -> None:
    """Keep a state; `OSError` when it cannot be written."""
    head = {"version": preset.VERSION, "preset": state.preset}
    before = {"model_before": state.model_before} if state.model_before else {}
    show = {} if state.place is None else {"show": asdict(state.place)}
    document.write(path, document.dump({**head, **preset.plain(state.params), **before, **show}))


class Keeper:
    """The place of the last state. What is wrong with it is told, and never keeps a run from going on."""

    def __init__(self, path: Path, on_trouble: Callable[[str], None]) -> None:
        """`on_trouble`: told one sentence."""
        self._path, self._on_trouble = path, on_trouble
        self._kept: State | None = None
        self._fails = False  # said once, until it works again

    def last(self) -> State | None:
        """The state to go on with; None for none. One that cannot be used is put aside, if that can be."""
        try:
            return load(self._path)
        except BadInput as fault:
            spoilt = self._path.with_name(f"{self._path.name}.bad")
            try:
                self._path.replace(spoilt)
                kept = f"it is kept as {spoilt.name}, beginning"
            except OSError:
                kept = "beginning"
            self._on_trouble(f"{fault}; {kept} with the first preset")
            return None

    def keep(self, state: State) -> None:
        """Store a state that is another than before; waits for the disk."""
        if state == self._kept:
            return
        try:
            store(self._path, state)
        except OSError as e:
            if not self._fails:
                self._on_trouble(f"the last state cannot be kept in {self._path.parent} ({e.strerror})")
            self._fails = True
        else:
            self._kept, self._fails = state, False
