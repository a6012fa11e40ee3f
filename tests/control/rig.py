"""A strict shelf of presets, a running endpoint, and clients that speak plain UDP."""

import asyncio
import socket
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace

import numpy as np
import pytest

from daemon.clock import WallClock
from daemon.config import Osc
from daemon.control.desk import Desk
from daemon.control.endpoint import OscEndpoint
from daemon.control.osc import Message, decode, encode
from daemon.control.refusal import Refusal
from daemon.errors import BadInput
from daemon.flow import Features
from daemon.mailbox import Mailbox
from daemon.params import Curve, Fade, Params
from daemon.status import AudioStatus, FrameTimes, ModelStatus, OscStatus, Status

CLUSTERS = ("aggressive", "calm", "vibrant")
PATIENCE = 20.0  # s: how long a test waits for what must come


@dataclass(frozen=True)
class Look:
    name: str
    fade: float
    params: Params
    curve: Curve = "linear"


class Shelf:
    """Presets in memory; what is not there is refused as the real bank refuses it."""

    def __init__(self, *looks: Look) -> None:
        self._looks = {look.name: look for look in looks}

    @property
    def names(self) -> tuple[str, ...]:
        return tuple(self._looks)

    def get(self, which: str) -> Look:
        if not isinstance(which, str):
            raise TypeError(which)
        if which not in self._looks:
            raise BadInput("preset", [f"there is none named {which!r}"])
        return self._looks[which]

    def save(self, name: str, params: Params, fade: float, curve: Curve) -> None:
        if name == "readonly":
            raise BadInput("preset", ["the folder cannot be written"])
        if not isinstance(fade, float) or not isinstance(params, Params):
            raise TypeError(fade)
        self._looks[name] = Look(name, fade, params, curve)


def shelf() -> Shelf:
    still = Params(psi=0.5, gain=0.2, drift=0.1)
    storm = replace(
        still, psi=1.5, gain=4.0, seed=7, mapper="clusters", gate_enable=False, clusters=(("aggressive", 1.0),)
    )
    return Shelf(Look("still", 2.0, still), Look("storm", 4.0, storm), Look("sudden", 0.0, replace(still, psi=1.0)))


def say(desk: Desk, address: str, *args: object, now: float = 0.0, sender: object = "") -> object:
    """One message through the codec into the desk."""
    (message,) = decode(encode(address, *args))
    assert isinstance(message, Message), message
    return desk.apply(message, now, sender)


class Client(asyncio.DatagramProtocol):
    """A controller: sends, and keeps what comes back."""

    def __init__(self) -> None:
        self.heard: list[Message] = []
        self._more = asyncio.Event()

    def connection_made(self, transport: asyncio.DatagramTransport) -> None:
        self.transport = transport
        self.port: int = transport.get_extra_info("sockname")[1]

    def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:
        for item in decode(data):
            assert not isinstance(item, Refusal), item
            self.heard.append(item)
        self._more.set()

    def send(self, port: int, *datagrams: bytes) -> None:
        for datagram in datagrams:
            self.transport.sendto(datagram, ("127.0.0.1", port))

    async def until(self, address: str, *args: object) -> Message:
        """The first message heard with this address (and these arguments); it is forgotten then."""
        async with asyncio.timeout(PATIENCE):
            while True:
                for message in self.heard:
                    near = (
                        not args or message.args == pytest.approx(args, abs=1e-6)
                        if _numbers(args)
                        else message.args == args
                    )
                    if message.address == address and (not args or near):
                        self.heard.remove(message)
                        return message
                self._more.clear()
                await self._more.wait()


def _numbers(args: tuple[object, ...]) -> bool:
    return all(isinstance(arg, int | float) for arg in args)


@dataclass
class Rig:
    """An endpoint that runs, and what is around it."""

    endpoint: OscEndpoint
    desk: Desk
    params: Mailbox[Fade]
    listener: Client  # the default subscriber
    client: Client
    service: asyncio.Task[None]
    refusals: list[tuple[str, str]] = field(default_factory=list)
    loop_faults: list[dict[str, object]] = field(default_factory=list)
    open_client: Callable[[], object] | None = None

    @property
    def port(self) -> int:
        assert self.endpoint.port is not None
        return self.endpoint.port

    def send(self, address: str, *args: object) -> None:
        self.client.send(self.port, encode(address, *args))

    async def obeys(self) -> None:
        """Alive: the loop has seen no exception, and a new value arrives, is told and is handed on."""
        assert not self.loop_faults
        assert not self.service.done()
        value = 0.25 if self.params.latest().end.gain != 0.25 else 0.75
        self.listener.heard.clear()
        async with asyncio.timeout(PATIENCE):
            while self.params.latest().end.gain != value:
                self.send("/latentd/gain", value)
                await asyncio.sleep(0.01)
        await self.listener.until("/latentd/state/gain", value)


def status(endpoint: OscEndpoint) -> Status:
    return Status(
        version="0",
        uptime_s=1.0,
        frame_index=77,
        fps=29.5,
        frame_ms=FrameTimes(p50=12.0, p95=13.0, p99=14.0, max=15.0),
        ticks_skipped=0,
        latency_ms=None,
        model=ModelStatus(name="m", resolution=64, engine="none", precision="none"),
        preset=None,
        mapper="mel",
        params=endpoint.values(),
        audio=AudioStatus(source="tone", state="silent", gate_open=True),
        features={},
        sinks=(),
        osc=OscStatus(),
        errors=(),
    )


@asynccontextmanager
async def running(features_hz: float = 0.0) -> AsyncIterator[Rig]:
    loop, faults = asyncio.get_running_loop(), []
    loop.set_exception_handler(lambda _, context: faults.append(context))

    async def client() -> Client:
        _, made = await loop.create_datagram_endpoint(Client, local_addr=("127.0.0.1", 0))
        made.transport.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 20)
        opened.append(made)
        return made

    opened: list[Client] = []
    listener, sender = await client(), await client()
    params = Mailbox(Fade.still(Params()))
    desk = Desk(shelf(), params.latest(), None, CLUSTERS)
    refusals: list[tuple[str, str]] = []
    endpoint = OscEndpoint(
        desk,
        params,
        WallClock(),
        Osc(port=0, reply_port=listener.port, features_hz=features_hz),
        lambda: status(endpoint),
        lambda: Features(0.0, None, -33.25, True, np.array([0.5, 0.25], np.float32)),
        on_refusal=lambda code, text: refusals.append((code, text)),
    )
    endpoint.bind()
    service = asyncio.create_task(endpoint.run())
    try:
        yield Rig(endpoint, desk, params, listener, sender, service, refusals, faults, client)
    finally:
        service.cancel()
        await asyncio.gather(service, return_exceptions=True)
        endpoint.close()  # it may not have begun
        for made in opened:
            made.transport.close()
        await asyncio.sleep(0)
