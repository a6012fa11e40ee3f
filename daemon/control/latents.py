"""Raw latents over TCP: z_dim little-endian float32 a vector, one after the other, added to the seed's z.

The stream has no framing, so a client that lost count is never understood again: after a few vectors that cannot be
meant it is sent away, and begins anew when it comes back. Each connection is read at most `_READS` times a second:
who sends faster waits, and the event loop does not.
"""

import asyncio
import errno
import socket
from collections.abc import Callable
from dataclasses import replace

import numpy as np

from daemon.clock import Clock
from daemon.control.hands import LARGEST
from daemon.control.limits import Causes
from daemon.errors import BadInput
from daemon.flow import Hand, frozen
from daemon.mailbox import Mailbox

CLIENTS = 8  # at once
IDLE = 60.0  # s without a byte after which a client is sent away

_READS = 200.0  # a second and connection
_LOOKED = 32  # vectors looked at of those that came at once, the newest
_HTTP = (b"GET ", b"POST", b"HEAD", b"OPTI", b"PUT ")  # a web page may send to any port of its own machine
_LOST = 16  # vectors refused in a row after which a client has lost count


def _silent(code: str, text: str) -> None:
    """Nobody to report to."""


class LatentListener:
    """Takes vectors from any number of clients up to `CLIENTS`; the newest whole one wins. A service.

    Everything but the constructor belongs to the event loop's thread.
    """

    name = "latents"

    def __init__(
        self,
        hands: Mailbox[Hand],
        z_dim: Callable[[], int],
        clock: Clock,
        host: str,
        port: int,
        on_refusal: Callable[[str, str], None] = _silent,
        idle: float = IDLE,
    ) -> None:
        """`z_dim`: of the model in force. `on_refusal`: told a code and a sentence, each at most once a second."""
        self._hands, self._z_dim, self._clock = hands, z_dim, clock
        self._host, self._port, self._on_refusal, self._idle = host, port, on_refusal, idle
        self._socket: socket.socket | None = None
        self._clients = set[_Client]()
        self._causes = Causes()
        self.received = self.refused = 0  # whole vectors

    @property
    def port(self) -> int | None:
        """Where it listens; None while it does not."""
        return self._socket.getsockname()[1] if self._socket is not None else None

    def bind(self) -> None:
        """Take the port, to fail early and in one sentence. Raises `BadInput`."""
        if self._socket is None:
            try:
                self._socket = socket.create_server((self._host, self._port))
            except (OSError, ValueError, TypeError) as e:  # TypeError: a host with a NUL in it
                raise BadInput("TCP", [_why(e, self._host, self._port)]) from None

    def close(self) -> None:
        """Give the port back, also where it was never listened on."""
        if self._socket is not None:
            self._socket.close()
            self._socket = None

    async def run(self) -> None:
        """Listen until cancelled."""
        self.bind()
        assert self._socket is not None
        loop = asyncio.get_running_loop()
        server: asyncio.Server | None = None
        try:
            server = await loop.create_server(lambda: _Client(self), sock=self._socket, start_serving=False)
            await server.start_serving()
            while True:
                await asyncio.sleep(min(self._idle / 4, 1.0))
                self._send_away_idle()
        finally:
            for client in tuple(self._clients):
                client.leave()
            if server is not None:
                server.close()
            self.close()

    def _send_away_idle(self) -> None:
        now = self._clock.now()
        for client in [client for client in self._clients if now - client.last > self._idle]:
            client.leave()

    def come(self, client: "_Client") -> bool:
        """Whether there is room for one more."""
        if len(self._clients) >= CLIENTS:
            self._refuse("busy", f"TCP: at most {CLIENTS} clients send latents at once; close one of them")
            return False
        self._clients.add(client)
        client.last = self._clock.now()
        return True

    def go(self, client: "_Client") -> None:
        self._clients.discard(client)

    def take(self, client: "_Client", data: bytes) -> None:
        """Every whole vector of what has come; what is left over waits for the rest of it."""
        client.last = self._clock.now()
        z_dim = self._z_dim()
        size = 4 * z_dim
        if client.size not in (0, size):  # the model has changed: what began in the old size has no end
            self._refuse("model", f"TCP: vectors have {z_dim} numbers now; connect again")
            client.leave()
            return
        if client.size == 0 and data.startswith(_HTTP):
            self._refuse("type", "TCP: this is HTTP; nothing but float32 is taken here")
            client.leave()
            return
        client.size = size
        data = client.rest + data
        whole = len(data) // size
        client.rest = data[whole * size :]
        if whole == 0:
            return
        vectors = np.frombuffer(data, "<f4", whole * z_dim).reshape(whole, z_dim)[-_LOOKED:]
        with np.errstate(invalid="ignore"):
            good = np.flatnonzero((np.abs(vectors) <= LARGEST).all(axis=1))  # NaN is not, either
        self.received += whole
        self.refused += len(vectors) - len(good)
        client.missed = len(vectors) - 1 - int(good[-1]) if len(good) else client.missed + len(vectors)
        if len(good):
            z = vectors[good[-1]].astype(np.float32)
            frozen(z)
            self._hands.put(replace(self._hands.latest(), offset=(z, client.last)))
        if client.missed:
            self._refuse("range", f"TCP: a vector is {z_dim} little-endian float32 of -{LARGEST:g} to {LARGEST:g}")
        if client.missed >= _LOST:
            client.leave()

    def _refuse(self, code: str, text: str) -> None:
        if self._causes.fresh((code, ""), self._clock.now()):
            self._on_refusal(code, text)


class _Client(asyncio.Protocol):
    """One connection."""

    def __init__(self, listener: LatentListener) -> None:
        self._listener = listener
        self._transport: asyncio.Transport | None = None
        self.rest, self.size = b"", 0  # of a vector that is not whole yet; bytes of a whole one
        self.missed = 0  # vectors refused in a row
        self.last = 0.0  # s on the clock, when it sent something

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport
        if not self._listener.come(self):
            transport.abort()

    def data_received(self, data: bytes) -> None:
        transport = self._transport
        if transport is None or transport.is_closing():
            return
        transport.pause_reading()
        asyncio.get_running_loop().call_later(1 / _READS, self._read_on)
        self._listener.take(self, data)

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002 - asyncio's own name
        self._transport = None
        self._listener.go(self)

    def leave(self) -> None:
        """End the connection now."""
        self._listener.go(self)
        if self._transport is not None:
            self._transport.abort()

    def _read_on(self) -> None:
        if self._transport is not None and not self._transport.is_closing():
            self._transport.resume_reading()


def _why(error: Exception, host: str, port: int) -> str:
    match getattr(error, "errno", None):
        case errno.EADDRINUSE:
            return f"port {port} on {host} is in use: end the other program (another latentd?) or set tcp.port"
        case errno.EACCES:
            return f"port {port} on {host} may not be used: set tcp.port to one from 1024 up"
        case errno.EADDRNOTAVAIL:
            return f"{host} is not an address of this machine: set tcp.host to 127.0.0.1"
    return f"cannot listen on {host} port {port} ({error}): set tcp.host to an IPv4 address of this machine"
