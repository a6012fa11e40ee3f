"""Artistic state: one YAML file a preset, and the bank they are recalled from."""

import json
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, create_model, field_validator

from daemon import document
from daemon.descriptors import LEVELS, is_level
from daemon.errors import BadInput
from daemon.params import (
    MOST_BANDS,
    MOST_ROUTES,
    TARGETS,
    Choice,
    Name,
    Params,
    Range,
    Route,
    kind,
    meanings,
    one_class,
)

VERSION = 1
RULE = "a name of 1 to 64 of a-z, 0-9, _ and -, beginning with a letter or a digit and not a number"
_NAME = re.compile(r"[a-z0-9][a-z0-9_-]{0,63}")
_PASSING = (
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

    version: Literal[1] = Field(description="of this format")
    title: str = Field(default="", max_length=200, description="what it looks like, in a few words")
    fade: _Fade = Field(default=2.0, description="seconds to arrive here when recalled")
    class_: Annotated[int, Field(ge=0, lt=4096)] | Annotated[tuple[_Weight, ...], Field(max_length=4096)] = Field(
        default=(), alias="class", description="of a conditional model: an index from 0, or a weight for each class"
    )
    clusters: dict[_Name, _Weight] = Field(
        default={}, max_length=256, description="weight of each named cluster, 0..1; one not named is 0"
    )
    bands: tuple[Annotated[float, Field(ge=0, le=2, allow_inf_nan=False)], ...] = Field(
        default=(), max_length=MOST_BANDS, description="mel: how far each band pushes, from the lowest; 1 if not named"
    )
    routes: tuple[RouteFile, ...] = Field(
        default=(), max_length=MOST_ROUTES, description="levels of the sound that move numbers of this preset"
    )


_FIELDS: dict[str, Any] = {name: _field(name) for name in meanings() if name not in _PASSING}
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


def load(path: Path) -> Preset:
    """One preset file; `BadInput` names every fault in it."""
    return _preset(path.stem, document.read(path, PresetFile, "preset"))


def store(path: Path, preset: Preset) -> None:
    """Write a preset so that `load` gives it back."""
    head = {"version": VERSION, "title": preset.title, "fade": preset.fade}
    document.write(path, document.dump({**head, **plain(preset.params)}))


def plain(params: Params) -> dict[str, object]:
    """Params as a preset file holds them."""
    kept = {name: getattr(params, name) for name in meanings() if name not in _PASSING}
    routes = [_plain_route(route) for route in params.routes if route.source and route.target]
    lists = {"bands": list(params.bands), "routes": routes}
    return {**kept, "class": list(params.classes), "clusters": dict(params.clusters), **lists}


def _plain_route(route: Route) -> dict[str, object]:
    times = {"curve": route.curve, "attack": route.attack, "release": route.release}
    return {"source": route.source, "target": route.target, "range": [route.low, route.high], **times}


def params_of(file: _Head) -> Params:
    """The params a preset file holds."""
    classes = one_class(file.class_) if isinstance(file.class_, int) else file.class_
    values = {key: getattr(file, key) for key in _FIELDS}
    routes = tuple(Route(r.source, r.target, *r.range_, r.curve, r.attack, r.release) for r in file.routes)
    clusters = tuple(file.clusters.items())
    return Params(**values, classes=classes, clusters=clusters, bands=file.bands, routes=routes)


def schema() -> str:
    """The JSON schema of a preset file."""
    dialect = {"$schema": "https://json-schema.org/draft/2020-12/schema"}
    return json.dumps({**dialect, **PresetFile.model_json_schema(), "title": "latentd preset"}, indent=2) + "\n"


def _preset(name: str, file: _Head) -> Preset:
    return Preset(name, file.title, file.fade, params_of(file))


def nameable(name: str) -> bool:
    """Whether a preset may have this name: part of a file's name on every system, and never taken for an index."""
    if not _NAME.fullmatch(name):
        return False
    try:
        float(name)  # "1", but "1e5", "nan" and "inf", too
    except ValueError:
        return True
    return False


class Bank:
    """Presets by name and by index, in the order of `latentd presets list`: shipped ones first, each folder by name.

    A file of the user's with a shipped name takes its place. A faulty file is left out and named in `faults`.
    """

    def __init__(self, shipped: Path, own: Path) -> None:
        self._own = own
        self.faults: list[BadInput] = []
        self._presets = self._read(shipped)
        self._shipped = tuple(self._presets)
        self._arrange(self._read(own))

    @property
    def names(self) -> tuple[str, ...]:
        return tuple(self._presets)

    def get(self, which: str | int) -> Preset:
        """By name or by index from 0; `BadInput` tells what there is."""
        if isinstance(which, int):
            if 0 <= which < len(self._presets):
                return self._presets[self.names[which]]
            raise BadInput("preset", [f"there is no number {which}; they go from 0 to {len(self._presets) - 1}"])
        if which in self._presets:
            return self._presets[which]
        raise BadInput("preset", [f"there is none named {which[:80]!r}; there are {', '.join(self._presets)}"])

    def save(self, name: str, params: Params, fade: float, title: str = "") -> Preset:
        """Store the params as a preset of the user's."""
        if not nameable(name):
            raise BadInput("preset", [f"{name[:80]!r} cannot be a name; it takes {RULE}"])
        preset = Preset(name, title, fade, params)
        path = self._own / f"{name}.yaml"
        try:
            store(path, preset)
        except OSError as e:
            raise BadInput("preset", [f"{path} cannot be written ({e.strerror})"]) from None
        self._arrange({name: preset})
        return preset

    def _arrange(self, own: dict[str, Preset]) -> None:
        """Put presets of the user's where the next start will find them."""
        self._presets |= own
        names = (*self._shipped, *sorted(self._presets.keys() - set(self._shipped)))
        self._presets = {name: self._presets[name] for name in names}

    def _read(self, folder: Path) -> dict[str, Preset]:
        """What can be used in a folder, by name."""
        found: dict[str, Preset] = {}
        for path in sorted(folder.glob("*.yaml"), key=lambda path: path.stem):
            try:
                if not nameable(path.stem):
                    raise BadInput(f"preset {path}", [f"the file needs {RULE}; rename it"])
                found[path.stem] = load(path)
            except BadInput as fault:
                self.faults.append(fault)
        return found
