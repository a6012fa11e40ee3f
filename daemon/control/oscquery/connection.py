"""What OSCQuery says and where it listens."""

import errno
import json
import re
import socket
from collections.abc import Mapping

from aiohttp import web

from daemon.errors import BadInput

_HOST = re.compile(r"(.+?)\.?(?::([0-9]+))?")


def as_json(told: Mapping[str, object]) -> web.Response:
    """What was asked for."""
    return web.Response(text=json.dumps(told), content_type="application/json")


def listen(host: str, port: int | None, as_osc: int) -> socket.socket:
    """A socket on the port asked for; else on OSC's own number, or any where that is taken. Raises `BadInput`."""
    for wanted in (as_osc, 0) if port is None else (port,):
        try:
            return socket.create_server((host, wanted), backlog=64)
        except OSError as e:
            error = e
    why = "in use" if error.errno == errno.EADDRINUSE else f"not to be had ({error.strerror})"
    raise BadInput("OSCQuery", [f"TCP port {wanted} on {host} is {why}: set oscquery.port to another, or leave it out"])


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
