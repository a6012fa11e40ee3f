"""Who is told: the default subscriber for ever, others for a minute unless they ask again."""

from ipaddress import AddressValueError, IPv4Address
from typing import TypeAlias

from daemon.control.answer import Subscription
from daemon.control.refusal import Code, Refusal, quoted
from daemon.control.table import MAX_SUBSCRIBERS, SUBSCRIPTION

Address: TypeAlias = tuple[str, int]
"""Host in digits and port."""

_ABOUT = "/latentd/subscribe"
LOWEST_PORT = 1024  # nothing is ever sent to a system service


class Subscribers:
    """At most sixteen beside the default one; time is passed in.

    UDP senders can be forged, so nobody can point the stream at a third machine: a subscriber is on this machine,
    on the sender's, or on one of `hosts`.
    """

    def __init__(self, default: Address | None, hosts: frozenset[str] = frozenset()) -> None:
        self.default, self._hosts = default, hosts
        self._until: dict[Address, float] = {}

    def add(self, wish: Subscription, sender: Address, own_port: int, now: float) -> Address | Refusal:
        """Whoever is told from now on, or why not."""
        host = _digits(wish.host if wish.host is not None else sender[0])
        port = sender[1] if wish.port is None else wish.port
        if host is None:
            return Refusal(Code.HOST, f"a subscriber's host is an IPv4 address, not {quoted(str(wish.host))}", _ABOUT)
        local = IPv4Address(host).is_loopback
        if not (local or host == sender[0] or host in self._hosts):
            return Refusal(Code.HOST, f"a subscriber is on this machine or on the sender's, not on {host}", _ABOUT)
        if port < LOWEST_PORT or (local and port == own_port):
            why = "the daemon's own" if port == own_port else f"below {LOWEST_PORT}"
            return Refusal(Code.HOST, f"a subscriber cannot be at port {port}: it is {why}", _ABOUT)
        who = (host, port)
        if who != self.default:
            if who not in self._until and len(self.live(now)) - (self.default is not None) >= MAX_SUBSCRIBERS:
                return Refusal(Code.BUSY, f"there are {MAX_SUBSCRIBERS} subscribers already; no more fit", _ABOUT)
            self._until[who] = now + SUBSCRIPTION
        return who

    def live(self, now: float) -> tuple[Address, ...]:
        """Everyone to be told now."""
        for who in [who for who, until in self._until.items() if until <= now]:
            del self._until[who]
        return (*self._until,) if self.default is None else (self.default, *self._until)


def _digits(host: str) -> str | None:
    """A host in digits; names are not looked up, since that would wait for a server."""
    if host == "localhost":
        return "127.0.0.1"
    try:
        return str(IPv4Address(host)) if len(host) <= len("255.255.255.255") else None
    except AddressValueError:
        return None
