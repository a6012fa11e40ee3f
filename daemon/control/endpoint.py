"""OSC over UDP: messages to the desk, answers to whoever asked. One service on the event loop.

Datagrams are taken in batches, a few milliseconds apart while they keep coming: a wake-up of the loop for each one
costs several times what the message does, and takes the interpreter from the render thread. After each batch the
loop rests four times the CPU time that the batch took, so a flood of any size leaves it four fifths of its time; what
the system's buffer cannot hold meanwhile is lost, as UDP may. Where more waits than a batch, values that were sent
again since are not looked at: a machine that cannot keep up is late by a batch, never by a backlog.
"""

import asyncio
from collections import deque
from collections.abc import Callable, Iterable
from dataclasses import replace
from functools import partial

from daemon.clock import Clock, spent
from daemon.config import Osc
from daemon.control.answer import Answer, Pong, Subscription, Told
from daemon.control.desk import Desk
from daemon.control.limits import Bucket
from daemon.control.newest import Datagram, Knobs, knobs_of, newest
from daemon.control.osc import decode, forward
from daemon.control.pace import NoPictures, Pace, Pictures
from daemon.control.refusal import Code, Refusal
from daemon.control.senders import Senders
from daemon.control.subscribers import Address
from daemon.control.table import PREFIX
from daemon.control.voice import Voice
from daemon.control.wire import Wire, resolved
from daemon.flow import Features, Hand
from daemon.mailbox import Mailbox
from daemon.params import Fade
from daemon.status import OscStatus, Status

_BATCH, _LONGEST_BATCH = 512, 0.005  # datagrams, s of CPU time
_MOST, _MOST_BYTES = 8192, 1 << 20  # datagrams that wait here, and bytes of them from which on no more are taken
_ERROR = PREFIX + "error"
_UNASKED = 16  # messages, and a whole datagram more, between two looks at the time


def _silent(code: str, text: str) -> None:
    """Nobody to report to."""


