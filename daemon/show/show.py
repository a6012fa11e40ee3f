"""What is on now: the plan, the clock on the wall and whoever takes over by hand, and what has to change for it.

Pure: time, silence and the names of the presets come in, cues go out. Hours of the day are read from the wall's clock,
everything that lasts is counted on the monotonic one. One thing is on at every moment; what it was is only said again
when somebody else has changed it.
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from daemon.show.almanac import SteadyWall, face
from daemon.show.deck import Deck, Mark
from daemon.show.plan import Black, Plan, Play, Programme, Still

_AGAIN = 0.25  # s within which the same message again is the same wish: some controllers send all they have, always
_GRAIN = 60.0  # s: how exactly the time left is kept over a restart

Kind = Literal["nothing", "blackout", "preset", "entry", "attract"]


@dataclass(frozen=True, slots=True)
class Facts:
    """What the show sees of the world."""

    presets: Collection[str]  # that there are
    silence: float = 0.0  # s since the last sound
    sound: float = 0.0  # s for which there is sound now
    fading: bool = False  # whether values are on their way


@dataclass(frozen=True, slots=True)
class Cue:
    """What to do: recall, then switch."""

    preset: str | None = None  # to recall; None recalls none
    fade: float | None = None  # s; None is the preset's own
    blackout: bool | None = None  # None leaves it


@dataclass(frozen=True, slots=True)
class On:
    """What is on."""

    kind: Kind = "nothing"
    preset: str | None = None
    fade: float | None = None
    playlist: str | None = None
    entry: int | None = None


@dataclass(frozen=True, slots=True)
class Place:
    """Where a show is, to go on there after a restart."""

    enabled: bool
    held: bool = False
    chosen: str | None = None  # a playlist asked for in place of the schedule's
    rule: int | None = None  # that holds, -1 for none; None is not known
    shown: str | None = None  # the preset recalled last
    by_hand: bool = False
    attracting: bool = False
    marks: tuple[Mark, ...] = ()
    planned: bool | None = None  # what `enable` of the config was then


NOTHING = On()


class Show:
    """A plan under way. Everything belongs to one thread."""

    def __init__(self, plan: Plan, place: Place | None = None, preset: str | None = None) -> None:
        """`place`: where to go on. `preset`: what others have restored already."""
        self.plan, place = plan, place or Place(plan.enable)
        marks = {mark.playlist: mark for mark in place.marks}
        self._decks = {name: Deck(p, plan.seed, marks.get(name)) for name, p in plan.playlists.items()}
        self.on = NOTHING
        self.asked = False  # for something that should not wait for the next look
        enabled = place.enabled if place.planned in (None, plan.enable) else plan.enable  # the config was changed since
        self.enabled, self.held, self.by_hand = enabled and plan.used, place.held, place.by_hand
        self.chosen = place.chosen if place.chosen in plan.playlists else None
        self._attracting = place.attracting and plan.attract is not None
        self._rule = place.rule
        self._shown = place.shown if place.shown == preset else None  # recalled last, and still on
        self._steady = SteadyWall()
        self._t: float | None = None  # s, of the last look
        self._running: Deck | None = None  # whose time passes
        self._forced = False  # to change what is on even while it is held
        self._dark = self._lifted = False  # it is black by this show; and a hand has lifted that
        self._own_black = False  # a hand keeps it black
        self._cues = 0  # given
        self._said: dict[str, tuple[object, float, int]] = {}  # message -> value, when, and after how many cues

    def at(self, wall: datetime, t: float, facts: Facts) -> Cue | None:
        """What to do at this moment, `wall` with its zone, and `t` in seconds of a clock that nobody sets."""
        cue = self._look(wall, t, facts)
        self._cues += cue is not None
        return cue

    def _look(self, wall: datetime, t: float, facts: Facts) -> Cue | None:
        stamp = self._steady.at(wall.timestamp(), t)
        before, began = self.on, self._t is None
        dt = 0.0 if self._t is None else max(t - self._t, 0.0)
        self._t, self.asked = t, False
        if not self.enabled:
            self._running, self.on = None, NOTHING
            return self._lit(None)
        local = face(stamp, self.plan.zone)
        what = self._programme(local)
        if isinstance(what, Black) or not self._awake(local):
            self._running, self.on, self.by_hand, self._attracting = None, On("blackout"), False, False
            return self._darkened()
        if self.held and not self._forced and before.preset in facts.presets:
            return None
        if self._running is not None:
            self._running.left -= dt
        self.on = self._picture(what, facts)
        self._forced = False
        return self._lit(self._recalled(before, at_once=began))

    # what may be asked of it

    @property
    def playlists(self) -> Sequence[str]:
        """The names there are, in the order of the config."""
        return tuple(self._decks)

    def enable(self, on: bool) -> None:
        """Run, or leave everything to others."""
        if on != self.enabled:
            self.enabled, self.asked = on and self.plan.used, True
            self.by_hand, self._shown = False, None

    def play(self, playlist: str | None) -> None:
        """A playlist from its beginning in place of the schedule's, until that moves on; None gives back to it."""
        if playlist is not None:
            self._decks[playlist].restart()
        self.chosen, self.by_hand, self._attracting = playlist, False, False
        self._forced = self.asked = True

    def skip(self) -> None:
        """The next entry now."""
        if self._running is not None:
            self._running.left, self.by_hand = 0.0, False
            self._forced = self.asked = True

    def jump(self, entry: int) -> bool:
        """An entry of the playlist that is on; False where there is none such."""
        if self._running is None or not 0 <= entry < len(self._running.playlist.entries):
            return False
        if self.on.entry != entry or self.by_hand:
            self._running.jump(entry)
            self.by_hand, self._forced, self.asked = False, True, True
        return True

    def hold(self, on: bool) -> None:
        """Keep on what is on; the hours of sleep are kept all the same."""
        self.held, self.asked = on, True

    def resume(self) -> None:
        """Whoever took over is done."""
        self.held = self.by_hand = False
        self.asked = True

    def take_over(self) -> None:
        """Somebody has recalled a preset by hand: leave it until what is on has had its time."""
        self.by_hand = self.enabled and self.on.preset is not None
        self._shown = None

    def darken(self, on: bool) -> bool:
        """Somebody switches blackout by hand; whether the switch is to change, which the show may hold, too."""
        own, self._own_black = self._own_black, on
        if not on and self._dark and not self._lifted:
            self._lifted = not own  # whoever did not make it black themselves wants to see something now
            return not own
        self._lifted = self._lifted and not on
        return True

    def again(self, message: str, value: object, t: float) -> bool:
        """Whether the same was said just now, too; what is said this often is one wish, however long it goes on.

        For what can be done: what is refused is no wish, and is refused each time.
        """
        cues = self._since(message, value, t)
        self._said[message] = (value, t, self._cues if cues is None else cues)
        return cues is not None

    def overtook(self, message: str, value: object, t: float) -> bool:
        """Whether the same was said just now, too, and the show has given a cue since it was first said."""
        return self._since(message, value, t) not in (None, self._cues) and self.again(message, value, t)

    @property
    def left(self) -> float | None:
        """Seconds until the next entry as of the last look; None while none will come."""
        deck = self._running
        return max(deck.left, 0.0) if deck is not None and deck.on is not None else None

    def place(self) -> Place:
        """Where it is; the time left is so coarse that this seldom changes."""
        marks = (deck.mark(_GRAIN) for deck in self._decks.values())
        kept = tuple(mark for mark in marks if mark is not None)
        flags = (self.by_hand, self._attracting)
        return Place(self.enabled, self.held, self.chosen, self._rule, self._shown, *flags, kept, self.plan.enable)

    def _since(self, message: str, value: object, t: float) -> int | None:
        """After how many cues a message began that goes on at `t`; None for a new one."""
        last = self._said.get(message)
        return last[2] if last is not None and last[0] == value and t - last[1] < _AGAIN else None

    # what is on

    def _programme(self, local: datetime) -> Programme | None:
        """What the schedule or a hand has chosen; a hand's choice goes when the schedule moves on."""
        rules = self.plan.rules
        rule = next((i for i, rule in enumerate(rules) if rule.span.holds(local)), -1)
        if self._rule is not None and rule != self._rule:
            self.chosen, self.by_hand = None, False
        self._rule = rule
        if self.chosen is not None:
            return Play(self.chosen)
        return rules[rule].what if rule >= 0 else self.plan.otherwise

    def _awake(self, local: datetime) -> bool:
        return not self.plan.wake or any(span.holds(local) for span in self.plan.wake)

    def _picture(self, what: Play | Still | None, facts: Facts) -> On:
        """What is to be seen, and with it the deck whose time passes."""
        if self._running is not None and self._running.left <= 0 and not facts.fading:
            self.by_hand = False
        attract = self.plan.attract
        if attract is not None:
            if self._attracting and facts.sound >= attract.sound:
                self._attracting = self.by_hand = False
            elif not self.by_hand and not self.held and facts.silence >= attract.after:
                self._attracting = True
            if self._attracting:
                return self._one(attract.what, facts, attract=True)
        return self._one(what, facts, attract=False)

    def _one(self, what: Play | Still | None, facts: Facts, *, attract: bool) -> On:
        self._running = None
        if isinstance(what, Play):
            deck = self._decks[what.playlist]
            last = deck.on.preset if deck.on is not None else self._shown
            if last not in facts.presets or deck.on is None or (deck.left <= 0 and not self.by_hand):
                deck.advance(facts.presets, last)
                self.by_hand = False
            if deck.on is not None:
                self._running = deck
                return On("attract" if attract else "entry", deck.on.preset, deck.on.fade, what.playlist, deck.entry)
        elif what is not None and what.preset in facts.presets:
            return On("attract" if attract else "preset", what.preset, what.fade)
        return NOTHING

    def _recalled(self, before: On, *, at_once: bool) -> Cue | None:
        """The recall that what is on asks for, if it is not what is shown."""
        if self.on.preset in (None, self._shown) or self.by_hand:
            return None
        self._shown, fade = self.on.preset, self.on.fade
        if self.plan.attract is not None and before.kind == "attract" and self.on.kind != "attract":
            fade = self.plan.attract.fade
        return Cue(self._shown, 0.0 if at_once else fade)

    def _darkened(self) -> Cue | None:
        if self._dark:
            return None
        self._dark, self._lifted = True, False
        return None if self._own_black else Cue(blackout=True)

    def _lit(self, cue: Cue | None) -> Cue | None:
        """No longer black by this show; what was arrived at in the dark is there at once."""
        if not self._dark:
            return cue
        self._dark = False
        if self._lifted or self._own_black:
            return cue
        return Cue(None if cue is None else cue.preset, 0.0, blackout=False)
