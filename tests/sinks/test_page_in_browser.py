"""The page in a real browser: the picture moves, the numbers come, nothing is refused by its own policy."""

import asyncio
import os
import re
import shutil
from contextlib import asynccontextmanager

import aiohttp
import pytest
from sinks.test_monitor import Renderer, serving

FLAGS = """--headless --no-sandbox --disable-gpu --disable-quic --no-first-run --disable-background-networking
    --disable-component-update --disable-sync --disable-dev-shm-usage --remote-debugging-port=0"""
GREY = """(() => {
  const picture = document.getElementById("picture"), canvas = document.createElement("canvas");
  if (!picture.naturalWidth) return -1;
  canvas.width = canvas.height = 1;
  const pen = canvas.getContext("2d");
  pen.drawImage(picture, 0, 0, 1, 1);
  return pen.getImageData(0, 0, 1, 1).data[0];
})()"""


@pytest.fixture
def chromium():
    found = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
    if found is None and os.environ.get("CI") == "true":
        pytest.fail("chromium is not installed: apt-get install chromium")
    if found is None:
        pytest.skip("chromium is not installed, so the page is not looked at in a browser")
    return found


class Tab:
    """One page, spoken to over the DevTools protocol."""

    def __init__(self, wire):
        self._wire, self._count, self.complaints = wire, 0, []

    async def call(self, method, **params):
        self._count += 1
        await self._wire.send_json({"id": self._count, "method": method, "params": params})
        while True:
            said = await self._wire.receive_json()
            if said.get("id") == self._count:
                return said["result"]
            if said.get("method") in ("Runtime.exceptionThrown", "Log.entryAdded"):
                self.complaints.append(said["params"])

    async def value(self, script):
        return (await self.call("Runtime.evaluate", expression=script, returnByValue=True))["result"].get("value")

    async def until(self, script, accepted):
        while not accepted(value := await self.value(script)):
            await asyncio.sleep(0.05)
        return value


@asynccontextmanager
async def browsing(program, folder, url):
    process = await asyncio.create_subprocess_exec(
        program, *FLAGS.split(), f"--user-data-dir={folder}", "about:blank", stderr=asyncio.subprocess.PIPE
    )
    try:
        address = None
        while address is None:
            line = await process.stderr.readline()
            assert line, "chromium ended before it said where it listens"
            address = re.search(rb"ws://([^/]+)/", line)
        async with aiohttp.ClientSession() as client:
            tabs = []
            while not (tabs := [tab for tab in tabs if tab["type"] == "page"]):
                async with client.get(f"http://{address[1].decode()}/json") as answer:
                    tabs = await answer.json()
            async with client.ws_connect(tabs[0]["webSocketDebuggerUrl"]) as wire:
                tab = Tab(wire)
                await tab.call("Runtime.enable")
                await tab.call("Log.enable")
                await tab.call("Page.navigate", url=url)
                yield tab
    finally:
        process.terminate()
        await process.communicate()


async def test_the_page_shows_moving_pictures_and_the_status(chromium, tmp_path):
    renderer = Renderer(every=0.1)
    for loop in renderer.loops:
        loop.start()
    try:
        async with (
            asyncio.timeout(50),
            serving(renderer.preview) as (server, _),
            browsing(chromium, tmp_path, f"http://127.0.0.1:{server.port}/") as tab,
        ):
            shades = set()
            while len(shades) < 5:
                shades.add(await tab.until(GREY, lambda grey: isinstance(grey, int) and grey >= 0))
            assert await tab.until("document.getElementById('fps').textContent", "29.9".__eq__)
            text = await tab.value("document.body.innerText")
            assert "<b>too much</b>" in text  # as words, not as markup
            assert await tab.value("document.getElementById('sinks').innerText.includes('1 watching')")
            assert tab.complaints == []
    finally:
        renderer.stop.set()
        for loop in renderer.loops:
            loop.join(30)
