"""The section `show` of the config: what an artist writes, and the plan it makes."""

import re
from collections.abc import Iterator, Mapping
from datetime import date, datetime, timedelta
from typing import Annotated, Any, Literal, Self
from zoneinfo import ZoneInfo, available_timezones

from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    ModelWrapValidatorHandler,
    field_validator,
    model_validator,
)
from pydantic_core import PydanticCustomError

from daemon.faults import Place, all_told, spoken
from daemon.show.plan import DAY, Attract, Black, Entry, Plan, Play, Playlist, Programme, Rule, Span, Still, Yearly

DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
LONGEST_FADE = 600.0  # s, as over OSC
_CLOCK = re.compile(r"(\d{1,2}):(\d\d)(?::(\d\d))?")
_NOT_BLACK = ("none", "false", "off", "no", "n", "f", "0", "0.0")  # as a switch may be written
_ONE_RULE = "one of play: PLAYLIST, preset: NAME and blackout: true is needed"
_YEARLY = re.compile(r"(\d\d)-(\d\d)")


def _fault(text: str) -> PydanticCustomError:
    return PydanticCustomError("show", "{text}", {"text": text})


def _time(written: object) -> timedelta:
    """18:30, 18:30:15 or 24:00; no bare number, which might be hours or minutes."""
    if isinstance(written, timedelta):
        return written
    found = _CLOCK.fullmatch(written) if isinstance(written, str) else None
    if found is not None:
        hours, minutes, seconds = (int(part or 0) for part in found.groups())
        made = timedelta(hours=hours, minutes=minutes, seconds=seconds)
        if minutes < 60 and seconds < 60 and made <= DAY:
            return made
    raise _fault("a time of day such as 18:30, from 00:00 to 24:00")


def _days(written: object) -> frozenset[int]:
    """[mon, wed] or [mon-fri], which may go round the end of the week."""
    if isinstance(written, frozenset):
        return written
    words = [written] if isinstance(written, str) else written
    if isinstance(words, list | tuple) and 0 < len(words) <= 14:
        made: set[int] = set()
        for word in words:
            ends = [DAYS.index(end) for end in str(word).lower().split("-") if end in DAYS]
            if len(ends) != len(str(word).split("-")) or len(ends) > 2:
                break
            made.update((ends[0] + i) % 7 for i in range((ends[-1] - ends[0]) % 7 + 1))
        else:
            return frozenset(made)
    raise _fault(f"a list of {', '.join(DAYS)}, or from one to another such as mon-fri")


def _date(written: object) -> date | str | None:
    """2026-12-24, or 12-24 of every year, which stays text."""
    if written is None or (isinstance(written, date) and not isinstance(written, datetime)):
        return written
    try:
        if isinstance(written, str):
            if (found := _YEARLY.fullmatch(written)) is not None:
                date(2024, int(found[1]), int(found[2]))  # a leap year
                return written
            return date.fromisoformat(written)
    except ValueError:
        pass
    raise _fault("a day such as 2026-12-24, or 12-24 for every year")


def _range(written: object) -> tuple[Any, Any]:
    if isinstance(written, list | tuple):
        if len(written) == 2:
            return written[0], written[1]
        raise _fault("seconds, or the fewest and the most such as [120, 600]")
    return written, written


_Clock = Annotated[timedelta, BeforeValidator(_time)]
_Day = Annotated[date | str | None, BeforeValidator(_date)]
_Fade = Annotated[float | None, Field(ge=0, le=LONGEST_FADE, allow_inf_nan=False)]
_Preset = Annotated[str, Field(min_length=1, max_length=64)]
_Name = Annotated[str, Field(pattern=r"^[a-z][a-z0-9_-]{0,63}$")]
_Seconds = Annotated[float, Field(ge=1, le=7 * 86_400, allow_inf_nan=False)]


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", populate_by_name=True)


