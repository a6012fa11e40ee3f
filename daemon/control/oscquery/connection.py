"""Connections with small bounds, and the words they end with."""

import asyncio
import errno
import json
import socket
from collections.abc import Mapping

from aiohttp import web

from daemon.errors import BadInput

_CONNECTIONS = 32
_MOST_LINE, _MOST_FIELD = 4096, 32768  # bytes of a request line, of a header: browsers send every cookie of a machine

ALWAYS = {
    "Server": "latentd",
    "Cache-Control": "no-store",
    "X-Content-Type-Options": "nosniff",
    "Cross-Origin-Resource-Policy": "same-origin",
}


class Connection(web.RequestHandler):
    """One connection; what is not even HTTP gets one sentence."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        super().connection_made(transport)
        if self._manager is not None and len(self._manager.connections) > _CONNECTIONS:
            self.force_close()

    def handle_error(
        self,
        request: web.BaseRequest,
        status: int = 500,
        exc: BaseException | None = None,
        message: str | None = None,
    ) -> web.StreamResponse:
        if status >= 500:
            super().handle_error(request, status, exc, message)  # for the log
        text = "Something broke in here; the log says what." if status >= 500 else "That is not a request I understand."
        response = say(status, text)
        response.headers.update(ALWAYS)
        response.force_close()
        return response


class Server(web.Server):
    """Makes our kind of connection, with small bounds."""

    def __call__(self) -> Connection:
        return Connection(
            self,
            loop=asyncio.get_running_loop(),
            access_log=None,  # type: ignore[arg-type]  # which is how to have none
            keepalive_timeout=20.0,
            lingering_time=0.5,
            max_line_size=_MOST_LINE,
            max_field_size=_MOST_FIELD,
        )


def say(status: int, sentence: str) -> web.Response:
    """A sentence for whoever asked."""
    return web.Response(status=status, text=f"{sentence}\n")


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
