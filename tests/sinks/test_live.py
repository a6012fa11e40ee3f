"""The page's wire, spoken to without a page."""

import asyncio
import json
from contextlib import asynccontextmanager, suppress

import aiohttp
import pytest
from sinks.stage import Stage
from sinks.test_monitor import Renderer, until

from daemon.config import Http
from daemon.sinks.monitor.server import MonitorServer
from daemon.sinks.preview import PreviewSink

PATIENCE = 20  # s


@pytest.fixture
def stage(tmp_path):
    return Stage(tmp_path / "presets")


@asynccontextmanager
async def serving(stage, *, preview=None, steer=True, thumbs=None, **config):
    panel = stage.panel if steer else None
    server = MonitorServer(preview or PreviewSink(), Http(port=0, **config), stage.status, lambda: True, panel, thumbs)
    server.bind()
    task = asyncio.create_task(server.run())
    try:
        async with aiohttp.ClientSession(f"http://127.0.0.1:{server.port}") as client:
            yield server, client
    finally:
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task


class Viewer:
    """What a page knows."""

    def __init__(self, wire):
        self.wire, self.said, self.values, self.refused, self.last = wire, {}, {}, [], {}

    async def take(self, see=True):
        """One piece of news."""
        async with asyncio.timeout(PATIENCE):
            self.last = json.loads(await self.wire.receive_str())
        self.values.update(self.last.get("values", {}))
        self.refused += self.last.get("refused", [])
        self.said.update(self.last)
        if see:
            await self.wire.send_json({"seen": self.last["n"]})

    async def until(self, condition):
        while not condition():
            await self.take()

    async def set(self, address, value):
        await self.wire.send_json({"set": address, "value": value})


@asynccontextmanager
async def viewing(client, **how):
    async with client.ws_connect("/live", **how) as wire:
        yield Viewer(wire)


async def test_a_viewer_is_told_everything_and_then_what_changes(stage):
    async with serving(stage) as (_, client), viewing(client) as viewer:
        await viewer.take()
        assert viewer.values == json.loads(json.dumps(stage.desk.values(0.0)))
        assert {control["address"] for control in viewer.said["table"]} >= {"/latentd/psi", "/latentd/cluster/calm"}
        assert [tile[0] for tile in viewer.said["presets"]] == list(stage.bank.names)
        assert viewer.said["audio"]["rms_db"] == -20.0
        stage.hear("/latentd/psi", 0.25)
        await viewer.until(lambda: viewer.values["/latentd/psi"] == 0.25)
        assert viewer.last.keys() == {"n", "values"}
        assert viewer.last["values"] == {"/latentd/psi": 0.25}


async def test_what_a_viewer_sets_reaches_the_daemon_and_the_other_viewers(stage):
    async with serving(stage) as (_, client), viewing(client) as one, viewing(client) as other:
        await one.set("/latentd/gain", 3.5)
        await other.until(lambda: other.values.get("/latentd/gain") == 3.5)
        assert stage.params.latest().end.gain == 3.5
        await one.set("/latentd/freeze", True)
        await other.until(lambda: other.values["/latentd/freeze"] == 1)


async def test_a_refusal_comes_back_to_whoever_asked_with_the_true_value(stage):
    async with serving(stage) as (_, client), viewing(client) as one, viewing(client) as other:
        await one.take()
        await other.take()
        await one.set("/latentd/psi", 99)
        await one.until(lambda: one.refused)
        assert one.refused == [["/latentd/psi", "/latentd/psi takes 0 to 1.5, not 99"]]
        assert one.last["values"] == {"/latentd/psi": 1.0}
        await one.set("/latentd/no/such", 1)  # and again before anything is gathered anew
        for address in ("/latentd/psi", "/latentd/gain", "/latentd/psi", "/latentd/gain"):
            await one.set(address, 99)
        await one.until(lambda: len(one.refused) == 6)
        assert None not in one.values.values()
        await one.set("/latentd/psi", 0.5)
        await other.until(lambda: other.values["/latentd/psi"] == 0.5)
        assert other.refused == []