class EntrySection(_Part):
    """One preset of a playlist."""

    preset: _Preset = Field(description="its name")
    seconds: Annotated[tuple[_Seconds, _Seconds], BeforeValidator(_range)] = Field(
        description="how long it is on, or the fewest and the most, between which it is drawn"
    )
    fade: _Fade = Field(default=None, description="seconds to arrive; the playlist's if absent")

    @field_validator("seconds")
    @classmethod
    def _ordered(cls, seconds: tuple[float, float]) -> tuple[float, float]:
        if seconds[0] > seconds[1]:
            raise _fault("the fewest seconds come first")
        return seconds


class PlaylistSection(_Part):
    """Presets one after the other, round and round."""

    order: Literal["sequence", "shuffle"] = Field(
        default="sequence", description="shuffle repeats none until all were shown"
    )
    fade: _Fade = Field(default=None, description="seconds to arrive at each; the preset's own if absent")
    entries: tuple[EntrySection, ...] = Field(min_length=1, max_length=256)


class HoursSection(_Part):
    """Hours of some days, by the clock on the wall; those that end after midnight belong to the day they begin on."""

    from_: _Clock = Field(default=timedelta(), alias="from", description="a time of day")
    to: _Clock = Field(default=DAY, description="a time of day; one before `from` is on the next day")
    days: Annotated[frozenset[int], BeforeValidator(_days)] = Field(
        default=frozenset(range(7)), description="of the week, such as [mon-fri, sun]"
    )
    first: _Day = Field(default=None, description="the first day, such as 2026-12-01, or 12-01 for every year")
    last: _Day = Field(default=None, description="the last day, which is one of them")

    @model_validator(mode="after")
    def _possible(self) -> "HoursSection":
        if self.from_ == self.to:
            raise _fault("from and to are the same; leave both out for the whole day")
        if isinstance(self.first, str) != isinstance(self.last, str):
            raise _fault("first and last are both days of every year such as 12-24, or neither is")
        if isinstance(self.first, date) and isinstance(self.last, date) and self.first > self.last:
            raise _fault("the first day is after the last")
        return self

    def span(self) -> Span:
        """As the plan has it."""
        end = self.to if self.to > self.from_ else self.to + DAY
        return Span(self.from_, end, self.days, _yearly(self.first), _yearly(self.last))


class RuleSection(HoursSection):
    """What is on in some hours: one of a playlist, a preset, or nothing."""

    play: str | None = Field(default=None, description="a playlist")
    preset: _Preset | None = Field(default=None, description="a preset")
    fade: _Fade = Field(default=None, description="seconds to arrive at that preset; its own if absent")
    blackout: bool = Field(default=False, description="nothing at all")

    @model_validator(mode="after")
    def _one(self) -> "RuleSection":
        if (self.play is not None) + (self.preset is not None) + self.blackout != 1:
            raise _fault(_ONE_RULE)
        return self

    @model_validator(mode="wrap")
    @classmethod
    def _all(cls, data: object, handler: ModelWrapValidatorHandler[Self]) -> Self:
        return all_told(data, handler, _one_too_many)

    def what(self) -> Programme:
        """As the plan has it."""
        if self.blackout:
            return Black()
        return Play(self.play) if self.play is not None else Still(self.preset or "", self.fade)


class SilenceSection(_Part):
    """What is on while nobody makes a sound: a playlist or a preset."""

    after: float = Field(ge=1, le=86_400, allow_inf_nan=False, description="seconds of silence before it comes")
    sound: float = Field(
        default=1.0, ge=0, le=3600, allow_inf_nan=False, description="seconds of sound after which it goes"
    )
    play: str | None = Field(default=None, description="a playlist")
    preset: _Preset | None = Field(default=None, description="a preset")
    fade: _Fade = Field(default=None, description="seconds to arrive at it and to go back; the preset's own if absent")

    @model_validator(mode="after")
    def _one(self) -> "SilenceSection":
        if (self.play is None) == (self.preset is None):
            raise _fault("one of play: PLAYLIST and preset: NAME is needed")
        return self

    def attract(self) -> Attract:
        """As the plan has it."""
        what = Play(self.play) if self.play is not None else Still(self.preset or "", self.fade)
        return Attract(self.after, self.sound, what, self.fade)


