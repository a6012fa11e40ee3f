"""Lights on the controller, lit by what the daemon tells."""

from collections.abc import Mapping

from daemon.midi.known import Known
from daemon.midi.message import Event, build, steps
from daemon.midi.plan import Lamp
from daemon.midi.target import Value

BURST, PAUSE = 16, 0.005  # messages at once, and s to the next: cheap controllers choke on more
QUIET = 0.3  # s after a hand let go before a motor fader or a ring is told where it is


class Lamps:
    """What each lamp shows, and what it should; only the difference is sent."""

    def __init__(self, lamps: Mapping[Lamp, Known]) -> None:
        self._known = dict(lamps)
        self._shown: dict[Lamp, int] = {}
        self._next = float("-inf")
        self._quiet: dict[Lamp, float] = {}  # until when
        self._stale = set(self._known)

    def touched(self, lamp: Lamp, now: float) -> None:
        """Its control was moved: a knob is left alone for a while, a button's light may have changed by itself."""
        if lamp.target is not None and not lamp.steps:
            self._quiet[lamp] = now + QUIET
        self._shown.pop(lamp, None)
        self._stale.add(lamp)

    def changed(self, address: str) -> None:
        """The daemon told something new of an address."""
        self._stale.update(lamp for lamp in self._known if lamp.shows == address)

    def again(self, now: float) -> None:
        """The controller was plugged in: it shows nothing of ours."""
        self._next = now + PAUSE
        self._shown.clear()
        self._quiet.clear()
        self._stale.update(self._known)

    def take(self, now: float) -> list[bytes]:
        """Messages that may go out at clock time `now`."""
        if now < self._next or not self._stale:
            return []
        sent: list[bytes] = []
        for lamp in [lamp for lamp in self._known if lamp in self._stale]:
            if self._quiet.get(lamp, now) > now:
                continue
            if len(sent) >= BURST:
                break
            self._stale.discard(lamp)
            level = light(lamp, self._known[lamp].told)
            if self._shown.get(lamp) != level:
                self._shown[lamp] = level
                sent.append(build(Event(lamp.kind, lamp.channel, lamp.number, level)))
        if sent:
            self._next = now + PAUSE
        return sent

    def due(self) -> float | None:
        """When there may be something to take."""
        return min((max(self._quiet.get(lamp, self._next), self._next) for lamp in self._stale), default=None)

    def dark(self) -> list[bytes]:
        """Messages that put out every lamp that is lit."""
        return [
            build(Event(lamp.kind, lamp.channel, lamp.number, lamp.dark))
            for lamp, level in self._shown.items()
            if level != lamp.dark
        ]


def light(lamp: Lamp, value: Value | None) -> int:
    """How bright, 0..127, or which colour: what the controller takes as the value."""
    if value is None:
        return lamp.dark
    if lamp.equals is not None:
        lit = value == lamp.equals if isinstance(value, str) else _number(lamp.equals) == round(value, 6)
    elif isinstance(value, str):
        lit = bool(value)
    elif lamp.target is not None:
        position = lamp.target.position(value) or 0.0
        if not lamp.steps:
            return lamp.dark + round((lamp.lit - lamp.dark) * steps(position, 7) / 127)
        lit = position >= 0.5
    else:
        lit = value >= 0.5
    return lamp.lit if lit else lamp.dark


def _number(value: float | str) -> float | None:
    return None if isinstance(value, str) else round(value, 6)
