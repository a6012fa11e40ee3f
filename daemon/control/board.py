"""The state an artist sets: params on their way, and the preset they came from."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Protocol

from daemon.control.presses import Wishes
from daemon.control.refusal import Code, Refusal
from daemon.control.routing import Edits, edited, route_value
from daemon.control.table import LONGEST_FADE, Kind, Row
from daemon.errors import LatentdError
from daemon.flow import Hand, Traits
from daemon.params import Curve, Fade, Params, Value
from daemon.preset import Asked

KEPT = ("freeze", "blackout")  # a recall does not let go of these: they are a hand on the picture, not a look
_NEW_FADE = 2.0  # s: of a preset saved before any was recalled
_NEW_CURVE: Curve = "smooth"


class Preset(Protocol):
    """A named place for all params."""

    @property
    def name(self) -> str: ...

    @property
    def fade(self) -> float:
        """Seconds to arrive here."""
        ...

    @property
    def curve(self) -> Curve:
        """How the way here goes."""
        ...

    @property
    def params(self) -> Params: ...


class Bank(Protocol):
    """The presets. `get` and `save` may raise `LatentdError`."""

    @property
    def names(self) -> Sequence[str]:
        """In the order of `presets list`; asked often, so it must be cheap."""
        ...

    def get(self, which: str, /) -> Preset: ...

    def save(self, name: str, params: Params, fade: float, curve: Curve, /) -> object: ...


class Board:
    """Values set are gathered and settled into one new `Fade` when it is asked for: the last one wins."""

    def __init__(self, bank: Bank, fade: Fade, preset: str | None, asked: Asked | None = None) -> None:
        self.bank, self.preset = bank, preset
        self.asked = Asked(fade.end.model) if asked is None else asked
        self.wishes = Wishes()
        self.fields: dict[str, Value] = {}  # set, not yet settled; always valid
        self.weights: dict[str, float] = {}
        self.classes: tuple[float, ...] | None = None
        self.bands: dict[int, float] = {}
        self.routes: Edits = {}
        self.hand = Hand()  # latents from outside
        self.model, self.traits = "", Traits()  # in force, whatever is asked for
        self._saved: tuple[str, str | None] | None = None  # what was saved last, and the preset before that
        self.recalled = False  # whether a recall has changed the params; whoever sees to that sets it back
        self._fade = fade

    @property
    def fade(self) -> Fade:
        """The params, now and on their way; the same object while nothing changes."""
        if self.fields:
            a, b = self._fade.start, self._fade.end
            new = {k: v for k, v in self.fields.items() if getattr(a, k) != v or getattr(b, k) != v}
            self._fade = self._fade.set(**new) if new else self._fade
            self.asked = self.asked.then(str(self.fields.get("model", "")), self.model)
            self.fields.clear()
        if self.weights:
            a, b = self._fade.start, self._fade.end
            some = {k: v for k, v in self.weights.items() if a.cluster(k) != v or b.cluster(k) != v}
            self._fade = self._fade.set_clusters(some.items()) if some else self._fade
            self.weights.clear()
        if self.classes is not None:
            if (self._fade.start.classes, self._fade.end.classes) != (self.classes, self.classes):
                self._fade = self._fade.set_classes(self.classes)
            self.classes = None
        if self.bands:
            gains = with_gains(self._fade.end.bands, self.bands)
            if (self._fade.start.bands, self._fade.end.bands) != (gains, gains):
                self._fade = self._fade.set_bands(gains)
            self.bands.clear()
        if self.routes:
            routes = edited(self._fade.end.routes, self.routes)
            self._fade = self._fade.set_routes(routes) if routes != self._fade.end.routes else self._fade
            self.routes.clear()
        return self._fade

    def fading(self, now: float) -> bool:
        """Whether values change by themselves."""
        fade = self.fade
        return now < fade.t0 + fade.seconds

    def recall(self, name: str, now: float, seconds: float | None) -> Refusal | None:
        """Fade to a preset from where things are, over its own time unless `seconds` are given."""
        try:
            preset = self.bank.get(name)
        except LatentdError as e:
            return Refusal(Code.PRESET, str(e), "/latentd/preset")
        fade = self.fade
        target = _over(fade.end, preset.params)
        seconds = min(max(preset.fade, 0.0), LONGEST_FADE) if seconds is None else seconds
        # whoever asks for what is on its way already does not begin the fade anew
        if fade.end != target or (self.fading(now) and seconds != fade.seconds):
            self._fade = fade.to(target, now, seconds, preset.curve)
            self.recalled = True
        self.preset = preset.name
        self.asked = self.asked.then(preset.params.model, self.model)
        return None

    def untouched(self) -> bool:
        """Whether all that is set or faded to is as the preset in force has it, on the model it asks for."""
        if self.preset is None or self.index() < 0:
            return False
        end = self.fade.end
        return end == _over(end, self.bank.get(self.preset).params) and end.model in ("", self.model)

    def take_up(self, params: Params, preset: str | None, now: float, seconds: float, curve: Curve) -> None:
        """Fade to what another daemon has set; a hand on this picture stays."""
        fade = self.fade
        target = replace(params, **{key: getattr(fade.end, key) for key in KEPT})
        if fade.end != target:
            self._fade = fade.to(target, now, seconds, curve)
            self.recalled = True
        if params.model != fade.end.model:  # else it is the one there is, in place of one that is not here
            self.asked = self.asked.then(params.model, self.model)
        self.preset = preset

    def stay(self, wanted: str, current: str) -> bool:
        """A model that was asked for cannot be had, but is still wished for; False if another has been meanwhile."""
        if self.fade.end.model != wanted:
            return False
        self._fade = self.fade.set(model=current)
        return True

    def step(self, by: int, now: float) -> Refusal | None:
        """Recall the preset `by` places on; the order is a circle, entered at its ends."""
        names = self.bank.names
        if not names:
            return Refusal(Code.NAME, "there are no presets to recall", "/latentd/preset")
        at = self.index()
        return self.recall(names[(at + by) % len(names) if at >= 0 else min(by, 0)], now, None)

    def save(self, name: str, now: float, seconds: float | None) -> Refusal | None:
        """Keep the present values under a name; its fade and curve are those of the preset they came from.

        The numbers of a fade under way stop here: what is said to be the new preset must go on looking like it. Routes,
        and what a new seed would have jumped, arrive in the time that was left.
        """
        present = self.fade.at(now)
        try:
            from_ = self.bank.get(self.preset) if self.preset is not None and self.index() >= 0 else None
            if seconds is None:
                seconds = _NEW_FADE if from_ is None else from_.fade
            # with the model in force if anybody asked for it, not one that was just asked for and may be broken,
            # and the routes arrived at: a fade has those of both ends
            kept = replace(present, model=self.asked.pinned(self.model or present.model), routes=self.fade.end.routes)
            self.bank.save(name, kept, seconds, _NEW_CURVE if from_ is None else from_.curve)
        except LatentdError as e:
            return Refusal(Code.PRESET, str(e), "/latentd/preset/save")
        if self.fading(now):
            left, end = self._fade.t0 + self._fade.seconds - now, replace(present, routes=self._fade.end.routes)
            self._fade = self._fade.to(end, now, left, self._fade.curve)
        self._saved, self.preset = (name, self.preset), name
        return None

    def unsave(self, name: str) -> None:
        """What was saved under a name could not be kept: the preset is the one before again, if it is that no more."""
        if self._saved is not None and self._saved[0] == name == self.preset:
            before = self._saved[1]
            self.preset = before if before in self.bank.names else None

    def index(self) -> int:
        """The place of the present preset; -1 for none."""
        names = self.bank.names
        return names.index(self.preset) if self.preset is not None and self.preset in names else -1

    def value(self, row: Row, params: Params) -> float | int | str | None:
        """The present value of one row, in full; None for a number of a route that is not in use."""
        match row.kind:
            case Kind.RECALL:
                return self.preset or ""
            case Kind.INDEX:
                return self.index()
            case Kind.CLASS:
                there = params.classes[: self.traits.classes]
                return max(range(len(there)), key=there.__getitem__, default=0)
            case Kind.WEIGHT:
                return _seven(params.cluster(row.key))
            case Kind.NUMBER:
                return _seven(getattr(params, row.key))
            case Kind.BAND:
                return _seven(params.bands[row.slot]) if row.slot < len(params.bands) else 1.0
            case Kind.ROUTE_NAME | Kind.ROUTE_NUMBER:  # a fade shows the routes of both ends at once
                return route_value(self.fade.end.routes, row)
            case Kind.TOGGLE:
                return int(getattr(params, row.key))
            case _:
                value: int | str = getattr(params, row.key)
                return value


def _over(present: Params, look: Params) -> Params:
    """A look, with the hands that are on the picture, and on the model there is where it names none."""
    kept = KEPT if look.model else (*KEPT, "model")
    return replace(look, **{key: getattr(present, key) for key in kept})


def with_gains(gains: tuple[float, ...], changes: Mapping[int, float]) -> tuple[float, ...]:
    """These gains, one a band, with some changed; those not listed are 1."""
    count = max(len(gains), max(changes) + 1)
    whole = [*gains, *[1.0] * (count - len(gains))]
    for band, gain in changes.items():
        whole[band] = gain
    return tuple(whole)


def _seven(value: float) -> float:
    """Seven digits are what 32-bit floats carry: 0.7 stays 0.7 on its way through OSC."""
    return float(f"{value:.7g}")
