"""What a preset file may hold, checked field by field; ranges and meanings are those of `Params`."""

import math
import re
from collections.abc import Sequence
from difflib import get_close_matches
from typing import Annotated, Any, Literal

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    WithJsonSchema,
    create_model,
    field_validator,
)

from daemon.descriptors import LEVELS, is_level
from daemon.faults import spoken
from daemon.params import (
    DIRECTIONS,
    MOST_ANCHORS,
    MOST_BANDS,
    MOST_ROUTES,
    TARGETS,
    Choice,
    Curve,
    Name,
    Params,
    Range,
    kind,
    meanings,
)

_PLACE = re.compile(r"[A-Za-z0-9_-][A-Za-z0-9_.-]{0,63}")  # part of an OSC address
PASSING = (
    "freeze",
    "blackout",
)  # a hand on the fader, not a look: never stored, so nothing ever starts frozen or black


_Name = Annotated[str, Field(max_length=64)]
_Weight = Annotated[float, Field(ge=0, le=1, allow_inf_nan=False)]
_Fade = Annotated[float, Field(ge=0, le=600, allow_inf_nan=False)]


def _field(name: str) -> tuple[Any, Any]:
    """One parameter as pydantic sees it."""
    meaning, default = meanings()[name], getattr(Params(), name)
    if isinstance(meaning, Range):
        text = f"{meaning.text}, {meaning.unit}" if meaning.unit else meaning.text
        bounds = Field(default=default, ge=meaning.low, le=meaning.high, allow_inf_nan=False, description=text)
        return (kind(name), bounds)
    if isinstance(meaning, Name):
        return (str, Field(default=default, max_length=1024, description=meaning.text))
    if isinstance(meaning, Choice):
        return (Literal[meaning.names], Field(default=default, description=meaning.text))
    return (bool, Field(default=default, description=meaning.text))


_SEED = meanings()["seed"]
assert isinstance(_SEED, Range)
_SEEDS = (int(_SEED.low), int(_SEED.high))
_MOST_DIMS, _FARTHEST = 4096, 1000.0


def _place_name(name: str) -> str:
    if not _PLACE.fullmatch(name):
        raise ValueError("an anchor's name becomes an address: 1 to 64 of letters, digits, _, - and .")
    return name


def _place(value: object) -> object:
    """A seed, or numbers that point somewhere, listed or in one text; one sentence for what is neither."""
    if isinstance(value, int) and not isinstance(value, bool) and _SEEDS[0] <= value <= _SEEDS[1]:
        return value
    listed = value.split(maxsplit=_MOST_DIMS) if isinstance(value, str) else value
    if isinstance(listed, list | tuple) and 2 <= len(listed) <= _MOST_DIMS:
        numbers = [number for item in listed if (number := _number(item)) is not None]
        if len(numbers) == len(listed) and math.hypot(*numbers) > 0:
            return tuple(numbers)
    raise ValueError(f"a seed from {_SEEDS[0]} to {_SEEDS[1]}, or z_dim numbers that are not all 0")


def _number(item: object) -> float | None:
    """One of z; None for what is none, or too far out."""
    if isinstance(item, bool) or not isinstance(item, int | float | str):
        return None
    try:
        number = float(item)
    except (ValueError, OverflowError):
        return None
    return number if abs(number) <= _FARTHEST else None  # NaN is not, either


_PlaceName = Annotated[str, AfterValidator(_place_name)]
_WAYS = [  # to write a place
    {"type": "integer", "minimum": _SEEDS[0], "maximum": _SEEDS[1]},
    {"type": "array", "items": {"type": "number"}, "minItems": 2, "maxItems": _MOST_DIMS},
    {"type": "string"},
]
_Place = Annotated[int | tuple[float, ...], BeforeValidator(_place), WithJsonSchema({"anyOf": _WAYS})]

_Amount = Annotated[float, Field(ge=-360, le=360, allow_inf_nan=False)]
_Time = Annotated[float, Field(ge=0, le=10, allow_inf_nan=False)]


