"""One daemon's part in a wall: what the render loop asks each tick, and the threads that send and listen."""

import logging
import secrets
import socket
from collections.abc import Callable
from functools import partial
from ipaddress import IPv4Network
from threading import Event

from daemon.clock import Clock
from daemon.config import Sync
from daemon.control.limits import Bucket, Causes
from daemon.errors import BadInput
from daemon.flow import ModelFacts
from daemon.mailbox import Mailbox
from daemon.params import Curve, Fade, Params
from daemon.status import SyncScreen, SyncStatus
from daemon.supervisor import Service, ThreadService
from daemon.sync.follow import Follow
from daemon.sync.lead import Lead
from daemon.sync.leaders import Address
from daemon.sync.lines import Lines
from daemon.sync.packet import Post
from daemon.sync.said import Said, say

logger = logging.getLogger(__name__)

_STRANGE = 3600.0  # s after which the same stranger is told of again
_TOLD = (0.05, 8)  # strangers told of a second, and at once
_AGAIN = 0.006  # s until everything is sent a second time: a network that loses one datagram may lose the next, too
_WHOLE = 1.0  # s from one telling of all that is set to the next, for who comes late
_LOOK = 0.05  # s between two looks at the stop event
_PATIENCE = 0.02  # s a follower waits for a datagram before it looks whether to ask
_RATE, _BURST = 20_000, 4_000  # datagrams a second that are looked at, and at once: several times what a wall sends


class Wall:
    """A leader or a follower with its sockets and threads, or neither; `part` is for the render loop."""

    def __init__(
        self,
        config: Sync,
        facts: Callable[[], ModelFacts],
        fps: float,
        params: Mailbox[Fade],
        preset: Callable[[], str | None],
        clock: Clock,
        on_said: Callable[[Params, str | None, float, Curve], None],
        on_trouble: Callable[[str], None],
    ) -> None:
        """`facts`: of the model in force. `on_said`: told params, preset, seconds and curve of a fade to them.

        Both are called on threads of the wall's own.
        """
        self._config, self._facts, self._params, self._preset, self._clock = config, facts, params, preset, clock
        name, post = config.name or _machine(), Post(config.key)
        self.part: Lead | Follow | None = None
        if config.role == "leader":
            self.part = Lead(name, secrets.randbits(63), post, facts, fps, config.delay, on_trouble)
        elif config.role == "follower":
            self.part = Follow(name, post, facts, lambda: secrets.randbits(63), _each(on_said), on_trouble)
        self._on_trouble, self._strangers, self._told = on_trouble, Causes(_STRANGE), Bucket(*_TOLD)
        self._lines: Lines | None = None
        self._to = destinations(config) if config.role == "leader" else ()

    @property
    def port(self) -> int | None:
        """Where it listens, or asks; None before `bind`."""
        return None if self._lines is None else self._lines.port

    def bind(self) -> None:
        """Take the port, to fail early and in one sentence. Raises `BadInput`."""
        if self._lines is None and self.part is not None:
            c = self._config
            leads, known = c.role == "leader", believed(c)
            self._lines = Lines(
                c.host, c.port, c.group, leads=leads, believed=known, on_stranger=partial(self._strange, self.part)
            )
            if text := alone(c):
                self._on_trouble(text) if not _loopback(c.host) or c.peers else logger.info("%s", text)

    def services(self) -> tuple[Service, ...]:
        """In boot order."""
        part = self.part
        if isinstance(part, Lead):
            send, listen = (lambda stop: self._send(part, stop)), (lambda stop: self._answer(part, stop))
            return (ThreadService("sync", send), ThreadService("sync questions", listen))
        return () if part is None else (ThreadService("sync", lambda stop: self._listen(part, stop)),)

    def status(self) -> SyncStatus | None:
        """How this daemon stands in the wall; from any thread."""
        if self.part is None:
            return None
        now = self.part.standing(self._clock.now())
        return SyncStatus(
            role=self.part.role,
            name=now.name,
            leader=now.leader,
            frame_index=now.index,
            frame_lag=now.lag,
            offset_ms=round(1e3 * now.offset, 3),
            delay_ms=round(1e3 * now.delay, 3),
            lost=now.lost,
            refused=now.refused,
            screens=tuple(
                SyncScreen(name=one.name, host=one.host, frame_index=one.shown, frame_lag=one.lag)
                for one in now.screens
            ),
        )

    def close(self) -> None:
        """Give the ports back; after the services have ended."""
        if self._lines is not None:
            self._lines.close()
            self._lines = None

    def _strange(self, part: Lead | Follow, host: str, now: float) -> None:
        """Somebody who is not listed: counted, and told of once, also where a flood of them is forged."""
        part.refused += 1
        if self._strangers.fresh((host, ""), now) and self._told.take(now):
            does, role = ("asks", "follows") if part.role == "leader" else ("sends", "leads")
            self._on_trouble(f"sync: {host} {does}, but is not in sync.peers: list it there if it {role}")

    def _bound(self) -> Lines:
        self.bind()
        assert self._lines is not None
        return self._lines

    def _send(self, lead: Lead, stop: Event) -> None:
        """Every frame as soon as it is made, and a second time a little later; what is set when it changes."""
        lines, seen, again = self._bound(), 0, list[bytes]()
        told: tuple[Fade, str | None] | None = None
        whole = self._clock.now()
        while not stop.is_set():
            newer = lead.outgoing.newer(seen, _AGAIN if again else _LOOK)
            lines.send(again, self._to)
            again = []
            if newer is not None and newer[1] is not None:
                seen, again = newer[0], lead.frame(newer[1])
            now, present = self._clock.now(), (self._params.latest(), self._preset())
            if present != told or now >= whole:
                told, whole = present, now + _WHOLE
                again += lead.state(say(lead.name, self._facts(), *present, now))
            lines.send(again, self._to)

    def _answer(self, lead: Lead, stop: Event) -> None:
        lines = self._bound()
        while not stop.is_set():
            if (taken := lines.take(_LOOK, self._clock.now())) is not None:
                answer = lead.receive(*taken, self._clock.now())
                lines.send(() if answer is None else (answer,), (taken[1],))

    def _listen(self, follow: Follow, stop: Event) -> None:
        lines, looked = self._bound(), Bucket(_RATE, _BURST)
        while not stop.is_set():
            taken, now = lines.take(_PATIENCE, self._clock.now()), self._clock.now()
            if taken is not None and looked.take(now):
                follow.receive(*taken, now)
            if (asked := follow.ping(self._clock.now())) is not None:
                lines.send((asked[0],), (asked[1],))


