"""The last state: where an installation goes on after a restart."""

from dataclasses import dataclass
from pathlib import Path

from daemon import document, preset
from daemon.params import Params


@dataclass(frozen=True, slots=True)
class State:
    """The params and the preset they came from, if they did."""

    params: Params
    preset: str | None


def load(path: Path) -> State | None:
    """The state kept at `path`; None where there is none yet. `BadInput` names every fault."""
    if not path.exists():
        return None
    file = document.read(path, preset.StateFile, "state", preset.upgraded)
    return State(preset.params_of(file), file.preset)


def store(path: Path, state: State) -> None:
    """Keep a state; `OSError` when it cannot be written."""
    head = {"version": preset.VERSION, "preset": state.preset}
    document.write(path, document.dump({**head, **preset.plain(state.params)}))
