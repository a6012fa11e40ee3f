"""What the artist sets: one immutable snapshot per change, and the fade from one to the next.

Each field states its range, unit and meaning once; the OSC table, the preset schema and the docs are made from that.
"""

from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, fields, replace
from functools import cache
from itertools import zip_longest
from typing import Annotated, Any, Literal, TypeAlias, get_args, get_type_hints

Value = float | int | bool | str


@dataclass(frozen=True, slots=True)
class Range:
    """The range of a number, its unit ("" for a ratio) and what it does."""

    low: float
    high: float
    unit: str
    text: str


@dataclass(frozen=True, slots=True)
class Toggle:
    """A switch and what it does."""

    text: str


@dataclass(frozen=True, slots=True)
class Choice:
    """One of several names and what it chooses."""

    names: tuple[str, ...]
    text: str


@dataclass(frozen=True, slots=True)
class Name:
    """A name from a list that only the installation knows, and what it names."""

    text: str
    of: str = "models"  # or pairings


Meaning = Range | Toggle | Choice | Name

MOST_ROUTES = 16
_MOST_AT_WORK = 128  # routes at once, where fades are begun in the middle of fades
_FAINT = 1e-4  # of its target's range: what a route that fades out may be left out at
DIRECTIONS = 16  # principal components of w that a route may push along
MOST_BANDS = 64


@dataclass(frozen=True, slots=True)
class Route:
    """A level of the sound that moves a parameter, or the latent along a direction: it adds `low` to `high` to it."""

    source: Annotated[str, Name("a level of the sound, such as onset, band/0 or beat; empty for none")] = ""
    target: Annotated[str, Name("what it moves: a parameter such as rotate, or direction/0 to direction/15")] = ""
    low: Annotated[float, Range(-360, 360, "", "what is added at level 0, in the target's unit")] = 0.0
    high: Annotated[float, Range(-360, 360, "", "what is added at level 1")] = 1.0
    curve: Annotated[float, Range(0.1, 10, "", "exponent over the level: 2 begins slowly, 0.5 fast")] = 1.0
    attack: Annotated[float, Range(0, 10, "s", "time it takes to rise, beside the level's own")] = 0.0
    release: Annotated[float, Range(0, 10, "s", "time it takes to fall")] = 0.0


MOST_ANCHORS = 16


@dataclass(frozen=True, slots=True)
class Place:
    """A named place of a preset's own: the point of a seed, or z itself."""

    name: str
    seed: int = 0
    z: tuple[float, ...] = ()  # [z_dim] of the model it is for; none: the seed's


MAPPERS = ("mel", "clusters", "pairs", "encodec")
NOISES = ("fixed", "off", "moving")


