"""A folder of preset files, looked at again and again: what is new, changed, faulty or gone."""

import logging
import stat
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TypeAlias

from daemon.errors import BadInput
from daemon.preset.file import Preset, load
from daemon.preset.migrate import VERSION

logger = logging.getLogger(__name__)

SUFFIXES = (".yaml", ".yml")
MOST = 512  # files of a folder that are read

Stamp: TypeAlias = tuple[int, int, int]
"""When a file was written, its size, and which file it is: what tells that it is another than before."""

_DOUBLE: Stamp = (0, 0, -1)  # in place of that of a .yml that has a .yaml of the same name beside it


@dataclass(frozen=True, slots=True)
class Entry:
    """One file of the folder."""

    stamp: Stamp | None  # as it was at the last look; None for one that was gone
    read: Stamp | None = None  # as it was when it was read; None when it never was
    preset: Preset | None = None  # as it was when it last was good


@dataclass(frozen=True, slots=True)
class Look:
    """What one look found."""

    entries: Mapping[str, Entry]  # by file name
    faults: tuple[BadInput, ...] = ()  # of files that were read in this look

    @property
    def presets(self) -> dict[str, Preset]:
        """What can be used, by name."""
        return {entry.preset.name: entry.preset for entry in self.entries.values() if entry.preset is not None}

    def file_of(self, name: str) -> str:
        """The file that a preset of this name is in, or would be."""
        return next((file for file, e in self.entries.items() if e.preset and e.preset.name == name), f"{name}.yaml")


def look(folder: Path, before: Mapping[str, Entry], *, patient: bool) -> Look:
    """Read what is new or was changed since the look `before`; a file with faults keeps its last good preset.

    `patient`: a file that came, went or changed since then is left as it was until the next look finds it so again, so
    that nothing half written is read and a file that an editor replaces is never gone. `BadInput` when the folder
    cannot be read.
    """
    found: dict[str, Entry] = {}
    faults: list[BadInput] = []
    old: list[Path] = []
    paths = _files(folder)
    for path in paths[:MOST]:
        if (stamp := stamp_of(path)) is None:
            continue
        known = before.get(path.name)
        if (twin := found.get(f"{path.stem}.yaml")) is not None and twin.preset is not None:
            if known is None or known.read != _DOUBLE:
                faults.append(
                    BadInput(f"preset {path}", [f"{twin.preset.name}.yaml is there, too, and is taken: delete one"])
                )
            found[path.name] = Entry(stamp, _DOUBLE)
        elif known is not None and known.read == stamp:
            found[path.name] = replace(known, stamp=stamp)
        elif patient and (known is None or known.stamp != stamp):
            found[path.name] = Entry(stamp) if known is None else replace(known, stamp=stamp)
        else:
            last = None if known is None else known.preset
            try:
                last = load(path, old.append)
            except BadInput as fault:
                faults.append(fault)
            found[path.name] = Entry(stamp, stamp, last)
    for name, entry in before.items():
        if name not in found and patient and entry.stamp is not None:
            found[name] = replace(entry, stamp=None)
    if len(paths) > MOST > len(before):  # said when it becomes so
        faults.append(BadInput(f"folder {folder}", [f"holds {len(paths)} presets; the first {MOST} by name are taken"]))
    if old:
        logger.info(
            "of an earlier version, and read as version %d: %s; saved again they are",
            VERSION,
            ", ".join(path.stem for path in old),
        )
    return Look(found, tuple(faults))


def stamp_of(path: Path) -> Stamp | None:
    """What tells a file from what it was before; None while there is no such file, or it is something else."""
    try:
        about = path.stat()
    except OSError:
        return None
    if not stat.S_ISREG(about.st_mode):
        return None
    return about.st_mtime_ns, about.st_size, about.st_ino


def _files(folder: Path) -> list[Path]:
    """The files that may be presets, by name; none while the folder is not there."""
    try:
        found = [path for path in folder.glob("*") if path.suffix in SUFFIXES and not path.name.startswith(".")]
    except OSError as e:
        raise BadInput(f"folder {folder}", [f"cannot be read ({e.strerror})"]) from None
    return sorted(found, key=lambda path: (path.stem, path.suffix))
