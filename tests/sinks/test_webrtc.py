"""The picture as a film: to a peer of aiortc's own, and in a real browser."""

import asyncio
import json
import re
from contextlib import AsyncExitStack

import aiohttp
import pytest
from aiortc import RTCConfiguration, RTCPeerConnection, RTCSessionDescription
from sinks.test_monitor import Renderer, renderer, serving, until  # noqa: F401 - a fixture
from sinks.test_page_in_browser import browsing, chromium, is_  # noqa: F401

from daemon.flow import FrameFormat, Order
from daemon.sinks.monitor import webrtc
from daemon.sinks.preview import PreviewSink
from daemon.slots import SlotRing

GREY = """(() => {
  const film = document.getElementById("film"), canvas = document.createElement("canvas");
  if (!film.videoWidth || film.hidden) return -1;
  canvas.width = canvas.height = 1;
  const pen = canvas.getContext("2d");
  pen.drawImage(film, 0, 0, 1, 1);
  return pen.getImageData(0, 0, 1, 1).data[0];
})()"""


class Viewer:
    """A page's part, by aiortc."""

    def __init__(self):
        self.peer = RTCPeerConnection(RTCConfiguration(iceServers=[]))
        self.peer.addTransceiver("video", direction="recvonly")
        self.track = None
        self.peer.on("track", lambda track: setattr(self, "track", track))

    async def offer(self):
        await self.peer.setLocalDescription(await self.peer.createOffer())
        return json.dumps({"sdp": self.peer.localDescription.sdp})

    async def take(self, answer):
        await self.peer.setRemoteDescription(RTCSessionDescription(json.loads(answer)["sdp"], "answer"))

    async def watch(self, wire):
        await wire.send_str(await self.offer())
        await self.take(await wire.receive_str())

    async def grey(self):
        async with asyncio.timeout(30):
            frame = await self.track.recv()
        assert (frame.width, frame.height) == (64, 64)
        return float(frame.to_ndarray(format="rgb24").mean())


async def test_a_film_shows_pictures_that_change_and_a_still_one_goes_on(renderer):  # noqa: F811
    renderer.loops[1].start()
    async with serving(renderer.preview) as (_, client), asyncio.timeout(60):
        viewer = Viewer()
        async with client.ws_connect("/view/film") as wire:
            await viewer.watch(wire)
            seen = {round(await viewer.grey() / 16) for _ in range(20)}
            assert len(seen) > 3
            assert renderer.preview.receivers() == 1
            renderer.rest.set()
            still = [await viewer.grey() for _ in range(8)]
            assert max(still[-3:]) - min(still[-3:]) < 4
        await until(lambda: renderer.preview.receivers() == 0)
        await viewer.peer.close()


async def test_a_viewer_whose_film_is_lost_is_let_go(renderer):  # noqa: F811
    renderer.loops[1].start()
    async with serving(renderer.preview) as (_, client), asyncio.timeout(60):
        viewer = Viewer()
        async with client.ws_connect("/view/film") as wire:
            await viewer.watch(wire)
            await viewer.grey()
            await viewer.peer.close()  # says goodbye over the film; the wire stays
            assert (await wire.receive()).type in (aiohttp.WSMsgType.CLOSE, aiohttp.WSMsgType.CLOSED)
        await until(lambda: renderer.preview.receivers() == 0)


