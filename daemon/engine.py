"""One tick: features and params in, what to render out. Shared by live and offline; knows no threads and no torch."""

from collections.abc import Callable
from dataclasses import replace
from typing import TypeAlias

from daemon.errors import BadInput
from daemon.flow import F32, Features, Hand, Latents
from daemon.mapping.mapper import Mapper
from daemon.mapping.placement import Placement
from daemon.mapping.space import Space
from daemon.params import Fade, Params

MakeMapper: TypeAlias = Callable[[Params], Mapper]
"""Params -> the mapper they ask for, at its beginning. It reads no file; `BadInput` when there is none such."""

_Chosen: TypeAlias = tuple[str, int, str]  # mapper, seed and pairing

_SETTLE = 3.0  # time constants of smoothing that a change of mapper or seed may take outside a fade


class Engine:
    """Holds the mapper, and makes every change of it continuous.

    When the mapper or the seed changes, or a frozen picture is let go, what is new starts at once; the distance it
    would have jumped in w is kept and taken away over the fade. So a change in the middle of another cannot jump
    either, and a fade that is given another length takes its distance along.
    """

    def __init__(
        self, make_mapper: MakeMapper, space: Space, on_refused: Callable[[str], None] = lambda _: None
    ) -> None:
        """`on_refused`: told the sentence when the mapper asked for cannot be had."""
        self._make, self._space, self._on_refused = make_mapper, space, on_refused
        self._placement = Placement()
        self._chosen: _Chosen | None = None  # what was asked for last
        self._playing: _Chosen | None = None  # and what is in force
        self._mapper: Mapper | None = None
        self._t: float | None = None  # s on the clock, of the last tick
        self._ws: F32 | None = None  # what the last tick gave
        self._gap: F32 | None = None  # ws left to close since the last change
        self._gap_began, self._gap_ends = 0.0, 0.0  # s on the clock
        self._timing = (0.0, 0.0)  # of the fade in force: begin and length, s
        self._frozen = False
        self._transform: F32 | None = None

    def fit(self, make_mapper: MakeMapper, space: Space) -> None:
        """Another model: its mappers begin anew, since one model's latents mean nothing to another."""
        self._make, self._space = make_mapper, space
        self._chosen = self._playing = self._mapper = self._ws = self._gap = None

    def tick(
        self,
        t: float,
        features: Features,
        fade: Fade,
        hand: Hand = Hand(),  # noqa: ARG002, B008 - it cannot change
    ) -> Latents:
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
        mapper, jumps = self._choose(params)
        jumps = jumps or self._frozen
        ws = mapper.advance(dt, features, params)
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

    def _choose(self, params: Params) -> tuple[Mapper, bool]:
        """The mapper to go on with, and whether it is another. One that cannot be had leaves the old one, or `mel`."""
        chosen = (params.mapper, params.seed, params.pairing)
        if chosen == self._chosen and self._mapper is not None:
            return self._mapper, False
        self._chosen = chosen
        try:
            self._mapper, self._playing = self._make(params), chosen
        except BadInput as e:
            mapper, _, pairing = self._playing or ("mel", 0, "")
            self._on_refused(f"{e}; {mapper} goes on")
            instead = (mapper, params.seed, pairing)
            if self._mapper is not None and instead == self._playing:
                return self._mapper, False
            self._mapper = self._make(replace(params, mapper=mapper, pairing=pairing))
            self._playing = instead
        return self._mapper, True

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
