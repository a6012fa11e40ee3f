"""The trained files there are: read aside, had at once by whoever renders."""

import logging
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from threading import Event

import numpy as np

from daemon.errors import BadInput
from daemon.flow import Anchor, ModelFacts, frozen
from daemon.mapping.mlp import Grid, Learned, read

logger = logging.getLogger(__name__)

MOST = 32  # files of a folder that are read
_EVERY = 0.5  # s between two looks


class Shelf:
    """The trained files of one kind, the first folder's before the next one's, each by name.

    `look` reads what is new or was changed; a file that cannot be used is left out, and the log says why, once. What
    `files` holds is never changed, only replaced, so any thread may take it at any time.
    """

    def __init__(self, folders: Sequence[Path], gives: Sequence[str], grid: Grid) -> None:
        """`gives`: what a file of this kind may give."""
        self.files: tuple[Learned, ...] = ()
        self._folders, self._gives, self._grid = tuple(folders), tuple(gives), grid
        self._seen: dict[Path, tuple[tuple[int, int], Learned | None]] = {}  # what each was when it was read
        self._said: set[tuple[Path, str]] = set()

    def look(self) -> None:
        """Read what is new or was changed since the last look."""
        seen: dict[Path, tuple[tuple[int, int], Learned | None]] = {}
        for folder in self._folders:
            for path in self._in(folder):
                try:
                    about = path.stat()
                except OSError:  # gone since
                    continue
                stamp, known = (about.st_mtime_ns, about.st_size), self._seen.get(path)
                seen[path] = known if known is not None and known[0] == stamp else (stamp, self._read(path))
        if seen != self._seen:
            self._seen = seen
            self.files = tuple(learned for _, learned in seen.values() if learned is not None)

    def fitting(self, facts: ModelFacts) -> tuple[Learned, ...]:
        """Those that can be used with this network; of the others the log says why, once."""
        found: dict[str, Learned] = {}
        for learned in self.files:
            if why := learned.misfit(facts):
                level = logging.INFO if learned.about.model == facts.name else logging.DEBUG  # another's is no fault
                self._say(Path(learned.name), f"{learned.name} is left out: {why}", level)
                continue
            found.setdefault(learned.name, learned)  # one's own takes the place of a shipped one
            if (grid := learned.about.grid) != self._grid:
                text = f"{learned.name} was trained on {grid} and we hear {self._grid}: train it again to have it exact"
                self._say(Path(learned.name), text, logging.INFO)
        return tuple(found.values())

    def of(self, facts: ModelFacts) -> "Choice":
        """Those of one network, kept up with what is new."""
        return Choice(self, facts)

    def _in(self, folder: Path) -> list[Path]:
        try:
            paths = sorted(path for path in folder.glob("*.safetensors") if not path.name.startswith("."))
        except OSError:
            return []
        if len(paths) > MOST:
            self._say(folder, f"{folder} holds {len(paths)} trained files; the first {MOST} by name are taken")
        return paths[:MOST]

    def _read(self, path: Path) -> Learned | None:
        try:
            learned = read(path)
        except BadInput as fault:
            self._say(path, f"{fault}")
            return None
        if learned.about.gives in self._gives:
            return learned
        self._say(path, f"trained file {path}: it gives {learned.about.gives}, which does not belong into this folder")
        return None

    def _say(self, about: Path, text: str, level: int = logging.WARNING) -> None:
        if (about, text) not in self._said:
            self._said.add((about, text))
            logger.log(level, "%s", text)


@dataclass(frozen=True, slots=True)
class Shelves:
    """What was trained for `clusters` and for `pairs`."""

    clusters: Shelf
    pairs: Shelf

    @classmethod
    def of(cls, folders: Sequence[Path], grid: Grid) -> "Shelves":
        """Of the folders `clusters` and `pairs` in each of these, one's own first; looked through once."""
        clusters = Shelf([folder / "clusters" for folder in folders], ("weights",), grid)
        pairs = Shelf([folder / "pairs" for folder in folders], ("z", "w", "ws"), grid)
        clusters.look()
        pairs.look()
        return cls(clusters, pairs)

    def known(self, facts: ModelFacts) -> ModelFacts:
        """The facts with the clusters that were trained for this network among its anchors."""
        learned = self.clusters.of(facts).named()
        if learned is None:
            return facts
        own = {anchor.name: anchor for anchor in facts.anchors}
        placed = zip(learned.about.clusters, learned.tensors["anchors"].astype(np.float32), strict=True)
        trained = {name: Anchor(name, z) for name, z in placed}
        for anchor in trained.values():
            frozen(anchor.z)
        return replace(facts, anchors=tuple((own | trained).values()))

    def loop(self, stop: Event) -> None:
        """Look for new files until stopped."""
        while not stop.wait(_EVERY):
            self.clusters.look()
            self.pairs.look()


class Choice:
    """One shelf's files for one network, kept up with what is new."""

    def __init__(self, shelf: Shelf, facts: ModelFacts) -> None:
        self._shelf, self._facts = shelf, facts
        self._of = shelf.files  # what `_fitting` was made from
        self._fitting = shelf.fitting(facts)

    @property
    def all(self) -> tuple[Learned, ...]:
        """Every file that fits, in order."""
        if self._shelf.files is not self._of:
            self._of = self._shelf.files
            self._fitting = self._shelf.fitting(self._facts)
        return self._fitting

    def named(self, name: str = "") -> Learned | None:
        """The file of this name; the first while there is none such; None when there is none at all."""
        fitting = self.all
        return next((learned for learned in fitting if learned.name == name), fitting[0] if fitting else None)
