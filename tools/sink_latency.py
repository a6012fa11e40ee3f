"""From a picture that is complete to one that a receiver in another process holds, sink by sink (Linux).

Run `python -m tools.sink_latency [--size 512] [--fps 30] [--seconds 10] [--rounds 3]`. The sinks take turns, so that
whatever else the machine does is shared; each picture is the test card, whose counter says which one it is. Times are
of one clock, which processes share (CLOCK_MONOTONIC); decoding a JPEG or a film is in them, what a screen does is not.
"""

import argparse
import asyncio
import json
import os
import re
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from statistics import median, quantiles
from tempfile import TemporaryDirectory
from threading import Event, Thread
from typing import Any

import numpy as np

from daemon.clock import WallClock
from daemon.config import Http
from daemon.flow import U8, FrameFormat, Order
from daemon.render.card import Card
from daemon.render.card.layout import CELLS, Layout, counted
from daemon.sinks.monitor.server import MonitorServer
from daemon.sinks.preview import PreviewSink
from daemon.sinks.publisher import Publisher
from daemon.slots import SlotRing

NAME = "latency"


def seen(count: int | None, when: float) -> None:
    """One picture was there, said by a receiver."""
    print(json.dumps([count, when]), flush=True)


def counter(pixels: U8) -> int | None:
    """What the card's counter says, from the middles of its cells: a receiver must keep up."""
    height, width = pixels.shape[:2]
    row = Layout(width, height).counters[0].columns(CELLS)
    return counted(tuple(bool(pixels[round(box.middle[1]), round(box.middle[0]), :3].mean() > 128) for box in row))


def receive_shm(_: str) -> None:
    """By the reader of the docs."""
    text = (Path(__file__).parent.parent / "docs" / "SHM.md").read_text("utf-8")
    here: dict[str, Any] = {}
    exec(re.findall(r"```python\n(.*?)```", text, re.DOTALL)[0], here)
    reader, last = here["Reader"](NAME), -1
    while True:
        frame = reader.read()
        if frame is None or frame[0] == last:
            time.sleep(0.0005)
            continue
        last, when = frame[0], time.perf_counter()
        seen(last % 65536, when)


def receive_ndi(_: str) -> None:
    """By cyndilib, asked every millisecond for the newest picture."""
    from cyndilib.finder import Finder
    from cyndilib.receiver import Receiver
    from cyndilib.video_frame import VideoFrameSync
    from cyndilib.wrapper.ndi_recv import RecvBandwidth, RecvColorFormat

    finder, video = Finder(), VideoFrameSync()
    finder.open()
    receiver = Receiver(color_format=RecvColorFormat.BGRX_BGRA, bandwidth=RecvBandwidth.highest)
    receiver.frame_sync.set_video_frame(video)
    source = None
    while source is None:
        finder.wait_for_sources(0.2)
        finder.update_sources()
        source = next((s for s in finder.get_source_names() if s.endswith(f"({NAME})")), None)
    receiver.set_source(finder.get_source(source))
    last = None
    while True:
        time.sleep(0.001)
        receiver.frame_sync.capture_video()
        when = time.perf_counter()
        width, height = video.get_resolution()
        rows = video.get_array().reshape(height, -1)[:, : 4 * width] if width and height else None  # they are padded
        count = counter(rows.reshape(height, width, 4)) if rows is not None else None
        if count != last:
            last = count
            seen(count, when)


def receive_jpegs(url: str) -> None:
    """As a browser takes the stream, decoded."""
    from io import BytesIO

    import aiohttp
    from PIL import Image

    async def take() -> None:
        async with aiohttp.ClientSession() as client, client.get(f"{url}stream.mjpg") as answer:
            parts = aiohttp.MultipartReader.from_response(answer)
            while isinstance(part := await parts.next(), aiohttp.BodyPartReader):
                picture = np.asarray(Image.open(BytesIO(await part.read())))
                when = time.perf_counter()
                seen(counter(picture), when)

    asyncio.run(take())


def receive_film(url: str) -> None:
    """By aiortc, decoded."""
    import aiohttp
    from aiortc import RTCConfiguration, RTCPeerConnection, RTCSessionDescription

    async def take() -> None:
        peer, tracks = RTCPeerConnection(RTCConfiguration(iceServers=[])), []
        peer.addTransceiver("video", direction="recvonly")
        peer.on("track", tracks.append)
        async with aiohttp.ClientSession() as client, client.ws_connect(f"{url}view/film") as wire:
            await peer.setLocalDescription(await peer.createOffer())
            await wire.send_str(json.dumps({"sdp": peer.localDescription.sdp}))
            answer = json.loads(await wire.receive_str())["sdp"]
            await peer.setRemoteDescription(RTCSessionDescription(answer, "answer"))
            while True:
                frame = await tracks[0].recv()
                when = time.perf_counter()
                seen(counter(frame.to_ndarray(format="rgb24")), when)

    asyncio.run(take())


