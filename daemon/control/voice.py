"""What goes out: state, answers, errors, the heartbeat, what is heard."""

import asyncio
import math
from collections.abc import Callable, Iterable

from daemon.clock import Clock
from daemon.control.answer import Subscription
from daemon.control.desk import Desk
from daemon.control.limits import Bucket, Causes
from daemon.control.osc import encode
from daemon.control.pace import REST, Lull
from daemon.control.refusal import Code, Refusal
from daemon.control.subscribers import LOWEST_PORT, Address, Subscribers
from daemon.control.table import NORM, PREFIX, STATE, VALUE
from daemon.control.wire import Wire
from daemon.flow import Features
from daemon.status import Status

_ECHO = 0.05  # s: no state is told more often than this
_BEAT = 1.0  # s
_ASKERS = 16  # senders answered in one echo
_CORRECTED, _MOST_CORRECTED = 0.25, 16  # s: what was not taken is told of as often, and of so many addresses at once
_MANY, _AGAIN = 32, 0.5  # values, and s until a sender that was told more than so many is told as many again


class Voice:
    """Says things to subscribers and senders; without a wire it says nothing."""

    def __init__(self, desk: Desk, clock: Clock, hosts: frozenset[str], lull: Lull) -> None:
        self._desk, self._clock, self._lull = desk, clock, lull
        self.wire: Wire | None = None
        self.listened = False  # whether anybody was told state at the last look
        self.subscribers = Subscribers(None, hosts)
        self._causes, self._errors = Causes(), Bucket(rate=5, size=20)
        self._news = asyncio.Event()
        self._standing = desk.standing()  # as told
        self._newcomers: set[Address] = set()
        self._asked: dict[Address, set[str]] = {}
        self._unchanged: set[str] = set()  # addresses that were sent a value and have kept another
        self._correct_at = -math.inf  # s on the clock
        self._answered: dict[Address, float] = {}  # s on the clock, when they were told many values

    def say(self, packet: bytes, also: Iterable[Address] = ()) -> None:
        """Tell every subscriber and these senders, each once."""
        if self.wire is not None:
            live = self.subscribers.live(self._clock.now())
            self.wire.send(packet, (*live, *(who for who in also if who not in live and self._answerable(who))))

    def hushed(self, now: float) -> bool:
        """Whether so many errors were told of late that none is told now."""
        return not self._errors.ready(now)

    def complain(
        self, cause: tuple[str, str], sentence: Callable[[], str], now: float, also: Iterable[Address] = ()
    ) -> str | None:
        """Send an error, unless its cause was told within the second or too many were; the sentence if it was sent."""
        if self.hushed(now) or not self._causes.fresh(cause, now):
            return None
        self._errors.take(now)
        text = sentence()
        self.say(encode(PREFIX + "error", cause[0], text), also)
        return text

    def answer(self, sender: Address, addresses: Iterable[str]) -> Refusal | None:
        """Tell these values with the next echo."""
        if sender not in self._asked and len(self._asked) >= _ASKERS:
            return Refusal(Code.BUSY, "too many ask at once; ask again in a second", "/latentd/query")
        self._asked.setdefault(sender, set()).update(addresses)
        self._news.set()
        return None

    def welcome(self, wish: Subscription, sender: Address, now: float) -> Refusal | None:
        """Tell a subscriber everything with the next echo, and every change from then on."""
        own_port = self.wire.address[1] if self.wire is not None else 0
        who = self.subscribers.add(wish, sender, own_port, now)
        if isinstance(who, Refusal):
            return who
        self._newcomers.add(who)
        self._news.set()
        return None

    def correct(self, address: str) -> None:
        """What was sent to this address has changed nothing: tell subscribers its value soon, for what they show."""
        known, unchanged = self._standing.values, self._unchanged
        if address in unchanged or len(unchanged) >= _MOST_CORRECTED:
            return
        plain = address.removesuffix(VALUE).removesuffix(NORM)
        if plain in known:
            if not unchanged:
                self._news.set()
            unchanged.add(plain)

    def changed(self) -> None:
        """The state is not what it was."""
        self._news.set()

    async def echo(self) -> None:
        """Tell state when it changes, and all along while it fades."""
        self._standing = self._desk.standing()
        fading = True
        while True:
            if not fading:
                await self._woken()
            self._news.clear()
            began = self._clock.now()
            fading = self._desk.fading(began)
            self._tell(began)
            now = self._clock.now()
            rest = max(_ECHO, (now - began) * REST)
            await asyncio.sleep(rest + self._lull(now + rest))

    async def _woken(self) -> None:
        """Until there are news, or it is time for what waits to be told."""
        if not self._unchanged:
            await self._news.wait()
            return
        try:
            async with asyncio.timeout(max(self._correct_at - self._clock.now(), 0.0)):
                await self._news.wait()
        except TimeoutError:
            pass

    async def beat(self, status: Callable[[], Status]) -> None:
        """The heartbeat: plain floats, once a second."""
        while True:
            if self._heard():
                for name, value in vital(status()).items():
                    self.say(encode(f"{PREFIX}heartbeat/{name}", value))
            await asyncio.sleep(_BEAT)

    async def hear(self, features: Callable[[], Features], rate: float) -> None:
        """What is heard, `rate` times a second; 0 is never."""
        while rate > 0:
            if self._heard():
                for name, value in features().named().items():
                    self.say(encode(f"{PREFIX}audio/{name}", float(value)))
            await asyncio.sleep(1.0 / rate)

    def _due(self, now: float) -> dict[Address, set[str]]:
        """What was asked for and is told now; who asks for everything again and again gets it twice a second."""
        self._answered = {who: at for who, at in self._answered.items() if now - at < _AGAIN}
        asked = self._asked
        self._asked = {w: these for w, these in asked.items() if len(these) > _MANY and w in self._answered}
        asked = {who: these for who, these in asked.items() if who not in self._asked}
        self._answered |= {who: now for who, these in asked.items() if len(these) > _MANY}
        if self._asked:
            self._news.set()
        return asked

    def _corrections(self, now: float) -> set[str]:
        """What is told now although it is as it was."""
        if not self._unchanged or now < self._correct_at:
            return set()
        corrected, self._unchanged, self._correct_at = self._unchanged, set(), now + _CORRECTED
        return corrected

    def _heard(self) -> bool:
        """Whether there is anybody to tell."""
        return bool(self.subscribers.live(self._clock.now()))

    def _answerable(self, who: Address) -> bool:
        """Not ourselves, and no system service."""
        return self.wire is not None and who != self.wire.address and who[1] >= LOWEST_PORT

    def _tell(self, now: float) -> None:
        """What changed and what was asked for to every subscriber, all of it to newcomers, answers to who asked."""
        asked = self._due(now)
        newcomers, self._newcomers = self._newcomers, set()
        live = self.subscribers.live(now)
        self.listened = bool(live)
        askers = {who: these for who, these in asked.items() if who not in live and self._answerable(who)}
        wanted = frozenset[str]().union(*askers.values())
        corrected = self._corrections(now)
        if not live and not wanted:  # whoever subscribes is told everything
            return
        if live:
            changed = self._standing.look(now)
            values = self._standing.values if newcomers or asked or corrected else changed
        else:
            changed, values = {}, self._desk.values(now, wanted)
        news = changed.keys() | corrected.union(*asked.values())
        for address, value in values.items():
            to = [who for who in live if address in news or who in newcomers]
            to += [who for who, these in askers.items() if address in these]
            if to and self.wire is not None:
                self.wire.send(encode(STATE + address.removeprefix(PREFIX), value), to)


def vital(status: Status) -> dict[str, float]:
    """The signs of life; -1 is not known yet."""
    return {
        "frame": float(status.frame_index),
        "fps": float(status.fps),
        "frame_ms": status.frame_ms.p50 if status.frame_ms is not None else -1.0,
        "latency_ms": status.latency_ms.p50 if status.latency_ms is not None else -1.0,
        "gate": float(status.audio.gate_open),
        "audio_ok": float(status.audio.state in ("ok", "silent")),
    }