_NUMBERS = [name for name in TARGETS if "/" not in name]
_TARGETS = f"{', '.join(_NUMBERS)} and direction/0 to direction/{DIRECTIONS - 1}"


def _meant(name: str, known: Sequence[str]) -> str:
    near = get_close_matches(name, known, n=1)
    return f"; did you mean {near[0]}? " if near else "; "


class RouteFile(BaseModel):
    """One route as a preset holds it."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=False, populate_by_name=True)

    source: str = Field(max_length=64, description="a level of the sound: rms, band/0, onset, beat, chroma/9, ...")
    target: str = Field(max_length=64, description="a number of this preset, such as rotate, or direction/0 to 15")
    range_: tuple[_Amount, _Amount] = Field(
        default=(0.0, 1.0), alias="range", description="what is added at level 0 and at level 1, in the target's unit"
    )
    curve: Annotated[float, Field(ge=0.1, le=10, allow_inf_nan=False)] = Field(
        default=1.0, description="exponent over the level: 2 begins slowly, 0.5 fast"
    )
    attack: _Time = Field(default=0.0, description="seconds it takes to rise, beside the level's own")
    release: _Time = Field(default=0.0, description="seconds it takes to fall")

    @field_validator("source")
    @classmethod
    def _is_heard(cls, name: str) -> str:
        if not is_level(name):
            raise ValueError(
                f"no level of the sound is called {spoken(name)}{_meant(name, LEVELS)}latentd features lists them"
            )
        return name

    @field_validator("target")
    @classmethod
    def _moves(cls, name: str) -> str:
        plain = name if name in TARGETS else name.replace("/", "_")  # as its address has it: translate/x
        if plain not in TARGETS:
            raise ValueError(f"{spoken(name)} cannot be moved{_meant(name, _NUMBERS)}there are {_TARGETS}")
        return plain


class Head(BaseModel):
    """What a preset file holds beside the parameters."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=False)

    version: Literal[2] = Field(description="of this format; an earlier one is read, too")
    title: str = Field(default="", max_length=200, description="what it looks like, in a few words")
    fade: _Fade = Field(default=2.0, description="seconds to arrive here when recalled")
    curve: Curve = Field(default="smooth", description="how the fade goes")
    class_: Annotated[int, Field(ge=0, lt=4096)] | Annotated[tuple[_Weight, ...], Field(max_length=4096)] = Field(
        default=(), alias="class", description="of a conditional model: an index from 0, or a weight for each class"
    )
    clusters: dict[_Name, _Weight] = Field(
        default={}, max_length=256, description="weight of each named cluster, 0..1; one not named is 0"
    )
    anchors: dict[_PlaceName, _Place] = Field(
        default={},
        max_length=MOST_ANCHORS,
        description="clusters: named places of this preset's own, beside the model's or in place of them; each a seed, "
        "or z_dim numbers, listed or in one text",
    )
    bands: tuple[Annotated[float, Field(ge=0, le=2, allow_inf_nan=False)], ...] = Field(
        default=(), max_length=MOST_BANDS, description="mel: how far each band pushes, from the lowest; 1 if not named"
    )
    routes: tuple[RouteFile | None, ...] = Field(
        default=(),
        max_length=MOST_ROUTES,
        description="levels of the sound that move numbers of this preset; null leaves a number free",
    )


FIELDS: dict[str, Any] = {name: _field(name) for name in meanings() if name not in PASSING}
PresetFile: type[Head] = create_model("PresetFile", __base__=Head, **FIELDS)


_MOST_KEPT = 4096


class _Kept(Head):
    """What the file of the last state holds beside the parameters."""

    preset: str | None = Field(default=None, max_length=64, description="the preset last recalled")
    routes: tuple[RouteFile | None, ...] = Field(
        default=(), max_length=_MOST_KEPT, description="as in a preset; an earlier latentd could keep more than fit"
    )
    model_before: str = Field(default="", max_length=1024, description="to go on with where `model` cannot be had")


StateFile: type[_Kept] = create_model("StateFile", __base__=_Kept, **FIELDS)
