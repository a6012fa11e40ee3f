"""What OSCQuery says and where it listens."""

import errno
import json
import socket
from collections.abc import Mapping

from aiohttp import web

from daemon.errors import BadInput


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
