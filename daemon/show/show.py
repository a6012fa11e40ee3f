"""What is on now: the plan, the clock on the wall and whoever takes over by hand, and what has to change for it.

Pure: time, silence and the names of the presets come in, cues go out. Hours of the day are read from the wall's clock,
everything that lasts is counted on the monotonic one. One thing is on at every moment; what it was is only said again
when somebody else has changed it.
"""

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Literal

from daemon.show.almanac import SteadyWall, face
from daemon.show.dark import Answer, Dark
from daemon.show.deck import Deck, Mark
from daemon.show.plan import Black, Plan, Play, Programme, Still
from daemon.show.streams import AGAIN, Said, Sender, Streams

_LATE = 1.0  # s without a look, after which what waits waits anew: what says it again may be waiting, too
_NIGHT, _LONGEST_NIGHT = 300, 7 * 86_400  # s between two looks back at a night, and of one
_SHOW = "/latentd/show/"
_BLACKOUT = "/latentd/blackout"  # in all its forms
_RECALLS = tuple(f"/latentd/preset{form}" for form in ("", "/value", "/index", "/index/norm"))
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
    lifted: float | None = None  # POSIX time at which a hand lifted the night that was then
    streams: tuple[tuple[str, tuple[str | float, ...]], ...] = ()  # what controllers said all the time, by address