@pytest.mark.parametrize(
    "said",
    [
        "",
        "no json",
        "[]",
        '{"sdp": 3}',
        '{"sdp": "v=1"}',
        '{"sdp": "v=0", "more": 1}',
        '{"sdp": "v=0"}',
        '{"sdp": "v=0\\r\\nm=video\\r\\n"}',
        '{"sdp": "v=0\\r\\nm=video 9 UDP/TLS/RTP/SAVPF 96\\r\\na=fingerprint:sha-256\\r\\na=candidate:\\r\\n"}',
        json.dumps({"sdp": "v=0\r\n" + "a=x\r\n" * 2000}),
        json.dumps({"sdp": "v=0\r\n" + "a=candidate:1\r\n" * 40}),
        json.dumps({"sdp": "v=0\r\n" + "m=video 9 UDP/TLS/RTP/SAVPF 96\r\n" * 2}),
    ],
)
async def test_what_is_no_offer_is_said_and_costs_nothing(renderer, said, caplog):  # noqa: F811
    async with serving(renderer.preview) as (_, client), asyncio.timeout(30):
        async with client.ws_connect("/view/film") as wire:
            await wire.send_str(said)
            end = await wire.receive()
            assert end.type is aiohttp.WSMsgType.CLOSE
            assert end.data == aiohttp.WSCloseCode.POLICY_VIOLATION
        await until(lambda: renderer.preview.receivers() == 0)
    assert not [record for record in caplog.records if record.levelname == "ERROR"]


