"""The OSCQuery service: HTTP for the tree, WebSocket for values, on the address that OSC listens on."""

import asyncio
import socket
from functools import partial
from itertools import count

from aiohttp import hdrs, web

from daemon.access import Door
from daemon.clock import Clock, spent
from daemon.config import Osc, Oscquery
from daemon.control.desk import Desk
from daemon.control.endpoint import OscEndpoint
from daemon.control.limits import Bucket
from daemon.control.oscquery.announce import Announcement, host_name
from daemon.control.oscquery.connection import Budget, as_json, as_named, listen
from daemon.control.oscquery.listener import LONGEST, Listener
from daemon.control.oscquery.news import news
from daemon.control.oscquery.tree import ATTRIBUTES, NEVER, Tree
from daemon.control.pace import REST
from daemon.control.senders import Senders
from daemon.control.subscribers import LOWEST_PORT, Address
from daemon.control.table import Kind
from daemon.web import ALWAYS, listening, named, say

_LISTENERS = 8
_REQUESTS = (100.0, 400.0)  # a second, and at once
_WORK = (0.1, 0.5)  # of the time, and s of CPU time at once: the whole tree takes a few milliseconds to say
_REFUSALS = (20.0, 50.0)  # a second, and at once; after that each waits a while for its sentence
_WAIT = 0.25  # s
_TELL = 0.05  # s: nothing is told more often than this
_LOOK = 0.5  # s between two looks whether the tree has changed
_PATIENCE = 0.3  # s a client gets to take its leave
_STUCK = 10.0  # s until an answer is taken
_BEAT = 20.0  # s between two signs of life over a WebSocket

EXTENSIONS = {
    "ACCESS": True,
    "VALUE": True,
    "RANGE": True,
    "DESCRIPTION": True,
    "TYPE": True,
    "UNIT": True,
    "TAGS": True,
    "EXTENDED_TYPE": False,
    "CRITICAL": True,
    "CLIPMODE": False,
    "OVERLOADS": False,
    "HTML": False,
    "LISTEN": True,
    "IGNORE": True,
    "OSC_STREAMING": False,
    "ECHO": False,
    "PATH_CHANGED": True,
    "PATH_RENAMED": False,
    "PATH_ADDED": True,
    "PATH_REMOVED": True,
}


