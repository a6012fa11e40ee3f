"""Mapping files: found, read and checked."""

from pathlib import Path

from daemon import document
from daemon.config import ASSETS, home
from daemon.errors import BadInput
from daemon.midi.checking import planned
from daemon.midi.file import MapFile
from daemon.midi.plan import Plan


def load(path: Path) -> Plan:
    """A mapping file; `BadInput` names every fault in it."""
    return _planned(document.read(path, MapFile, "mapping"), path.stem, f"mapping {path}")


def parse(text: str, name: str) -> Plan:
    """The same from its text."""
    return _planned(document.parse(text, MapFile, f"mapping {name}"), name, f"mapping {name}")


def own() -> Path:
    """Where the user's mappings are."""
    return home() / "midi"


def available() -> dict[str, Path]:
    """Every mapping by name; a user's takes the place of a shipped one."""
    found: dict[str, Path] = {}
    for folder in (ASSETS / "midi", own()):
        found |= {path.stem: path for path in sorted(folder.glob("*.yaml"))}
    return found


def find(which: str) -> Path:
    """A mapping by name or by path; `BadInput` tells what there is."""
    there = available()
    if which in there:
        return there[which]
    path = Path(which)
    if path.suffix in (".yaml", ".yml") and path.is_file():
        return path
    raise BadInput(
        "mapping", [f"there is none named {which[:80]!r}; there are {', '.join(there)}, or name a .yaml file"]
    )


def _planned(file: MapFile, name: str, label: str) -> Plan:
    plan, faults = planned(file, name)
    if faults:
        raise BadInput(label, faults)
    return plan
