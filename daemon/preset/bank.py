"""The bank that presets are recalled from."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from daemon.errors import BadInput
from daemon.params import Curve, Params
from daemon.preset.file import RULE, Preset, nameable, store, stored
from daemon.preset.folder import Entry, Look, look, stamp_of

_MOST_WAIT = 64  # presets that wait for a disk which does not answer


@dataclass(frozen=True, slots=True)
class Save:
    """A preset on its way to its file."""

    path: Path
    preset: Preset

    def write(self) -> Entry:
        """What the folder has then; waits for the disk. Raises `BadInput`."""
        try:
            store(self.path, self.preset)
        except OSError as e:
            raise BadInput("preset", [f"{self.path} cannot be written ({e.strerror})"]) from None
        stamp = stamp_of(self.path)
        return Entry(stamp, stamp, self.preset)


def _nobody() -> None:
    """Whoever saves writes, too."""


class Bank:
    """Presets by name and by index, in the order of `latentd presets list`: shipped ones first, each folder by name.

    A file of the user's with a shipped name takes its place. A faulty file is left out and named in `faults`, which
    are those of the start. What is saved is there at once, and in its file when whoever `on_save` calls has written
    what is `unwritten` and settled it. Once it is made, a bank is for one thread.
    """

    def __init__(self, shipped: Path, own: Path) -> None:
        self.folder = own  # the user's
        self.on_save: Callable[[], None] = _nobody
        self._unwritten: dict[str, Save] = {}  # in the order in which they were saved
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
        """Keep the params as a preset of the user's; without a title it keeps the one it has. Raises `BadInput`."""
        if not nameable(name):
            raise BadInput("preset", [f"{name[:80]!r} cannot be a name; it takes {RULE}"])
        if len(self._unwritten) >= _MOST_WAIT and name not in self._unwritten:
            raise BadInput("preset", [f"{_MOST_WAIT} wait to be written to {self.folder}, which takes none"])
        if title is None:
            title = self._presets[name].title if name in self._presets else ""
        preset = stored(Preset(name, title, fade, params, curve))  # as the next start will have it
        self._unwritten.pop(name, None)
        self._unwritten[name] = Save(self.folder / self.seen.file_of(name), preset)
        self._arrange()
        self.on_save()
        return preset

    @property
    def unwritten(self) -> Save | None:
        """The next one that has to get to its file; None when all are there."""
        return next(iter(self._unwritten.values()), None)

    def settle(self, save: Save, entry: Entry | None) -> None:
        """A save has got to its file, or to none: then what was there before is there again."""
        name = save.preset.name
        if self._unwritten.get(name) is save:  # not another of the same name, saved meanwhile
            del self._unwritten[name]
        if entry is not None:
            self.seen = Look({**self.seen.entries, save.path.name: entry})
        self._arrange()

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
        own = {**self.seen.presets, **{name: save.preset for name, save in self._unwritten.items()}}
        self._names = (*self._shipped, *sorted(own.keys() - self._shipped.keys()))
        self._presets = {name: own[name] if name in own else self._shipped[name] for name in self._names}


def _first(folder: Path) -> Look:
    """A folder at the start; one that cannot be read is empty, and a fault."""
    try:
        return look(folder, {}, patient=False)
    except BadInput as fault:
        return Look({}, (fault,))
