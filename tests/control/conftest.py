"""A desk, and an endpoint that runs."""

from collections.abc import AsyncIterator, Callable

import pytest
from control.rig import CLUSTERS, Rig, running, say, shelf

from daemon.control.desk import Desk
from daemon.params import Fade, Params


@pytest.fixture
def desk() -> Desk:
    return Desk(shelf(), Fade.still(Params()), None, CLUSTERS)


@pytest.fixture
def tell(desk: Desk) -> Callable[..., object]:
    return lambda address, *args, now=0.0: say(desk, address, *args, now=now)


@pytest.fixture
async def rig() -> AsyncIterator[Rig]:
    async with running() as made:
        yield made


@pytest.fixture
async def loud_rig() -> AsyncIterator[Rig]:
    """One that tells what it hears, too."""
    async with running(features_hz=20.0) as made:
        yield made
