"""The UDP socket: bound with a clear refusal, drained in batches, never waited on."""

import asyncio
import errno
import socket
from collections.abc import Iterable

from daemon.control.osc import MAX_BYTES
from daemon.control.subscribers import Address
from daemon.errors import BadInput

_BUFFERS = (4 << 20, 1 << 20, 1 << 18)  # bytes: the first one the system grants; some refuse instead of clipping
_MOST_BYTES = 8 << 20  # taken at once
_TRIES = 64  # errors in a row before listening is left for later
_POLL = 0.005  # s between looks where the event loop cannot watch a socket


class Wire:
    """One bound socket and what went wrong with it."""

    def __init__(self, host: str, port: int) -> None:
        """Raises `BadInput` when the port cannot be had."""
        self._socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.unsent = self.unheard = 0  # datagrams nobody could take; errors while listening
        try:
            self._socket.setblocking(False)
            if (
                exclusive := getattr(socket, "SO_EXCLUSIVEADDRUSE", None)
            ) is not None:  # Windows shares ports otherwise
                self._socket.setsockopt(socket.SOL_SOCKET, exclusive, 1)
            for size in _BUFFERS:
                try:
                    self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, size)
                    break
                except OSError:
                    continue
            self._socket.bind((host, port))
        except (OSError, ValueError, TypeError) as e:  # TypeError: a host with a NUL in it
            self._socket.close()
            raise BadInput("OSC", [_why(e, host, port)]) from None
        self.address: Address = self._socket.getsockname()[:2]

    def take(self) -> tuple[bytes, Address] | None:
        """A datagram and who sent it; None when there is none."""
        taken = self.take_all(1)
        return taken[0] if taken else None

    def take_all(self, most: int) -> list[tuple[bytes, Address]]:
        """What waits, up to so many datagrams and a few megabytes."""
        taken: list[tuple[bytes, Address]] = []
        size = errors = 0
        while len(taken) < most and size < _MOST_BYTES and errors < _TRIES:
            try:
                one = self._socket.recvfrom(MAX_BYTES + 1)
            except BlockingIOError:
                break
            except OSError:  # Windows tells here, once for each, that an earlier answer found nobody
                self.unheard += 1
                errors += 1
            else:
                taken.append(one)
                size += len(one[0])
                errors = 0
        return taken

    def send(self, packet: bytes, to: Iterable[Address]) -> None:
        """Tell everyone; who cannot be reached is counted."""
        for who in to:
            try:
                self._socket.sendto(packet, who)
            except OSError:
                self.unsent += 1

    async def readable(self) -> None:
        """Wait until there may be something to take."""
        loop, ready = asyncio.get_running_loop(), asyncio.Event()
        try:
            loop.add_reader(self._socket, ready.set)
        except NotImplementedError:  # Windows' proactor loop
            await asyncio.sleep(_POLL)
            return
        try:
            await ready.wait()
        finally:
            loop.remove_reader(self._socket)

    def close(self) -> None:
        self._socket.close()


def resolved(host: str, port: int) -> Address:
    """A configured host in digits, looked up once. Raises `BadInput`."""
    try:
        found = socket.getaddrinfo(host, port, socket.AF_INET, socket.SOCK_DGRAM)
    except (OSError, ValueError, TypeError):
        raise BadInput("OSC", [f"reply_host {host!r} is not an IPv4 address or a name of one"]) from None
    return str(found[0][4][0]), port


def _why(error: Exception, host: str, port: int) -> str:
    match getattr(error, "errno", None):
        case errno.EADDRINUSE:
            return f"UDP port {port} on {host} is in use: end the other program (another latentd?) or set osc.port"
        case errno.EACCES:
            return f"UDP port {port} on {host} may not be used: set osc.port to one from 1024 up"
        case errno.EADDRNOTAVAIL:
            return f"{host} is not an address of this machine: set osc.host to 127.0.0.1"
    return f"cannot listen on {host} port {port} ({error}): set osc.host to an IPv4 address of this machine"
