"""What OSCQuery says and where it listens."""

import errno
import json
import re
import socket
from collections.abc import Mapping

from aiohttp import web

from daemon.errors import BadInput

_TAKEN_AT_ONCE = 8192  # bytes: what one client sends is looked at in pieces of about so much, and others in between
_HOST = re.compile(r"(.+?)\.?(?::([0-9]+))?")


def as_json(told: Mapping[str, object]) -> web.Response:
    """What was asked for."""
    return web.Response(text=json.dumps(told), content_type="application/json")


def listen(host: str, port: int | None, as_osc: int) -> socket.socket:
    """A socket on the port asked for; else on OSC's own number, or any where that is taken. Raises `BadInput`."""
    for wanted in (as_osc, 0) if port is None else (port,):
        try:
            bound = socket.create_server((host, wanted), backlog=64)
        except OSError as e:
            error = e
        else:
            bound.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, _TAKEN_AT_ONCE)  # those that connect inherit it
            return bound
    why = "in use" if error.errno == errno.EADDRINUSE else f"not to be had ({error.strerror})"
    raise BadInput("OSCQuery", [f"TCP port {wanted} on {host} is {why}: set oscquery.port to another, or leave it out"])


class Budget:
    """CPU seconds that may be spent: `share` of the time, and `most` at once; time is passed in."""

    def __init__(self, share: float, most: float) -> None:
        self._share, self._most = share, most
        self._left, self._since = most, 0.0

    def left(self, now: float) -> bool:
        """Whether there is anything left to spend."""
        self._left = min(self._most, self._left + max(now - self._since, 0.0) * self._share)
        self._since = now
        return self._left > 0.0

    def spend(self, cost: float) -> None:
        """What was done has cost so much, known when it was done."""
        self._left -= cost


def as_named(host_headers: list[str], announced: str, port: int) -> list[str]:
    """Host headers in full: libossia leaves the port out, and mDNS ends a name with a dot.

    `announced`: the name that zeroconf tells for this machine, which nobody else can give away.
    """
    named = []
    for header in host_headers:
        match = _HOST.fullmatch(header.strip())
        name, given = match.groups() if match is not None else (header, None)
        here = "127.0.0.1" if name.lower() == announced.lower() else name
        named.append(f"{here}:{given or port}")
    return named
