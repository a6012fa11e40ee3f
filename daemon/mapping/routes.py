"""Routes: levels of the sound that move numbers of the preset, or push w along a direction."""

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any, TypeAlias

from daemon.descriptors import INDEX
from daemon.flow import F32, Features
from daemon.mapping.walk import approach
from daemon.params import CONTINUOUS, Params, Range, Route, meanings

_Read: TypeAlias = Callable[[Features], float]
_Way: TypeAlias = tuple[str, str, float, int]  # source, target, curve, and which of those alike

_QUIETEST_DB = 60.0  # under full scale: where the level `rms` is 0
_ANGLES = frozenset(name for name in CONTINUOUS if (m := meanings()[name]) and getattr(m, "unit", "") == "degrees")


@dataclass(slots=True)
class _Wire:
    """One route in use."""

    way: _Way
    route: Route
    read: _Read
    at: float = 0.0  # the level after curve, attack and release

    def step(self, dt: float, features: Features) -> float:
        """What it adds now."""
        route = self.route
        level: float = min(max(self.read(features), 0.0), 1.0) ** route.curve
        self.at += approach(dt, route.attack if level > self.at else route.release) * (level - self.at)
        return route.low + (route.high - route.low) * self.at


class Routes:
    """The table of routes at work. It is resolved when it changes; what a route still is stays where it is in time."""

    def __init__(self) -> None:
        self._table: tuple[Route, ...] = ()
        self._wires: list[_Wire] = []

    def advance(self, dt: float, features: Features, params: Params, directions: F32) -> tuple[Params, F32 | None]:
        """Move on by `dt` seconds; the params as they are moved, and the push along `directions` [w_dim], if any.

        Numbers stop at the ends of their range, angles go round.
        """
        if params.routes is not self._table:
            self._resolve(params.routes)
        if not self._wires:
            return params, None
        moved: dict[str, float] = {}
        push: F32 | None = None
        for wire in self._wires:
            target, amount = wire.route.target, wire.step(dt, features)
            if target in CONTINUOUS:
                moved[target] = moved.get(target, 0.0) + amount
            elif (k := _direction(target)) < len(directions):
                step: F32 = amount * directions[k]
                push = step if push is None else push + step
        changed: dict[str, Any] = {name: _within(name, getattr(params, name) + by) for name, by in moved.items()}
        return replace(params, **changed), push

    def _resolve(self, table: tuple[Route, ...]) -> None:
        """Wire a table; a new route begins where one that went away and had its target was, else at level 0."""
        before = {wire.way: wire.at for wire in self._wires}
        wires: list[_Wire] = []
        alike: Counter[tuple[str, str, float]] = Counter()
        for route in table:
            if (read := _level(route.source)) is None or not route.target:
                continue
            way = (route.source, route.target, route.curve)
            wires.append(_Wire((*way, alike[way]), route, read))
            alike[way] += 1
        there = {wire.way for wire in wires}
        gone = {way[1]: at for way, at in before.items() if way not in there}
        for wire in wires:
            wire.at = before[wire.way] if wire.way in before else gone.get(wire.route.target, 0.0)
        self._table, self._wires = table, wires


def _within(name: str, value: float) -> float:
    """The value as this number can have it."""
    if name in _ANGLES:
        return (value + 180.0) % 360.0 - 180.0
    meaning = meanings()[name]
    assert isinstance(meaning, Range)
    return min(max(value, meaning.low), meaning.high)


def _direction(target: str) -> int:
    """The index of a direction."""
    return int(target.removeprefix("direction/"))


def _level(source: str) -> _Read | None:
    """What reads a level of the sound, 0..1; None for a name that is none."""
    head, _, tail = source.partition("/")
    if head == "band":
        i = int(tail)
        return lambda features: float(features.bands[i]) if i < len(features.bands) else 0.0
    if source in INDEX:
        place = INDEX[source]
        return lambda features: float(features.levels[place])
    return {
        "rms": lambda features: 1.0 + features.rms_db / _QUIETEST_DB,
        "gate": lambda features: float(features.gate),
        "beat": lambda features: features.beat.pulse,
        "beat/phase": lambda features: features.beat.phase,
        "beat/confidence": lambda features: features.beat.confidence,
    }.get(source)
