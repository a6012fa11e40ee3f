"""Other people's OSC, over real UDP."""

import asyncio
import json
import os
import shutil
import sys
from datetime import UTC, datetime
from pathlib import Path

import pytest
from pythonosc.osc_bundle_builder import IMMEDIATELY, OscBundleBuilder
from pythonosc.osc_message_builder import OscMessageBuilder
from pythonosc.udp_client import SimpleUDPClient

needs_liblo = pytest.mark.skipif(
    not all(map(shutil.which, ("oscsend", "oscdump"))) and os.environ.get("CI") != "true",
    reason="oscsend and oscdump are not installed (Debian: apt-get install liblo-tools)",
)

NODE = Path(__file__).parent / "node"
PROGRAM = shutil.which("node") or shutil.which("node", path=str(Path(sys.executable).parent))  # or a wheel's
needs_node_osc = pytest.mark.skipif(
    not (PROGRAM and (NODE / "node_modules" / "node-osc").is_dir()),
    reason="node and node-osc are not installed (with node: npm ci in tests/control/node)",
)


async def test_python_osc_sends_and_we_obey(rig):
    client = SimpleUDPClient("127.0.0.1", rig.port)
    try:
        client.send_message("/latentd/psi", 0.5)
        client.send_message("/latentd/gain", "2.5")
        client.send_message("/latentd/freeze", True)
        client.send_message("/latentd/cluster", [0.25, 0.5, 1.0])
        client.send_message("/latentd/preset", ["storm", 0])
        builder = OscBundleBuilder(IMMEDIATELY)
        message = OscMessageBuilder("/latentd/drift")
        message.add_arg(0.125)
        builder.add_content(message.build())
        client.send(builder.build())
        await rig.listener.until("/latentd/state/drift", 0.125)
        await rig.listener.until("/latentd/state/preset", "storm")
        await rig.listener.until("/latentd/state/freeze", 1)
    finally:
        client._sock.close()
    assert rig.endpoint.counts().refused == 0


@pytest.mark.skipif(sys.platform != "linux", reason="pyliblo3 ships its liblo for Linux only")
async def test_liblo_sends_every_type_and_hears_state_and_replies(rig):
    liblo = pytest.importorskip("pyliblo3")
    heard = {}
    server = liblo.Server(proto=liblo.UDP)  # a free port
    server.add_method(None, None, lambda path, args, types, source: heard.update({path: args}))
    target = liblo.Address("127.0.0.1", rig.port)

    async def until(path, *expected):
        async with asyncio.timeout(20):
            while path not in heard or (expected and heard[path] != pytest.approx(list(expected))):
                server.recv(0)
                await asyncio.sleep(0.005)

    server.send(target, "/latentd/subscribe", server.port)
    await until("/latentd/state/psi", 1.0)
    server.send(target, "/latentd/psi", ("d", 0.5))
    server.send(target, "/latentd/seed", ("h", 99))
    server.send(target, "/latentd/gain", ("s", "2.5"))
    server.send(target, "/latentd/blackout", ("T", True))
    server.send(target, liblo.Bundle(liblo.Message("/latentd/drift", 0.25), liblo.Message("/latentd/freeze", 1)))
    for path, value in (("psi", 0.5), ("seed", 99), ("gain", 2.5), ("blackout", 1), ("drift", 0.25), ("freeze", 1)):
        await until(f"/latentd/state/{path}", value)
    server.send(target, "/latentd/ping", 5, "a", ("d", 0.1))
    await until("/latentd/pong")
    assert heard["/latentd/pong"] == [5, "a", 0.1]
    server.send(target, "/latentd/psi", ("c", "x"), ("f", 1.0))
    await until("/latentd/error")
    assert heard["/latentd/error"][0] == "message"
    assert rig.endpoint.values()["/latentd/psi"] == 0.5
    server.free()


@needs_liblo
async def test_oscsend_and_oscdump_work(rig):
    async def oscsend(*words):
        process = await asyncio.create_subprocess_exec("oscsend", "127.0.0.1", str(rig.port), *words)
        assert await process.wait() == 0

    other = await rig.open_client()
    port = other.port
    other.transport.close()
    await asyncio.sleep(0)
    dump = await asyncio.create_subprocess_exec("oscdump", "-L", str(port), stdout=asyncio.subprocess.PIPE)
    try:
        for words in (
            ("psi", "f", "0.5"),
            ("gain", "s", "2.5"),
            ("drift", "d", "0.25"),
            ("seed", "h", "7"),
            ("freeze", "T"),
        ):
            await oscsend(f"/latentd/{words[0]}", *words[1:])
        await rig.listener.until("/latentd/state/freeze", 1)
        assert rig.endpoint.counts().refused == 0
        seen = ""
        async with asyncio.timeout(20):
            while "/latentd/state/psi f 0.5" not in seen:  # until oscdump listens
                await oscsend("/latentd/subscribe", "i", str(port))
                for _ in range(len(rig.endpoint.values())):
                    try:
                        seen += (await asyncio.wait_for(dump.stdout.readline(), 0.5)).decode()
                    except TimeoutError:
                        break
        assert '/latentd/state/mapper s "mel"' in seen
        assert "/latentd/state/freeze i 1" in seen
    finally:
        dump.kill()
        await dump.wait()


@needs_node_osc
async def test_node_osc_sends_every_type_and_hears_state_and_replies(rig):
    pipe = asyncio.subprocess.PIPE
    command = (PROGRAM, str(NODE / "controller.mjs"), str(rig.port))
    node = await asyncio.create_subprocess_exec(*command, stdin=pipe, stdout=pipe)

    def say(*message, bundle=None):
        node.stdin.write(json.dumps({"bundle": bundle} if bundle else {"message": message}).encode() + b"\n")

    async def until(address, *values):
        async with asyncio.timeout(20):
            while True:
                got, *args = json.loads(await node.stdout.readline())
                if got == address and (not values or args == pytest.approx(list(values), abs=1e-6)):
                    return args

    try:
        (port,) = await until("listening")
        say("/latentd/subscribe", port)
        await until("/latentd/state/psi", 1.0)
        for name, value, state in (("psi", 0.5, 0.5), ("gain", "2.5", 2.5), ("seed", 99, 99), ("freeze", True, 1)):
            say(f"/latentd/{name}", value)
            await until(f"/latentd/state/{name}", state)
        now = datetime.now(UTC).timestamp()
        for tag, value in ((0, 0.25), (now + 3600, 0.5), (now - 3600, 0.75)):
            say(bundle=[tag, ["/latentd/drift", value], ["/latentd/zoom", 1 + value]])
            await rig.listener.until("/latentd/state/drift", value)
            await rig.listener.until("/latentd/state/zoom", 1 + value)
        say("/latentd/ping", 5, "a")
        await until("/latentd/pong", 5, "a")
        say("/latentd/psi", 9.5)
        assert await until("/latentd/error") == ["range", "/latentd/psi takes 0 to 1.5, not 9.5"]
        assert rig.endpoint.counts().refused == 1
    finally:
        node.stdin.close()  # it ends then
        await node.wait()
