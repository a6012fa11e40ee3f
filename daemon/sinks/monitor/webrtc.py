"""The picture as a film over WebRTC: for who watches from afar, a tenth of the bytes of JPEGs. An extra (aiortc).

A viewer's page sends its offer over a WebSocket, which lives as long as the film. Nothing is asked of other servers:
both sides offer their own addresses only, so it works within one network.
"""

import asyncio
import json
import re
import struct
from collections.abc import Callable
from contextlib import ExitStack, suppress
from fractions import Fraction
from functools import cache
from typing import TYPE_CHECKING

from aiohttp import WSCloseCode, web

from daemon.sinks.preview import Pixels, PreviewSink, Shown, Watched

if TYPE_CHECKING:
    from aiortc import MediaStreamTrack, RTCPeerConnection

_FILMS = 4  # at once: each is encoded for itself
_MOST_BYTES = 65_536  # of an offer
_MOST_LINES, _MOST_CANDIDATES = 1_000, 32  # in one; each candidate is an address that we speak to
_CANDIDATE = re.compile(r"[\w+/]{1,32} \d{1,3} \w{3} \d{1,10} [\w.:%-]{1,64} (\d{1,5})( .*)?", re.ASCII)  # RFC 8839
_STILL = 0.5  # s without news after which the same picture is sent again
_PATIENCE = 10.0  # s for an offer to come, and for our answer
_REACHED = 10.0  # s from then on to a connection
_CLOCK = 90_000  # Hz, of video in RTP (RFC 3551)
_MISTAKES = (
    ValueError, LookupError, TypeError, AttributeError, AssertionError, RuntimeError, OSError, ArithmeticError,
    struct.error,
)  # fmt: skip
"""How aiortc takes an offer that is none."""


class Films:
    """One film for each viewer, encoded while somebody watches. Belongs to the event loop's thread."""

    def __init__(self, preview: PreviewSink) -> None:
        self._preview = preview
        self._showing = 0

    async def serve(self, request: web.BaseRequest) -> web.WebSocketResponse:
        """One viewer, until it leaves: an offer in, an answer out, and the film beside."""
        ws = web.WebSocketResponse(timeout=1.0, heartbeat=15.0, compress=False, max_msg_size=_MOST_BYTES)
        await ws.prepare(request)
        if self._showing >= _FILMS:
            await ws.close(code=WSCloseCode.TRY_AGAIN_LATER, message=f"{_FILMS} watch films already".encode())
            return ws
        self._showing += 1
        try:
            await self._show(ws)
        finally:
            self._showing -= 1
        return ws

    async def _show(self, ws: web.WebSocketResponse) -> None:
        try:
            # beside the loop: it takes half a second the first time
            connect, track_of = await asyncio.to_thread(_load)
        except ImportError as e:
            words = f"films need aiortc, which is not here ({e}): pip install 'latentd[webrtc]'"
            await ws.close(code=WSCloseCode.UNSUPPORTED_DATA, message=words.encode()[:120])
            return
        try:
            offer = _offer((await ws.receive(_PATIENCE)).data)
        except TimeoutError:
            offer = None
        if offer is None:
            await ws.close(code=WSCloseCode.POLICY_VIOLATION, message=b'that is not {"sdp": an offer}')
            return
        peer, changed, loop = connect(), asyncio.Event(), asyncio.get_running_loop()

        def wake() -> None:
            with suppress(RuntimeError):  # the event loop is gone
                loop.call_soon_threadsafe(changed.set)

        with ExitStack() as watching:
            watching.enter_context(self._preview.raw.watch(wake))
            try:
                peer.addTrack(track_of(self._preview.raw, changed))
                async with asyncio.timeout(_PATIENCE):
                    answer = await _answer(peer, offer)
                await ws.send_str(json.dumps({"sdp": answer}))
                await _until_gone(ws, peer)
            except _MISTAKES as e:
                if not ws.closed:
                    await ws.close(code=WSCloseCode.POLICY_VIOLATION, message=f"no film: {e}".encode()[:120])
            finally:
                await peer.close()