class ShowSection(_Part):
    """A show that runs itself. The first rule of the schedule that holds says what is on."""

    enable: bool = Field(default=True, description="whether it runs from the start")
    zone: str | None = Field(
        default=None,
        max_length=64,
        description="time zone of the hours, such as Europe/Berlin; the machine's if absent",
    )
    seed: int = Field(default=0, ge=0, le=16_777_215, description="of what is shuffled and drawn")
    playlists: dict[_Name, PlaylistSection] = Field(default={}, max_length=64)
    schedule: tuple[RuleSection, ...] = Field(default=(), max_length=256)
    play: str | None = Field(default=None, description="the playlist that is on while no rule holds")
    preset: _Preset | None = Field(default=None, description="in place of a playlist, one preset")
    wake: tuple[HoursSection, ...] = Field(default=(), max_length=64, description="hours outside which it is black")
    silence: SilenceSection | None = None

    @field_validator("zone")
    @classmethod
    def _known(cls, zone: str | None) -> str | None:
        try:
            if zone is not None:
                ZoneInfo(zone)
        except (KeyError, ValueError, OSError):
            why = "" if available_timezones() else "; this machine has no list of them: pip install tzdata"
            raise _fault(f"there is no time zone {zone!r}; use a name such as Europe/Berlin or UTC{why}") from None
        return zone

    @model_validator(mode="after")
    def _whole(self) -> "ShowSection":
        if self.play is not None and self.preset is not None:
            raise _fault("play or preset is on while no rule holds, not both")
        return self

    @model_validator(mode="wrap")
    @classmethod
    def _all(cls, data: object, handler: ModelWrapValidatorHandler[Self]) -> Self:
        return all_told(data, handler, _nowhere)

    def plan(self) -> Plan:
        """What the show is made of."""
        still = Still(self.preset) if self.preset is not None else None
        return Plan(
            self.enable,
            ZoneInfo(self.zone) if self.zone is not None else None,
            self.seed,
            {name: _playlist(name, playlist) for name, playlist in self.playlists.items()},
            tuple(Rule(rule.span(), rule.what()) for rule in self.schedule),
            tuple(hours.span() for hours in self.wake),
            Play(self.play) if self.play is not None else still,
            self.silence.attract() if self.silence is not None else None,
        )


def _key(part: object, key: str) -> object:
    """What a part has under a key, as it is written or as it was made."""
    return part.get(key) if isinstance(part, Mapping) else getattr(part, key, None)


def _one_too_many(rule: object) -> Iterator[tuple[Place, str]]:
    """A rule that says nothing, or several things, whatever else is wrong with it."""
    if isinstance(rule, Mapping):
        said = [key for key in ("play", "preset") if rule.get(key) is not None]
        if len(said) + (str(rule.get("blackout")).lower() not in _NOT_BLACK) != 1:
            yield (), _ONE_RULE


def _nowhere(show: object) -> Iterator[tuple[Place, str]]:
    """Playlists that are named and not there, whatever else is wrong."""
    listed, schedule = _key(show, "playlists"), _key(show, "schedule")
    there = [name for name in listed if isinstance(name, str)] if isinstance(listed, Mapping) else []
    rules = enumerate(schedule) if isinstance(schedule, list | tuple) else ()
    named: list[tuple[Place, object]] = [(("schedule", i, "play"), _key(rule, "play")) for i, rule in rules]
    named += [(("play",), _key(show, "play")), (("silence", "play"), _key(_key(show, "silence"), "play"))]
    for place, name in named:
        if isinstance(name, str) and name not in there:
            yield place, f"there is no playlist {spoken(name)}; there are {', '.join(there) or 'none'}"


def _yearly(day: date | str | None) -> date | Yearly | None:
    return Yearly(int(day[:2]), int(day[3:])) if isinstance(day, str) else day


def _playlist(name: str, section: PlaylistSection) -> Playlist:
    entries = (
        Entry(entry.preset, *entry.seconds, entry.fade if entry.fade is not None else section.fade)
        for entry in section.entries
    )
    return Playlist(name, tuple(entries), section.order == "shuffle")
