"""Motion JPEG over HTTP: each viewer gets the newest picture as soon as the last one has left."""

import asyncio
import socket
from contextlib import suppress

from aiohttp import web

from daemon.sinks.preview import PreviewSink

BOUNDARY = "latentd"

_STUCK = 10.0  # s without room for a picture, after which a viewer is let go
_LOOK = 1.0  # s between two looks whether the viewer is still there, while nothing moves
_UNSENT = 256 * 1024  # bytes the system may hold for a viewer: more would show old pictures, not more pictures


async def stream(
    request: web.BaseRequest, response: web.StreamResponse, preview: PreviewSink, closing: asyncio.Event
) -> None:
    """Send pictures until the viewer leaves or `closing` is set."""
    loop, changed = asyncio.get_running_loop(), asyncio.Event()

    def wake() -> None:
        with suppress(RuntimeError):  # the event loop is gone
            loop.call_soon_threadsafe(changed.set)

    last = asyncio.ensure_future(closing.wait())
    last.add_done_callback(lambda _: changed.set())
    seen: int | None = None
    try:
        await response.prepare(request)
        hold_little(request.transport)
        with preview.watch(wake):
            await response.write(f"--{BOUNDARY}\r\n".encode())
            while not closing.is_set() and _is_there(request.transport):
                changed.clear()
                still = preview.newest()
                if still is None or still.index == seen:
                    with suppress(TimeoutError):
                        async with asyncio.timeout(_LOOK):
                            await changed.wait()
                    continue
                # the boundary that ends a part goes with it: browsers show a picture when they see it
                head = f"Content-Type: image/jpeg\r\nContent-Length: {len(still.data)}\r\n\r\n".encode()
                tail = f"\r\n--{BOUNDARY}\r\n".encode()
                async with asyncio.timeout(_STUCK):
                    await response.write(head + still.data + tail)
                seen = still.index
        async with asyncio.timeout(_LOOK):
            await response.write_eof()
    except (ConnectionError, TimeoutError):
        if request.transport is not None:
            request.transport.abort()
    finally:
        last.cancel()


def _is_there(transport: asyncio.Transport | None) -> bool:
    return transport is not None and not transport.is_closing()


def hold_little(transport: asyncio.Transport | None) -> None:
    """Let the system keep little of what a viewer has not taken yet."""
    if transport is not None and (connection := transport.get_extra_info("socket")) is not None:
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, _UNSENT)
