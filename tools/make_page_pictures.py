"""Makes docs/pictures/page.jpg and page-phone.jpg: the monitor page of a running demo, in a real browser.

Start `latentd demo`, then run `python tools/make_page_pictures.py http://127.0.0.1:7780/ docs/pictures`. It recalls
every preset first, so that each has its small picture, and shows the one named with --preset. Needs Chromium.
"""

import argparse
import asyncio
import base64
import json
import re
import shutil
import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from io import BytesIO
from pathlib import Path
from typing import Any

import aiohttp
from PIL import Image

PROGRAMS = ("chromium", "chromium-browser", "google-chrome")
FLAGS = (
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--no-first-run",
    "--remote-debugging-port=0",
    "--hide-scrollbars",
)
PATIENCE = 45.0  # s a preset may take to arrive
KNOWN = "typeof s === 'object' && (s.presets || []).map(([name]) => name)"
ARRIVED = "(s.presets || []).every(([name, , stamp]) => stamp > 0 || name !== {name})"
LOUD = "Boolean(s.audio && s.audio.gate_open && Math.max(...target) > 0.6 && picture.naturalWidth)"


class Tab:
    """A page, spoken to over the DevTools protocol."""

    def __init__(self, wire: aiohttp.ClientWebSocketResponse) -> None:
        self._wire, self._count = wire, 0

    async def call(self, method: str, **params: Any) -> dict[str, Any]:
        """One command and its answer."""
        self._count += 1
        await self._wire.send_json({"id": self._count, "method": method, "params": params})
        while True:
            said = await self._wire.receive_json()
            if said.get("id") == self._count:
                answer: dict[str, Any] = said["result"]
                return answer

    async def value(self, script: str) -> Any:
        """What a script gives."""
        return (await self.call("Runtime.evaluate", expression=script, returnByValue=True))["result"].get("value")

    async def until(self, script: str) -> Any:
        """What a script gives when it gives something."""
        loop = asyncio.get_running_loop()
        end = loop.time() + PATIENCE
        while not (value := await self.value(script)) and loop.time() < end:  # noqa: ASYNC110 - the page calls nobody
            await asyncio.sleep(0.1)
        return value

    async def shown(self, width: int, height: int, *, phone: bool) -> Image.Image:
        """The page on a screen of this size, after a while on it."""
        scale = 2 if phone else 1
        metrics = {"width": width, "height": height, "deviceScaleFactor": scale, "mobile": phone}
        await self.call("Emulation.setDeviceMetricsOverride", **metrics)
        await self.call("Emulation.setTouchEmulationEnabled", enabled=phone)
        await asyncio.sleep(3)
        await self.until(LOUD)
        data = (await self.call("Page.captureScreenshot", format="png"))["data"]
        return Image.open(BytesIO(base64.b64decode(data))).convert("RGB")


@asynccontextmanager
async def browsing(url: str) -> AsyncIterator[Tab]:
    """A browser at this address."""
    program = next(filter(None, map(shutil.which, PROGRAMS)), None)
    if program is None:
        raise SystemExit("Chromium is not installed: install it, for example with apt-get install chromium")
    with tempfile.TemporaryDirectory() as folder:
        args = (*FLAGS, f"--user-data-dir={folder}", "about:blank")
        process = await asyncio.create_subprocess_exec(program, *args, stderr=asyncio.subprocess.PIPE)
        assert process.stderr is not None
        try:
            address = None
            while address is None and (line := await process.stderr.readline()):
                address = re.search(rb"ws://([^/]+)/", line)
            if address is None:
                raise SystemExit("Chromium ended before it said where it listens")
            async with aiohttp.ClientSession() as client:
                tabs: list[dict[str, str]] = []
                while not (tabs := [tab for tab in tabs if tab["type"] == "page"]):
                    async with client.get(f"http://{address[1].decode()}/json") as answer:
                        tabs = await answer.json()
                async with client.ws_connect(tabs[0]["webSocketDebuggerUrl"], max_msg_size=0) as wire:
                    tab = Tab(wire)
                    await tab.call("Page.navigate", url=url)
                    yield tab
        finally:
            process.terminate()
            await process.communicate()


async def recall(tab: Tab, preset: str) -> None:
    """Recall a preset and wait until it has a small picture."""
    await tab.value(f'set("/latentd/preset", {json.dumps(preset)})')
    if not await tab.until(ARRIVED.format(name=json.dumps(preset))):
        print(f"{preset} got no small picture in {PATIENCE:g} s")


async def make(url: str, folder: Path, preset: str) -> None:
    """Both pictures."""
    async with browsing(url) as tab:
        names = await tab.until(KNOWN)
        for name in (*names[1:], names[0], preset):  # the first one is on when a demo begins
            await recall(tab, name)
        await asyncio.sleep(8)  # it arrives, and the plots have something to show
        (await tab.shown(1280, 900, phone=False)).save(folder / "page.jpg", quality=88)
        (await tab.shown(390, 844, phone=True)).save(folder / "page-phone.jpg", quality=85)


def main() -> None:
    """Write the pictures into a folder."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("url")
    parser.add_argument("folder", type=Path)
    parser.add_argument("--preset", default="hearth")
    args = parser.parse_args()
    args.folder.mkdir(parents=True, exist_ok=True)
    asyncio.run(make(args.url, args.folder, args.preset))


if __name__ == "__main__":
    main()