@dataclass(frozen=True, slots=True)
class _Waiting:
    """A wish, unless it is said again."""

    sender: Sender
    since: float  # s
    do: Callable[[float], object]


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
        self._stepped = False  # and that is another entry of the same playlist
        self._unheard = False  # a playlist was asked for in the silence
        self._dark = Dark()
        self._lifted = place.lifted  # POSIX time
        self._streams = Streams(place.streams)
        self._waiting: dict[str, _Waiting] = {}  # by address
        self._ripened = float("-inf")  # s
        self._stamp = 0.0  # s, POSIX, of the last look

    def at(self, wall: datetime, t: float, facts: Facts) -> Cue | None:
        """What to do at this moment, `wall` with its zone, and `t` in seconds of a clock that nobody sets."""
        self._stamp = stamp = self._steady.at(wall.timestamp(), t)
        before, began = self.on, self._t is None
        if began:
            self._streams.begin(t)
            self._dark.lifted = self._still_lifted(stamp)
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
        if self.held and self._stepped and before.playlist is not None:
            self.on = self._picture(Play(before.playlist), facts)  # whatever the schedule says meanwhile
        else:
            self.on = self._picture(what, facts)
        self._forced = self._stepped = False
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
        self._unheard = playlist is not None
        self._forced = self.asked = True

    def skip(self) -> bool:
        """The next entry now; False where no playlist is on."""
        if self._running is None:
            return False
        self._running.left, self.by_hand = 0.0, False
        self._forced = self._stepped = self.asked = True
        return True

    def jump(self, entry: int) -> bool:
        """An entry of the playlist that is on; False where there is none such."""
        if self._running is None or not 0 <= entry < len(self._running.playlist.entries):
            return False
        if self.on.entry != entry or self.by_hand:
            self._running.jump(entry)
            self.by_hand, self._forced, self._stepped, self.asked = False, True, True, True
        return True

    def instead(self) -> str:
        """What is on where no playlist is, and what to do about it."""
        match self.on.kind:
            case "attract":
                return f"it is silent, and {self.on.preset} is on until there is sound; {_SHOW}playlist goes on without"
            case "blackout":
                return "these are the show's hours of blackout"
            case "preset":
                return f"the schedule has the one preset {self.on.preset} on; {_SHOW}playlist plays another thing"
            case _ if not self.enabled:
                return f"the show is switched off; {_SHOW}enable 1 switches it on"
            case _:
                return f"nothing is on; {_SHOW}playlist plays one"

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

    def darken(self, on: bool, t: float, sender: Sender = None) -> Answer:
        """Somebody, or a stream, switches blackout; what is to become of it."""
        said = self._streams.ask(sender, _BLACKOUT, (on,), t)
        self._heed(sender, _BLACKOUT, said)
        self._streams.hear(sender, _BLACKOUT, (on,), t)
        answer = self._dark.put(on, t, said, sender)
        self._note_lift()
        self.asked = self.asked or (answer is Answer.NOTHING and not self._dark.fallen)
        return answer

    def lift(self, t: float, sender: Sender) -> bool:
        """What waited was no stream: the night is lifted; whether the switch is to change."""
        lifted = self._dark.lift(t, sender)
        self._note_lift()
        return lifted

    def ask(self, sender: Sender, address: str, value: tuple[object, ...], t: float) -> Said:
        """What to make of a message that streams send, too; whoever can do it says so by `heard`."""
        said = self._streams.ask(sender, address, value, t)
        self._heed(sender, address, said)
        return said

    def heard(self, sender: Sender, address: str, value: tuple[object, ...], t: float) -> None:
        """What was asked for at `t` can be done."""
        self._streams.hear(sender, address, value, t)

    def stepped(self, sender: Sender) -> None:
        """A button has recalled something: what this sender recalls then is another wish."""
        self._streams.forget(sender, _RECALLS)

    def wait(self, sender: Sender, address: str, t: float, do: Callable[[float], object]) -> None:
        """Do it if it is not said again: then it was no stream."""
        self._waiting[address] = _Waiting(sender, t, do)

    def ripen(self, t: float) -> bool:
        """Do what has waited long enough; whether anything was done."""
        late, self._ripened = t - self._ripened > _LATE, t
        if late:
            self._waiting = {address: replace(one, since=t) for address, one in self._waiting.items()}
        ripe = [address for address, one in self._waiting.items() if t - one.since >= AGAIN]
        for address in ripe:
            self._waiting.pop(address).do(t)
        return bool(ripe)

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
        lifted = self._lifted if self._dark.lifted else None
        where = (self.enabled, self.held, self.chosen, self._rule, self._shown, *flags, kept, self.plan.enable)
        return Place(*where, lifted, self._streamed())

    def _heed(self, sender: Sender, address: str, said: Said) -> None:
        """What is said now ends what waits at this address, unless it is another's stream that just goes on."""
        waits = self._waiting.get(address)
        if waits is not None and (said is not Said.AGAIN or self._streams.same(sender, waits.sender, address)):
            del self._waiting[address]

    def _note_lift(self) -> None:
        if self._dark.lifted and self._lifted is None:
            self._lifted = self._stamp
        elif not self._dark.lifted:
            self._lifted = None

    def _still_lifted(self, stamp: float) -> bool:
        """Whether the night that a hand lifted before a restart has gone on since."""
        if self._lifted is None or not 0 <= stamp - self._lifted <= _LONGEST_NIGHT:
            return False
        for s in range(int(self._lifted), int(stamp), _NIGHT):
            local = face(s, self.plan.zone)
            if self._awake(local) and not isinstance(self._rules(local)[1], Black):
                return False
        return True

    def _streamed(self) -> tuple[tuple[str, tuple[str | float, ...]], ...]:
        """What is kept of the streams: blackout needs none of it."""
        return tuple(
            (address, tuple(arg for arg in value if isinstance(arg, str | float | int)))
            for address, value in self._streams.known
            if address != _BLACKOUT
        )

    # what is on

    def _programme(self, local: datetime) -> Programme | None:
        """What the schedule or a hand has chosen; a hand's choice goes when the schedule moves on."""
        rule, what = self._rules(local)
        if self._rule is not None and rule != self._rule:
            self.chosen, self.by_hand = None, False
        self._rule = rule
        if self.chosen is not None:
            return Play(self.chosen)
        return what

    def _rules(self, local: datetime) -> tuple[int, Programme | None]:
        """The rule that holds, -1 for none, and what the schedule says is on."""
        rules = self.plan.rules
        rule = next((i for i, rule in enumerate(rules) if rule.span.holds(local)), -1)
        return rule, rules[rule].what if rule >= 0 else self.plan.otherwise

    def _awake(self, local: datetime) -> bool:
        return not self.plan.wake or any(span.holds(local) for span in self.plan.wake)

    def _picture(self, what: Play | Still | None, facts: Facts) -> On:
        """What is to be seen, and with it the deck whose time passes."""
        if self._running is not None and self._running.left <= 0 and not facts.fading:
            self.by_hand = False
        attract, heard = self.plan.attract, False
        self._unheard = self._unheard and facts.sound <= 0 and self.chosen is not None
        if attract is not None:
            if self._attracting and facts.sound > 0 and facts.sound >= attract.sound:
                self._attracting, heard = False, True
            elif not self.by_hand and not self.held and not self._unheard and facts.silence >= attract.after:
                self._attracting = True
            if self._attracting:
                return self._one(attract.what, facts, attract=True)
        on = self._one(what, facts, attract=False)
        if heard and self.by_hand and self._running is not None:
            self._running.left = self._running.length  # whoever came in the silence has a whole entry's time
        return on

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
        return Cue(blackout=True) if self._dark.fall() else None

    def _lit(self, cue: Cue | None) -> Cue | None:
        """No longer black by this show; what was arrived at in the dark is there at once."""
        lit = self._dark.rise()
        self._note_lift()
        return Cue(None if cue is None else cue.preset, 0.0, blackout=False) if lit else cue
