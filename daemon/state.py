"""The last state: where an installation goes on after a restart."""

from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from pydantic import create_model

from daemon import document, preset
from daemon.params import Params
from daemon.show.show import Place

_File: Any = create_model("StateFile", __base__=preset.StateFile, show=(Place | None, None))


@dataclass(frozen=True, slots=True)
class State:
    """The params, the preset they came from, if they did, and where the show is, if there is one."""

    params: Params
    preset: str | None
    place: Place | None = None


def load(path: Path) -> State | None:
    """The state kept at `path`; None where there is none yet. `BadInput` names every fault."""
    if not path.exists():
        return None
    file = document.read(path, _File, "state", preset.upgraded)
    return State(preset.params_of(file), file.preset, file.show)


def store(path: Path, state: State) -> None:
    """Keep a state; `OSError` when it cannot be written."""
    head = {"version": preset.VERSION, "preset": state.preset}
    show = {} if state.place is None else {"show": asdict(state.place)}
    document.write(path, document.dump({**head, **preset.plain(state.params), **show}))
