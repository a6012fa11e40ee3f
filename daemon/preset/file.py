"""Artistic state: one YAML file a preset."""

import json
import math
import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
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

from daemon import document
from daemon.descriptors import LEVELS, is_level
from daemon.errors import BadInput
from daemon.params import (
    MOST_ANCHORS,
    MOST_BANDS,
    MOST_ROUTES,
    TARGETS,
    Choice,
    Curve,
    Name,
    Params,
    Place,
    Range,
    Route,
    kind,
    meanings,
    one_class,
)
from daemon.preset.migrate import VERSION, upgraded, version_of

RULE = "a name of 1 to 64 of a-z, 0-9, _ and -, beginning with a letter or a digit and not a number"
_NAME = re.compile(r"[a-z0-9][a-z0-9_-]{0,63}")
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
        raise ValueError("an anchor's name takes 1 to 64 of letters, digits, _, - and ., since it becomes an address")
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
    raise ValueError(f"it is a seed from {_SEEDS[0]} to {_SEEDS[1]}, or z_dim numbers that are not all 0")


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
            raise ValueError(f"no level of the sound is called {name!r}; there are band/0 and on, {', '.join(LEVELS)}")
        return name

    @field_validator("target")
    @classmethod
    def _moves(cls, name: str) -> str:
        if name not in TARGETS:
            raise ValueError(f"{name!r} cannot be moved; there are {', '.join(TARGETS)}")
        return name


class _Head(BaseModel):
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
    routes: tuple[RouteFile, ...] = Field(
        default=(), max_length=MOST_ROUTES, description="levels of the sound that move numbers of this preset"
    )


_FIELDS: dict[str, Any] = {name: _field(name) for name in meanings() if name not in PASSING}
PresetFile: type[_Head] = create_model("PresetFile", __base__=_Head, **_FIELDS)


class _Kept(_Head):
    """What the file of the last state holds beside the parameters."""

    preset: str | None = Field(default=None, max_length=64, description="the preset last recalled")


StateFile: type[_Kept] = create_model("StateFile", __base__=_Kept, **_FIELDS)


@dataclass(frozen=True, slots=True)
class Preset:
    """A named look: where the params go and how long the way there takes."""

    name: str
    title: str
    fade: float  # s
    params: Params
    curve: Curve = "smooth"


def _nothing(path: Path) -> None:
    """An earlier version is as good."""


def load(path: Path, on_old: Callable[[Path], None] = _nothing) -> Preset:
    """One preset file; `BadInput` names every fault in it. `on_old`: told the path of one of an earlier version."""
    versions: list[int | None] = []

    def upgrade(data: object, label: str) -> object:
        versions.append(version_of(data))
        return upgraded(data, label)

    faults = [] if nameable(path.stem) else [f"the file needs {RULE}; rename it"]
    try:
        file = document.read(path, PresetFile, "preset", upgrade)
    except BadInput as fault:
        raise BadInput(f"preset {path}", [*faults, *fault.faults]) from None
    if faults:
        raise BadInput(f"preset {path}", faults)
    if (version := versions[0]) is not None and version != VERSION:
        on_old(path)
    return Preset(path.stem, file.title, file.fade, params_of(file), file.curve)


def store(path: Path, preset: Preset) -> None:
    """Write a preset so that `load` gives it back."""
    head = {"version": VERSION, "title": preset.title, "fade": preset.fade, "curve": preset.curve}
    document.write(path, document.dump({**head, **plain(preset.params)}))


def plain(params: Params) -> dict[str, object]:
    """Params as a preset file holds them."""
    kept = {name: getattr(params, name) for name in meanings() if name not in PASSING}
    routes = [_plain_route(route) for route in params.routes if route.source and route.target]
    lists = {"bands": list(params.bands), "routes": routes}
    anchors = {place.name: _plain_z(place.z) or place.seed for place in params.anchors}
    return {**kept, "class": list(params.classes), "clusters": dict(params.clusters), "anchors": anchors, **lists}


def _plain_z(z: tuple[float, ...]) -> str:
    """Numbers in one text: a list of thousands takes YAML seconds to write and to read."""
    return " ".join(map(repr, z))


def _plain_route(route: Route) -> dict[str, object]:
    times = {"curve": route.curve, "attack": route.attack, "release": route.release}
    return {"source": route.source, "target": route.target, "range": [route.low, route.high], **times}


def params_of(file: _Head) -> Params:
    """The params a preset file holds."""
    classes = one_class(file.class_) if isinstance(file.class_, int) else file.class_
    values = {key: getattr(file, key) for key in _FIELDS}
    routes = tuple(Route(r.source, r.target, *r.range_, r.curve, r.attack, r.release) for r in file.routes)
    clusters = tuple(file.clusters.items())
    anchors = tuple(_at(name, place) for name, place in file.anchors.items())
    return Params(**values, classes=classes, clusters=clusters, bands=file.bands, routes=routes, anchors=anchors)


def _at(name: str, place: int | tuple[float, ...]) -> Place:
    return Place(name, seed=place) if isinstance(place, int) else Place(name, z=place)


def schema() -> str:
    """The JSON schema of a preset file."""
    dialect = {"$schema": "https://json-schema.org/draft/2020-12/schema"}
    return json.dumps({**dialect, **PresetFile.model_json_schema(), "title": "latentd preset"}, indent=2) + "\n"


def nameable(name: str) -> bool:
    """Whether a preset may have this name: part of a file's name on every system, and never taken for an index."""
    if not _NAME.fullmatch(name):
        return False
    try:
        float(name)  # "1", but "1e5", "nan" and "inf", too
    except ValueError:
        return True
    return False
