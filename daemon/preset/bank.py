"""The bank that presets are recalled from."""

from collections.abc import Mapping
from pathlib import Path

from daemon.errors import BadInput
from daemon.params import Curve, Params
from daemon.preset.file import RULE, Preset, load, nameable, store
from daemon.preset.folder import Entry, Look, look, stamp_of


class Bank:
    """Presets by name and by index, in the order of `latentd presets list`: shipped ones first, each folder by name.

    A file of the user's with a shipped name takes its place. A faulty file is left out and named in `faults`, which
    are those of the start. Once it is made, a bank is for one thread.
    """

    def __init__(self, shipped: Path, own: Path) -> None:
        self.folder = own  # the user's
        given, self.seen = _first(shipped), _first(own)
        self.faults: list[BadInput] = [*given.faults, *self.seen.faults]
        self._shipped = given.presets
        self._arrange()

    @property
    def names(self) -> tuple[str, ...]:
        """In the order of their index."""
        return self._names

    def get(self, which: str | int) -> Preset:
        """By name or by index from 0; `BadInput` tells what there is."""
        if isinstance(which, int):
            if 0 <= which < len(self._presets):
                return self._presets[self.names[which]]
            raise BadInput("preset", [f"there is no number {which}; they go from 0 to {len(self._presets) - 1}"])
        if which in self._presets:
            return self._presets[which]
        raise BadInput("preset", [f"there is none named {which[:80]!r}; there are {', '.join(self._presets)}"])

    def save(self, name: str, params: Params, fade: float, curve: Curve = "smooth", title: str | None = None) -> Preset:
        """Store the params as a preset of the user's; without a title it keeps the one it has."""
        if not nameable(name):
            raise BadInput("preset", [f"{name[:80]!r} cannot be a name; it takes {RULE}"])
        if title is None:
            title = self._presets[name].title if name in self._presets else ""
        path = self.folder / f"{name}.yaml"
        try:
            store(path, Preset(name, title, fade, params, curve))
        except OSError as e:
            raise BadInput("preset", [f"{path} cannot be written ({e.strerror})"]) from None
        preset, stamp = load(path), stamp_of(path)  # as the next start will have it
        self.seen = Look({**self.seen.entries, path.name: Entry(stamp, stamp, preset)})
        self._arrange()
        return preset

    def take(self, seen: Look) -> tuple[str, ...] | None:
        """Go on with what a look at the user's folder found; the names whose params are new, None when nothing is."""
        before, self.seen = self._presets, seen
        self._arrange()
        if self._presets == before:
            return None
        return tuple(
            name for name, preset in self._presets.items() if name not in before or before[name].params != preset.params
        )

    def _arrange(self) -> None:
        """Put presets of the user's where the next start will find them."""
        own: Mapping[str, Preset] = self.seen.presets
        self._names = (*self._shipped, *sorted(own.keys() - self._shipped.keys()))
        self._presets = {name: own[name] if name in own else self._shipped[name] for name in self._names}


def _first(folder: Path) -> Look:
    """A folder at the start; one that cannot be read is empty, and a fault."""
    try:
        return look(folder, {}, patient=False)
    except BadInput as fault:
        return Look({}, (fault,))
