import asyncio
import json
import re
import socket
from contextlib import asynccontextmanager
from io import BytesIO
from threading import Event, Thread

import aiohttp
import numpy as np
import pytest
from PIL import Image

from daemon.access import Door
from daemon.clock import WallClock
from daemon.config import Http
from daemon.errors import SinkUnavailable
from daemon.flow import FrameFormat
from daemon.sinks.monitor.metrics import metrics
from daemon.sinks.monitor.page import page
from daemon.sinks.monitor.server import MonitorServer
from daemon.sinks.preview import PreviewSink
from daemon.sinks.publisher import Publisher
from daemon.slots import SlotRing
from daemon.status import AudioStatus, ErrorStatus, FrameTimes, Latency, ModelStatus, OscStatus, SinkStatus, Status

FORMAT = FrameFormat(64, 64)


def status(preset="hearth"):
    return Status(
        version="0.1.0",
        uptime_s=12.5,
        frame_index=300,
        fps=29.9,
        frame_ms=FrameTimes(p50=12.0, p95=14.0, p99=16.0, max=20.0),
        ticks_skipped=2,
        latency_ms=Latency(p50=30.0, p95=40.0),
        model=ModelStatus(name='a "quoted"\nmodel\\', resolution=64, engine="cpu", precision="float32"),
        preset=preset,
        mapper="mel",
        params={"/latentd/psi": 0.7, "/latentd/mapper": "mel"},
        audio=AudioStatus(source="tone", state="ok", sr=48000, rms_db=-20.0, gate_open=True),
        features={"rms_db": -20.0, "band/0": 0.5, "band/1": 0.9},
        sinks=(SinkStatus(name="preview", state="ok", published=300, latency_ms=0.4, receivers=1),),
        osc=OscStatus(received=5, applied=4, refused=1),
        errors=(ErrorStatus(time="2026-01-01T00:00:00.000+00:00", code="range", text="<b>too much</b>"),),
    )


class Renderer:
    """Pictures of one grey value a frame, as fast as it is asked to."""

    def __init__(self, every=1 / 60, size=64):
        self.format = FrameFormat(size, size)
        self.preview, self.clock = PreviewSink(), WallClock()
        self.publisher = Publisher(self.preview, self.format, self.clock)
        self.ring, self.stop, self.every = SlotRing(1, self.format), Event(), every
        self.rest = Event()  # while set, nothing new comes
        self.noise = np.random.default_rng(0).integers(0, 256, (size, size, 4), np.uint8)
        self.loops = [Thread(target=self.publisher.loop, args=(self.stop,)), Thread(target=self.render)]

    def render(self):
        index = 0
        while not self.stop.wait(self.every):
            if self.rest.is_set():
                continue
            slot = self.ring.acquire()
            assert slot is not None, "the renderer was starved"
            np.bitwise_and(self.noise, 31, out=slot.pixels)
            slot.pixels += np.uint8(index * 8 % 224)
            slot.index, slot.rendered = index, self.clock.now()
            self.publisher.outlet.offer(slot)
            slot.release()
            index += 1


@pytest.fixture
def renderer():
    renderer = Renderer()
    renderer.loops[0].start()
    assert renderer.publisher.settled.wait(30)
    yield renderer
    renderer.stop.set()
    for loop in renderer.loops:
        if loop.ident is not None:
            loop.join(30)
            assert not loop.is_alive()
    assert len(renderer.ring.free) == renderer.ring.size


@asynccontextmanager
async def serving(preview, *, healthy=True, say=status, port=0, **config):
    server = MonitorServer(preview, Http(port=port, **config), say, lambda: healthy)
    server.bind()
    task = asyncio.create_task(server.run())
    try:
        async with aiohttp.ClientSession(f"http://127.0.0.1:{server.port}") as client:
            yield server, client
    finally:
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task


