"""The page's wire: what changed goes to each viewer, what a viewer sets comes back, over one WebSocket.

A viewer says which news it has seen, and is told no more until then: one that is slow gets the newest state later,
never an old one. Nothing is gathered while nobody watches.
"""

import asyncio
import json
from collections import deque
from collections.abc import Callable
from dataclasses import asdict, dataclass, field

from aiohttp import WSCloseCode, WSMsgType, web

from daemon.sinks.monitor.steer import Panel, Setting, Steer
from daemon.sinks.monitor.stream import hold_little
from daemon.sinks.monitor.thumbs import Thumbs
from daemon.sinks.monitor.words import standing, up
from daemon.status import Status

_EVERY = 0.1  # s: nobody is told more often
_PANEL = 2.0  # s between two looks at what can be set at all
_STUCK = 10.0  # s a viewer may take to see what it was told
_VIEWERS = 8
_MOST_BYTES, _MOST_MESSAGES = 1024, 400  # of one message; of those a viewer may send in a second
_HEARTBEAT = 15.0  # s


@dataclass(slots=True)
class _Viewer:
    """What one of them knows."""

    said: dict[str, object] = field(default_factory=dict)
    values: dict[str, Setting] = field(default_factory=dict)
    again: set[str] = field(default_factory=set)  # addresses to tell anew: a page may show what was refused
    refused: deque[tuple[str, str]] = field(default_factory=lambda: deque(maxlen=8))
    told: int = 0  # of news
    seen: asyncio.Event = field(default_factory=asyncio.Event)
    second: float = 0.0  # in which it sent so many messages
    count: int = 0

    def news(self, said: dict[str, object], values: dict[str, Setting]) -> dict[str, object]:
        """What is other than before; nothing when nothing is."""
        new: dict[str, object] = {key: what for key, what in said.items() if self.said.get(key) != what}
        again, self.again = self.again, set()
        set_ = {name: value for name, value in values.items() if self.values.get(name) != value or name in again}
        gone = [address for address in self.values if address not in values]
        if set_ or gone:
            new["values"] = {**set_, **dict.fromkeys(gone)}
        if self.refused:
            new["refused"] = list(self.refused)
            self.refused.clear()
        self.said, self.values = said, values
        return new


class Live:
    """Tells every viewer, and does what they ask. Belongs to the event loop's thread."""

    def __init__(self, status: Callable[[], Status], steer: Steer | None, thumbs: Thumbs) -> None:
        """`steer`: None for a page that only shows."""
        self._status, self._steer, self._thumbs = status, steer, thumbs
        self._viewers: set[web.WebSocketResponse] = set()
        self._shot: tuple[dict[str, object], dict[str, Setting]] = ({}, {})
        self._shot_at = self._panel_at = float("-inf")
        self._panel: dict[str, object] = {}

    async def serve(self, request: web.BaseRequest) -> web.WebSocketResponse:
        """One viewer, until it leaves."""
        ws = web.WebSocketResponse(
            timeout=1.0, heartbeat=_HEARTBEAT, compress=False, max_msg_size=_MOST_BYTES, autoping=True
        )
        await ws.prepare(request)
        if len(self._viewers) >= _VIEWERS:
            await ws.close(code=WSCloseCode.TRY_AGAIN_LATER, message=b"8 are watching already; close one of them")
            return ws
        hold_little(request.transport)
        self._viewers.add(ws)
        viewer = _Viewer()
        try:
            async with asyncio.TaskGroup() as group:
                teller = group.create_task(self._tell(ws, viewer, request.transport))
                try:
                    await self._hear(ws, viewer)
                finally:
                    teller.cancel()
        finally:
            self._viewers.discard(ws)
        return ws

    async def _tell(self, ws: web.WebSocketResponse, viewer: _Viewer, wire: asyncio.Transport | None) -> None:
        loop = asyncio.get_running_loop()
        try:
            while not ws.closed:
                began = loop.time()
                if new := viewer.news(*self._now(began)):
                    viewer.told += 1
                    viewer.seen.clear()
                    async with asyncio.timeout(_STUCK):
                        await ws.send_str(json.dumps({"n": viewer.told, **new}, separators=(",", ":")))
                        await viewer.seen.wait()
                await asyncio.sleep(max(_EVERY - (loop.time() - began), _EVERY / 4))
        except (ConnectionError, TimeoutError):
            if wire is not None:
                wire.abort()

    async def _hear(self, ws: web.WebSocketResponse, viewer: _Viewer) -> None:
        loop = asyncio.get_running_loop()
        async for message in ws:
            now = loop.time()
            if now - viewer.second >= 1:
                viewer.second, viewer.count = now, 0
            viewer.count += 1
            if message.type is not WSMsgType.TEXT or viewer.count > _MOST_MESSAGES:
                await ws.close(code=WSCloseCode.POLICY_VIOLATION, message=b"too much at once, or not text")
                return
            match _read(message.data):
                case int(number):
                    if number == viewer.told:
                        viewer.seen.set()
                case (address, value):
                    sentence = self._do(address, value)
                    if sentence is not None:
                        viewer.refused.append((address, sentence))
                        viewer.again.add(address)
                case None:
                    viewer.refused.append(("", 'That is not {"set": address, "value": number or text}.'))

    def _do(self, address: str, value: Setting) -> str | None:
        if self._steer is None:
            return "This page only shows; nothing can be set here."
        return self._steer.apply(address, value)

    def _now(self, now: float) -> tuple[dict[str, object], dict[str, Setting]]:
        """The state, gathered once for all viewers."""
        if now - self._shot_at < 0.9 * _EVERY:
            return self._shot
        status = self._status()
        said, values = status.model_dump(exclude={"params"}), status.params
        said["uptime_s"] = int(status.uptime_s)
        said["up"], said["standing"] = up(status.uptime_s), list(standing(status))
        self._thumbs.see(now, values, self._steer is None or self._steer.untouched())
        if self._steer is not None:
            if now - self._panel_at >= _PANEL:
                self._panel, self._panel_at = _plain(self._steer.panel()), now
            said |= self._panel
            said["presets"] = [[tile.name, tile.title, self._thumbs.stamp(tile.name)] for tile in self._steer.tiles()]
        self._shot, self._shot_at = (said, values), now
        return self._shot


def _plain(panel: Panel) -> dict[str, object]:
    return {"table": [asdict(control) for control in panel.controls], "lists": panel.lists}


def _read(text: str) -> tuple[str, Setting] | int | None:
    """`{"seen": 3}` or `{"set": address, "value": number or text}`; None for anything else."""
    try:
        said = json.loads(text, parse_int=_number)
    except (ValueError, RecursionError):
        return None
    match said:
        case {"seen": int(number)} if len(said) == 1:
            return number
        case {"set": str(address), "value": float() | int() | str() as value} if len(said) == 2:
            return address, int(value) if isinstance(value, bool) else value
    return None


def _number(digits: str) -> float | int:
    """No integer of a thousand digits: it is no float."""
    return int(digits) if len(digits) <= 15 else float(digits)
