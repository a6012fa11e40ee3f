"""What every HTTP server of ours is made of: connections with small bounds, and the words they end with."""

import asyncio
import socket
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import TypeAlias

from aiohttp import hdrs, web

Answer: TypeAlias = Callable[[web.BaseRequest], Awaitable[web.StreamResponse]]

CONNECTIONS = 96  # at once: viewers with a stream each, eight of them with a wire and four fetches, too
_GRACE = 0.3  # s open connections get at the end
_MOST_LINE, _MOST_FIELD = 4096, 32768  # bytes of a request line, of a header: browsers send every cookie of a machine

ALWAYS = {
    "Server": "latentd",
    "Cache-Control": "no-store",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Resource-Policy": "same-origin",
}


class Connection(web.RequestHandler):
    """One connection. What is not even HTTP gets one sentence, and hears nothing of what runs here."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        super().connection_made(transport)
        if self._manager is not None and len(self._manager.connections) > CONNECTIONS:
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
    """Makes our kind of connection."""

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


@asynccontextmanager
async def listening(answer: Answer, bound: socket.socket) -> AsyncIterator[None]:
    """Answers on a bound socket while inside, and closes it however that ends."""
    server = Server(answer)
    runner = web.ServerRunner(server, handle_signals=False, shutdown_timeout=_GRACE)
    listener: asyncio.Server | None = None
    try:
        await runner.setup()
        loop = asyncio.get_running_loop()
        # not web.SockSite: cancelled while it starts, it leaves a dead socket in the event loop
        listener = await loop.create_server(server, sock=bound, backlog=64, start_serving=False)
        await listener.start_serving()
        yield
    finally:
        if listener is not None:
            listener.close()
        bound.close()
        await runner.cleanup()


def say(status: int, sentence: str) -> web.Response:
    """A sentence for whoever asked."""
    return web.Response(status=status, text=f"{sentence}\n")


def named(request: web.BaseRequest) -> tuple[list[str], list[str]]:
    """Where the page that asks is from, and whom it asks, as the browser says."""
    return request.headers.getall(hdrs.ORIGIN, []), request.headers.getall(hdrs.HOST, [])
