"""The page in a real browser: the picture moves, the numbers come, nothing is refused by its own policy."""

import asyncio
import os
import re
import shutil
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import aiohttp
import pytest
from sinks import test_live
from sinks.stage import Stage
from sinks.test_monitor import Renderer, serving

from daemon.preset import VERSION
from daemon.status import ErrorStatus, ShowStatus, SyncScreen, SyncStatus

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

    async def listeners(self):
        """How many the page has on the whole window."""
        window = (await self.call("Runtime.evaluate", expression="window"))["result"]["objectId"]
        return len((await self.call("DOMDebugger.getEventListeners", objectId=window))["listeners"])

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


def is_(wanted):
    """Nothing of a page that is still coming."""
    return lambda value: value == wanted


class Mouse:
    """Presses, moves and lets go, as a hand does."""

    def __init__(self, tab):
        self.tab = tab

    async def press(self, address, share):
        """On a slider, there."""
        box = await self.tab.value(f"""(() => {{
          const it = document.querySelector('[type=range][name="{address}"]');
          it.scrollIntoView({{ block: "center" }});
          const box = it.getBoundingClientRect();
          return [box.x + 7 + (box.width - 14) * {share}, box.y + box.height / 2];
        }})()""")
        for kind in ("mouseMoved", "mousePressed"):
            await self._do(kind, *box)
        return box

    async def move(self, x, y):
        await self._do("mouseMoved", x, y, held=1)

    async def release(self, x, y):
        await self._do("mouseReleased", x, y)

    async def click(self, script):
        """On the middle of an element."""
        await self.tab.value(f"{script}.scrollIntoView({{ block: 'center' }})")
        box = f"(({{ x, y, width, height }}) => [x + width / 2, y + height / 2])({script}.getBoundingClientRect())"
        x, y = await self.tab.value(box)
        for kind in ("mouseMoved", "mousePressed", "mouseReleased"):
            await self._do(kind, x, y)

    async def _do(self, kind, x, y, held=0):
        button = {"buttons": held} if kind == "mouseMoved" else {"clickCount": 1, "buttons": 1}
        await self.tab.call("Input.dispatchMouseEvent", type=kind, x=x, y=y, button="left", **button)


def at(address):
    """Where a slider stands, 0..1."""
    return f"""(() => {{
      const it = document.querySelector('[type=range][name="{address}"]');
      return it ? (it.value - it.min) / (it.max - it.min) : -1;
    }})()"""


def enter(address, text):
    """Type into the number beside a slider."""
    return f"""(() => {{
      const it = document.querySelector('.number[name="{address}"]');
      it.focus(); it.value = "{text}"; it.blur();
      it.dispatchEvent(new Event("change"));
    }})()"""


@asynccontextmanager
async def showing(chromium, folder):
    """The page over a real desk, with pictures."""
    stage, renderer = Stage(folder / "presets"), Renderer(every=0.1)
    stage.quicken()
    for loop in renderer.loops:
        loop.start()
    try:
        async with (
            asyncio.timeout(100),
            test_live.serving(stage, preview=renderer.preview) as (server, _),
            browsing(chromium, folder / "browser", f"http://127.0.0.1:{server.port}/") as tab,
        ):
            await tab.until("document.getElementById('veil').className", is_("off"))
            await tab.until(at("/latentd/psi"), lambda share: share > 0)
            yield stage, tab
            assert tab.complaints == []
    finally:
        renderer.stop.set()
        for loop in renderer.loops:
            loop.join(30)


async def reached(stage, address, accepted):
    while not accepted(value := stage.value(address)):
        await asyncio.sleep(0.02)
    return value


