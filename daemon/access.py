"""Who may look. A page on another site must not reach a server on this machine through a name it controls."""

import hmac
import re
import socket
from dataclasses import dataclass
from ipaddress import ip_address

_HOST = re.compile(r"(\[[0-9a-fA-F:.]{2,45}\]|[0-9A-Za-z.-]{1,253})(?::([0-9]{1,5}))?")
_LOOPBACK = frozenset({"localhost", "127.0.0.1", "::1"})


def is_loopback(host: str) -> bool:
    """Whether a listening address can be reached from this machine alone."""
    return host == "localhost" or (_is_address(host) and ip_address(host).is_loopback)


@dataclass(frozen=True, slots=True)
class Door:
    """What is asked of every request."""

    host: str  # listened on
    port: int
    token: str | None  # asked for when given

    def knows(self, host_headers: list[str]) -> bool:
        """Whether the one Host header names this server: loopback, or beyond it an address or this machine's name.

        A name that a stranger's DNS can point here (DNS rebinding) is never accepted.
        """
        match = _HOST.fullmatch(host_headers[0].strip()) if len(host_headers) == 1 else None
        if match is None or int(match[2] or 80) != self.port:
            return False
        name = match[1].strip("[]").lower()
        if name in _LOOPBACK:
            return True
        if is_loopback(self.host):
            return name == self.host
        machine = socket.gethostname().lower()
        return _is_address(name) or name in (self.host.lower(), machine, f"{machine}.local")

    def comes_from_here(self, origin_headers: list[str], host_headers: list[str]) -> bool:
        """Whether the page that asks is our own, from where it asks; only browsers say that (Origin)."""
        if not origin_headers:
            return True
        scheme, _, host = origin_headers[0].partition("://")
        same = [host.lower()] == [named.strip().lower() for named in host_headers]
        near = host.rpartition(":")[0].strip("[]").lower() in _LOOPBACK  # this machine on this port is us by any name
        return len(origin_headers) == 1 and scheme in ("http", "https") and (same or near) and self.knows([host])

    def lets_in(self, query_token: str | None, authorization: str | None) -> bool:
        """Whether the token, where one is asked for, was given in the query or as a bearer."""
        if self.token is None:
            return True
        bearer = authorization.removeprefix("Bearer ") if authorization is not None else None
        given = query_token if query_token is not None else bearer
        return given is not None and hmac.compare_digest(given.encode(errors="surrogateescape"), self.token.encode())


def _is_address(text: str) -> bool:
    try:
        ip_address(text)
    except ValueError:
        return False
    return True
