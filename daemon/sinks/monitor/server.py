"""The HTTP service: page, its wire, stream, still, status, metrics and health, to those who may look."""

import asyncio
import errno
import socket
from collections.abc import Awaitable, Callable
from contextlib import suppress
from pathlib import Path

from aiohttp import hdrs, web

from daemon.access import Door, is_loopback
from daemon.config import Http
from daemon.errors import SinkUnavailable
from daemon.sinks.monitor.live import Live
from daemon.sinks.monitor.metrics import metrics
from daemon.sinks.monitor.page import page
from daemon.sinks.monitor.steer import Steer
from daemon.sinks.monitor.stream import BOUNDARY, stream
from daemon.sinks.monitor.thumbs import Thumbs
from daemon.sinks.monitor.webrtc import Films
from daemon.sinks.preview import PreviewSink
from daemon.status import Status
from daemon.web import ALWAYS, listening, named, say

_VIEWERS = 32  # streams at once
_PATIENCE = 3.0  # s to wait for a picture asked for
_THUMBS = "/thumbs/"


class MonitorServer:
    """Answers on the event loop. `bind` may be called first, to fail early; `run` serves until cancelled."""

    name = "monitor"

    def __init__(
        self,
        preview: PreviewSink,
        config: Http,
        status: Callable[[], Status],
        healthy: Callable[[], bool],
        steer: Steer | None = None,
        thumbs: Path | None = None,
    ) -> None:
        """`steer`: what the page sets things through; without it, it only shows. `thumbs`: a folder for thumbnails."""
        self._preview, self._config, self._status, self._healthy = preview, config, status, healthy
        self._socket: socket.socket | None = None
        self._door: Door | None = None
        self._viewers = 0
        self._closing = asyncio.Event()
        self._thumbs = Thumbs(preview, thumbs)
        self._live, self._films = Live(status, steer, self._thumbs), Films(preview)
        self._answers: dict[str, Callable[[web.BaseRequest], Awaitable[web.StreamResponse]]] = {
            "/": self._page,
            "/live": self._wire,
            "/view": self._view,
            "/view/film": self._film,
            "/stream.mjpg": self._stream,
            "/frame.png": self._still,
            "/status.json": self._said,
            "/metrics": self._metrics,
            "/healthz": self._health,
        }

    @property
    def port(self) -> int | None:
        """Where it listens; None while it does not."""
        return self._door.port if self._door is not None else None

    def bind(self) -> None:
        """Take the port. Raises `SinkUnavailable` in one sentence."""
        if self._socket is not None:
            return
        host, token = self._config.host, self._config.token
        if is_loopback(host):
            token = None
        elif token is None:
            raise SinkUnavailable(f"http.host {host} opens the page to the network: set http.token in the config too")
        self._socket = _listen(host, self._config.port)
        self._door = Door(host, self._socket.getsockname()[1], token)

    async def run(self) -> None:
        """Serve until cancelled; open streams end with it, within a second."""
        self.bind()
        assert self._socket is not None
        self._closing.clear()
        try:
            async with listening(self._answer, self._socket):
                try:
                    await asyncio.Event().wait()
                finally:
                    self._closing.set()
        finally:
            self.close()

    def close(self) -> None:
        """Give the port back, also where it was never served on."""
        if self._socket is not None:
            self._socket.close()
        self._socket = self._door = None

    async def _answer(self, request: web.BaseRequest) -> web.StreamResponse:
        response: web.StreamResponse | None = self._refused(request)
        if response is None:
            answer = self._answers.get(request.path)
            if answer is None and request.path.startswith(_THUMBS):
                answer = self._thumb
            response = await answer(request) if answer else say(404, "There is nothing here; the page is at /.")
        if not response.prepared:
            response.headers.update(ALWAYS)
        return response

    def _refused(self, request: web.BaseRequest) -> web.Response | None:
        door = self._door
        if door is None or not door.knows(request.headers.getall(hdrs.HOST, [])):
            return say(403, "This server answers to its own address only, not to the name you used for it.")
        if request.method not in (hdrs.METH_GET, hdrs.METH_HEAD):
            response = say(405, "Only reading is possible here; control is by OSC, or on the page at /.")
            response.headers["Allow"] = "GET, HEAD"
            return response
        if not door.lets_in(request.query.get("token"), request.headers.get(hdrs.AUTHORIZATION)):
            response = say(401, "A token is needed: add ?token=... to the address; it is http.token in the config.")
            response.headers["WWW-Authenticate"] = "Bearer"
            return response
        return None

    async def _page(self, _: web.BaseRequest) -> web.Response:
        it = page()
        return web.Response(text=it.html, content_type="text/html", headers={"Content-Security-Policy": it.policy})

    async def _view(self, _: web.BaseRequest) -> web.Response:
        it = page("view")
        return web.Response(text=it.html, content_type="text/html", headers={"Content-Security-Policy": it.policy})

    async def _wire(self, request: web.BaseRequest) -> web.StreamResponse:
        return self._no_wire(request) or await self._live.serve(request)

    async def _film(self, request: web.BaseRequest) -> web.StreamResponse:
        return self._no_wire(request) or await self._films.serve(request)

    def _no_wire(self, request: web.BaseRequest) -> web.Response | None:
        """Why this is no WebSocket of a page of ours; None where it is."""
        if self._door is None or not self._door.comes_from_here(*named(request)):
            return say(403, "Another site's page may not steer this.")
        if not web.WebSocketResponse().can_prepare(request).ok:
            response = say(426, "This is the page's own wire, a WebSocket; the page is at /.")
            response.headers["Upgrade"] = "websocket"
            return response
        return None

    async def _thumb(self, request: web.BaseRequest) -> web.Response:
        data = self._thumbs.get(request.path.removeprefix(_THUMBS).removesuffix(".jpg"))
        if data is None:
            return say(404, "There is no picture of this preset yet; it is taken when it has been recalled.")
        return web.Response(body=data, content_type="image/jpeg")

    async def _said(self, _: web.BaseRequest) -> web.Response:
        return web.Response(text=self._status().model_dump_json(), content_type="application/json")

    async def _metrics(self, _: web.BaseRequest) -> web.Response:
        text = metrics(self._status(), self._viewers)
        kind = "text/plain; version=0.0.4; charset=utf-8"
        return web.Response(body=text.encode(), headers={"Content-Type": kind})

    async def _health(self, _: web.BaseRequest) -> web.Response:
        return say(200, "Pictures are coming.") if self._healthy() else say(503, "No new picture in two seconds.")

    async def _still(self, _: web.BaseRequest) -> web.Response:
        if not self._preview.begun:
            return _no_picture("There is no picture yet; try again in a moment.")
        loop = asyncio.get_running_loop()
        asked: asyncio.Future[bytes] = loop.create_future()

        def settle(data: bytes) -> None:
            if not asked.done():
                asked.set_result(data)

        def done(data: bytes) -> None:
            with suppress(RuntimeError):  # the event loop is gone: nobody is left to see it
                loop.call_soon_threadsafe(settle, data)

        with self._preview.ask(done):
            try:
                data = await asyncio.wait_for(asked, _PATIENCE)
            except TimeoutError:
                return _no_picture("No picture came in time; see /status.json for what is wrong.")
        return web.Response(body=data, content_type="image/png")

    async def _stream(self, request: web.BaseRequest) -> web.StreamResponse:
        kind = f"multipart/x-mixed-replace; boundary={BOUNDARY}"
        if request.method == hdrs.METH_HEAD:
            return web.Response(headers={"Content-Type": kind})
        if self._viewers >= _VIEWERS:
            return _no_picture(f"{_VIEWERS} are watching already; close one of them.")
        response = web.StreamResponse(headers={**ALWAYS, "Content-Type": kind})
        self._viewers += 1
        try:
            await stream(request, response, self._preview, self._closing)
        finally:
            self._viewers -= 1
        return response


def _no_picture(sentence: str) -> web.Response:
    response = say(503, sentence)
    response.headers["Retry-After"] = "1"
    return response


def _listen(host: str, port: int) -> socket.socket:
    try:
        family, _, _, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)[0]
        return socket.create_server(address[:2], family=family, backlog=64)
    except OSError as e:
        raise SinkUnavailable(_why_not(host, port, e)) from None


def _why_not(host: str, port: int, e: OSError) -> str:
    other = "choose another with --http-port or http.port in the config"
    if isinstance(e, socket.gaierror) or e.errno == errno.EADDRNOTAVAIL:
        return f"http.host {host} is no address of this machine; use 127.0.0.1"
    if e.errno == errno.EADDRINUSE:
        return f"port {port} is in use (another latentd?); {other}"
    if e.errno in (errno.EACCES, errno.EPERM):
        return f"port {port} may not be used here; {other}"
    return f"cannot listen on {host} port {port} ({e.strerror}); {other}"