async def raw(port, request):
    """The whole answer to bytes that need not be HTTP."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(request)
    async with asyncio.timeout(20):
        answer = await reader.read(65536)
    writer.close()
    return answer


async def parts(response, count):
    """The first `count` pictures of a stream."""
    reader = aiohttp.MultipartReader.from_response(response)
    found = []
    async with asyncio.timeout(30):
        while len(found) < count:
            part = await reader.next()
            assert part.headers["Content-Type"] == "image/jpeg"
            found.append(await part.read())
    return found


async def until(condition):
    async with asyncio.timeout(30):
        while not condition():
            await asyncio.sleep(0.005)


def grey(data):
    return float(np.asarray(Image.open(BytesIO(data))).mean())


async def test_every_address_answers_with_its_kind(renderer):
    renderer.loops[1].start()
    kinds = {
        "/": "text/html; charset=utf-8",
        "/status.json": "application/json; charset=utf-8",
        "/metrics": "text/plain; version=0.0.4; charset=utf-8",
        "/healthz": "text/plain; charset=utf-8",
        "/frame.png": "image/png",
    }
    async with serving(renderer.preview) as (_, client):
        await until(lambda: renderer.preview.begun)
        for path, kind in kinds.items():
            for method in ("GET", "HEAD"):
                async with client.request(method, path) as answer:
                    assert answer.status == 200, path
                    assert answer.headers["Content-Type"] == kind
                    assert answer.headers["Cache-Control"] == "no-store"
                    assert answer.headers["Server"] == "latentd"
                    assert "Access-Control-Allow-Origin" not in answer.headers
                    assert bool(await answer.read()) == (method == "GET")
        async with client.head("/stream.mjpg") as answer:
            assert answer.headers["Content-Type"].startswith("multipart/x-mixed-replace")
        async with client.get("/status.json") as answer:
            assert await answer.json() == json.loads(status().model_dump_json())
        assert renderer.preview.receivers() == 0


async def test_the_still_is_the_newest_picture_and_there_is_none_before_the_first(renderer):
    async with serving(renderer.preview) as (_, client):
        async with client.get("/frame.png") as answer:
            assert answer.status == 503
            assert await answer.text() == "There is no picture yet; try again in a moment.\n"
        renderer.loops[1].start()
        await until(lambda: renderer.preview.begun)
        seen = set()
        for _ in range(50):
            async with client.get("/frame.png") as answer:
                picture = Image.open(BytesIO(await answer.read()))
                assert picture.size == (64, 64)
                seen.add(picture.tobytes())
        assert len(seen) > 5


async def test_the_stream_shows_pictures_that_change_and_ends_when_the_viewer_goes(renderer):
    renderer.loops[1].start()
    async with serving(renderer.preview) as (_, client):
        async with client.get("/stream.mjpg") as answer:
            pictures = await parts(answer, 8)
            assert len({round(grey(data)) for data in pictures}) > 4
            assert renderer.preview.receivers() == 1
        await until(lambda: renderer.preview.receivers() == 0)


async def test_a_still_picture_reaches_who_comes_late(renderer):
    renderer.loops[1].start()
    async with serving(renderer.preview) as (_, client):
        await until(lambda: renderer.preview.begun)
        renderer.rest.set()
        for _ in range(2):
            async with client.get("/stream.mjpg") as answer:
                await parts(answer, 1)
        async with client.get("/frame.png") as answer:
            assert answer.status == 200


async def test_a_viewer_that_leaves_while_nothing_moves_is_not_counted_for_ever(renderer):
    renderer.loops[1].start()
    async with serving(renderer.preview) as (_, client):
        await until(lambda: renderer.preview.begun)
        async with client.get("/stream.mjpg") as answer:
            await parts(answer, 1)
            renderer.rest.set()
            await asyncio.sleep(0.2)  # the last pictures leave
        await until(lambda: renderer.preview.receivers() == 0)


async def test_a_viewer_that_does_not_read_holds_nobody_up():
    renderer = Renderer(size=512)  # noise: some 100 kB a picture, so that its buffers are soon full
    for loop in renderer.loops:
        loop.start()
    try:
        async with serving(renderer.preview) as (server, client):
            asleep = socket.create_connection(("127.0.0.1", server.port))
            asleep.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
            asleep.sendall(f"GET /stream.mjpg HTTP/1.1\r\nHost: 127.0.0.1:{server.port}\r\n\r\n".encode())
            await until(lambda: renderer.preview.receivers() == 1)
            async with client.get("/stream.mjpg") as answer:
                assert len(await parts(answer, 25)) == 25
            assert renderer.publisher.status().state == "ok"
            began = asyncio.get_running_loop().time()
        assert asyncio.get_running_loop().time() - began < 20  # and the end waits for nobody either
        asleep.close()
    finally:
        renderer.stop.set()
        for loop in renderer.loops:
            loop.join(30)


async def test_streams_end_cleanly_when_the_server_stops(renderer):
    renderer.loops[1].start()
    async with aiohttp.ClientSession() as outside:
        async with serving(renderer.preview) as (server, _):
            answer = await outside.get(f"http://127.0.0.1:{server.port}/stream.mjpg")
            await parts(answer, 2)
        async with asyncio.timeout(30):
            await answer.content.read()  # to its end: chunked, and ended as it should
        assert answer.content.at_eof()
        answer.close()


async def test_thirty_two_may_watch_and_the_next_is_told(renderer):
    renderer.loops[1].start()
    async with serving(renderer.preview) as (_, client):
        watching = [await client.get("/stream.mjpg") for _ in range(32)]
        async with client.get("/stream.mjpg") as one_more:
            assert one_more.status == 503
            assert "32 are watching already" in await one_more.text()
        watching.pop().close()
        async with asyncio.timeout(30):
            while (again := await client.get("/stream.mjpg")).status != 200:
                again.close()
                await asyncio.sleep(0.02)
        for answer in (*watching, again):
            answer.close()


@pytest.mark.parametrize(
    "host",
    [
        "evil.example:{port}",
        "127.0.0.1",
        "127.0.0.1:1",
        "127.0.0.1.evil.example:{port}",
        "[::1",
        "192.168.0.9:{port}",
        "",
    ],
)
async def test_another_sites_name_for_this_machine_is_refused(renderer, host):
    async with serving(renderer.preview) as (server, client):
        for path in ("/", "/status.json", "/stream.mjpg", "/nothing"):
            async with client.get(path, headers={"Host": host.format(port=server.port)}) as answer:
                assert answer.status == 403, path
                assert "its own address only" in await answer.text()
        for known in ("localhost", "LOCALHOST", "127.0.0.1", "[::1]"):
            async with client.get("/healthz", headers={"Host": f"{known}:{server.port}"}) as answer:
                assert answer.status == 200


async def test_only_reading_is_possible_and_only_what_is_there(renderer):
    async with serving(renderer.preview) as (server, client):
        for method in ("POST", "PUT", "DELETE", "OPTIONS", "PATCH"):
            async with client.request(method, "/status.json", data=b"x" * 100) as answer:
                assert answer.status == 405
                assert answer.headers["Allow"] == "GET, HEAD"
        for path in (
            "/page.js",
            "/../page.js",
            "/..%2f..%2fetc/passwd",
            "/%2e%2e/etc/passwd",
            "//etc/passwd",
            "/favicon.ico",
        ):
            request = f"GET {path} HTTP/1.1\r\nHost: 127.0.0.1:{server.port}\r\nConnection: close\r\n\r\n"
            assert (await raw(server.port, request.encode())).startswith(b"HTTP/1.1 404 "), path


async def test_the_cookies_of_all_ports_of_this_machine_are_let_by_and_no_more(renderer):
    async with serving(renderer.preview) as (_, client):
        for size, code in ((30_000, 200), (40_000, 400)):
            async with client.get("/healthz", headers={"Cookie": "other=" + "a" * size}) as answer:
                assert answer.status == code


@pytest.mark.parametrize(
    "request_",
    [
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n",
        b"GET / HTTP/9.9\r\n\r\n",
        b"GET /" + b"a" * 100_000 + b" HTTP/1.1\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: 127.0.0.1\r\nX: " + b"a" * 100_000 + b"\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n",
        b"GET / HTTP/1.0\r\n\r\n",
        b"GET / HTTP/1.1\r\nContent-Length: -5\r\n\r\n",
    ],
)
async def test_what_is_hardly_a_request_gets_a_sentence_and_learns_nothing(renderer, request_, caplog):
    async with serving(renderer.preview) as (server, client):
        answer = await raw(server.port, request_)
        assert re.match(rb"HTTP/1\.[01] 4\d\d ", answer), answer[:200]
        assert b"Server: latentd\r\n" in answer
        assert b"aiohttp" not in answer
        assert b"Traceback" not in answer
        async with client.get("/healthz") as after:
            assert after.status == 200
    assert "Traceback" not in caplog.text


async def test_a_status_that_breaks_is_an_error_of_ours_and_the_page_goes_on(renderer, caplog):
    async with serving(renderer.preview, say=lambda: 1 / 0) as (_, client):
        async with client.get("/status.json") as answer:
            assert answer.status == 500
            assert "ZeroDivisionError" not in await answer.text()
        async with client.get("/") as answer:
            assert answer.status == 200
    assert "ZeroDivisionError" in caplog.text


async def test_health_is_a_status_code(renderer):
    async with serving(renderer.preview, healthy=False) as (_, client), client.get("/healthz") as answer:
        assert answer.status == 503
        assert await answer.text() == "No new picture in two seconds.\n"


async def test_beyond_loopback_a_token_is_asked_for(renderer):
    async with serving(renderer.preview, host="0.0.0.0", token="correct horse") as (_, client):
        for path in ("/", "/status.json", "/stream.mjpg", "/frame.png", "/metrics"):
            async with client.get(path) as answer:
                assert answer.status == 401, path
        for wrong in ("wrong", "correct hors", "été"):
            async with client.get("/", params={"token": wrong}) as answer:
                assert answer.status == 401
        async with client.get("/", params={"token": "correct horse"}) as answer:
            assert answer.status == 200
        async with client.get("/status.json", headers={"Authorization": "Bearer correct horse"}) as answer:
            assert answer.status == 200


def test_beyond_loopback_without_a_token_is_refused_before_the_port_is_taken():
    server = MonitorServer(PreviewSink(), Http(host="0.0.0.0", port=0), status, lambda: True)
    with pytest.raises(SinkUnavailable, match=r"set http\.token"):
        server.bind()
    assert server.port is None


def test_beyond_loopback_addresses_and_this_machine_are_known_and_strangers_names_are_not():
    door = Door("0.0.0.0", 80, "token")
    assert door.knows(["192.168.1.20"])
    assert door.knows(["[fe80::1]:80"])
    assert door.knows([f"{socket.gethostname()}:80"])
    assert not door.knows(["rebound.example"])
    assert not door.knows(["192.168.1.20", "192.168.1.20"])


@pytest.mark.parametrize(
    ("origin", "host", "ours"),
    [
        ([], ["192.168.1.20"], True),  # no browser
        (["http://192.168.1.20"], ["192.168.1.20"], True),
        (["http://6.6.6.6"], ["192.168.1.20"], False),  # an address of its own is a stranger's, too
        (["https://192.168.1.20"], ["192.168.1.20"], True),
        (["null"], ["192.168.1.20"], False),
        (["http://192.168.1.20", "http://192.168.1.20"], ["192.168.1.20"], False),
    ],
)
def test_a_page_is_our_own_when_it_asks_the_very_address_it_came_from(origin, host, ours):
    assert Door("0.0.0.0", 80, "token").comes_from_here(origin, host) is ours


def test_a_token_of_any_bytes_is_refused_and_breaks_nothing():
    door = Door("0.0.0.0", 80, "token")
    assert not door.lets_in(None, "Bearer \udcff")
    assert not door.lets_in("\udcff", None)
    assert door.lets_in(None, "Bearer token")


def test_a_port_in_use_is_said_in_one_sentence_with_what_to_do():
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        server = MonitorServer(PreviewSink(), Http(port=port), status, lambda: True)
        with pytest.raises(SinkUnavailable) as caught:
            server.bind()
    assert str(caught.value) == (
        f"port {port} is in use (another latentd?); choose another with --http-port or http.port in the config"
    )


@pytest.mark.parametrize("host", ["203.0.113.7", "no.such.host.invalid"])
def test_an_address_that_is_not_ours_is_said_in_one_sentence(host):
    server = MonitorServer(PreviewSink(), Http(host=host, port=0, token="correct horse"), status, lambda: True)
    with pytest.raises(SinkUnavailable, match="is no address of this machine; use 127"):
        server.bind()


async def test_it_can_be_started_again_on_the_same_port_even_when_stopped_while_starting(renderer):
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    for steps in (1, 2, 3, 4, 50, 50):  # of the event loop before it is stopped
        server = MonitorServer(renderer.preview, Http(port=port), status, lambda: True)
        task = asyncio.create_task(server.run())
        for _ in range(steps):
            await asyncio.sleep(0)
        if steps == 50:
            request = f"GET /healthz HTTP/1.0\r\nHost: 127.0.0.1:{port}\r\n\r\n"
            assert b" 200 OK" in await raw(port, request.encode())
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task


def test_the_metrics_are_prometheus_text():
    text = metrics(status(), viewers=2)
    value = r"-?(\d+(\.\d+)?(e[+-]?\d+)?|NaN|[+-]Inf)"
    label = r'[a-z_]+="(?:[^"\\\n]|\\\\|\\"|\\n)*"'
    line = re.compile(rf"# (HELP|TYPE) latentd_[a-z_]+ .+|latentd_[a-z0-9_]+({{{label}(,{label})*}})? {value}")
    assert text.endswith("\n")
    for row in text.splitlines():
        assert line.fullmatch(row), row
    names = [row.split()[2] for row in text.splitlines() if row.startswith("# TYPE")]
    assert len(names) == len(set(names))
    assert 'latentd_sink_published_total{sink="preview",index="0"} 300\n' in text
    assert 'latentd_frame_seconds{quantile="0.95"} 0.014\n' in text
    assert 'model="a \\"quoted\\"\\nmodel\\\\"' in text


def test_two_sinks_of_one_kind_are_two_series():
    sinks = tuple(SinkStatus(name=name, state="ok", published=n) for n, name in enumerate(("frames", "null", "frames")))
    rows = metrics(status().model_copy(update={"sinks": sinks}), viewers=0).splitlines()
    series = [row.rsplit(" ", 1)[0] for row in rows if not row.startswith("#")]
    assert len(series) == len(set(series))
    assert 'latentd_sink_published_total{sink="frames",index="1"} 2' in rows
    assert 'latentd_sink_published_total{sink="null",index="0"} 1' in rows


def test_metrics_leave_out_what_is_not_known_yet():
    early = status().model_copy(update={"frame_ms": None, "latency_ms": None, "sinks": ()})
    text = metrics(early, viewers=0)
    assert "frame_seconds" not in text
    assert "sink_" not in text
    assert "latentd_fps 29.9\n" in text


def test_the_page_needs_nothing_from_elsewhere_and_writes_no_markup_from_data():
    it = page()
    assert not re.findall(r"(?:src|href)=\"(?!data:)", it.html)
    links = set(re.findall(r"https?://[^\s'\"]+", it.html)) - {"http://www.w3.org/2000/svg"}
    assert links == set()
    assert "innerHTML" not in it.html
    assert "insertAdjacentHTML" not in it.html
    assert "unsafe" not in it.policy
    assert "/*s" not in it.html