async def test_the_page_steers_and_follows(chromium, tmp_path):
    async with showing(chromium, tmp_path) as (stage, tab):
        # a slider moved here changes the daemon's value
        mouse = Mouse(tab)
        before = await tab.listeners()
        x, y = await mouse.press("/latentd/psi", 0.2)
        psi = await reached(stage, "/latentd/psi", lambda psi: 0.1 < psi < 0.5)
        # while it is held nobody moves it; let go, wherever that is, it shows what holds
        stage.hear("/latentd/psi", 1.2)
        stage.hear("/latentd/gain", 2.0)
        await tab.until(at("/latentd/gain"), lambda share: abs(share - 0.5) < 1e-3)
        assert abs(await tab.value(at("/latentd/psi")) - psi / 1.5) < 1e-3
        await mouse.release(x, y + 150)
        await tab.until(at("/latentd/psi"), lambda share: abs(share - 0.8) < 1e-3)
        # and drags leave nothing behind
        for _ in range(3):
            await mouse.release(*await mouse.press("/latentd/drift", 0.5))
        assert await tab.listeners() == before
        # what is refused says why, and shows what holds
        await tab.value(enter("/latentd/psi", "99"))
        said = await tab.until("document.querySelector('#said.on')?.textContent", bool)
        assert said == "/latentd/psi takes 0 to 1.5, not the text '99'"
        assert await tab.until("document.querySelector('.number[name=\"/latentd/psi\"]').value", is_("1.2"))
        await tab.value(enter("/latentd/psi", "0,5"))
        await reached(stage, "/latentd/psi", lambda psi: psi == 0.5)
        # switches, names and presets
        await tab.value("document.querySelector('[name=\"/latentd/freeze\"]').click()")
        await reached(stage, "/latentd/freeze", lambda on: on == 1)
        await tab.value("document.querySelector('.segments [value=clusters]').click()")
        await reached(stage, "/latentd/mapper", is_("clusters"))
        await tab.value("document.querySelector('.tile[value=storm]').click()")
        await tab.until("document.querySelector('.tile[aria-pressed=true]')?.value", is_("storm"))
        assert stage.desk.preset == "storm"
        await tab.value("document.getElementById('next').click()")
        await tab.until("document.querySelector('.tile[aria-pressed=true]').value", lambda name: name != "storm")
        await tab.value(
            "document.getElementById('name').value = 'My Own'; document.getElementById('save').requestSubmit()"
        )
        await tab.until("document.querySelector('.tile[aria-pressed=true]').value", is_("my-own"))
        assert "my-own" in stage.bank.names
        # a route from nothing
        shown = "document.querySelectorAll('.route:not([hidden])').length"
        before = await tab.value(shown)
        await tab.value("document.getElementById('add').click()")
        await tab.until(shown, is_(before + 1))
        # a place in a wall of screens is told
        assert "sync" not in await tab.value("document.getElementById('sinks').innerText")
        screens = (SyncScreen(name="left", host="10.0.0.2", frame_index=7, frame_lag=3),)
        wall = {"name": "b", "frame_index": 7, "offset_ms": 0.0, "delay_ms": 0.0, "lost": 0, "refused": 0}
        for told, leader, lag, followers in (
            ("looks for its leader", "", 0, ()),
            ("follows a · 2 frames behind", "a", 2, ()),
            ("leads 1 follower\nleft 3 frames behind", "", 0, screens),
        ):
            role = "leader" if followers else "follower"
            stage.sync = SyncStatus(role=role, leader=leader, frame_lag=lag, screens=followers, **wall)
            await tab.until("document.getElementById('sinks').innerText", lambda text, told=told: told in (text or ""))
        # what is heard moves
        stage.features["band/0"] = 0.9
        await tab.until("bars[0]", lambda band: band > 0.85)
        stage.features["band/0"] = 0.1
        await tab.until("bars[0]", lambda band: band < 0.15)


OWN = """
version: {version}
mapper: {mapper}
anchors: {{mine: 1207}}
"""
KEEP = """(() => {{
  window.kept = [...document.querySelectorAll('{every}')];
  return kept.length;
}})()"""
THERE = "kept.every((it) => document.contains(it))"
PAIRINGS = "[...document.querySelector('[name=\"/latentd/pairing\"]').options].map((it) => it.value)"
OPEN = "[...document.querySelectorAll('details')].filter((it) => it.open).map((it) => it.id)"


async def test_what_is_held_or_open_stays_when_other_things_can_be_set(chromium, tmp_path):
    (tmp_path / "presets").mkdir()
    for name in ("mel", "clusters"):
        (tmp_path / "presets" / f"own-{name}.yaml").write_text(OWN.format(version=VERSION, mapper=name))
    async with showing(chromium, tmp_path) as (stage, tab):
        mouse = Mouse(tab)
        drawn = "document.querySelectorAll('#group-clusters .row').length"
        clusters = await tab.value(drawn)
        # by hand opened, and closed
        for group in ("clusters", "encodec", "gate"):
            await mouse.click(f"document.querySelector('#group-{group} > summary')")
        before = await tab.value(OPEN)
        assert {"group-clusters", "group-encodec", "group-play"} <= set(before)
        assert "group-gate" not in before
        every = '[name^="/latentd/"], .tile, .route, details'
        assert await tab.value(KEEP.format(every=every)) > 100
        # a slider is under the mouse while a preset that brings a place of its own is recalled
        x, y = await mouse.press("/latentd/psi", 0.2)
        await reached(stage, "/latentd/psi", lambda psi: 0.1 < psi < 0.5)
        stage.hear("/latentd/preset", "own-mel")
        await tab.until(drawn, is_(clusters + 1))
        stage.hear("/latentd/preset/save", "later")
        await tab.until("[...document.querySelectorAll('.tile')].some((it) => it.value === 'later')", is_(True))
        real = stage.panel.panel
        pairings = {"pairing": ("", "night", "day")}
        stage.panel.panel = lambda: replace(real(), lists={**real().lists, **pairings})
        await tab.until(PAIRINGS, is_(["", "night", "day"]))
        assert await tab.value(THERE)
        assert await tab.value(OPEN) == before
        await mouse.move(x + 60, y)
        share = await tab.until(at("/latentd/psi"), lambda share: share > 0.4)
        await reached(stage, "/latentd/psi", lambda psi: abs(psi - 1.5 * share) < 1e-2)
        await mouse.release(x + 60, y)
        # another mapper opens its own, and leaves alone what a hand has opened or closed
        stage.hear("/latentd/mapper", "pairs")
        await tab.until("document.getElementById('group-pairs').open", is_(True))
        shown = set(await tab.value(OPEN))
        assert {"group-clusters", "group-encodec"} <= shown
        assert not {"group-gate", "group-mel", "group-bands"} & shown
        # what is no longer there goes, and the rest stays
        stage.hear("/latentd/preset", "hearth")
        await tab.until(drawn, is_(clusters))
        assert await tab.value(THERE)