@pytest.mark.parametrize(
    "text",
    [
        *("", "{", "[]", "null", "7", '"x"', '{"set": "/latentd/psi"}', '{"set": 1, "value": 1}', "[" * 900),
        *('{"set": "/latentd/psi", "value": null}', '{"set": "/latentd/psi", "value": [1]}', '{"seen": "1"}'),
        '{"set": "/latentd/psi", "value": 1, "more": 1}',
        f'{{"set": "/latentd/psi", "value": {"1" * 900}}}',
        '{"set": "/latentd/psi", "value": NaN}',
        '{"set": "/latentd/psi", "value": -Infinity}',
    ],
)
async def test_what_is_no_setting_is_said_and_changes_nothing(stage, text):
    before = stage.params.latest()
    async with serving(stage) as (_, client), viewing(client) as viewer:
        await viewer.wire.send_str(text)
        await viewer.until(lambda: viewer.refused)
        assert viewer.refused[0][1].endswith((".", "1.5, not inf", "1.5, not nan", "1.5, not -inf", "e+899"))
        assert stage.params.latest() is before
        await viewer.set("/latentd/psi", 0.5)
        await viewer.until(lambda: viewer.values["/latentd/psi"] == 0.5)


@pytest.mark.parametrize("flood", [["x" * 2000], [b"bytes"], ['{"seen": 0}'] * 2000])
async def test_too_much_ends_the_wire_and_nothing_else(stage, flood):
    async with serving(stage) as (_, client), viewing(client) as calm, viewing(client) as rude:
        with suppress(ConnectionError):  # it may have ended before all of it was sent
            for message in flood:
                await (rude.wire.send_bytes(message) if isinstance(message, bytes) else rude.wire.send_str(message))
        async with asyncio.timeout(PATIENCE):
            while (await rude.wire.receive()).type not in (aiohttp.WSMsgType.CLOSE, aiohttp.WSMsgType.CLOSED):
                pass
        assert rude.wire.close_code in (1006, 1008, 1009)
        await calm.set("/latentd/psi", 0.5)
        await calm.until(lambda: calm.values.get("/latentd/psi") == 0.5)


async def test_a_viewer_that_has_not_seen_the_last_news_gets_the_newest_later_and_none_between(stage):
    async with serving(stage) as (_, client), viewing(client) as slow, viewing(client) as quick:
        await slow.take(see=False)
        await quick.take()
        for psi in (0.1, 0.2, 0.3):
            stage.hear("/latentd/psi", psi)
            await quick.until(lambda psi=psi: abs(quick.values["/latentd/psi"] - psi) < 1e-6)
        await slow.wire.send_json({"seen": 1})
        await slow.take()
        assert slow.last["n"] == 2
        assert slow.last["values"] == {"/latentd/psi": quick.values["/latentd/psi"]}


async def test_news_come_at_most_ten_times_a_second(stage):
    async with serving(stage) as (_, client), viewing(client) as viewer:
        loop = asyncio.get_running_loop()
        began = loop.time()
        for n in range(10):
            stage.features["rms_db"] = -20.0 - n
            await viewer.take()
        assert loop.time() - began > 0.7  # nine pauses, and no less however fast this machine is
        assert viewer.last["features"]["rms_db"] == -29.0


async def test_nothing_is_gathered_while_nobody_watches(stage):
    async with serving(stage) as (server, client):
        await asyncio.sleep(0.3)
        assert stage.asked == 0
        async with viewing(client) as viewer, viewing(client) as other:
            await viewer.take()
            await other.take()
        await until(lambda: not server._live._viewers)
        asked = stage.asked
        await asyncio.sleep(0.5)
        assert stage.asked == asked


async def test_a_table_of_another_model_is_told_and_what_is_gone_is_taken_away(stage):
    async with serving(stage) as (_, client), viewing(client) as viewer:
        await viewer.take()
        stage.desk.fit(("north", "south"), stage.desk.traits, "other")
        await viewer.until(lambda: "/latentd/cluster/north" in {c["address"] for c in viewer.said["table"]})
        assert viewer.values["/latentd/cluster/calm"] is None
        assert viewer.values["/latentd/cluster/south"] == 0


@pytest.mark.parametrize(
    ("headers", "code"),
    [
        ({"Origin": "http://evil.example"}, 403),
        ({"Origin": "http://evil.example:{port}"}, 403),
        ({"Origin": "http://127.0.0.1:1"}, 403),
        ({"Origin": "null"}, 403),
        ({"Origin": "file://"}, 403),
        ({"Host": "evil.example:{port}"}, 403),
        ({"Host": "evil.example:{port}", "Origin": "http://evil.example:{port}"}, 403),
    ],
)
async def test_another_sites_page_may_not_steer(stage, headers, code):
    async with serving(stage) as (server, client):
        with pytest.raises(aiohttp.WSServerHandshakeError) as caught:
            async with viewing(client, headers={key: text.format(port=server.port) for key, text in headers.items()}):
                pass
        assert caught.value.status == code
        assert stage.asked == 0


