"""The way to the daemon: OSC over UDP, and a subscription that outlives it."""

import asyncio
import socket
from collections.abc import Callable, Sequence
from typing import TypeAlias

from daemon.clock import Clock
from daemon.control.osc import Message, decode, encode
from daemon.control.table import PREFIX, STATE, SUBSCRIPTION
from daemon.control.wire import Wire
from daemon.errors import BadInput
from daemon.midi.target import Args, Value

Told: TypeAlias = Callable[[str, Value], None]

LOST = 3.5  # s without a word after which the daemon is taken for gone; its heart beats once a second
_ASK = 1.0  # s between two knocks at the door of a daemon that is gone
_RENEW = SUBSCRIPTION / 3
_ERROR, _BUNDLE = (PREFIX + "error\0").encode(), b"#bundle"


class Link:
    """One daemon, at an address in digits."""

    def __init__(self, host: str, port: int, clock: Clock, wanted: Sequence[str]) -> None:
        """`wanted`: the addresses whose state is told. Raises `BadInput`."""
        self._to, self._clock = _resolved(host, port), clock
        own = "127.0.0.1" if self._to[0].startswith("127.") else "0.0.0.0"
        self._wire = Wire(own, 0)
        heard = (address for address in wanted if address.startswith((PREFIX + "audio/", PREFIX + "heartbeat/")))
        states = (STATE + address.removeprefix(PREFIX) for address in wanted)
        self._wanted = tuple(f"{address}\0".encode() for address in (*heard, *states))
        self._beaten = self._asked = float("-inf")
        self.there = False

    @property
    def where(self) -> str:
        """The daemon's address, for people."""
        return f"{self._to[0]}:{self._to[1]}"

    def send(self, address: str, args: Args) -> None:
        """One message; whether it arrives nobody knows."""
        self._wire.send(encode(address, *args), (self._to,))

    def knock(self) -> None:
        """Subscribe, anew or again, when it is time; and see whether the daemon is there."""
        now = self._clock.now()
        self.there = now - self._beaten < LOST
        if now - self._asked >= (_RENEW if self.there else _ASK):
            self._asked = now
            self.send(PREFIX + "subscribe", ())

    async def listen(self, told: Told, complain: Callable[[str], None]) -> None:
        """Hear the daemon, for ever. `complain` is told what it refuses."""
        while True:
            await self._wire.readable()
            while (taken := self._wire.take()) is not None:
                if taken[1] == self._to:
                    self._hear(taken[0], told, complain)
            await asyncio.sleep(0)

    def close(self) -> None:
        """Let go of the socket."""
        self._wire.close()

    def _hear(self, datagram: bytes, told: Told, complain: Callable[[str], None]) -> None:
        """Most of what a subscriber is told is not for us, and is not even read."""
        self._beaten, self.there = self._clock.now(), True
        if not datagram.startswith((*self._wanted, _ERROR, _BUNDLE)):
            return
        for message in decode(datagram):
            if not isinstance(message, Message) or not message.args:
                continue
            value = message.args[0]
            if message.address == PREFIX + "error":
                complain(str(message.args[-1]))
            elif isinstance(value, bool):
                told(message.address, float(value))
            elif isinstance(value, int | float | str):
                told(message.address, value)


def _resolved(host: str, port: int) -> tuple[str, int]:
    try:
        found = socket.getaddrinfo(host, port, socket.AF_INET, socket.SOCK_DGRAM)
    except (OSError, ValueError):
        raise BadInput("--osc", [f"{host!r} is not an IPv4 address or a name of one"]) from None
    return str(found[0][4][0]), port