async def test_the_page_says_black_frozen_and_who_has_the_show_and_dates_old_faults(chromium, tmp_path):
    async with showing(chromium, tmp_path) as (stage, tab):
        line = (
            "(({ hidden, innerText }) => hidden ? null : innerText.split('\\n'))(document.getElementById('standing'))"
        )
        summary = "document.getElementById('summary').innerText"
        assert await tab.value(line) is None
        stage.hear("/latentd/freeze", 1)
        assert await tab.until(line, bool) == ["frozen: freeze is on"]
        assert await tab.until(summary, is_("Running, frozen"))
        stage.hear("/latentd/freeze", 0)
        stage.hear("/latentd/blackout", 1)
        stage.shown = ShowStatus(enabled=True, on="blackout")
        await tab.until(line, is_(["black: the show's night"]))
        await tab.until(summary, is_("Running, black"))
        stage.hear("/latentd/blackout", 0)
        stage.shown = ShowStatus(enabled=True, on="hand", preset="storm", playlist="day", entry=1, next_in_s=241.0)
        await tab.until(line, is_(["a hand has the show, it goes on in 4 min"]))
        await tab.until(summary, is_("Running"))
        lately = datetime.now(UTC) - timedelta(hours=3)
        times = [(lately - timedelta(days=days)).isoformat() for days in (0, 20, 45)]
        stage.errors = (
            ErrorStatus(time=times[0], code="preset", text="psi: not a number"),
            ErrorStatus(time=times[1], code="range", text="too much", count=3000, since=times[2]),
        )
        told = await tab.until("document.getElementById('errors').innerText", lambda text: "too much" in text)
        new, _, old, _ = told.split("\n")
        year = str((lately - timedelta(days=20)).astimezone().year)
        assert year in old
        assert year not in new
        assert re.search(r"\b3.?000 times since ", old)
        assert "up 12 s" in await tab.value("document.getElementById('foot').innerText")


@pytest.mark.parametrize("width", [1280, 1024, 390, 320])
async def test_every_control_fits_any_screen_and_can_be_reached(chromium, tmp_path, width):
    async with showing(chromium, tmp_path) as (stage, tab):
        await tab.call(
            "Emulation.setDeviceMetricsOverride", width=width, height=844, deviceScaleFactor=1, mobile=width < 900
        )
        await tab.call("Emulation.setTouchEmulationEnabled", enabled=width < 900)
        stage.shown = ShowStatus(enabled=True, on="entry", preset="a" * 64, playlist="b" * 64, entry=1, next_in_s=9.0)
        stage.hear("/latentd/route/0/source", "onset")
        stage.hear("/latentd/route/0/target", "rotate")
        await tab.until("document.querySelectorAll('.route:not([hidden])').length", is_(1))
        await tab.value("document.body.classList.add('explained')")
        await tab.value("document.querySelectorAll('details').forEach((it) => { it.open = true; })")
        assert await tab.value("document.documentElement.scrollWidth - document.documentElement.clientWidth") == 0
        outside = """[...document.querySelectorAll('#desk *, #look *')].filter((it) => {
          const box = it.getBoundingClientRect();
          return box.width && (box.right > innerWidth + 0.5 || box.left < -0.5);
        }).map((it) => it.tagName + '#' + it.id + '.' + it.className)"""
        assert await tab.value(outside) == []
        drawn = """[...new Set([...document.querySelectorAll('[name^="/latentd/"]')].map((it) => it.name))]"""
        assert set(await tab.value(drawn)) == {control.address for control in stage.panel.panel().controls}
        assert await tab.value("document.getElementById('name').clientWidth") > 160  # a name can be read
        hidden = """[...document.querySelectorAll('.row, .segments, #save, .pair li, .numbers b')].filter((it) =>
          it.scrollWidth > it.clientWidth + 1).map((it) => it.className + it.id)"""
        assert await tab.value(hidden) == []


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