async def test_our_own_page_may_and_so_may_what_is_no_browser(stage):
    async with serving(stage) as (server, client):
        for headers in ({}, *({"Origin": f"http://{name}:{server.port}"} for name in ("127.0.0.1", "localhost"))):
            async with viewing(client, headers=headers) as viewer:
                await viewer.take()


async def test_beyond_loopback_the_wire_and_the_small_pictures_ask_for_the_token(stage):
    async with serving(stage, host="0.0.0.0", token="correct horse") as (_, client):
        with pytest.raises(aiohttp.WSServerHandshakeError) as caught:
            async with viewing(client):
                pass
        assert caught.value.status == 401
        async with client.get("/thumbs/hearth.jpg") as answer:
            assert answer.status == 401
        async with viewing(client, params={"token": "correct horse"}) as viewer:
            await viewer.take()


async def test_eight_may_hold_the_wire_and_the_ninth_is_told_why_not(stage):
    async with serving(stage) as (_, client):
        wires = [await client.ws_connect("/live") for _ in range(8)]
        async with client.ws_connect("/live") as ninth:
            async with asyncio.timeout(PATIENCE):
                said = await ninth.receive()
            assert (said.type, said.data) == (aiohttp.WSMsgType.CLOSE, 1013)
            assert "8 are watching already" in said.extra
        await wires.pop().close()
        async with asyncio.timeout(PATIENCE):
            while True:
                async with client.ws_connect("/live") as again:
                    if (await again.receive()).type is aiohttp.WSMsgType.TEXT:
                        break
        for wire in wires:
            await wire.close()


async def test_a_page_without_a_desk_shows_and_says_that_it_sets_nothing(stage):
    async with serving(stage, steer=False) as (_, client), viewing(client) as viewer:
        await viewer.set("/latentd/psi", 0.5)
        await viewer.until(lambda: viewer.refused)
        assert "only shows" in viewer.refused[0][1]
        assert "table" not in viewer.said
        assert stage.params.latest().end.psi == 1.0


async def test_asked_without_an_upgrade_it_says_what_it_is(stage):
    async with serving(stage) as (_, client), client.get("/live") as answer:
        assert answer.status == 426
        assert "WebSocket" in await answer.text()


async def test_the_end_of_the_server_waits_for_no_viewer(stage, caplog):
    async with aiohttp.ClientSession() as outside:
        async with serving(stage) as (server, _):
            wires = [await outside.ws_connect(f"http://127.0.0.1:{server.port}/live") for _ in range(3)]
            await wires[0].receive()
        async with asyncio.timeout(PATIENCE):
            for wire in wires:
                while (await wire.receive()).type != aiohttp.WSMsgType.CLOSED:
                    pass
    assert "Traceback" not in caplog.text
    assert server._live._viewers == set()


async def test_a_preset_recalled_on_the_page_gets_its_small_picture(stage, tmp_path, monkeypatch):
    monkeypatch.setattr("daemon.sinks.monitor.thumbs._STILL", 0.3)
    renderer, folder = Renderer(), tmp_path / "thumbs"
    stage.quicken()
    for loop in renderer.loops:
        loop.start()
    try:
        async with serving(stage, preview=renderer.preview, thumbs=folder) as (_, client):
            async with client.get("/thumbs/storm.jpg") as answer:
                assert answer.status == 404
            async with viewing(client) as viewer, client.get("/stream.mjpg"):
                await until(lambda: renderer.preview.newest() is not None)
                await viewer.take()
                assert all(stamp == 0 for _, _, stamp in viewer.said["presets"])
                stage.hear("/latentd/preset", "tide")
                stage.hear("/latentd/psi", 0.125)  # moved by somebody else: a picture of this is none of tide
                await viewer.until(lambda: viewer.values["/latentd/psi"] == 0.125)
                for _ in range(10):
                    await asyncio.sleep(0.1)
                await viewer.set("/latentd/preset", "storm")
                await viewer.until(lambda: {n: stamp for n, _, stamp in viewer.said["presets"]}["storm"] == 1)
            async with client.get("/thumbs/storm.jpg") as answer:
                assert answer.status == 200
                assert (await answer.read()).startswith(b"\xff\xd8")
            for name in ("hearth", "..%2f..%2fstate", "nothing"):
                async with client.get(f"/thumbs/{name}.jpg") as answer:
                    assert answer.status == 404
        assert [path.name for path in folder.iterdir()] == ["storm.jpg"]
        async with serving(stage, thumbs=folder) as (_, client), client.get("/thumbs/storm.jpg") as answer:
            assert answer.status == 200  # kept from one run to the next
    finally:
        renderer.stop.set()
        for loop in renderer.loops:
            loop.join(30)