def _each(on_said: Callable[[Params, str | None, float, Curve], None]) -> Callable[[Said], None]:
    return lambda said: on_said(said.params, said.preset, said.seconds, said.curve)


def destinations(config: Sync) -> tuple[Address, ...]:
    """Where a leader sends. Raises `BadInput` where that is nowhere, or cannot be reached from its host."""
    if config.group is not None:
        return ((config.group, config.port),)
    found = tuple((host, port or config.port) for host, port in map(_split, config.peers) if "/" not in host)
    if not found:
        raise BadInput("sync", ["a leader needs followers to tell: list their addresses in sync.peers, or set a group"])
    if _loopback(config.host) and not all(_loopback(host) for host, _ in found):
        told = f"from sync.host {config.host} no other machine can be reached: set it to this machine's address"
        raise BadInput("sync", [told])
    return found


def believed(config: Sync) -> tuple[IPv4Network, ...]:
    """Who is listened to beside this machine."""
    return tuple(IPv4Network(_split(peer)[0], strict=False) for peer in config.peers)


def alone(config: Sync) -> str:
    """What keeps this daemon from being in a wall with another machine, in one sentence; empty where nothing does."""
    leads, here = config.role == "leader", _loopback(config.host)
    if config.role == "off" or (leads and config.group is None):  # such a leader is told by `destinations`
        return ""
    if here and not all(_loopback(_split(peer)[0]) for peer in config.peers):
        return f"sync: from sync.host {config.host} no other machine is heard: set it to this machine's address"
    if config.peers:
        return ""
    also = ", and set sync.host to this machine's" if here else ""
    if leads:
        return (
            f"sync: no other machine is answered, since sync.peers is empty: list the followers or their network{also}"
        )
    return f"sync: no other machine is followed, since sync.peers is empty: list the leader's address there{also}"


def _split(peer: str) -> tuple[str, int | None]:
    """192.168.1.7, 192.168.1.7:7800 or 192.168.1.0/24 as host and port."""
    host, _, port = peer.partition(":")
    return host, int(port) if port else None


def _loopback(host: str) -> bool:
    return host == "localhost" or host.startswith("127.")


def _machine() -> str:
    name = socket.gethostname().partition(".")[0][:64]
    return name if name.isascii() and name.isprintable() and name else "latentd"
