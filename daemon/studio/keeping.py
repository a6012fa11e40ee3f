"""Where trained files go."""

import os
import tempfile
from pathlib import Path

from daemon.errors import BadInput
from daemon.mapping.mlp import Learned, pack

SUFFIX = ".safetensors"


def check(path: Path) -> None:
    """`BadInput` names what keeps a trained file from being kept there."""
    faults = []
    if path.suffix != SUFFIX:
        faults.append(f"its name must end in {SUFFIX}")
    if not (0 < len(path.stem) <= 64 and path.stem.isprintable()) or path.stem.startswith("."):
        faults.append("its name must be 1 to 64 printable characters, not beginning with a dot")
    if faults:
        raise BadInput(f"out {path}", faults)


def keep(path: Path, learned: Learned) -> None:
    """Write a trained file in one step, so that live never reads half of one."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
        try:
            with os.fdopen(handle, "wb") as file:
                file.write(pack(learned))
                file.flush()
                os.fsync(file.fileno())
            Path(name).chmod(0o644)  # mkstemp's own is for nobody else to read
            Path(name).replace(path)
        finally:
            Path(name).unlink(missing_ok=True)
    except OSError as e:
        raise BadInput(f"out {path}", [f"it cannot be written ({e.strerror or e})"]) from None
