"""One client of the WebSocket: what it listens to, and what it has yet to be told. The newest value wins."""

import asyncio
import json
from collections.abc import Callable, Mapping

from aiohttp import WSMsgType, web

from daemon.control.limits import Bucket
from daemon.control.osc import encode
from daemon.control.oscquery.tree import Value

MOST_PATHS = 512  # that one client listens to: more than there are
LONGEST = 4096  # bytes of one command
_STUCK = 10.0  # s without room for a message, after which a client is let go
_COMMANDS = (200.0, 1000.0)  # a second, and at once: a client may listen to everything, path by path


class Listener:
    """Both directions of one connection."""

    def __init__(
        self,
        knows: Callable[[str], bool],
        now: Callable[[], float],
        wanted: asyncio.Event,
        on_fault: Callable[[BaseException], None],
    ) -> None:
        """`knows`: whether a path has a value. `wanted`: set when there is more to be told.

        `on_fault`: told what should not have happened while telling.
        """
        self._knows, self._now, self._wanted, self._on_fault = knows, now, wanted, on_fault
        self.paths: set[str] = set()
        self._told: dict[str, bool | Value] = {}
        self._due: dict[str, bool | Value] = {}
        self._changed = False  # the tree
        self._ready = asyncio.Event()
        self._commands = Bucket(*_COMMANDS)

    def offer(self, values: Mapping[str, bool | Value]) -> None:
        """Present values; what it listens to and was not told goes out."""
        for path in self.paths:
            value = values.get(path)
            if value is not None and self._told.get(path) != value:
                self._told[path] = self._due[path] = value
                self._ready.set()

    def tree_changed(self) -> None:
        """There are other paths now."""
        self._changed = True
        self._ready.set()

    async def serve(self, socket: web.WebSocketResponse, transport: asyncio.Transport | None) -> None:
        """Hear and tell until the client leaves."""
        telling = asyncio.create_task(self._tell(socket, transport))
        telling.add_done_callback(lambda ended: self._let_go(ended, transport))
        try:
            async for message in socket:
                if not self._commands.take(self._now()):
                    await socket.close(code=1008, message=b"more commands than can be followed")
                    break
                if message.type is WSMsgType.TEXT:
                    self.obey(message.data)
        finally:
            telling.cancel()
            await asyncio.gather(telling, return_exceptions=True)

    def obey(self, text: str) -> None:
        """A command; what is not understood is let be, since the protocol has no answer for it."""
        try:
            said = json.loads(text)
        except (ValueError, RecursionError):
            return
        match said:
            case {"COMMAND": "LISTEN", "DATA": str(path)} if self._knows(path) and len(self.paths) < MOST_PATHS:
                self.paths.add(path)
                self._told.pop(path, None)
                self._wanted.set()
            case {"COMMAND": "IGNORE", "DATA": str(path)}:
                self.paths.discard(path)
                self._due.pop(path, None)

    async def _tell(self, socket: web.WebSocketResponse, transport: asyncio.Transport | None) -> None:
        try:
            while True:
                await self._ready.wait()
                self._ready.clear()
                due, self._due = self._due, {}
                async with asyncio.timeout(_STUCK):
                    if self._changed:
                        self._changed = False
                        await socket.send_str(json.dumps({"COMMAND": "PATH_CHANGED", "DATA": "/"}))
                    for path, value in due.items():
                        await socket.send_bytes(encode(path, value))
        except (ConnectionError, TimeoutError):
            if transport is not None:
                transport.abort()

    def _let_go(self, telling: "asyncio.Task[None]", transport: asyncio.Transport | None) -> None:
        """A client that can be told no more, for a fault of ours, comes back when its connection ends."""
        if telling.cancelled() or (fault := telling.exception()) is None:
            return
        if transport is not None:
            transport.abort()
        self._on_fault(fault)
