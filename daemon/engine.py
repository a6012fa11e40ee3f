"""One tick: features and params in, what to render out. Shared by live and offline; knows no threads and no torch."""

from collections.abc import Callable
from dataclasses import replace
from typing import TypeAlias

from daemon.errors import BadInput
from daemon.flow import F32, Features, Hand, Latents
from daemon.mapping.gap import Gap
from daemon.mapping.layers import LayerSmoothing, amounts, spread
from daemon.mapping.mapper import Mapper
from daemon.mapping.outside import Outside
from daemon.mapping.placement import Placement
from daemon.mapping.routes import Routes
from daemon.mapping.space import Space
from daemon.params import Fade, Params, Place

MakeMapper: TypeAlias = Callable[[Params], Mapper]
"""Params -> the mapper they ask for, at its beginning. It reads no file; `BadInput` when there is none such."""

_Chosen: TypeAlias = tuple[str, int, str, tuple[Place, ...]]  # mapper, seed, pairing and places of the preset's own

_AGAIN = 2.0  # s from one try to have a mapper to the next


class Engine:
    """Holds the mapper, and makes every change of it continuous.

    Routes move the params, the mapper (or a hand outside) gives a place, routes and offsets are added, the thirds of
    the layers are smoothed, a gap that a change has left is closed, and no step is longer than `limit` allows; only a
    recall of no seconds may cut.
    """

    def __init__(
        self, make_mapper: MakeMapper, space: Space, on_refused: Callable[[str], bool] = lambda _: True
    ) -> None:
        """`on_refused`: told the sentence when the mapper asked for cannot be had; False: not yet, ask again."""
        self._on_refused = on_refused
        self._refused = ""  # what was said of the mapper that is asked for
        self._again = 0.0  # s on the clock, when that is tried again
        self._placement, self._routes, self._gap = Placement(), Routes(), Gap()
        self._t: float | None = None  # s on the clock, of the last tick
        self._frozen = False
        self._transform: F32 | None = None
        self.fit(make_mapper, space)

    @property
    def mapper(self) -> str:
        """The mapper in force, which may not be the one that is asked for; "" before the first tick."""
        return self._playing[0] if self._playing is not None else ""

    def fit(self, make_mapper: MakeMapper, space: Space) -> None:
        """Another model: its mappers begin anew, since one model's latents mean nothing to another."""
        self._make, self._space = make_mapper, space
        self._chosen: _Chosen | None = None  # what was asked for last
        self._playing: _Chosen | None = None  # and what is in force
        self._mapper: Mapper | None = None
        self._outside, self._held = Outside(space), ""  # what a hand outside holds: "", "z" or "ws"
        self._layers = LayerSmoothing()
        self._ws: F32 | None = None  # what the last tick gave
        self._gap.close()

    def tick(
        self,
        t: float,
        features: Features,
        fade: Fade,
        hand: Hand = Hand(),  # noqa: B008 - it cannot change
    ) -> Latents:
        """What to render at clock time `t`, seconds."""
        params = fade.at(t)
        dt = 0.0 if self._t is None else max(t - self._t, 0.0)
        self._t = t
        if not (params.freeze and self._ws is not None):
            params, push = self._routes.advance(dt, features, params, self._space.directions)
            self._ws = self._move(t, dt, features, params, push, fade, hand)
            self._transform = self._placement.advance(dt, params)
        elif self._mapper is not None:
            self._mapper.advance(0.0, features, params)  # it hears on: else all it missed comes at once when let go
        self._frozen = params.freeze
        return Latents(None if params.blackout else self._ws, self._transform, params.noise)

    def _move(
        self, t: float, dt: float, features: Features, params: Params, push: F32 | None, fade: Fade, hand: Hand
    ) -> F32:
        mapper, other = self._choose(t, params)
        ws = mapper.advance(dt, features, params)
        before, (self._held, given) = self._held, self._outside.place(t, hand, params)
        jumps = other or self._frozen or self._held != before
        if given is not None:
            ws = given
        for added in (push, self._outside.shift(dt, t, hand, params)):
            if added is not None:
                ws = ws + spread(amounts(params), len(ws)) * added
        if jumps:
            self._layers.settle()
        cut = self._gap.cuts(fade) and not self._frozen
        ws = self._gap.bridge(t, self._layers.advance(dt, ws, params), self._ws, fade, params, jumps=jumps)
        return ws if cut or self._ws is None else self._space.toward(self._ws, ws, params.limit * dt)

    def _choose(self, t: float, params: Params) -> tuple[Mapper, bool]:
        """The mapper to go on with, and whether it is another. One that cannot be had leaves the old one, or `mel`."""
        chosen = _chosen(params)
        waits = chosen == self._playing or t < self._again
        if chosen == self._chosen and self._mapper is not None and waits:
            return self._mapper, False
        self._chosen = chosen
        try:
            self._mapper, self._playing, self._refused = self._make(params), chosen, ""
        except BadInput as e:
            self._again = t + _AGAIN  # what it lacks may be trained or fetched meanwhile
            mapper, _, pairing, _ = self._playing or ("mel", 0, "", ())
            self._refuse(f"{e}; {mapper} goes on")
            other = replace(params, mapper=mapper, pairing=pairing)
            instead = _chosen(other)
            if self._mapper is not None and instead == self._playing:
                return self._mapper, False
            self._mapper = self._make(other)
            self._playing = instead
        return self._mapper, True

    def _refuse(self, said: str) -> None:
        """Say why a mapper cannot be had, once."""
        if said != self._refused:
            self._refused = said if self._on_refused(said) else ""


def _chosen(params: Params) -> _Chosen:
    """What a mapper is made of: when this is another, so is the mapper, and the engine closes the gap."""
    return params.mapper, params.seed, params.pairing, params.anchors if params.mapper == "clusters" else ()
