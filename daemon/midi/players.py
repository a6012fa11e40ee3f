"""What each kind of control makes of what it is moved to: a position, a press or a turn becomes a wish."""

from dataclasses import dataclass
from typing import Protocol

from daemon.midi.known import Known
from daemon.midi.message import Encoding, Event, Kind, fraction, turned
from daemon.midi.plan import Control, Does
from daemon.midi.target import Args, Value

PAIR = 0.01  # s that the coarse half of a 14-bit value waits for its fine half
_PRESSED = 64  # from which a controller's value is a press


@dataclass(frozen=True, slots=True)
class Wish:
    """What shall be sent; `value` is what the address's state will say, if that is known."""

    address: str
    args: Args
    value: Value | None = None


class Player(Protocol):
    """One control with what it remembers. Time is passed in."""

    control: Control
    moved: float  # s on the clock when it last moved

    def heard(self, event: Event, now: float) -> Wish | None:
        """It was moved."""
        ...

    def ripe(self, now: float) -> Wish | None:
        """What has waited long enough."""
        ...

    def due(self) -> float | None:
        """When there may be something ripe."""
        ...

    def leave(self) -> Wish | None:
        """The controller is gone: let go of what is held."""
        ...


class _Still:
    """What every player has."""

    def __init__(self, control: Control, known: Known) -> None:
        self.control, self._known = control, known
        self.moved = float("-inf")

    def ripe(self, now: float) -> Wish | None:  # noqa: ARG002
        return None

    def due(self) -> float | None:
        return None

    def leave(self) -> Wish | None:
        return None

    def _wish(self, position: float) -> Wish:
        """What sets the address to this position."""
        address, args = self.control.target.message(position)
        return Wish(address, args, self.control.target.value(position))

    def _news(self, position: float) -> Wish | None:
        """The same, but None where it would say a whole number again."""
        wish = self._wish(position)
        return None if self.control.target.whole and wish.value == self._known.value is not None else wish

    def _present(self) -> float | None:
        """Where the address's present value would put this control."""
        value = self._known.value
        return None if value is None or isinstance(value, str) else self.control.target.position(value)


class Fader(_Still):
    """A position: a fader, a knob, a wheel. It takes hold only where it meets the present value."""

    def __init__(self, control: Control, known: Known) -> None:
        super().__init__(control, known)
        self._at: float | None = None  # where it stands
        self._coarse: int | None = None
        self._since: float | None = None  # when a coarse half came that still waits for its fine one
        self._reach = 1.5 / (1 << control.source.bits)  # how near it must come, one step and a half

    def heard(self, event: Event, now: float) -> Wish | None:
        self.moved = now
        source = self.control.source
        if source.fine is None:
            return self._move(fraction(event.value, source.bits))
        if event.number == source.number:
            self._coarse, self._since = event.value, now
            return None
        return self._fine(event.value)

    def ripe(self, now: float) -> Wish | None:
        if self._since is None or now < self._since + PAIR:
            return None
        return self._fine(0)

    def due(self) -> float | None:
        return None if self._since is None else self._since + PAIR

    def leave(self) -> Wish | None:
        self._at = self._coarse = self._since = None
        if self._known.holder is self:
            self._known.holder = None
        return None

    def _fine(self, value: int) -> Wish | None:
        self._since = None
        return None if self._coarse is None else self._move(fraction(self._coarse << 7 | value, 14))

    def _move(self, at: float) -> Wish | None:
        before, self._at = self._at, at
        if self.control.takeover and self._known.holder is not self:
            present = self._present()
            if present is not None and not self._meets(before, at, present):
                return None
        wish = self._news(at)
        self._known.set(None, self)
        return wish

    def _meets(self, before: float | None, at: float, present: float) -> bool:
        """Whether it is at the present value, or has passed it."""
        passed = before is not None and (before - present) * (at - present) <= 0
        return passed or abs(at - present) <= self._reach


class Encoder(_Still):
    """An endless encoder: each step adds to the present value, so there is nothing to take over."""

    def __init__(self, control: Control, known: Known) -> None:
        super().__init__(control, known)
        self._at = 0.0

    def heard(self, event: Event, now: float) -> Wish | None:
        self.moved = now
        if self._known.holder is not self:
            present = self._present()
            if present is None:  # nobody has told yet what it adds to
                return None
            self._at = present
        by = turned(event.value, self.control.encoding or Encoding.TWOS) * self.control.step
        self._at = min(max(self._at + by, 0.0), 1.0)
        wish = self._news(self._at)
        self._known.set(None, self)
        return wish


class Button(_Still):
    """A note, or a controller that is pressed: trigger, toggle or hold."""

    def __init__(self, control: Control, known: Known) -> None:
        super().__init__(control, known)
        self._down = False

    def heard(self, event: Event, now: float) -> Wish | None:
        self.moved = now
        note = event.kind is Kind.NOTE
        down = event.value > 0 if note else event.value >= _PRESSED
        if down and self._down and not note:  # a pedal that goes on moving, not a second press
            return None
        before, self._down = self._down, down
        if down:
            return self._press(event.value)
        return self._release() if before else None

    def leave(self) -> Wish | None:
        before, self._down = self._down, False
        return self._release() if before else None

    def _press(self, value: int) -> Wish | None:
        control = self.control
        if control.velocity:
            return self._wish(fraction(value, 7))
        if control.does is Does.TOGGLE:
            present = self._present()
            return self._wish(0.0 if present is not None and present >= 0.5 else 1.0)
        if control.send:
            return Wish(control.target.address, () if control.pulse else control.send, control.send[0])
        return self._wish(1.0)

    def _release(self) -> Wish | None:
        return self._wish(0.0) if self.control.does is Does.HOLD else None


class Program(_Still):
    """A program change: its number, from 0."""

    def heard(self, event: Event, now: float) -> Wish | None:
        self.moved = now
        return Wish(self.control.target.address, (event.value,), None)


def player_of(control: Control, known: Known) -> Player:
    """The player of a control."""
    if control.source.kind is Kind.PROGRAM:
        return Program(control, known)
    if control.encoding is not None:
        return Encoder(control, known)
    return Fader(control, known) if control.does is Does.VALUE else Button(control, known)