class OscQueryServer:
    """Answers on the event loop. `bind` may be called first, after the endpoint's; `run` serves until cancelled."""

    name = "oscquery"

    def __init__(self, desk: Desk, endpoint: OscEndpoint, clock: Clock, osc: Osc, config: Oscquery) -> None:
        self._desk, self._endpoint, self._clock, self._osc, self._config = desk, endpoint, clock, osc, config
        self._senders, self._requests, self._refusals = Senders(osc.allow), Bucket(*_REQUESTS), Bucket(*_REFUSALS)
        self._work, self._unpublished = Budget(*_WORK), False
        self._socket: socket.socket | None = None
        self._door: Door | None = None
        self._tree = self._grown()
        self._of, self._standing = self._shape(), self._tree.standing()
        self._listeners: set[Listener] = set()
        self._numbers = count()  # who sends what over a WebSocket
        self._wanted = asyncio.Event()
        self._fault: asyncio.Future[None] | None = None  # that ends `run`

    @property
    def port(self) -> int | None:
        """Where it listens; None while it does not."""
        return self._door.port if self._door is not None else None

    def bind(self) -> None:
        """Take the port. Raises `BadInput` in one sentence."""
        if self._socket is None:
            self._socket = listen(self._osc.host, self._config.port, self._endpoint.port or 0)
            self._door = Door(self._osc.host, self._socket.getsockname()[1], None)

    async def run(self) -> None:
        """Serve, tell and be found until cancelled."""
        self.bind()
        assert self._socket is not None
        self._fault = fault = asyncio.get_running_loop().create_future()
        host, port = self._socket.getsockname()[:2]
        try:
            async with listening(self._answer, self._socket), asyncio.TaskGroup() as group:
                group.create_task(self._tell())
                group.create_task(self._watch())
                if self._config.announce:
                    group.create_task(self._announce(host, port))
                await fault
        finally:
            self.close()

    def close(self) -> None:
        """Give the port back, also where it was never served on."""
        if self._socket is not None:
            self._socket.close()
        self._socket = self._door = None

    async def _answer(self, request: web.BaseRequest) -> web.StreamResponse:
        response = self._refused(request)
        if response is None:
            if request.headers.get(hdrs.UPGRADE, "").lower() == "websocket":
                return await self._listen(request)
            began = spent()
            response = self._told(request)
            self._work.spend(spent() - began)
        elif not self._refusals.take(self._clock.now()):
            await asyncio.sleep(_WAIT)  # who asks again and again is answered when there is time for it
        response.headers.update(ALWAYS)
        try:
            async with asyncio.timeout(_STUCK):
                await response.prepare(request)
                await response.write_eof()
        except (TimeoutError, ConnectionError):  # whoever reads nothing makes room for others; who has left is no fault
            if request.transport is not None:
                request.transport.abort()
        return response

    def _refused(self, request: web.BaseRequest) -> web.Response | None:
        door = self._door
        hosts = request.headers.getall(hdrs.HOST, [])
        if door is None or not door.knows(as_named(hosts, host_name(door.port), door.port)):
            return say(403, "This server answers to its own address only, not to the name you used for it.")
        if not door.comes_from_here(*named(request)):
            return say(403, "Pages of other sites may not ask here.")
        if request.remote is None or not self._senders.obeys(request.remote, self._clock.now()):
            return say(403, f"{request.remote} is not answered: add it to osc.allow in the config if it should be.")
        if request.method not in (hdrs.METH_GET, hdrs.METH_HEAD):
            response = say(405, "Only reading is possible here; control is by OSC.")
            response.headers["Allow"] = "GET, HEAD"
            return response
        now = self._clock.now()
        if not (self._work.left(now) and self._requests.take(now)):
            response = say(503, "Too many ask at once; ask again in a second.")
            response.headers["Retry-After"] = "1"
            return response
        return None

    def _told(self, request: web.BaseRequest) -> web.Response:
        """The node at a path, or one attribute of it, as the proposal has it."""
        asked = request.query_string.partition("&")[0].partition("=")[0]
        if asked == "HOST_INFO":
            return as_json(self._host_info(request))
        path = request.path.rstrip("/") or "/"
        if not self._tree.knows(path):
            return say(404, "There is no such address.")
        values = self._endpoint.values()
        if not asked:
            return as_json(self._tree.node(path, values))
        if asked in NEVER:
            return web.Response(status=204)
        if asked not in ATTRIBUTES:
            return say(400, f"There is no such attribute; there are {', '.join(('HOST_INFO', *ATTRIBUTES))}.")
        told = self._tree.attribute(path, asked, values)
        return web.Response(status=204) if told is None else as_json(told)

    def _host_info(self, request: web.BaseRequest) -> dict[str, object]:
        here = request.transport.get_extra_info("sockname") if request.transport is not None else None
        ip = str(here[0]) if here else self._osc.host
        return {
            "NAME": self._config.name,
            "OSC_IP": ip,
            "OSC_PORT": self._endpoint.port or self._osc.port,
            "OSC_TRANSPORT": "UDP",
            "WS_IP": ip,
            "WS_PORT": self.port,
            "EXTENSIONS": EXTENSIONS,
        }

    async def _listen(self, request: web.BaseRequest) -> web.StreamResponse:
        if len(self._listeners) >= _LISTENERS:
            return say(503, f"{_LISTENERS} are listening already; close one of them.")
        answer = web.WebSocketResponse(
            max_msg_size=LONGEST, heartbeat=_BEAT, compress=False, timeout=_PATIENCE, autoping=False
        )
        if not answer.can_prepare(request):
            return say(400, "That is not a WebSocket as RFC 6455 has it.")
        sender = (request.remote or "", next(self._numbers) % LOWEST_PORT)  # no port of UDP: nothing is sent there
        obeyed = partial(self._obey, sender)
        listener = Listener(self._has_value, self._clock.now, self._wanted, obeyed, self._fail)
        self._listeners.add(listener)
        try:
            await answer.prepare(request)
            await listener.serve(answer, request.transport)
        except ConnectionError:  # it has left, in the middle of a word
            pass
        finally:
            self._listeners.discard(listener)
        return answer

    def _obey(self, sender: Address, osc: bytes) -> None:
        """OSC over the WebSocket as if by UDP; answers go to subscribers alone. What comes at once is told once."""
        self._endpoint.receive(osc, sender, self._clock.now())
        if not self._unpublished:
            self._unpublished = True
            asyncio.get_running_loop().call_soon(self._publish)

    def _publish(self) -> None:
        self._unpublished = False
        self._endpoint.publish()

    def _fail(self, fault: BaseException) -> None:
        """What goes wrong for one client is a fault of the whole service, which is told and starts again."""
        if self._fault is not None and not self._fault.done():
            self._fault.set_exception(fault)

    async def _announce(self, host: str, port: int) -> None:
        """Be found by the port that OSC listens on, which may come back on another."""
        while True:
            if (osc := self._endpoint.port) is not None:
                finding = asyncio.create_task(Announcement(self._config.name, host, osc, port).run())
                try:
                    while not finding.done() and self._endpoint.port in (osc, None):
                        await asyncio.wait({finding}, timeout=_LOOK)
                    if finding.done():
                        return await finding
                finally:
                    finding.cancel()
                    await asyncio.wait({finding})  # it says goodbye
            else:
                await asyncio.sleep(_LOOK)

    def _has_value(self, path: str) -> bool:
        row = self._tree.row(path)
        return row is not None and row.valued

    async def _tell(self) -> None:
        """Values to whoever listens, when they change; nothing is looked at while nobody does."""
        while True:
            if not any(listener.paths for listener in self._listeners):
                self._wanted.clear()
                await self._wanted.wait()
            began = self._clock.now()
            values = self._tree.told(self._endpoint.values())
            for listener in self._listeners:
                listener.offer(values)
            await asyncio.sleep(max(_TELL, (self._clock.now() - began) * REST))

    async def _watch(self) -> None:
        """Another model has other clusters, or lacks others: a new tree, and whoever listens is told to look again."""
        while True:
            await asyncio.sleep(_LOOK)
            if (shape := self._shape()) != self._of:
                self._of, self._tree, before = shape, self._grown(), self._standing
                self._standing = self._tree.standing()
                values = self._endpoint.values()
                told = news(before, self._standing, partial(self._tree.node, values=values))
                for listener in self._listeners:
                    listener.tree_changed(told)

    def _grown(self) -> Tree:
        """The tree of the table in force."""
        return Tree(self._desk.table, self._desk.choices, self._desk.lacks, self._desk.traits.classes)

    def _shape(self) -> tuple[object, ...]:
        """What the tree is made of, beside values: the table, what the model has not got, the names of the presets."""
        recalled = next(row for row in self._desk.table if row.kind is Kind.RECALL)
        return (self._desk.table, self._desk.traits, self._desk.choices(recalled))