class OscEndpoint:
    """The daemon's ear and voice. Everything but the constructor belongs to the event loop's thread."""

    name = "osc"

    def __init__(
        self,
        desk: Desk,
        params: Mailbox[Fade],
        clock: Clock,
        config: Osc,
        status: Callable[[], Status],
        features: Callable[[], Features],
        *,
        hands: Mailbox[Hand] | None = None,
        hosts: Iterable[str] = (),
        on_refusal: Callable[[str, str], None] = _silent,
        pictures: Pictures | None = None,
    ) -> None:
        """`hands`: where raw latents go. `hosts`: further machines a subscriber may be on.

        `on_refusal`: told each code and sentence that is sent. `pictures`: batches are left until none is painted.
        """
        self._desk, self._params, self._clock, self._config = desk, params, clock, config
        self._status, self._features, self._on_refusal = status, features, on_refusal
        pictures = pictures or NoPictures()
        self._pace = Pace(pictures)
        self._voice, self._senders = Voice(desk, clock, frozenset(hosts), pictures.lull), Senders(config.allow)
        self._wire: Wire | None = None
        self._received = self._applied = self._refused = 0
        self._pings = Bucket(rate=200, size=64)
        self._shown = (params.latest(), desk.preset)  # what others know
        self._hands, self._held = hands, desk.hand
        self._waiting: deque[Datagram] = deque()
        self._known = (desk.table, knobs_of(desk.table))

    @property
    def port(self) -> int | None:
        """Where it listens; None while it does not."""
        return self._wire.address[1] if self._wire is not None else None

    def bind(self) -> None:
        """Take the port, to fail early and in one sentence. Raises `BadInput`."""
        if self._wire is None:
            config = self._config
            if config.reply_port:
                self._voice.subscribers.default = resolved(config.reply_host, config.reply_port)
            self._wire = self._voice.wire = Wire(config.host, config.port)

    def close(self) -> None:
        """Give the port back, also where it was never listened on."""
        if self._wire is not None:
            self._wire.close()
            self._wire = self._voice.wire = None

    async def run(self) -> None:
        """Listen and tell until cancelled."""
        self.bind()
        assert self._wire is not None
        voice, rate = self._voice, self._config.features_hz
        try:
            async with asyncio.TaskGroup() as group:
                for job in (voice.echo(), voice.beat(self._status), voice.hear(self._features, rate)):
                    group.create_task(job)
                await self._listen(self._wire)
        finally:
            self.close()

    def counts(self) -> OscStatus:
        """Messages so far."""
        return OscStatus(received=self._received, applied=self._applied, refused=self._refused)

    def values(self) -> dict[str, float | int | str]:
        """Every address with a value, in full, and its present value."""
        return self._desk.values(self._clock.now())

    def error(self, code: str, text: str) -> None:
        """Tell every subscriber that something went wrong; the same thing at most once a second."""
        self._voice.complain((code, text), lambda: text, self._clock.now())

    def receive(self, datagram: bytes, sender: Address, now: float) -> int:
        """Apply everything in a datagram at clock time `now`; how many messages that was, 1 of a stranger's."""
        if not self._senders.obeys(sender[0], now):
            return self._turn_away(sender, now)
        items, refused, hushed = decode(datagram), 0, False
        for item in items:
            outcome = item if isinstance(item, Refusal) else self._desk.apply(item, now, sender)
            if outcome is not None and not isinstance(outcome, Refusal):
                outcome = self._answer(outcome, sender, now)
            if outcome is not None:
                hushed = hushed or self._voice.hushed(now)  # in a flood, asked once a datagram
                if not hushed:
                    self._refuse(outcome, sender, now)
                refused += 1
        self._received += len(items)
        self._applied += len(items) - refused
        self._refused += refused
        return len(items)

    def publish(self) -> None:
        """Hand the state on, if it has changed."""
        if self._hands is not None and (hand := self._desk.hand) is not self._held:
            self._held = hand
            self._hands.put(replace(self._hands.latest(), z=hand.z, ws=hand.ws))  # the offset is another's
        fade, preset = self._desk.fade, self._desk.preset
        if fade is not self._shown[0]:
            self._params.put(fade)
        elif preset == self._shown[1]:
            return
        self._shown = (fade, preset)
        self._voice.changed()

    def refit(self) -> None:
        """The desk was fitted to another model, or told to stay with the one there is: hand that on."""
        self.publish()
        self._voice.changed()

    async def _listen(self, wire: Wire) -> None:
        rest: float | None = None
        while True:
            if rest is None:
                await wire.readable()
            else:
                await asyncio.sleep(rest)
            rest = self._pace.more(self._clock.now()) or self._drain(wire)

    def _drain(self, wire: Wire) -> float | None:
        """Take a batch; the seconds to rest before the next, None when there was nothing."""
        now, began = self._clock.now(), spent()
        room = _MOST - len(self._waiting) if sum(len(one) for one, _ in self._waiting) < _MOST_BYTES else 0
        new = wire.take_all(room)
        self._waiting.extend(new)
        if not self._waiting:
            return None
        if new and len(self._waiting) > _BATCH:
            self._skip(now)
        due, begun = self._received, spent()  # looking for what to skip may take as long as a batch may: it is no part
        while self._waiting:
            if self._received >= due:  # not after each: asking the system costs a third of a message
                if spent() - begun >= _LONGEST_BATCH:
                    break
                due = self._received + _UNASKED
            self.receive(*self._waiting.popleft(), now)
        self.publish()
        return self._pace.rest(now, spent() - began, len(new))

    def _skip(self, now: float) -> None:
        """Leave out what was sent again since, which counts as applied; a stranger's counts as refused."""
        obeyed: list[Datagram] = []
        for datagram, sender in self._waiting:
            if self._senders.obeys(sender[0], now):
                obeyed.append((datagram, sender))
            else:
                self._turn_away(sender, now)
        self._waiting = deque(newest(obeyed, self._knobs()))
        skipped = len(obeyed) - len(self._waiting)
        self._received += skipped
        self._applied += skipped

    def _knobs(self) -> Knobs:
        """Of the table in force."""
        if self._known[0] is not self._desk.table:
            self._known = (self._desk.table, knobs_of(self._desk.table))
        return self._known[1]

    def _answer(self, answer: Answer, sender: Address, now: float) -> Refusal | None:
        match answer:
            case Told(addresses):
                return self._voice.answer(sender, addresses)
            case Subscription():
                return self._voice.welcome(answer, sender, now)
            case Pong(tail):
                if not self._pings.take(now):
                    return Refusal(Code.BUSY, "at most 200 pings a second are answered", "/latentd/ping")
                self._voice.say(forward(PREFIX + "pong", tail), (sender,))
                return None

    def _turn_away(self, sender: Address, now: float) -> int:
        """A stranger's datagram is counted and told of, but not to the stranger: senders can be forged."""
        self._received += 1
        self._refused += 1
        text = self._voice.complain((Code.HOST, "osc.allow"), partial(_stranger, sender[0]), now)
        if text is not None:
            self._on_refusal(Code.HOST, text)
        return 1

    def _refuse(self, refusal: Refusal, sender: Address, now: float) -> None:
        about, voice = refusal.about, self._voice
        if about.startswith(_ERROR):  # two daemons that hear each other would never stop
            return
        if voice.listened:
            voice.correct(about)
        text = voice.complain((refusal.code, about), refusal.sentence, now, (sender,))
        if text is not None:
            self._on_refusal(refusal.code, text)


def _stranger(host: str) -> str:
    return f"{host} is not obeyed: add it to osc.allow in the config if it should be"
