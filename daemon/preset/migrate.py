"""Older preset files: one step from each version to the next, on plain data, before it is checked."""

from collections.abc import Callable, Mapping
from typing import TypeAlias

from daemon.errors import BadInput

VERSION = 2
Data: TypeAlias = Mapping[object, object]


def _two(data: Data) -> Data:
    """A fade was linear; what does not name its curve is smooth from version 2 on."""
    return {"curve": "linear", **data}


STEPS: dict[int, Callable[[Data], Data]] = {1: _two}
"""What takes a file of this version to the next; each gives a new mapping and leaves its own as it was."""


def version_of(data: object) -> int | None:
    """The version that a file says it is of; None where it says none."""
    version = data.get("version") if isinstance(data, Mapping) else None
    return version if isinstance(version, int) and not isinstance(version, bool) else None


def upgraded(data: object, label: str) -> object:
    """The data of a file as this version has it; `BadInput` for one of a later version. What is no version stays."""
    version = version_of(data)
    if not isinstance(data, Mapping) or version is None:
        return data
    if version > VERSION:
        why = (
            f"it is of version {version}, and this latentd reads up to {VERSION}: update latentd, or save it anew here"
        )
        raise BadInput(label, [why])
    present: Data = data
    for step in range(version, VERSION):
        if step not in STEPS:
            return data  # a version that never was, which whoever checks the data says
        present = {**STEPS[step](present), "version": step + 1}
    return present