@dataclass(frozen=True, slots=True)
class Params:
    """Every control an artist has, with its value at start."""

    model: Annotated[str, Name("the network that renders; in a preset, empty keeps the one there is")] = ""
    smaller: Annotated[str, Name("the network to go on with when this machine is too slow; empty for none")] = ""
    mapper: Annotated[str, Choice(MAPPERS, "how sound becomes latents")] = "mel"
    seed: Annotated[int, Range(0, 16777215, "", "the point in latent space where everything starts")] = 0
    gain: Annotated[float, Range(0, 4, "", "how far sound moves the latent")] = 1.0
    drift: Annotated[float, Range(0, 1, "", "how far the random walk moves it by itself")] = 0.3
    loop: Annotated[float, Range(0, 600, "s", "length after which the walk closes on itself; 0 never")] = 0.0
    smoothing: Annotated[float, Range(0, 10, "s", "time constant of the latent's motion")] = 0.15
    limit: Annotated[
        float, Range(0.5, 100, "deviations/s", "fastest motion of the latent, in standard deviations of w a second")
    ] = 30.0
    attack: Annotated[float, Range(0, 5, "s", "time the envelopes take to rise")] = 0.01
    release: Annotated[float, Range(0, 5, "s", "time the envelopes take to fall")] = 0.25
    memory: Annotated[float, Range(1, 600, "s", "time over which it is learnt what is loud and what is quiet")] = 30.0
    auto: Annotated[float, Range(0, 1, "", "how far the bands are measured against what was heard of late")] = 0.0
    stereo: Annotated[bool, Toggle("mel: left and right push the latent each its own way")] = False
    split: Annotated[float, Range(0, 1, "", "mel: how far low bands keep to large forms and high ones to detail")] = 0.0
    hearing: Annotated[float, Range(0, 1, "", "clusters: how far sound decides among the weights")] = 1.0
    pairing: Annotated[
        str, Name("pairs: the trained file to play, by name; empty for the model's first", "pairings")
    ] = ""
    encodec_leak: Annotated[float, Range(0, 1, "", "encodec: slope of the tanh's outer part, which keeps outliers")] = (
        0.1
    )
    encodec_spread: Annotated[float, Range(0, 3, "", "encodec: how far it roams, in standard deviations of w")] = 1.0
    encodec_onset: Annotated[float, Range(0, 1, "", "encodec: how far onsets turn to the second projection")] = 0.5
    encodec_chroma: Annotated[float, Range(0, 1, "", "encodec: how far the pitch classes choose the middle")] = 0.5
    beat_ahead: Annotated[float, Range(0, 0.5, "s", "how far ahead the beat is told, to make up for latency")] = 0.0
    gate: Annotated[float, Range(-100, 0, "dBFS", "loudness under which there is silence")] = -55.0
    gate_hold: Annotated[float, Range(0, 10, "s", "how long the gate stays open after the sound")] = 0.4
    gate_hysteresis: Annotated[float, Range(0, 24, "dB", "how far under the threshold sound must fall to close it")] = (
        6.0
    )
    gate_enable: Annotated[bool, Toggle("whether the silence gate works at all")] = True
    psi: Annotated[float, Range(0, 1.5, "", "truncation: 0 the average picture, 1 as trained, more is wilder")] = 1.0
    layers_coarse: Annotated[float, Range(0, 2, "", "how much of the motion the layers of large forms take")] = 1.0
    layers_mid: Annotated[float, Range(0, 2, "", "how much the layers between take")] = 1.0
    layers_fine: Annotated[float, Range(0, 2, "", "how much the layers of detail and colour take")] = 1.0
    layers_coarse_smoothing: Annotated[float, Range(0, 10, "s", "further smoothing of the large forms")] = 0.0
    layers_mid_smoothing: Annotated[float, Range(0, 10, "s", "further smoothing of the layers between")] = 0.0
    layers_fine_smoothing: Annotated[float, Range(0, 10, "s", "further smoothing of detail and colour")] = 0.0
    translate_x: Annotated[float, Range(-1, 1, "picture widths", "StyleGAN3: moves the picture right")] = 0.0
    translate_y: Annotated[float, Range(-1, 1, "picture widths", "StyleGAN3: moves the picture up")] = 0.0
    rotate: Annotated[float, Range(-180, 180, "degrees", "StyleGAN3: turns it counter-clockwise")] = 0.0
    zoom: Annotated[float, Range(0.25, 4, "", "StyleGAN3: makes it larger")] = 1.0
    noise: Annotated[str, Choice(NOISES, "StyleGAN2: what its noise inputs do")] = "fixed"
    freeze: Annotated[bool, Toggle("hold the picture")] = False
    blackout: Annotated[bool, Toggle("black until released")] = False
    clusters: tuple[tuple[str, float], ...] = ()  # weight of each named anchor, 0..1; a name not listed has weight 0
    classes: tuple[float, ...] = ()  # weight of each class of a conditional model, 0..1; those not listed have 0
    bands: tuple[float, ...] = ()  # mel: how far each band pushes, 0..2; those not listed have 1
    routes: tuple[Route, ...] = ()  # MOST_ROUTES at most
    anchors: tuple[Place, ...] = ()  # beside the model's or in place of them; MOST_ANCHORS at most

    def cluster(self, name: str) -> float:
        """The weight of one named anchor, 0..1."""
        return next((weight for key, weight in self.clusters if key == name), 0.0)

    def with_clusters(self, weights: Mapping[str, float]) -> "Params":
        """The same with these weights set and the others kept."""
        return replace(self, clusters=tuple({**dict(self.clusters), **weights}.items()))


