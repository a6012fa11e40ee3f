"""An endpoint that runs, and beside it what tells of it."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

import aiohttp
import pytest
from control.rig import Rig, running

from daemon.clock import WallClock
from daemon.config import Osc, Oscquery
from daemon.control.oscquery.server import OscQueryServer


@dataclass
class Queried:
    """The service, what it tells of, and a client."""

    rig: Rig
    server: OscQueryServer
    client: aiohttp.ClientSession
    service: "asyncio.Task[None]"

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server.port}"

    async def get(self, path: str, **kwargs):
        """Status and JSON, or the text where it is none."""
        async with self.client.get(self.url + path, **kwargs) as answer:
            if answer.content_type == "application/json":
                return answer.status, await answer.json()
            return answer.status, await answer.text()

    def websocket(self, **kwargs):
        return self.client.ws_connect(f"ws://127.0.0.1:{self.server.port}/", **kwargs)


@asynccontextmanager
async def queried(config: Oscquery | None = None) -> AsyncIterator[Queried]:
    config = config or Oscquery(announce=False)
    async with running() as rig:
        server = OscQueryServer(rig.desk, rig.endpoint, WallClock(), Osc(port=0), config)
        server.bind()
        service = asyncio.create_task(server.run())
        async with aiohttp.ClientSession() as client:
            try:
                yield Queried(rig, server, client, service)
            finally:
                service.cancel()
                await asyncio.gather(service, return_exceptions=True)
                server.close()  # it may not have begun
        assert not rig.loop_faults


@pytest.fixture
async def it() -> AsyncIterator[Queried]:
    async with queried() as made:
        yield made
