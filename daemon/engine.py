"""One tick: features and params in, what to render out. Shared by live and offline; knows no threads and no torch."""

from collections.abc import Callable
from typing import TypeAlias

from daemon.flow import F32, Features, Latents
from daemon.mapping.mapper import Mapper
from daemon.mapping.placement import Placement
from daemon.params import Fade, Params

MakeMapper: TypeAlias = Callable[[Params], Mapper]
"""Params -> the mapper they ask for, at its beginning. It reads no file; `BadInput` when there is none such."""

_SETTLE = 3.0  # time constants of smoothing that a change of mapper or seed may take outside a fade


class Engine:
    """Holds the mapper, and makes every change of it continuous.

    When the mapper or the seed changes, or a frozen picture is let go, what is new starts at once; the distance it
    would have jumped in w is kept and taken away over the fade. So a change in the middle of another cannot jump
    either, and a fade that is given another length takes its distance along.
    """

    def __init__(self, make_mapper: MakeMapper) -> None:
        self._make = make_mapper
        self._placement = Placement()
        self._chosen: tuple[str, int, str] | None = None  # mapper, seed and pairing in force
        self._mapper: Mapper | None = None
        self._t: float | None = None  # s on the clock, of the last tick
        self._ws: F32 | None = None  # what the last tick gave
        self._gap: F32 | None = None  # ws left to close since the last change
        self._gap_began, self._gap_ends = 0.0, 0.0  # s on the clock
        self._timing = (0.0, 0.0)  # of the fade in force: begin and length, s
        self._frozen = False
        self._transform: F32 | None = None

    def fit(self, make_mapper: MakeMapper) -> None:
        """Another model: its mappers begin anew, since one model's latents mean nothing to another."""
        self._make = make_mapper
        self._chosen = self._mapper = self._ws = self._gap = None

    def tick(self, t: float, features: Features, fade: Fade) -> Latents:
        """What to render at clock time `t`, seconds."""
        params = fade.at(t)
        dt = 0.0 if self._t is None else max(t - self._t, 0.0)
        self._t = t
        if not (params.freeze and self._ws is not None):
            self._ws = self._move(t, dt, features, params, fade)
            self._transform = self._placement.advance(dt, params)
        self._frozen = params.freeze
        return Latents(None if params.blackout else self._ws, self._transform, params.noise)

    def _move(self, t: float, dt: float, features: Features, params: Params, fade: Fade) -> F32:
        chosen = (params.mapper, params.seed, params.pairing)
        jumps = chosen != self._chosen or self._frozen
        if chosen != self._chosen or self._mapper is None:
            self._mapper, self._chosen = self._make(params), chosen
        ws = self._mapper.advance(dt, features, params)
        retimed, self._timing = (fade.t0, fade.seconds) != self._timing, (fade.t0, fade.seconds)
        if jumps and self._ws is not None:
            self._open(self._ws - ws, t, fade, params)
        elif retimed and self._gap is not None:
            self._open(self._gap * self._left(t), t, fade, params)
        if self._gap is None:
            return ws
        if t >= self._gap_ends:
            self._gap = None
            return ws
        return ws + self._gap * self._left(t)

    def _open(self, gap: F32, t: float, fade: Fade, params: Params) -> None:
        """From now on this distance is taken away: by the end of the fade, or as smoothing has it if that is later."""
        self._gap, self._gap_began = gap, t
        self._gap_ends = max(fade.t0 + fade.seconds, t + _SETTLE * params.smoothing)

    def _left(self, t: float) -> float:
        """How much of the gap there still is, 1 to 0."""
        span = self._gap_ends - self._gap_began
        return _ease(min(max((self._gap_ends - t) / span, 0.0), 1.0)) if span > 0 else 0.0


def _ease(x: float) -> float:
    """0..1 -> 0..1 with no corner at either end (smoothstep)."""
    return x * x * (3.0 - 2.0 * x)
