"""Keeps services running: restarts one that fails, leaves the others alone, gives up on what cannot be mended.

And has what may never end done aside, so that it holds up nothing.
"""

import asyncio
import logging
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from concurrent.futures import wait as wait_for
from contextlib import suppress
from dataclasses import dataclass
from threading import Event
from typing import Any, ParamSpec, Protocol, TypeAlias, TypeVar

from daemon.backoff import STANDARD, Backoff, alike
from daemon.errors import BadInput, Fatal, LatentdError, SinkUnavailable, SourceUnavailable
from daemon.stopping import Body

logger = logging.getLogger(__name__)

FINAL = (Fatal, BadInput, SinkUnavailable, SourceUnavailable)
"""Errors that trying again cannot mend: they end the run."""

_SHOWN = 8  # faults of one service


class Service(Protocol):
    """One part of the daemon. Live parts run until cancelled: returning counts as failing."""

    @property
    def name(self) -> str: ...

    async def run(self) -> None: ...


OnFailure: TypeAlias = Callable[[str, Exception, float], None]
"""Told the service's name, what happened, and in how many seconds it starts again."""


@dataclass(frozen=True, slots=True)
class ThreadService:
    """A blocking loop on its own thread, seen as a service."""

    name: str
    loop: Callable[[Event], None]  # must return soon after the event is set
    patience: float = 5.0  # s
    abandon: bool = False  # a loop that has not ended by then is left behind: it holds nothing others need

    async def run(self) -> None:
        stop = Event()
        running = asyncio.get_running_loop()
        done: asyncio.Future[None] = running.create_future()

        def settle(error: BaseException | None) -> None:
            if done.done():
                return
            if error is None:
                done.set_result(None)
            else:
                done.set_exception(error)

        def body() -> None:
            error: BaseException | None = None
            try:
                self.loop(stop)
            except BaseException as e:
                error = e
            with suppress(RuntimeError):  # the event loop is gone: nobody is left to tell
                running.call_soon_threadsafe(settle, error)

        Body(target=body, name=self.name, daemon=True).start()
        try:
            await asyncio.shield(done)
        except asyncio.CancelledError:
            stop.set()
            try:
                await asyncio.wait_for(asyncio.shield(done), self.patience)
            except TimeoutError:
                if self.abandon:
                    logger.warning("%s did not stop within %g s and is left behind", self.name, self.patience)
                    raise asyncio.CancelledError from None
                raise Fatal(f"{self.name} did not stop within {self.patience:g} s") from None
            raise


P = ParamSpec("P")
T = TypeVar("T")


class Aside(ThreadPoolExecutor):
    """For `asyncio.to_thread`: each call on a thread of its own, which the end of the process waits for a moment only.

    The usual one is waited for until its threads end, which a disk that does not answer never lets them.
    """

    def __init__(self, patience: float = 2.0) -> None:
        """`patience`: s."""
        super().__init__()
        self._patience = patience
        self._busy: set[Future[Any]] = set()

    def submit(self, fn: Callable[P, T], /, *args: P.args, **kwargs: P.kwargs) -> Future[T]:
        future: Future[T] = Future()

        def body() -> None:
            try:
                future.set_result(fn(*args, **kwargs))
            except BaseException as e:
                future.set_exception(e)

        self._busy.add(future)
        future.add_done_callback(self._busy.discard)
        future.set_running_or_notify_cancel()
        Body(target=body, name=f"aside: {getattr(fn, '__name__', 'work')}", daemon=True).start()
        return future

    def shutdown(self, wait: bool = True, *, cancel_futures: bool = False) -> None:  # noqa: ARG002
        if wait:
            wait_for(tuple(self._busy), self._patience)


def within(seconds: float, call: Callable[[], object]) -> bool:
    """Do something that may never end; False when it has not ended after so many seconds, and is left behind."""
    future = Aside().submit(call)
    if not wait_for({future}, seconds).done:
        return False
    future.result()
    return True


async def keep(service: Service, on_failure: OnFailure, backoff: Backoff = STANDARD) -> None:
    """Run a service for ever, starting it again each time it fails."""
    loop = asyncio.get_running_loop()
    delay: float | None = None
    shown: set[str] = set()  # faults whose tracebacks are in the log: once says it all
    while True:
        began = loop.time()
        try:
            await service.run()
            raise LatentdError(f"{service.name} ended by itself")
        except Exception as e:
            if isinstance(cause := _cause(e), FINAL):
                raise cause from None
            delay = backoff.after(delay, loop.time() - began)
            fault = f"{type(cause).__name__}: {alike(str(cause))}"
            if not isinstance(cause, LatentdError) and fault not in shown and len(shown) < _SHOWN:
                shown.add(fault)
                logger.exception("%s failed", service.name)
            on_failure(service.name, cause, delay)
        await asyncio.sleep(delay)


def _cause(error: Exception) -> Exception:
    """What there is to say of a group of one is what is in it."""
    while isinstance(error, ExceptionGroup) and len(error.exceptions) == 1:
        error = error.exceptions[0]
    return error


async def supervise(*services: Service, on_failure: OnFailure, backoff: Backoff = STANDARD) -> None:
    """Keep all services; what cannot be mended in one cancels the rest and comes out."""
    async with asyncio.TaskGroup() as group:
        for service in services:
            group.create_task(keep(service, on_failure, backoff), name=service.name)