def one_class(index: int) -> tuple[float, ...]:
    """The weights of a single class."""
    return (*(0.0,) * index, 1.0)


@cache
def meanings() -> dict[str, Meaning]:
    """What each field of `Params` means, in order; clusters and classes are left out, since the model has them."""
    hints = get_type_hints(Params, include_extras=True)
    found = {f.name: [m for m in get_args(hints[f.name]) if isinstance(m, Meaning)] for f in fields(Params)}
    return {name: these[0] for name, these in found.items() if these}


def kind(name: str) -> type:
    """The plain type of a field: float, int, bool or str."""
    hint: type = get_args(get_type_hints(Params, include_extras=True)[name])[0]
    return hint


CONTINUOUS = tuple(name for name, meaning in meanings().items() if isinstance(meaning, Range) and kind(name) is float)
_OF_HEARING = ("attack", "release", "memory", "auto", "gate", "gate_hold", "gate_hysteresis", "beat_ahead")
_GLIDING = tuple(name for name in CONTINUOUS if name != "loop")  # its 0 is never: on the way lie the fastest of walks
_TURNING = tuple(name for name in _GLIDING if getattr(meanings()[name], "unit", "") == "degrees")
_OF_SHOWING = tuple(name for name in _GLIDING if name not in _OF_HEARING)
TARGETS = (*_OF_SHOWING, *(f"direction/{i}" for i in range(DIRECTIONS)))
"""What a route may move: no part of hearing itself, which is over when a route begins."""


Curve: TypeAlias = Literal["linear", "smooth", "ease-in", "ease-out"]
"""How a fade goes from 0 to 1: evenly, with no corner at either end, or with none at its beginning or at its end."""

_EASES: dict[Curve, Callable[[float], float]] = {
    "linear": lambda x: x,
    "smooth": lambda x: x * x * (3.0 - 2.0 * x),
    "ease-in": lambda x: x * x,
    "ease-out": lambda x: x * (2.0 - x),
}


@dataclass(frozen=True, slots=True)
class Fade:
    """Params on their way: numbers glide from `start` to `end`, names, switches and `loop` are the end's at once.

    Recalling or retiming in the middle of a fade begins a new one at the present value, so nothing jumps.
    """

    start: Params
    end: Params
    t0: float = 0.0  # s on the clock
    seconds: float = 0.0
    curve: Curve = "linear"

    @classmethod
    def still(cls, params: Params) -> "Fade":
        """No motion: `params` now and later."""
        return cls(params, params)

    def at(self, t: float) -> Params:
        """The params at clock time `t`."""
        if (mix := self.way(t)) >= 1.0:
            return self.end
        a, b = self.start, self.end
        numbers: dict[str, Any] = {name: _lerp(getattr(a, name), getattr(b, name), mix) for name in _GLIDING}
        numbers |= {name: _turned(getattr(a, name), getattr(b, name), mix) for name in _TURNING}
        names = dict.fromkeys(name for name, _ in (*a.clusters, *b.clusters))
        clusters = tuple((n, _lerp(a.cluster(n), b.cluster(n), mix)) for n in names)
        classes = b.classes
        if a.classes != b.classes:  # none is the first
            pairs = zip_longest(a.classes or (1.0,), b.classes or (1.0,), fillvalue=0.0)
            classes = tuple(_lerp(p, q, mix) for p, q in pairs)
        bands = b.bands
        if a.bands != b.bands:
            bands = tuple(_lerp(p, q, mix) for p, q in zip_longest(a.bands, b.bands, fillvalue=1.0))
        routes = b.routes if a.routes == b.routes else _routes_between(a.routes, b.routes, mix)
        return replace(b, **numbers, clusters=clusters, classes=classes, bands=bands, routes=routes)

    def to(self, end: Params, now: float, seconds: float, curve: Curve = "linear") -> "Fade":
        """A fade from the present value to `end`, beginning now."""
        start = self.at(now)
        if len(start.routes) > MOST_ROUTES:  # those of several presets, which add up where no fade comes to its end
            seen = (route for route in start.routes if _strength(route) > _FAINT)
            start = replace(start, routes=strongest(seen, _MOST_AT_WORK - MOST_ROUTES))
        return Fade(start, end, now, seconds, curve)

    def set(self, **values: Value) -> "Fade":
        """One or more fields set at once, on both ends: a fade under way goes on for the others."""
        changed: dict[str, Any] = dict(values)
        return replace(self, start=replace(self.start, **changed), end=replace(self.end, **changed))

    def set_clusters(self, weights: Iterable[tuple[str, float]]) -> "Fade":
        """Cluster weights set at once, on both ends."""
        new = dict(weights)
        return replace(self, start=self.start.with_clusters(new), end=self.end.with_clusters(new))

    def set_classes(self, weights: tuple[float, ...]) -> "Fade":
        """Class weights set at once, on both ends."""
        return replace(self, start=replace(self.start, classes=weights), end=replace(self.end, classes=weights))

    def set_bands(self, gains: tuple[float, ...]) -> "Fade":
        """What each band pushes, set at once, on both ends."""
        return replace(self, start=replace(self.start, bands=gains), end=replace(self.end, bands=gains))

    def set_routes(self, routes: tuple[Route, ...]) -> "Fade":
        """Another table of routes: at once, or where a fade under way arrives."""
        return replace(self, end=replace(self.end, routes=routes))

    def way(self, t: float) -> float:
        """How far it is at clock time `t`, 0 to 1, as its curve goes."""
        return 1.0 if self.seconds <= 0 else _EASES[self.curve](min(max((t - self.t0) / self.seconds, 0.0), 1.0))


