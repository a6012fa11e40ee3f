"""Where a playlist is: the entry that is on, how long still, and what comes in this round."""

from collections.abc import Container
from dataclasses import dataclass
from itertools import pairwise
from random import Random

from daemon.show.plan import Entry, Playlist

_TRIES = 32  # shuffles, to find one without neighbours alike


@dataclass(frozen=True, slots=True)
class Mark:
    """What is kept of a deck over a restart."""

    playlist: str
    preset: str  # of the entry that is on: a playlist written anew begins anew
    entry: int
    left: float  # s
    round: int
    rest: tuple[int, ...]


class Deck:
    """Goes through one playlist, in order or shuffled; the same again for the same seed."""

    def __init__(self, playlist: Playlist, seed: int, mark: Mark | None = None) -> None:
        """`mark`: where to go on, if the playlist is still that one."""
        self.playlist, self._seed = playlist, seed
        self.entry: int | None = None
        self.left = 0.0  # s
        self.round = 0  # from 1 on
        self.rest: list[int] = []  # of this round, in the order in which they come
        if mark is not None and _fits(mark, playlist):
            self.entry, self.round, self.rest = mark.entry, mark.round, list(mark.rest)
            self.left = min(mark.left, self.length)

    @property
    def on(self) -> Entry | None:
        """What is on."""
        return None if self.entry is None else self.playlist.entries[self.entry]

    @property
    def length(self) -> float:
        """Seconds the entry that is on is on for, all in all."""
        on = self.on
        if on is None:
            return 0.0
        return Random(f"{self._seed}/{self.playlist.name}/{self.round}/{self.entry}").uniform(on.shortest, on.longest)

    def advance(self, known: Container[str], last: str | None) -> None:
        """The next entry whose preset is known; of a shuffled list not `last`, the one just shown, if another is left.

        With nothing to show there is no entry.
        """
        for _ in range(2):  # what is left of this round, and a new one
            there = [i for i in self.rest if self.playlist.entries[i].preset in known]
            if there:
                others = (i for i in there if self.playlist.entries[i].preset != last)
                self._begin(next(others, there[0]) if self.playlist.shuffle else there[0])
                return
            self.round += 1
            self.rest = self._order()
        self.entry, self.left, self.rest = None, 0.0, []

    def jump(self, entry: int) -> None:
        """Go to an entry; what was skipped of a sequence is not gone back to."""
        if not self.playlist.shuffle or not self.round:
            self.round += 1
            self.rest = self._order()
        self._begin(entry)

    def restart(self) -> None:
        """Begin anew with the next look."""
        self.entry, self.left, self.rest = None, 0.0, []

    def mark(self, grain: float) -> Mark | None:
        """To go on from here another time; the time left is rounded up to `grain` seconds: it seldom changes."""
        if self.entry is None or (on := self.on) is None:
            return None
        left = min(-(-self.left // grain) * grain, self.length)
        return Mark(self.playlist.name, on.preset, self.entry, left, self.round, tuple(self.rest))

    def _begin(self, entry: int) -> None:
        if self.playlist.shuffle:
            self.rest = [i for i in self.rest if i != entry]
        else:
            self.rest = [i for i in self.rest if i > entry]
        self.entry = entry
        self.left = self.length

    def _order(self) -> list[int]:
        entries = self.playlist.entries
        order = list(range(len(entries)))
        if not self.playlist.shuffle:
            return order
        random = Random(f"{self._seed}/{self.playlist.name}/{self.round}")
        for _ in range(_TRIES):
            random.shuffle(order)
            if all(entries[a].preset != entries[b].preset for a, b in pairwise(order)):
                break
        return order


def _fits(mark: Mark, playlist: Playlist) -> bool:
    count = len(playlist.entries)
    return (
        mark.playlist == playlist.name
        and 0 <= mark.entry < count
        and playlist.entries[mark.entry].preset == mark.preset
        and mark.left >= 0  # and a number
        and len(set(mark.rest)) == len(mark.rest)
        and all(0 <= i < count for i in mark.rest)
    )
