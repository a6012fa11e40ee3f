"""One client of the WebSocket: what it sets, what it listens to, and what it has yet to be told. The newest wins."""

import asyncio
import json
from collections.abc import Callable, Mapping
from struct import pack

from aiohttp import WSCloseCode, WSMsgType, web

from daemon.clock import spent
from daemon.control.limits import Bucket
from daemon.control.osc import MAX_BYTES, Message, decode, encode
from daemon.control.oscquery.news import joined
from daemon.control.oscquery.tree import Value
from daemon.control.pace import REST
from daemon.control.refusal import Arg

MOST_PATHS = 512  # that one client listens to: more than there are
LONGEST = MAX_BYTES  # bytes of one message: OSC as long as over UDP
_LONGEST_COMMAND = 4096  # bytes
_STUCK = 10.0  # s without room for a message, after which a client is let go
_COMMANDS = (200.0, 1000.0)  # a second, and at once: a client may listen to everything, path by path
_DEBT = 0.005  # s of rest that are owed until they are taken


class Listener:
    """Both directions of one connection."""

    def __init__(
        self,
        knows: Callable[[str], bool],
        now: Callable[[], float],
        wanted: asyncio.Event,
        obeyed: Callable[[bytes], None],
        on_fault: Callable[[BaseException], None],
    ) -> None:
        """`knows`: whether a path has a value. `wanted`: set when there is more to be told.

        `obeyed`: applies OSC. `on_fault`: told what should not have happened while telling.
        """
        self._knows, self._now, self._wanted, self._obeyed, self._on_fault = knows, now, wanted, obeyed, on_fault
        self.paths: set[str] = set()
        self._told: dict[str, Arg] = {}  # by path; or what it said itself
        self._due: dict[str, bool | Value] = {}
        self._news: tuple[str, ...] = ()  # of the tree
        self._ready = asyncio.Event()
        self._commands = Bucket(*_COMMANDS)
        self._owed = 0.0  # s of rest

    def offer(self, values: Mapping[str, bool | Value]) -> None:
        """Present values; what it listens to and was not told goes out."""
        for path in self.paths:
            value = values.get(path)
            if value is None:  # gone with another model: it is told again when it comes back
                self._told.pop(path, None)
            elif not _same(self._told.get(path), value):
                self._told[path] = self._due[path] = value
                self._ready.set()

    def tree_changed(self, news: tuple[str, ...]) -> None:
        """There are other paths now, or some are other than they were."""
        self._news = joined(self._news, news)
        self._ready.set()

    async def serve(self, socket: web.WebSocketResponse, transport: asyncio.Transport | None) -> None:
        """Hear and tell until the client leaves."""
        telling = asyncio.create_task(self._tell(socket, transport))
        telling.add_done_callback(lambda ended: self._let_go(ended, transport))
        try:
            async for message in socket:
                began = spent()
                if message.type is WSMsgType.BINARY:
                    self._set(message.data)
                elif not self._commands.take(self._now()):
                    await socket.close(code=WSCloseCode.POLICY_VIOLATION, message=b"more commands than can be followed")
                    break
                elif message.type is WSMsgType.PING:
                    await socket.pong(message.data)
                elif message.type is WSMsgType.TEXT:
                    if len(message.data) > _LONGEST_COMMAND:
                        await socket.close(code=WSCloseCode.MESSAGE_TOO_BIG, message=b"no command is as long as that")
                        break
                    self.obey(message.data)
                await self._rest(spent() - began)
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
            case {"COMMAND": "LISTEN", "DATA": str(path)} if self._knows(path):
                if len(self.paths) >= MOST_PATHS:
                    self.paths = {known for known in self.paths if self._knows(known)}
                if len(self.paths) < MOST_PATHS:
                    self.paths.add(path)
                    self._told.pop(path, None)
                    self._wanted.set()
            case {"COMMAND": "IGNORE", "DATA": str(path)}:
                self.paths.discard(path)
                self._due.pop(path, None)

    def _set(self, osc: bytes) -> None:
        """Apply it. Of what it has said itself, a client is told only what came of it that is other."""
        self._obeyed(osc)
        for item in decode(osc) if self.paths else ():
            if isinstance(item, Message) and len(item.args) == 1 and item.address in self.paths:
                self._told[item.address] = item.args[0]
                self._due.pop(item.address, None)

    async def _rest(self, worked: float) -> None:
        """Go at the pace of datagrams: what comes faster waits at the sender."""
        self._owed += worked * REST
        if self._owed > _DEBT:
            rest, self._owed = self._owed, 0.0
            await asyncio.sleep(rest)

    async def _tell(self, socket: web.WebSocketResponse, transport: asyncio.Transport | None) -> None:
        try:
            while True:
                await self._ready.wait()
                self._ready.clear()
                due, self._due = self._due, {}
                news, self._news = self._news, ()
                async with asyncio.timeout(_STUCK):
                    for one in news:
                        await socket.send_str(one)
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


def _same(told: Arg, value: bool | Value) -> bool:
    """Whether these are one value, as OSC has it: floats have 32 bits."""
    if type(told) is float and type(value) is float:
        return told == value or (abs(told) < 1e38 and pack(">f", told) == pack(">f", value))
    return type(told) is type(value) and told == value