def strongest(routes: Iterable[Route], most: int = MOST_ROUTES) -> tuple[Route, ...]:
    """So many of these routes at most, in their order; those that move their target least are left out."""
    table = tuple(routes)
    if len(table) <= most:
        return table
    weakest_last = sorted(range(len(table)), key=lambda i: _strength(table[i]), reverse=True)
    return tuple(table[i] for i in sorted(weakest_last[:most]))


def _strength(route: Route) -> float:
    """How far it moves its target at most, of the range of that; a standard deviation where it is a direction."""
    if not (route.source and route.target):
        return 0.0
    meaning = meanings().get(route.target)
    span = meaning.high - meaning.low if isinstance(meaning, Range) else 1.0
    return max(abs(route.low), abs(route.high)) / span


def _routes_between(a: tuple[Route, ...], b: tuple[Route, ...], mix: float) -> tuple[Route, ...]:
    """What both have glides; what only one has fades out or in, so that no target jumps."""
    before, after = _by_way(a), _by_way(b)
    out = (_ranged(r, r.low * (1.0 - mix), r.high * (1.0 - mix)) for way, r in before.items() if way not in after)
    into = (_mixed(before.get(way), route, mix) for way, route in after.items())
    return (*out, *into)


def _by_way(routes: tuple[Route, ...]) -> dict[tuple[str, str, float, int], Route]:
    """Each under what it joins and how; of two alike the second is another."""
    found: dict[tuple[str, str, float, int], Route] = {}
    alike: Counter[tuple[str, str, float]] = Counter()
    for route in routes:
        way = (route.source, route.target, route.curve)
        found[*way, alike[way]] = route
        alike[way] += 1
    return found


def _mixed(a: Route | None, b: Route, mix: float) -> Route:
    if a is None:
        return _ranged(b, b.low * mix, b.high * mix)
    return _ranged(b, _lerp(a.low, b.low, mix), _lerp(a.high, b.high, mix))


def _ranged(route: Route, low: float, high: float) -> Route:
    """It between these; `replace` takes twice as long, and in a fade this is done for each route and picture."""
    return Route(route.source, route.target, low, high, route.curve, route.attack, route.release)


def _lerp(a: float, b: float, mix: float) -> float:
    return a + (b - a) * mix


def _turned(a: float, b: float, mix: float) -> float:
    """From one angle to another the short way round, degrees."""
    way = (b - a + 180.0) % 360.0 - 180.0
    return (a + way * mix + 180.0) % 360.0 - 180.0 if way else a