async def test_mutated_offers_break_nothing(renderer, caplog):  # noqa: F811
    viewer = Viewer()
    lines = json.loads(await viewer.offer())["sdp"].splitlines()
    await viewer.peer.close()
    async with serving(renderer.preview) as (_, client), asyncio.timeout(50):
        for n in range(0, len(lines), 3):
            for changed in (lines[:n], [*lines[:n], lines[n][: len(lines[n]) // 2], *lines[n + 1 :]]):
                async with client.ws_connect("/view/film") as wire:
                    await wire.send_str(json.dumps({"sdp": "\r\n".join(["v=0", *changed[1:], ""])}))
                    await wire.receive()
        await until(lambda: renderer.preview.receivers() == 0)
    assert not [record for record in caplog.records if record.levelname == "ERROR"]


@pytest.mark.parametrize("port", [0, 65_536, "9" * 400, "x", "-1"])
async def test_an_offer_with_a_port_that_is_none_is_no_offer(renderer, port, caplog):  # noqa: F811
    viewer = Viewer()
    good = json.loads(await viewer.offer())["sdp"]
    await viewer.peer.close()
    bad = re.sub(r"(a=candidate:\S+ \d+ udp \d+ \S+) \d+", rf"\1 {port}", good)
    assert bad != good
    async with serving(renderer.preview) as (_, client), asyncio.timeout(30):
        async with client.ws_connect("/view/film") as wire:
            await wire.send_str(json.dumps({"sdp": bad}))
            assert (await wire.receive()).data == aiohttp.WSCloseCode.POLICY_VIOLATION
        await until(lambda: renderer.preview.receivers() == 0)
    assert not [record for record in caplog.records if record.levelname == "ERROR"]


async def test_a_viewer_that_is_never_reached_is_let_go(renderer, monkeypatch):  # noqa: F811
    monkeypatch.setattr(webrtc, "_REACHED", 0.3)
    viewer = Viewer()
    offer = await viewer.offer()
    await viewer.peer.close()
    async with serving(renderer.preview) as (_, client), asyncio.timeout(20):
        async with client.ws_connect("/view/film") as wire:
            await wire.send_str(offer)
            assert "sdp" in json.loads(await wire.receive_str())
            assert (await wire.receive()).data == aiohttp.WSCloseCode.GOING_AWAY
        await until(lambda: renderer.preview.receivers() == 0)


async def test_a_film_copies_no_picture():
    sink = PreviewSink()
    slot = SlotRing(1, FrameFormat(32, 16)).acquire()
    _, track_of = webrtc._load()
    with sink.raw.watch(lambda: None):
        sink.publish(slot)
        frame = await track_of(sink.raw, asyncio.Event()).recv()
        assert frame.planes[0].buffer_ptr == sink.raw.newest().data.data.ctypes.data


async def test_four_may_watch_films_and_the_fifth_is_told(renderer):  # noqa: F811
    async with serving(renderer.preview) as (_, client), asyncio.timeout(30):
        wires = [await client.ws_connect("/view/film") for _ in range(4)]
        async with client.ws_connect("/view/film") as fifth:
            end = await fifth.receive()
            assert (end.data, end.extra) == (aiohttp.WSCloseCode.TRY_AGAIN_LATER, "4 watch films already")
        await wires.pop().close()
        end = None
        while end != aiohttp.WSCloseCode.POLICY_VIOLATION:  # it is let in as soon as one is seen to have left
            async with client.ws_connect("/view/film") as again:
                await again.send_str("no offer")
                end = (await again.receive()).data
        for wire in wires:
            await wire.close()


async def test_an_offer_of_too_many_addresses_is_none(renderer):  # noqa: F811
    viewer = Viewer()
    good = json.loads(await viewer.offer())["sdp"]
    await viewer.peer.close()
    line = next(line for line in good.splitlines() if line.startswith("a=candidate"))
    async with serving(renderer.preview) as (_, client), asyncio.timeout(30):
        for count, taken in ((1, True), (40, False)):
            async with client.ws_connect("/view/film") as wire:
                await wire.send_str(json.dumps({"sdp": good.replace(line, "\r\n".join([line] * count))}))
                assert ((await wire.receive()).type is aiohttp.WSMsgType.TEXT) is taken


async def test_a_film_has_the_colours_of_the_picture_in_either_order():
    for order in Order:
        sink = PreviewSink()
        slot = SlotRing(1, FrameFormat(32, 16, order)).acquire()
        slot.pixels[:] = [{"R": 200, "G": 120, "B": 40, "A": 255}[name] for name in order]
        _, track_of = webrtc._load()
        with sink.raw.watch(lambda: None):
            sink.publish(slot)
            frame = await track_of(sink.raw, asyncio.Event()).recv()
        assert frame.to_ndarray(format="rgb24")[8, 8].tolist() == [200, 120, 40]


async def test_another_sites_page_gets_no_film(renderer):  # noqa: F811
    async with serving(renderer.preview) as (_, client):
        with pytest.raises(aiohttp.WSServerHandshakeError, match="403"):
            await client.ws_connect("/view/film", headers={"Origin": "http://evil.example"})


async def watched(chromium, folder, script, accepted):  # noqa: F811
    renderer = Renderer(every=0.05)  # noqa: F811
    for loop in renderer.loops:
        loop.start()
    try:
        async with (
            asyncio.timeout(100),
            serving(renderer.preview) as (server, _),
            browsing(chromium, folder, f"http://127.0.0.1:{server.port}/view") as tab,
        ):
            first = await tab.until(script, accepted)
            await tab.until(script, lambda value: accepted(value) and abs(value - first) > 16)
            await tab.until("document.getElementById('veil').className", is_("off"))
            assert tab.complaints == []
    finally:
        renderer.stop.set()
        for loop in renderer.loops:
            loop.join(30)


async def test_a_browser_plays_the_film(chromium, tmp_path):  # noqa: F811
    await watched(chromium, tmp_path, GREY, lambda value: value is not None and value >= 0)


async def test_where_films_cannot_be_the_browser_shows_jpegs(chromium, tmp_path, monkeypatch):  # noqa: F811
    def missing():
        raise ImportError("No module named 'aiortc'")

    monkeypatch.setattr(webrtc, "_load", missing)
    script = GREY.replace('"film"', '"stills"').replace("videoWidth", "width")
    await watched(chromium, tmp_path, script, lambda value: value is not None and value >= 0)


@pytest.mark.parametrize("way", ["", "?film=0"])
async def test_the_picture_comes_back_by_itself_with_the_daemon(chromium, tmp_path, way, renderer):  # noqa: F811
    renderer.loops[1].start()
    veil = "document.getElementById('veil').className"
    async with asyncio.timeout(100), AsyncExitStack() as stack:
        async with serving(renderer.preview) as (server, _):
            port = server.port
            tab = await stack.enter_async_context(browsing(chromium, tmp_path, f"http://127.0.0.1:{port}/view{way}"))
            await tab.until(veil, is_("off"))
        await tab.until(veil, is_(""))
        async with serving(renderer.preview, port=port):
            await tab.until(veil, is_("off"))
            await until(lambda: renderer.preview.receivers() == 1)
