"""What is other in the tree than it was, as the messages that the proposal has for it."""

import json
from collections.abc import Callable, Iterable

from daemon.control.oscquery.tree import Json

MOST = 64  # messages; where more is other, whoever listens reads the tree again
_ALL = json.dumps({"COMMAND": "PATH_CHANGED", "DATA": "/"})


def news(old: dict[str, Json], new: dict[str, Json], node: Callable[[str], Json]) -> tuple[str, ...]:
    """What went and what came, and the one node that everything other is under.

    `old`, `new`: every node by its path. `node`: one with all under it. What came is told whole: libossia, and so
    ossia score, takes the attributes from beside the path.
    """
    gone, come = _topmost(old.keys() - new.keys()), _topmost(new.keys() - old.keys())
    other = {path for path in old.keys() & new.keys() if old[path] != new[path]}
    other |= {_over(path) for path in (*gone, *come)}
    if not other:
        return ()
    if len(gone) + len(come) >= MOST:
        return (_ALL,)
    return (
        *(json.dumps({"COMMAND": "PATH_REMOVED", "DATA": path}) for path in gone),
        *(json.dumps({"COMMAND": "PATH_ADDED", "DATA": path, **node(path)}) for path in come),
        json.dumps({"COMMAND": "PATH_CHANGED", "DATA": _common(other)}),
    )


def joined(before: tuple[str, ...], after: tuple[str, ...]) -> tuple[str, ...]:
    """Both, for one who has yet to be told of the first; bounded, however slow they are."""
    return (*before, *after) if len(before) + len(after) <= MOST + 1 else (_ALL,)


def _topmost(paths: Iterable[str]) -> list[str]:
    """Without what is under another of them."""
    known = set(paths)
    return sorted(path for path in known if _over(path) not in known)


def _over(path: str) -> str:
    return path.rpartition("/")[0] or "/"


def _common(paths: Iterable[str]) -> str:
    """The lowest node that is or stands over all of these."""
    first, *rest = (path.split("/")[1:] if path != "/" else [] for path in paths)
    shared = first
    for steps in rest:
        same = [a == b for a, b in zip(shared, steps, strict=False)]
        shared = shared[: same.index(False) if False in same else len(same)]
    return "/" + "/".join(shared)
