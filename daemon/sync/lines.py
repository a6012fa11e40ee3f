"""The sockets of a wall: UDP to a list of followers, or to a multicast group."""

import errno
import select
import socket
import sys
from collections.abc import Callable, Iterable, Sequence
from ipaddress import IPv4Network

from daemon.control.senders import Senders
from daemon.errors import BadInput
from daemon.sync.leaders import Address

_LARGEST = 2_048  # bytes: none of ours is larger
_BUFFER = 1 << 20  # bytes
_TTL = 1  # a wall is one network


class Lines:
    """Where a leader sends and is asked, or a follower listens and asks."""

    def __init__(
        self,
        host: str,
        port: int,
        group: str | None,
        *,
        leads: bool,
        believed: Sequence[IPv4Network] = (),
        on_stranger: Callable[[str, float], None] = lambda _host, _now: None,
    ) -> None:
        """`believed`: who is listened to beside this machine. `on_stranger`: told of each datagram of anybody else.

        Raises `BadInput` when the port cannot be had.
        """
        self.unsent, self._senders, self._on_stranger = 0, Senders(believed), on_stranger
        self._sockets: list[socket.socket] = []
        try:
            if group is None or leads:
                self._sockets.append(_socket(host, port, shared=group is not None))
                if group is not None:
                    _aim(self._sockets[0], host)
            else:
                # asks and answers come on a port of our own: several followers of one machine share the group's
                self._sockets.append(_socket(host, 0))
                self._sockets.append(_ear(group, port, host))
        except (OSError, ValueError, TypeError) as e:  # TypeError: a host with a NUL in it
            self.close()
            raise BadInput("sync", [_why(e, host, port)]) from None
        self.port: int = self._sockets[0].getsockname()[1]

    def take(self, timeout: float, now: float) -> tuple[bytes, Address] | None:
        """A datagram of somebody who is believed, and who it was; None when none came for `timeout` seconds."""
        for ready in select.select(self._sockets, [], [], timeout)[0]:
            try:
                data, sender = ready.recvfrom(_LARGEST)
            except OSError:  # Windows tells here that an earlier datagram found nobody
                continue
            if self._senders.obeys(sender[0], now):
                return data, sender[:2]
            self._on_stranger(sender[0], now)
        return None

    def send(self, datagrams: Iterable[bytes], to: Sequence[Address]) -> None:
        """Tell everyone; who cannot be reached is counted."""
        for datagram in datagrams:
            for who in to:
                try:
                    self._sockets[0].sendto(datagram, who)
                except OSError:
                    self.unsent += 1

    def close(self) -> None:
        """Give the ports back."""
        for each in self._sockets:
            each.close()


def _socket(host: str, port: int, *, shared: bool = False) -> socket.socket:
    made = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    try:
        made.setblocking(False)
        if shared:
            made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        elif (exclusive := getattr(socket, "SO_EXCLUSIVEADDRUSE", None)) is not None:  # Windows shares ports otherwise
            made.setsockopt(socket.SOL_SOCKET, exclusive, 1)
        made.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, _BUFFER)
        made.bind((host, port))
    except BaseException:
        made.close()
        raise
    return made


def _aim(sender: socket.socket, host: str) -> None:
    """Multicast from this socket leaves by the interface with this address, and reaches this machine, too."""
    sender.setsockopt(socket.IPPROTO_IP, socket.IP_MULTICAST_TTL, _TTL)
    sender.setsockopt(socket.IPPROTO_IP, socket.IP_MULTICAST_LOOP, 1)
    if host != "0.0.0.0":
        sender.setsockopt(socket.IPPROTO_IP, socket.IP_MULTICAST_IF, socket.inet_aton(host))


def _ear(group: str, port: int, host: str) -> socket.socket:
    """Hears the group alone, where the system can tell; Windows binds to no group."""
    made = _socket("" if sys.platform == "win32" else group, port, shared=True)
    try:
        member = socket.inet_aton(group) + socket.inet_aton(host)
        made.setsockopt(socket.IPPROTO_IP, socket.IP_ADD_MEMBERSHIP, member)
    except BaseException:
        made.close()
        raise
    return made


def _why(error: Exception, host: str, port: int) -> str:
    match getattr(error, "errno", None):
        case errno.EADDRINUSE:
            return f"UDP port {port} on {host} is in use: end the other program (another latentd?) or set sync.port"
        case errno.EACCES:
            return f"UDP port {port} on {host} may not be used: set sync.port to one from 1024 up"
        case errno.EADDRNOTAVAIL | errno.ENODEV:
            return f"{host} is not an address of this machine: set sync.host to one that reaches the others"
    return f"cannot listen on {host} port {port} ({error}): set sync.host to an IPv4 address of this machine"