RECEIVERS: dict[str, Callable[[str], None]] = {
    "shm": receive_shm,
    "ndi": receive_ndi,
    "mjpeg": receive_jpegs,
    "webrtc": receive_film,
}


@contextmanager
def sinking(kind: str, fps: float) -> Iterator[tuple[Any, str]]:
    """A sink of this kind, and the address of the page where there is one."""
    if kind == "shm":
        from daemon.sinks.shm import ShmSink

        yield ShmSink(NAME), ""
    elif kind == "ndi":
        from daemon.sinks.ndi import NdiSink

        yield NdiSink(NAME, fps), ""
    else:
        preview, stop, ready = PreviewSink(), Event(), Event()
        server = MonitorServer(preview, Http(port=0), lambda: 1 / 0, lambda: True)  # type: ignore[return-value]
        server.bind()
        port = server.port

        async def serve() -> None:
            task = asyncio.create_task(server.run())
            ready.set()
            while not stop.is_set():  # noqa: ASYNC110 - another thread says when
                await asyncio.sleep(0.05)
            task.cancel()
            await asyncio.wait([task])

        thread = Thread(target=lambda: asyncio.run(serve()))
        thread.start()
        ready.wait()
        yield preview, f"http://127.0.0.1:{port}/"
        stop.set()
        thread.join()


def measure(kind: str, size: int, fps: float, seconds: float) -> tuple[list[float], int]:
    """Latencies, ms, and how many pictures were shown to nobody."""
    clock, stop = WallClock(), Event()
    form = FrameFormat(size, size, Order.BGRA if kind == "ndi" else Order.RGBA)
    ring, card = SlotRing(1, form), Card(size, size, form.order)
    rendered: dict[int, float] = {}
    with sinking(kind, fps) as (sink, url):
        publisher = Publisher(sink, form, clock)
        thread = Thread(target=publisher.loop, args=(stop,))
        thread.start()
        publisher.settled.wait(20)
        here = [sys.executable, "-m", "tools.sink_latency", "--receive", kind, "--url", url]
        child = subprocess.Popen(here, stdout=subprocess.PIPE, text=True, cwd=Path(__file__).parent.parent)
        arrived: dict[int, float] = {}

        def listen() -> None:
            assert child.stdout is not None
            for line in child.stdout:
                count, when = json.loads(line)
                if count is not None:
                    arrived.setdefault(count, when)

        ear = Thread(target=listen)
        ear.start()
        begin, index, started = time.perf_counter(), 0, None
        while started is None or time.perf_counter() - started < seconds:
            if started is None and len(arrived) > 10:  # it is connected: what follows counts
                started = time.perf_counter()
                rendered.clear()
            if started is None and time.perf_counter() - begin > 30:
                raise SystemExit(f"{kind}: nothing arrived in 30 s")
            time.sleep(max(0.0, begin + index / fps - time.perf_counter()))
            slot = ring.acquire()
            assert slot is not None
            card.paint(index, slot.pixels)
            slot.index, slot.rendered = index, clock.now()
            rendered[index % 65536] = slot.rendered
            publisher.outlet.offer(slot)
            slot.release()
            index += 1
        time.sleep(0.5)
        child.kill()
        child.wait()
        ear.join()
        stop.set()
        thread.join()
    shown = [1e3 * (arrived[n] - at) for n, at in rendered.items() if n in arrived]
    return shown, len(rendered) - len(shown)


def main() -> None:
    """Measure and print a table."""
    ask = argparse.ArgumentParser(description=__doc__)
    ask.add_argument("--receive", choices=RECEIVERS)
    ask.add_argument("--url", default="")
    ask.add_argument("--size", type=int, default=512)
    ask.add_argument("--fps", type=float, default=30.0)
    ask.add_argument("--seconds", type=float, default=10.0)
    ask.add_argument("--rounds", type=int, default=3)
    given = ask.parse_args()
    if given.receive:
        RECEIVERS[given.receive](given.url)
        return
    found: dict[str, tuple[list[float], int]] = {kind: ([], 0) for kind in RECEIVERS}
    with TemporaryDirectory() as folder:
        config = {"networks": {"ips": "127.0.0.1", "discovery": ""}, "adapters": {"allowed": ["127.0.0.1"]}}
        (Path(folder) / "ndi-config.v1.json").write_text(json.dumps({"ndi": config}))
        os.environ["NDI_CONFIG_DIR"] = folder  # NDI reads it when it is first used, here and in its receiver
        for _ in range(given.rounds):
            for kind, (all_shown, lost) in found.items():
                shown, missing = measure(kind, given.size, given.fps, given.seconds)
                found[kind] = (all_shown + shown, lost + missing)
    print(f"| {given.size} x {given.size}, {given.fps:g} fps | median ms | p95 | worst | pictures | not shown |")
    print("|---|---|---|---|---|---|")
    for kind, (shown, lost) in found.items():
        p95 = quantiles(shown, n=20)[-1]
        print(f"| {kind} | {median(shown):.1f} | {p95:.1f} | {max(shown):.1f} | {len(shown) + lost} | {lost} |")


if __name__ == "__main__":
    main()
