"""The bridge: MIDI messages and the daemon's state in, OSC messages and lights out. It does no input or output itself.

Time is passed in. What is said while it is too soon, or still half, comes out of `take` later; `due` says when.
"""

from collections.abc import Iterable

from daemon.control.table import PREFIX, STATE
from daemon.midi.known import Known
from daemon.midi.lamps import Lamps
from daemon.midi.message import Event, Kind, parse
from daemon.midi.nrpn import Nrpn
from daemon.midi.outbox import Outbox
from daemon.midi.plan import Lamp, Plan, Source
from daemon.midi.players import Player, Wish, player_of
from daemon.midi.target import Args, Target, Value

_Place = tuple[Kind, int | None, int]  # kind, channel, number


class Bridge:
    """One mapping at work."""

    def __init__(self, plan: Plan) -> None:
        self._known: dict[str, Known] = {}
        self._players: list[Player] = []
        self._at: dict[_Place, list[Player]] = {}
        lamps: dict[Lamp, Known] = {}
        for control in plan.controls:
            player = player_of(control, self._of(control.target.address, control.target))
            self._players.append(player)
            for place in _places(control.source):
                self._at.setdefault(place, []).append(player)
            if control.lamp is not None:
                lamps[control.lamp] = self._of(control.lamp.shows, control.lamp.target)
        for lamp in plan.lamps:
            lamps[lamp] = self._of(lamp.shows, lamp.target)
        self._pairs = [player for player in self._players if player.control.source.fine is not None]
        used = any(control.source.kind is Kind.NRPN for control in plan.controls)
        self._nrpn = Nrpn() if used else None
        self._lamps = Lamps(lamps)
        self._outbox: Outbox[str, Wish] = Outbox()
        self._there = False  # the controller

    @property
    def addresses(self) -> tuple[str, ...]:
        """Every address it wants to be told of."""
        return tuple(self._known)

    def heard(self, message: bytes, now: float) -> None:
        """The controller says something."""
        event = parse(message)
        if event is None:
            return
        self._play(event, now)
        if self._nrpn is not None:
            for whole in self._nrpn.heard(event, now):
                self._play(whole, now)

    def _play(self, event: Event, now: float) -> None:
        for player in self._playing(event):
            self._wish(player, player.heard(event, now))
            if player.control.lamp is not None:
                self._lamps.touched(player.control.lamp, now)

    def told(self, address: str, value: Value, now: float) -> None:
        """The daemon says what an address is."""
        address = PREFIX + address.removeprefix(STATE) if address.startswith(STATE) else address
        known = self._known.get(address)
        if known is not None:
            known.hear(value, now)
            self._lamps.changed(address)

    def take(self, now: float) -> list[tuple[str, Args]]:
        """The messages for the daemon that may go out at clock time `now`."""
        for player in self._pairs:
            self._wish(player, player.ripe(now))
        for event in () if self._nrpn is None else self._nrpn.ripe(now):
            self._play(event, now)
        taken = self._outbox.take(now)
        for address, wish in taken:
            if wish.value is not None:
                self._known[address].sent(wish.value, now)
        return [(wish.address, wish.args) for _, wish in taken]

    def lights(self, now: float) -> list[bytes]:
        """The messages for the controller that may go out at clock time `now`."""
        return self._lamps.take(now) if self._there else []

    def due(self) -> float | None:
        """When there may be something to take next; None when nothing waits."""
        lamps = self._lamps.due() if self._there else None
        nrpn = None if self._nrpn is None else self._nrpn.due()
        times = (self._outbox.due(), lamps, nrpn, *(player.due() for player in self._pairs))
        return min((at for at in times if at is not None), default=None)

    def plugged(self, now: float) -> None:
        """The controller is there, and shows nothing yet."""
        self._there = True
        self._lamps.again(now)

    def unplugged(self) -> None:
        """The controller is gone: what it holds is let go, and nobody knows where its faders will be."""
        self._there = False
        if self._nrpn is not None:
            self._nrpn.forget()
        for player in self._players:
            self._wish(player, player.leave())

    def deserted(self) -> None:
        """The daemon is gone: nothing is known any more, and nothing is worth sending."""
        for address, known in self._known.items():
            known.forget()
            self._lamps.changed(address)
        self._outbox.clear()

    def dark(self) -> list[bytes]:
        """The messages that put the lights out."""
        return self._lamps.dark() if self._there else []

    def _of(self, address: str, target: Target | None) -> Known:
        if address not in self._known:
            ends = (target.low, target.high) if target is not None else (None, None)
            span = abs(ends[1] - ends[0]) if ends[0] is not None and ends[1] is not None else 1.0
            self._known[address] = Known(span)
        return self._known[address]

    def _playing(self, event: Event) -> Iterable[Player]:
        for channel in (event.channel, None):
            yield from self._at.get((event.kind, channel, event.number), ())

    def _wish(self, player: Player, wish: Wish | None) -> None:
        if wish is not None:
            address = player.control.target.address
            self._known[address].set(wish.value, player)
            self._outbox.put(address, wish)


def _places(source: Source) -> list[_Place]:
    numbers = (source.number,) if source.fine is None else (source.number, source.fine)
    return [(source.kind, source.channel, number) for number in numbers]
