"""Artistic state: one YAML file a preset."""

import json
import re
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TypeVar

from daemon import document
from daemon.errors import BadInput
from daemon.params import Curve, Params, Place, Route, meanings, one_class, strongest
from daemon.preset.form import FIELDS, PASSING, Head, PresetFile, RouteFile
from daemon.preset.migrate import VERSION, upgraded, version_of

RULE = "a name of 1 to 64 of a-z, 0-9, _ and -, beginning with a letter or a digit and not a number"
_NAME = re.compile(r"[a-z0-9][a-z0-9_-]{0,63}")
_DEVICE = re.compile(r"con|prn|aux|nul|(com|lpt)[0-9]")  # what Windows takes for a device, whatever the suffix

Slot = TypeVar("Slot")


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
    document.write(path, document.dump(_plain_preset(preset)))


def stored(preset: Preset) -> Preset:
    """What `load` gives back of a preset, without a file: what no file holds is gone. `BadInput` as `load` has it."""
    file = document.check(_plain_preset(preset), PresetFile, f"preset {preset.name}")
    return replace(preset, params=params_of(file))


def _plain_preset(preset: Preset) -> dict[str, object]:
    head = {"version": VERSION, "title": preset.title, "fade": preset.fade, "curve": preset.curve}
    return {**head, **plain(preset.params)}


def plain(params: Params) -> dict[str, object]:
    """Params as a preset file holds them."""
    kept = {name: getattr(params, name) for name in meanings() if name not in PASSING}
    routes = [_plain_route(route) if route.source and route.target else None for route in strongest(params.routes)]
    lists = {"bands": list(params.bands), "routes": _without_end(routes, None)}
    anchors = {place.name: _plain_z(place.z) or place.seed for place in params.anchors}
    return {**kept, "class": list(params.classes), "clusters": dict(params.clusters), "anchors": anchors, **lists}


def _plain_z(z: tuple[float, ...]) -> str:
    """Numbers in one text: a list of thousands takes YAML seconds to write and to read."""
    return " ".join(map(repr, z))


def _without_end(slots: list[Slot], empty: Slot) -> list[Slot]:
    """The slots up to the last that is not empty: an empty one before keeps the numbers of those after it."""
    used = max((i for i, slot in enumerate(slots, 1) if slot != empty), default=0)
    return slots[:used]


def _plain_route(route: Route) -> dict[str, object]:
    times = {"curve": route.curve, "attack": route.attack, "release": route.release}
    return {"source": route.source, "target": route.target, "range": [route.low, route.high], **times}


def params_of(file: Head) -> Params:
    """The params a preset file holds."""
    classes = one_class(file.class_) if isinstance(file.class_, int) else file.class_
    values = {key: getattr(file, key) for key in FIELDS}
    routes = strongest(_without_end([_route(route) for route in file.routes], Route()))
    clusters = tuple(file.clusters.items())
    anchors = tuple(_at(name, place) for name, place in file.anchors.items())
    return Params(**values, classes=classes, clusters=clusters, bands=file.bands, routes=routes, anchors=anchors)


def _route(route: RouteFile | None) -> Route:
    if route is None:
        return Route()
    return Route(route.source, route.target, *route.range_, route.curve, route.attack, route.release)


def _at(name: str, place: int | tuple[float, ...]) -> Place:
    return Place(name, seed=place) if isinstance(place, int) else Place(name, z=place)


def schema() -> str:
    """The JSON schema of a preset file."""
    dialect = {"$schema": "https://json-schema.org/draft/2020-12/schema"}
    return json.dumps({**dialect, **PresetFile.model_json_schema(), "title": "latentd preset"}, indent=2) + "\n"


def nameable(name: str) -> bool:
    """Whether a preset may have this name: part of a file's name on every system, and never taken for an index."""
    if not _NAME.fullmatch(name) or _DEVICE.fullmatch(name):
        return False
    try:
        float(name)  # "1", but "1e5", "nan" and "inf", too
    except ValueError:
        return True
    return False
