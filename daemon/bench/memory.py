"""What something adds to this process's memory, as Linux counts it."""

import ctypes
import re
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

_T = TypeVar("_T")
_PROC = Path("/proc/self")


def added(act: Callable[[], _T]) -> tuple[_T, float | None]:
    """What `act` gives, and MB (10^6 bytes) at its highest above what was resident before it; None where none tells.

    Freed blocks that the allocator keeps are given back first: they would hide what the next one needs.
    """
    before = _begin() if sys.platform == "linux" else None
    made = act()
    return made, None if before is None else max(0.0, _resident("VmHWM") - before)


def _begin() -> float | None:
    """Resident MB now, the mark of the highest set back to it."""
    try:
        ctypes.CDLL(None).malloc_trim(0)
        (_PROC / "clear_refs").write_text("5")
        return _resident("VmRSS")
    except (OSError, AttributeError, LookupError):  # another C library, a kernel without it
        return None


def _resident(field: str) -> float:
    found = re.search(rf"^{field}:\s+(\d+) kB$", (_PROC / "status").read_text(), re.MULTILINE)
    if found is None:
        raise LookupError(field)
    return int(found[1]) * 1024 / 1e6
