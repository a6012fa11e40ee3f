"""What an artist has planned: playlists, hours, and what is on in them. No clock, no state."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import date, datetime, time, timedelta, tzinfo
from typing import TypeAlias

DAY = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class Entry:
    """One preset of a playlist."""

    preset: str
    shortest: float  # s it is on
    longest: float  # s; the same unless its length is drawn
    fade: float | None = None  # s to arrive; None is the preset's own


@dataclass(frozen=True, slots=True)
class Playlist:
    """Presets one after the other, round and round."""

    name: str
    entries: tuple[Entry, ...]
    shuffle: bool = False


@dataclass(frozen=True, slots=True)
class Play:
    """A playlist is on."""

    playlist: str


@dataclass(frozen=True, slots=True)
class Still:
    """One preset is on for as long as it is its time."""

    preset: str
    fade: float | None = None  # s


@dataclass(frozen=True, slots=True)
class Black:
    """Nothing is to be seen."""


Programme: TypeAlias = Play | Still | Black


@dataclass(frozen=True, slots=True)
class Yearly:
    """A day of every year; 29 February comes only in leap years, and is then before 1 March."""

    month: int
    day: int


@dataclass(frozen=True, slots=True)
class Span:
    """Hours of some days, by the clock on the wall. Hours that end after midnight belong to the day they begin on."""

    begin: timedelta = timedelta()  # from midnight, by that clock
    end: timedelta = DAY  # the same; more than a day where it is after the next midnight
    days: frozenset[int] = frozenset(range(7))  # 0 is Monday
    first: date | Yearly | None = None
    last: date | Yearly | None = None  # that day included

    def holds(self, local: datetime) -> bool:
        """Whether this naive local time is within."""
        midnight = datetime.combine(local.date(), time())
        return any(
            self._has(start.date()) and start + self.begin <= local < start + self.end
            for start in (midnight, midnight - DAY)
        )

    def _has(self, day: date) -> bool:
        if day.weekday() not in self.days:
            return False
        first, last = self.first, self.last
        if isinstance(first, Yearly) and isinstance(last, Yearly):
            here, a, b = (day.month, day.day), (first.month, first.day), (last.month, last.day)
            return a <= here <= b if a <= b else (here >= a or here <= b)
        return not (isinstance(first, date) and day < first) and not (isinstance(last, date) and day > last)


@dataclass(frozen=True, slots=True)
class Rule:
    """What is on in some hours."""

    span: Span
    what: Programme


@dataclass(frozen=True, slots=True)
class Attract:
    """What is on while nobody makes a sound."""

    after: float  # s of silence
    sound: float  # s of sound after which it goes
    what: Play | Still
    fade: float | None = None  # s, back to what was on; None is that preset's own


@dataclass(frozen=True, slots=True)
class Plan:
    """The whole show. The first rule that holds says what is on."""

    enable: bool = True
    zone: tzinfo | None = None  # None: this machine's
    seed: int = 0
    playlists: Mapping[str, Playlist] = field(default_factory=dict)
    rules: tuple[Rule, ...] = ()
    wake: tuple[Span, ...] = ()  # outside all of them it is black; none: always awake
    otherwise: Play | Still | None = None  # while no rule holds
    attract: Attract | None = None

    @property
    def used(self) -> bool:
        """Whether there is any show at all."""
        return bool(self.playlists or self.rules or self.wake or self.otherwise or self.attract)

    def presets(self) -> Iterator[tuple[str, str]]:
        """Each preset that is named, after its place in the config."""
        for playlist in self.playlists.values():
            for i, entry in enumerate(playlist.entries):
                yield f"show.playlists.{playlist.name}.entries.{i}.preset", entry.preset
        for i, rule in enumerate(self.rules):
            if isinstance(rule.what, Still):
                yield f"show.schedule.{i}.preset", rule.what.preset
        if isinstance(self.otherwise, Still):
            yield "show.preset", self.otherwise.preset
        if self.attract is not None and isinstance(self.attract.what, Still):
            yield "show.silence.preset", self.attract.what.preset