async def _answer(peer: "RTCPeerConnection", offer: str) -> str:
    """What we say to an offer."""
    from aiortc import InvalidAccessError, InvalidStateError, RTCSessionDescription

    try:
        await peer.setRemoteDescription(RTCSessionDescription(offer, "offer"))
        await peer.setLocalDescription(await peer.createAnswer())
    except (InvalidAccessError, InvalidStateError) as e:  # which are of no kind of their own
        raise ValueError(str(e)) from None
    sdp: str = peer.localDescription.sdp
    return sdp


async def _until_gone(ws: web.WebSocketResponse, peer: "RTCPeerConnection") -> None:
    """Return when the viewer has left, by the wire or by the film, or is not reached in time."""
    over = asyncio.Event()

    def look(*nowhere: str) -> None:
        if peer.connectionState in ("failed", "closed", *nowhere):
            over.set()

    peer.on("connectionstatechange", look)
    late = asyncio.get_running_loop().call_later(_REACHED, look, "new", "connecting")
    ended, told = asyncio.ensure_future(over.wait()), asyncio.ensure_future(ws.receive())
    try:
        await asyncio.wait((told, ended), return_when=asyncio.FIRST_COMPLETED)
        if over.is_set():
            await ws.close(code=WSCloseCode.GOING_AWAY, message=b"the film was lost")
        else:  # it has left, or it speaks, where there is nothing more to say
            await ws.close(code=WSCloseCode.OK)
    finally:
        late.cancel()
        for waiting in (ended, told):
            waiting.cancel()
        await asyncio.wait((ended, told))


def _offer(data: object) -> str | None:
    """The offer of one film in `{"sdp": "v=0..."}`, bounded; None where there is none."""
    try:
        said = json.loads(data) if isinstance(data, str) else None
    except (ValueError, RecursionError):
        return None
    match said:
        case {"sdp": str(sdp), **more} if not more and sdp.startswith("v=0"):
            candidates = sdp.split("a=candidate:")[1:]
            if sdp.count("\n") > _MOST_LINES or len(candidates) > _MOST_CANDIDATES or sdp.count("\nm=") != 1:
                return None
            ports = [_CANDIDATE.fullmatch(candidate.partition("\n")[0].rstrip("\r")) for candidate in candidates]
            return sdp if all(port is not None and 0 < int(port[1]) < 65_536 for port in ports) else None
    return None


@cache
def _load() -> "tuple[Callable[[], RTCPeerConnection], Callable[[Watched[Pixels], asyncio.Event], MediaStreamTrack]]":
    """What makes a connection, and what makes a film out of watched pictures."""
    from aiortc import MediaStreamTrack, RTCConfiguration, RTCPeerConnection
    from av import VideoFrame

    class Film(MediaStreamTrack):
        """Each picture once, as soon as it is there; the same again while nothing moves."""

        kind = "video"

        def __init__(self, pictures: Watched[Pixels], changed: asyncio.Event) -> None:
            super().__init__()
            self._pictures, self._changed = pictures, changed
            self._last: Shown[Pixels] | None = None
            self._began = asyncio.get_running_loop().time()

        async def recv(self) -> VideoFrame:
            loop = asyncio.get_running_loop()
            until = loop.time() + _STILL
            while (picture := self._pictures.newest() or self._last) is self._last:
                self._changed.clear()
                with suppress(TimeoutError):
                    async with asyncio.timeout_at(until):
                        await self._changed.wait()
                if loop.time() >= until:
                    until = loop.time() + _STILL
                    if self._last is not None:
                        break
            self._last = picture
            assert picture is not None
            # as it lies: nobody writes to the copy again, and another of a large picture would hold the event loop up
            frame = VideoFrame.from_numpy_buffer(picture.data.data, format=picture.data.order.lower())
            frame.pts, frame.time_base = int((loop.time() - self._began) * _CLOCK), Fraction(1, _CLOCK)
            return frame

    return lambda: RTCPeerConnection(RTCConfiguration(iceServers=[])), Film
