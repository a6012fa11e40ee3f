"""What the artist sets: one immutable snapshot per change, and the fade from one to the next.

Each field states its range, unit and meaning once; the OSC table, the preset schema and the docs are made from that.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, fields, replace
from functools import cache
from itertools import zip_longest
from typing import Annotated, Any, get_args, get_type_hints

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


Meaning = Range | Toggle | Choice | Name

MAPPERS = ("mel", "clusters")
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
    smoothing: Annotated[float, Range(0, 10, "s", "time constant of the latent's motion")] = 0.15
    attack: Annotated[float, Range(0, 5, "s", "time the envelopes take to rise")] = 0.01
    release: Annotated[float, Range(0, 5, "s", "time the envelopes take to fall")] = 0.25
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
    translate_x: Annotated[float, Range(-1, 1, "picture widths", "StyleGAN3: moves the picture right")] = 0.0
    translate_y: Annotated[float, Range(-1, 1, "picture widths", "StyleGAN3: moves the picture up")] = 0.0
    rotate: Annotated[float, Range(-180, 180, "degrees", "StyleGAN3: turns it counter-clockwise")] = 0.0
    zoom: Annotated[float, Range(0.25, 4, "", "StyleGAN3: makes it larger")] = 1.0
    noise: Annotated[str, Choice(NOISES, "StyleGAN2: what its noise inputs do")] = "fixed"
    freeze: Annotated[bool, Toggle("hold the picture")] = False
    blackout: Annotated[bool, Toggle("black until released")] = False
    clusters: tuple[tuple[str, float], ...] = ()  # weight of each named anchor, 0..1; a name not listed has weight 0
    classes: tuple[float, ...] = ()  # weight of each class of a conditional model, 0..1; those not listed have 0

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


@dataclass(frozen=True, slots=True)
class Fade:
    """Params on their way: numbers glide from `start` to `end`, names and switches are the end's at once.

    Recalling or retiming in the middle of a fade begins a new one at the present value, so nothing jumps.
    """

    start: Params
    end: Params
    t0: float = 0.0  # s on the clock
    seconds: float = 0.0

    @classmethod
    def still(cls, params: Params) -> "Fade":
        """No motion: `params` now and later."""
        return cls(params, params)

    def at(self, t: float) -> Params:
        """The params at clock time `t`."""
        mix = self._progress(t)
        if mix >= 1.0:
            return self.end
        a, b = self.start, self.end
        numbers: dict[str, Any] = {name: _lerp(getattr(a, name), getattr(b, name), mix) for name in CONTINUOUS}
        names = dict.fromkeys(name for name, _ in (*a.clusters, *b.clusters))
        clusters = tuple((n, _lerp(a.cluster(n), b.cluster(n), mix)) for n in names)
        classes = b.classes
        if a.classes != b.classes:  # none is the first
            pairs = zip_longest(a.classes or (1.0,), b.classes or (1.0,), fillvalue=0.0)
            classes = tuple(_lerp(p, q, mix) for p, q in pairs)
        return replace(b, **numbers, clusters=clusters, classes=classes)

    def to(self, end: Params, now: float, seconds: float) -> "Fade":
        """A fade from the present value to `end`, beginning now."""
        return Fade(self.at(now), end, now, seconds)

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

    def _progress(self, t: float) -> float:
        """0..1 of the way at clock time `t`."""
        return 1.0 if self.seconds <= 0 else min(max((t - self.t0) / self.seconds, 0.0), 1.0)


def _lerp(a: float, b: float, mix: float) -> float:
    return a + (b - a) * mix
