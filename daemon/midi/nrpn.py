"""Non-registered parameters (MIDI 1.0): a number by controllers 99 and 98, its value by 6 and 38, put together again.

Each channel is by itself. A number holds until another is named; 127 and 127, or a registered one, name none. A coarse
half waits a moment for its fine one. Where none has ever come for that number, the coarse half is all there is: seven
bits, of which 127 is the most.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from daemon.midi.message import Event, Kind, fraction, steps

_NUMBER, _NUMBER_FINE, _VALUE, _VALUE_FINE = 99, 98, 6, 38
_REGISTERED = (101, 100)
PARTS = (_NUMBER, _NUMBER_FINE, _VALUE, _VALUE_FINE, *_REGISTERED)
"""The controllers that are taken up by this."""

WAIT = 0.01  # s


@dataclass(slots=True)
class _Channel:
    """What one channel has said so far."""

    number: int | None = None  # halves of the number that holds
    number_fine: int | None = None
    coarse: int | None = None
    since: float | None = None  # s on the clock, when a coarse half came that still waits


class Nrpn:
    """From controllers to events of kind NRPN, for the whole controller. Time is passed in."""

    def __init__(self) -> None:
        self._channels: dict[int, _Channel] = {}
        self._fine: set[tuple[int, int]] = set()  # channels and numbers that have sent fine halves

    def heard(self, event: Event, now: float) -> Sequence[Event]:
        """What is whole after this message; of a number with two halves, once both have come."""
        if event.kind is not Kind.CC or event.number not in PARTS:
            return ()
        at = self._channels.setdefault(event.channel, _Channel())
        if event.number == _VALUE_FINE:
            return self._whole(event.channel, at, event.value)
        if event.number == _VALUE:
            at.coarse, at.since = event.value, now if at.since is None else at.since
            return ()
        left = self._alone(event.channel, at)  # another number: what waited has no fine half
        if event.number in _REGISTERED:
            at.number = at.number_fine = None
        elif event.number == _NUMBER:
            at.number = event.value
        else:
            at.number_fine = event.value
        at.coarse = None
        return left

    def ripe(self, now: float) -> list[Event]:
        """What has waited long enough."""
        waiting = [(n, at) for n, at in self._channels.items() if at.since is not None and now >= at.since + WAIT]
        return [event for channel, at in waiting for event in self._alone(channel, at)]

    def due(self) -> float | None:
        """When something may be ripe; None while nothing waits."""
        since = [at.since for at in self._channels.values() if at.since is not None]
        return min(since) + WAIT if since else None

    def forget(self) -> None:
        """The controller is gone."""
        self._channels.clear()

    def _alone(self, channel: int, at: _Channel) -> Sequence[Event]:
        """A coarse half without its fine one, if there is such."""
        if at.since is None:
            return ()
        at.since = None
        if (number := _number(at)) is None or at.coarse is None:
            return ()
        whole = at.coarse << 7 if (channel, number) in self._fine else steps(fraction(at.coarse, 7), 14)
        return (Event(Kind.NRPN, channel, number, whole),)

    def _whole(self, channel: int, at: _Channel, fine: int) -> Sequence[Event]:
        at.since = None
        if (number := _number(at)) is None or at.coarse is None:
            return ()
        self._fine.add((channel, number))
        return (Event(Kind.NRPN, channel, number, at.coarse << 7 | fine),)


def _number(at: _Channel) -> int | None:
    if at.number is None or at.number_fine is None or at.number == at.number_fine == 127:
        return None
    return at.number << 7 | at.number_fine


def spelt(event: Event) -> list[Event]:
    """The controllers that say it."""
    parts = ((_NUMBER, event.number >> 7), (_NUMBER_FINE, event.number & 127))
    halves = ((_VALUE, event.value >> 7), (_VALUE_FINE, event.value & 127))
    return [Event(Kind.CC, event.channel, number, value) for number, value in (*parts, *halves)]
