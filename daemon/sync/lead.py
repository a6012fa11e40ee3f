"""The leader: every tick's latents to whoever follows, and shown here when they are shown there."""

import math
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

from daemon.control.limits import Bucket, Causes
from daemon.flow import Beat, Features, Latents, ModelFacts
from daemon.mailbox import Mailbox
from daemon.sync.body import Body, fingerprint, pack
from daemon.sync.leaders import Address
from daemon.sync.packet import FramePart, Head, Ping, Pong, Post, StatePart, cut
from daemon.sync.standing import Screen, Standing

MOST_SCREENS = 64
FORGOTTEN = 5.0  # s without a word after which a follower is gone
_NEAR = 0.25  # of a frame: two ticks nearer than this are the same


@dataclass(frozen=True, slots=True, eq=False)
class Outgoing:
    """A frame on its way."""

    head: Head
    body: bytes


class Lead:
    """Pure: times, latents and datagrams are passed in.

    `heard` and `shown` belong to the render thread, `frame` and `state` to the one that sends, `receive` to the one
    that listens.
    """

    role: Literal["leader"] = "leader"

    def __init__(
        self,
        name: str,
        session: int,
        post: Post,
        facts: Callable[[], ModelFacts],
        fps: float,
        delay: float,
        on_trouble: Callable[[str], None],
    ) -> None:
        """`session`: a number no other run has. `delay`: s from a tick to its picture on every screen, at least."""
        self.name, self.session = name, session
        self.outgoing: Mailbox[Outgoing | None] = Mailbox(None)
        self._post, self._facts, self._fps, self._on_trouble = post, facts, fps, on_trouble
        self._ticks = math.ceil(delay * fps - 1e-6)
        self._model: tuple[ModelFacts | None, bytes] = (None, b"")
        self._shape = (0, 0)  # of its ws
        self._began: float | None = None
        self._beat, self._heard = Beat(), None
        self._count = self._states = 0
        self._waiting: deque[tuple[float, int, Latents, float | None]] = deque()  # due, index, latents, heard
        self._shown = -1
        self._screens: dict[Address, Screen] = {}
        self._pongs, self._causes, self.refused = Bucket(rate=400, size=128), Causes(10.0), 0

    def grid(self, t: float) -> tuple[float, float] | None:  # noqa: ARG002
        """A leader keeps its own time."""
        return None

    def heard(self, t: float, features: Features) -> Features:
        """What the sound is at tick `t`: goes along with its latents."""
        beat, heard = features.beat, features.heard
        since = 0.0 if heard is None else max(t - heard, 0.0)
        self._beat = Beat(beat.bpm, (beat.phase + since * beat.bpm / 60.0) % 1.0, beat.confidence)
        return features

    def shown(self, t: float, latents: Latents, heard: float | None) -> tuple[Latents, float | None]:
        """Hand on what was made at tick `t` from sound of `heard`; what is to be shown now, and when it was heard."""
        if self._began is None:
            self._began = t
        index = round((t - self._began) * self._fps)
        due = t + self._ticks / self._fps
        head = Head(index, self._count, self._began, t, due, self._fps, self._fingerprint())
        self._count += 1
        if latents.ws is None or latents.ws.shape == self._shape:  # else the model is just being changed
            self.outgoing.put(Outgoing(head, pack(Body(latents, self._beat, heard))))
        self._waiting.append((due, index, latents, heard))
        while len(self._waiting) > 1 and self._waiting[1][0] <= t + _NEAR / self._fps:
            self._waiting.popleft()
        _, self._shown, now, then = self._waiting[0]
        return now, then

    def frame(self, outgoing: Outgoing) -> list[bytes]:
        """The datagrams of a frame."""
        return [self._post.seal(FramePart(self.session, outgoing.head, part)) for part in cut(outgoing.body)]

    def state(self, text: str) -> list[bytes]:
        """The datagrams of what was set, whole."""
        self._states += 1
        return [self._post.seal(StatePart(self.session, self._states, part)) for part in cut(text.encode())]

    def receive(self, datagram: bytes, sender: Address, now: float) -> bytes | None:
        """What to answer to a datagram that came at clock time `now`."""
        packet = self._post.open(datagram)
        match packet:
            case Ping(session, nonce) if session == self.session:
                if not self._pongs.take(now):
                    return None
                self._note(packet, sender, now)
                return self._post.seal(Pong(session, nonce, now, now))
            case FramePart(session) if session != self.session:
                self.refuse(f"{sender[0]} leads, too: let one of the two follow (sync.role)", now)
            case str(why):
                self.refuse(f"sync: a datagram of {sender[0]} was left out: {why}", now)
        return None

    def refuse(self, text: str, now: float) -> None:
        """Count what is left out, and say why, now and then."""
        self.refused += 1
        if self._causes.fresh((text, ""), now):
            self._on_trouble(text)

    def standing(self, now: float) -> Standing:
        """How the wall stands."""
        screens = tuple(screen for screen in tuple(self._screens.values()) if now - screen.asked < FORGOTTEN)
        delay = self._ticks / self._fps
        return Standing(
            self.role, self.name, self.name, self._shown, delay=delay, refused=self.refused, screens=screens
        )

    def _note(self, ping: Ping, sender: Address, now: float) -> None:
        known = {at: screen for at, screen in self._screens.items() if now - screen.asked < FORGOTTEN}
        if sender in known or len(known) < MOST_SCREENS:
            known[sender] = Screen(ping.name, sender[0], ping.shown, ping.lag, now)
        self._screens = known

    def _fingerprint(self) -> bytes:
        facts = self._facts()
        self._shape = facts.num_ws, facts.w_dim
        if facts is not self._model[0]:
            self._model = facts, fingerprint(facts)
        return self._model[1]
