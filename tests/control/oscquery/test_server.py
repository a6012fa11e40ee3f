import asyncio
import json
import socket
import sys
from contextlib import ExitStack, suppress
from struct import pack

import aiohttp
import pytest
from aiohttp import web
from control.oscquery.conftest import queried
from control.rig import CLUSTERS, running

from daemon.clock import VirtualClock, WallClock
from daemon.config import Osc, Oscquery
from daemon.control.limits import Bucket
from daemon.control.osc import decode, encode
from daemon.control.oscquery import announce
from daemon.control.oscquery.connection import Budget
from daemon.control.oscquery.server import _WAIT, EXTENSIONS, OscQueryServer
from daemon.errors import BadInput
from daemon.flow import Traits
from daemon.web import CONNECTIONS

PATIENCE = 20.0  # s
_LINGER = "hh" if sys.platform == "win32" else "ii"


async def told(ws, path, *args):
    """The next value of this path (with these arguments) that comes over the WebSocket."""
    async with asyncio.timeout(PATIENCE):
        while True:
            message = await ws.receive()
            assert message.type is aiohttp.WSMsgType.BINARY, message
            (said,) = decode(message.data)
            if said.address == path and (not args or said.args == args):
                return said.args


def command(name, path):
    return json.dumps({"COMMAND": name, "DATA": path})


async def test_the_whole_tree_is_told_with_present_values(it):
    status, tree = await it.get("/")
    assert status == 200
    psi = tree["CONTENTS"]["latentd"]["CONTENTS"]["psi"]
    assert psi == {
        "FULL_PATH": "/latentd/psi",
        "ACCESS": 3,
        "DESCRIPTION": "truncation: 0 the average picture, 1 as trained, more is wilder",
        "TYPE": "f",
        "VALUE": [1.0],
        "RANGE": [{"MIN": 0.0, "MAX": 1.5}],
        "TAGS": ["play"],
    }
    it.rig.send("/latentd/psi", 0.25)
    await it.rig.listener.until("/latentd/state/psi", 0.25)
    assert await it.get("/latentd/psi?VALUE") == (200, {"VALUE": [0.25]})


async def test_attributes_are_told_alone(it):
    assert await it.get("/latentd/mapper?TYPE") == (200, {"TYPE": "s"})
    assert await it.get("/latentd/freeze?VALUE") == (200, {"VALUE": [False]})
    assert (await it.get("/latentd/psi?RANGE"))[1] == {"RANGE": [{"MIN": 0.0, "MAX": 1.5}]}
    assert (await it.get("/latentd/psi/?FULL_PATH"))[1] == {"FULL_PATH": "/latentd/psi"}


STATUSES = {
    "/latentd/nowhere": 404,
    "/latentd/psi?COLOUR": 400,
    "/latentd/psi?CRITICAL": 204,
    "/latentd/blackout?CRITICAL": 200,
    "/latentd/psi?CLIPMODE": 204,
    "/latentd/psi?EXTENDED_TYPE": 204,
    "/?OVERLOADS": 204,
    "/latentd/nowhere?CLIPMODE": 404,
    "/latentd?VALUE": 204,
    "/latentd/preset/next?VALUE": 204,
    "/latentd/psi?CONTENTS": 204,
    "/../../etc/passwd": 404,
    "/latentd//psi": 404,
    "/%00": 404,
    "/latentd/psi?VALUE&x=1": 200,
}


async def test_what_is_not_there_has_the_status_of_the_proposal(it):
    assert {path: (await it.get(path))[0] for path in STATUSES} == STATUSES


async def test_the_host_info_says_where_osc_is(it):
    for path in ("/?HOST_INFO", "/latentd/psi?HOST_INFO"):
        status, info = await it.get(path)
        assert status == 200
        assert info == {
            "NAME": "latentd",
            "OSC_IP": "127.0.0.1",
            "OSC_PORT": it.rig.port,
            "OSC_TRANSPORT": "UDP",
            "WS_IP": "127.0.0.1",
            "WS_PORT": it.server.port,
            "EXTENSIONS": EXTENSIONS,
        }


async def test_what_is_listened_to_is_told_at_once_and_on_change_as_osc(it):
    async with it.websocket() as ws:
        await ws.send_str(command("LISTEN", "/latentd/psi"))
        assert await told(ws, "/latentd/psi") == (1.0,)
        it.rig.send("/latentd/gain", 2.0)
        it.rig.send("/latentd/psi", 0.5)
        assert await told(ws, "/latentd/psi") == (0.5,)


async def test_values_come_in_the_types_of_the_tree(it):
    wanted = {"psi": 1.0, "seed": 0, "freeze": False, "mapper": "mel", "preset/index": -1}
    async with it.websocket() as ws:
        for name, value in wanted.items():
            await ws.send_str(command("LISTEN", f"/latentd/{name}"))
            (got,) = await told(ws, f"/latentd/{name}")
            assert (type(got), got) == (type(value), value)
        it.rig.send("/latentd/freeze", 1)
        assert await told(ws, "/latentd/freeze") == (True,)


async def test_what_stands_over_others_can_be_set_and_heard_under_itself(it):
    """Chataigne, oscqueryhtml and others show no value of what they take for a folder."""
    async with it.websocket() as ws:
        for name in ("gate", "gate/value"):
            await ws.send_str(command("LISTEN", f"/latentd/{name}"))
            assert await told(ws, f"/latentd/{name}") == (-55.0,)
        it.rig.send("/latentd/gate/value", -30)
        heard = [decode((await ws.receive(PATIENCE)).data)[0] for _ in range(2)]
        assert {said.address: said.args for said in heard} == dict.fromkeys(
            ("/latentd/gate", "/latentd/gate/value"), (-30.0,)
        )
        await it.rig.listener.until("/latentd/state/gate", -30.0)
        it.rig.send("/latentd/preset/value", "sudden", 0)
        await it.rig.listener.until("/latentd/state/preset", "sudden")
        it.rig.send("/latentd/layers/mid/value", 9)
        await it.rig.listener.until("/latentd/error", "range", "/latentd/layers/mid/value takes 0 to 2, not 9")
    assert await it.get("/latentd/gate/value?RANGE") == (200, {"RANGE": [{"MIN": -100.0, "MAX": 0.0}]})
    assert (await it.get("/latentd/cluster/value"))[0] == 404  # which has no value of its own


async def test_what_is_ignored_is_told_no_more(it):
    async with it.websocket() as ws:
        for name in ("psi", "gain"):
            await ws.send_str(command("LISTEN", f"/latentd/{name}"))
            await told(ws, f"/latentd/{name}")
        await ws.send_str(command("IGNORE", "/latentd/psi"))
        await ws.send_str(command("LISTEN", "/latentd/drift"))
        await told(ws, "/latentd/drift")  # so the one before was heard
        it.rig.send("/latentd/psi", 0.5)
        it.rig.send("/latentd/gain", 2.0)
        message = await ws.receive(PATIENCE)
        assert decode(message.data)[0].address == "/latentd/gain"


async def test_a_fade_is_told_all_along_and_ends_where_it_ends(it):
    async with it.websocket() as ws:
        await ws.send_str(command("LISTEN", "/latentd/psi"))
        assert await told(ws, "/latentd/psi") == (1.0,)
        it.rig.send("/latentd/preset", "still", 0.5)
        seen = [await told(ws, "/latentd/psi")]
        while seen[-1] != (0.5,):
            seen.append(await told(ws, "/latentd/psi"))
        assert len(seen) >= 3
        assert seen == sorted(seen, reverse=True)


BAD_COMMANDS = (
    "", "{", "[]", "null", "1e999", "[" * 3000, '{"COMMAND": "LISTEN"}', '{"COMMAND": "LISTEN", "DATA": 5}',
    '{"COMMAND": "LISTEN", "DATA": "/latentd/nowhere"}', '{"COMMAND": "LISTEN", "DATA": "/latentd/preset/next"}',
    '{"COMMAND": "LISTEN", "DATA": "/"}', '{"COMMAND": "IGNORE", "DATA": "/latentd/psi"}', '{"COMMAND": "FORMAT"}',
)  # fmt: skip


async def test_bad_commands_are_let_be(it):
    async with it.websocket() as ws:
        for bad in BAD_COMMANDS:
            await ws.send_str(bad)
        await ws.send_bytes(b"\xff" * 100)
        await ws.send_str(command("LISTEN", "/latentd/gain"))
        assert await told(ws, "/latentd/gain") == (1.0,)
        (listener,) = it.server._listeners
        assert listener.paths == {"/latentd/gain"}


async def test_what_is_set_over_the_websocket_is_obeyed_and_told_to_others_but_not_back(it):
    async with it.websocket() as mine, it.websocket() as others:
        for ws in (mine, others):
            for name in ("psi", "drift"):
                await ws.send_str(command("LISTEN", f"/latentd/{name}"))
                await told(ws, f"/latentd/{name}")
        await mine.send_bytes(encode("/latentd/psi", 0.3))
        assert await told(others, "/latentd/psi") == pytest.approx((0.3,))
        await it.rig.listener.until("/latentd/state/psi", 0.3)
        await others.send_bytes(encode("/latentd/drift", 0.125))
        message = await mine.receive(PATIENCE)
        assert decode(message.data)[0].address == "/latentd/drift"  # and nothing of psi before it
        for psi in (0.5, 0.75):
            await mine.send_bytes(encode("/latentd/psi", psi))
            async with asyncio.timeout(PATIENCE):
                while it.rig.params.latest().end.psi != psi:
                    await asyncio.sleep(0.01)
    assert it.rig.endpoint.counts().applied == 4


async def test_what_was_refused_over_the_websocket_is_told_back_as_it_is(it):
    async with it.websocket() as ws:
        await ws.send_str(command("LISTEN", "/latentd/psi"))
        await told(ws, "/latentd/psi")
        await ws.send_bytes(encode("/latentd/psi", 9.5))
        assert await told(ws, "/latentd/psi") == (1.0,)
    assert it.rig.refusals == [("range", "/latentd/psi takes 0 to 1.5, not 9.5")]


async def test_over_the_websocket_goes_all_that_goes_over_udp(it):
    async with it.websocket() as ws:
        preset, gain = encode("/latentd/preset", "sudden", 0), encode("/latentd/gain", 2.0)
        bundle = b"#bundle\0" + b"\0" * 7 + b"\1" + b"".join(len(m).to_bytes(4, "big") + m for m in (preset, gain))
        await ws.send_bytes(bundle)
        await it.rig.listener.until("/latentd/state/preset", "sudden")
        await it.rig.listener.until("/latentd/state/gain", 2.0)
        await ws.send_bytes(encode("/latentd/latent/ws", b"\0" * 4 * 16 * 512))  # longer than any command
        async with asyncio.timeout(PATIENCE):
            while it.rig.desk.hand.ws is None:
                await asyncio.sleep(0.01)


async def test_a_button_fires_on_an_impulse_and_on_nothing_at_all(it):
    async with it.websocket() as ws:
        for press, name in ((b",I\0\0", "still"), (b",\0\0\0", "storm"), (b",T\0\0", "sudden")):
            await ws.send_bytes(b"/latentd/preset/next\0\0\0\0" + press)
            await it.rig.listener.until("/latentd/state/preset", name)
            await ws.send_bytes(b"/latentd/preset/next\0\0\0\0,F\0\0")  # and is let go


async def test_each_websocket_is_a_sender_of_its_own(it):
    """So that one client's press is not taken for another's that is held."""
    async with it.websocket() as one, it.websocket() as other:
        for ws, name in ((one, "still"), (other, "storm")):
            await ws.send_bytes(encode("/latentd/preset/next", 1))
            await it.rig.listener.until("/latentd/state/preset", name)


async def test_what_is_asked_over_the_websocket_is_answered_to_subscribers_alone(it):
    async with it.websocket() as ws:
        for one in (("/latentd/query", "/latentd/psi"), ("/latentd/ping", 1), ("/latentd/subscribe",)):
            await ws.send_bytes(encode(*one))
        await it.rig.listener.until("/latentd/pong", 1)
        await it.rig.listener.until("/latentd/error", "host", "a subscriber cannot be at port 0: it is below 1024")
        await it.rig.listener.until("/latentd/state/psi", 1.0)


async def test_who_is_not_obeyed_any_more_sets_nothing_over_an_open_websocket(it):
    async with it.websocket() as ws:
        it.rig.endpoint._senders._judge = lambda host: False
        await ws.send_bytes(encode("/latentd/psi", 0.125))
        async with asyncio.timeout(PATIENCE):
            while not it.rig.endpoint.counts().refused:
                await asyncio.sleep(0.01)
    assert it.rig.endpoint.values()["/latentd/psi"] == 1.0
    assert [code for code, _ in it.rig.refusals] == ["host"]


async def test_too_long_a_command_ends_the_connection(it):
    async with it.websocket() as ws:
        await ws.send_str("x" * 5000)
        assert (await ws.receive(PATIENCE)).type is aiohttp.WSMsgType.CLOSE
        assert ws.close_code == aiohttp.WSCloseCode.MESSAGE_TOO_BIG
    assert (await it.get("/latentd/psi?VALUE"))[0] == 200


async def test_a_frame_longer_than_any_datagram_ends_the_connection(it):
    async with it.websocket() as ws:
        await ws.send_bytes(b"\0" * 70_000)
        assert (await ws.receive(PATIENCE)).type is aiohttp.WSMsgType.CLOSE
        assert ws.close_code == aiohttp.WSCloseCode.MESSAGE_TOO_BIG


async def test_a_flood_of_pings_ends_the_connection(it):
    async with it.websocket(autoping=False) as ws:
        await ws.ping(b"x")
        answer = await ws.receive(PATIENCE)
        assert (answer.type, bytes(answer.data)) == (aiohttp.WSMsgType.PONG, b"x")
        for _ in range(1500):
            await ws.ping()
        async with asyncio.timeout(PATIENCE):
            while (await ws.receive()).type is aiohttp.WSMsgType.PONG:
                pass
        assert ws.close_code == aiohttp.WSCloseCode.POLICY_VIOLATION


async def test_a_flood_of_commands_ends_the_connection(it):
    async with it.websocket() as ws:
        for _ in range(1500):
            await ws.send_str("{}")
        async with asyncio.timeout(PATIENCE):
            assert (await ws.receive()).type is aiohttp.WSMsgType.CLOSE
        assert ws.close_code == aiohttp.WSCloseCode.POLICY_VIOLATION
    assert (await it.get("/latentd/psi?VALUE"))[0] == 200


async def test_the_ninth_listener_is_refused_until_one_leaves(it):
    eight = [await it.websocket() for _ in range(8)]
    with pytest.raises(aiohttp.WSServerHandshakeError) as refused:
        await it.websocket()
    assert refused.value.status == 503
    await eight[0].close()
    async with asyncio.timeout(PATIENCE):
        while True:
            try:
                ninth = await it.websocket()
                break
            except aiohttp.WSServerHandshakeError:
                await asyncio.sleep(0.01)
    for ws in (*eight[1:], ninth):
        await ws.close()


async def test_requests_are_rationed(it):
    it.server._clock = clock = VirtualClock()
    it.server._requests = Bucket(rate=1, size=5)
    assert [(await it.get("/latentd/psi?TYPE"))[0] for _ in range(7)] == [200] * 5 + [503] * 2
    clock.advance(2.0)
    assert [(await it.get("/latentd/psi?TYPE"))[0] for _ in range(3)] == [200, 200, 503]


def test_what_is_spent_comes_back_with_time():
    budget = Budget(share=0.1, most=0.5)
    assert budget.left(0.0)
    budget.spend(0.7)
    assert not budget.left(0.0)
    assert not budget.left(1.9)
    assert budget.left(2.1)
    assert budget.left(1.0)  # time that goes back takes nothing
    assert budget.left(1000.0)
    budget.spend(0.6)
    assert not budget.left(1000.0)


async def test_the_work_of_telling_is_rationed_too(it, monkeypatch):
    it.server._clock = clock = VirtualClock()
    it.server._work = Budget(share=0.1, most=0.5)
    work = iter(range(100))
    monkeypatch.setattr("daemon.control.oscquery.server.spent", lambda: next(work) * 0.3)
    assert [(await it.get("/"))[0] for _ in range(4)] == [200, 200, 503, 503]
    clock.advance(2.0)
    assert [(await it.get("/"))[0] for _ in range(2)] == [200, 503]


async def test_what_comes_is_looked_at_in_small_pieces(it):
    """A quarter of a megabyte of tiny frames, which asyncio takes at once, is a tenth of a second for nothing else."""
    assert it.server._socket.getsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF) <= 32768


async def test_a_client_that_takes_no_answer_is_let_go(it, monkeypatch):
    monkeypatch.setattr("daemon.control.oscquery.server._STUCK", 0.05)
    it.server._requests, it.server._work = Bucket(1e6, 1e6), Budget(1.0, 1e6)
    loop, asked = asyncio.get_running_loop(), f"GET / HTTP/1.1\r\nHost: 127.0.0.1:{it.server.port}\r\n\r\n".encode()
    with socket.socket() as greedy:
        greedy.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        greedy.setblocking(False)
        await loop.sock_connect(greedy, ("127.0.0.1", it.server.port))
        async with asyncio.timeout(PATIENCE):
            while not greedy.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR):
                with suppress(BlockingIOError, ConnectionError):
                    greedy.send(asked)
                await asyncio.sleep(0.001)
    assert (await it.get("/latentd/psi?VALUE"))[0] == 200


async def test_a_client_that_leaves_without_a_word_leaves_none_in_the_log(it, caplog):
    it.server._requests, it.server._work = Bucket(1e6, 1e6), Budget(1.0, 1e6)
    loop, host = asyncio.get_running_loop(), f"Host: 127.0.0.1:{it.server.port}"
    upgrade = (
        "Upgrade: websocket",
        "Connection: Upgrade",
        f"Sec-WebSocket-Key: {'A' * 22}==",
        "Sec-WebSocket-Version: 13",
    )
    tree = f"GET / HTTP/1.1\r\n{host}\r\n\r\n".encode()
    pings = "\r\n".join(("GET / HTTP/1.1", host, *upgrade, "\r\n")).encode() + b"\x89\x80\0\0\0\0" * 500
    for said in (tree, pings):
        with socket.socket() as rude:
            rude.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
            rude.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, pack(_LINGER, 1, 0))  # it is gone at once
            rude.setblocking(False)
            await loop.sock_connect(rude, ("127.0.0.1", it.server.port))
            for _ in range(200):
                with suppress(OSError):
                    rude.send(said)
                await asyncio.sleep(0.001)
    async with asyncio.timeout(PATIENCE):
        while it.server._listeners:
            await asyncio.sleep(0.01)
    assert (await it.get("/latentd/psi?VALUE"))[0] == 200
    assert [record.getMessage() for record in caplog.records if record.levelname == "ERROR"] == []


async def test_a_client_that_leaves_before_it_is_answered_over_the_websocket_is_no_fault(it, monkeypatch, caplog):
    async def gone(self, data):
        raise ConnectionResetError("Cannot write to closing transport")

    monkeypatch.setattr(web.WebSocketResponse, "pong", gone)
    async with it.websocket() as ws:
        await ws.ping()
        assert (await ws.receive(PATIENCE)).type is aiohttp.WSMsgType.CLOSE
    assert [record.getMessage() for record in caplog.records if record.levelname == "ERROR"] == []
    assert (await it.get("/latentd/psi?VALUE"))[0] == 200


async def test_it_answers_a_client_that_names_no_port_and_reads_to_the_end(it):
    """As libossia does, which ossia score stands on."""
    reader, writer = await asyncio.open_connection("127.0.0.1", it.server.port)
    writer.write(b"GET /?HOST_INFO HTTP/1.1\r\nHost: 127.0.0.1\r\nAccept: */*\r\nConnection: close\r\n\r\n")
    async with asyncio.timeout(PATIENCE):
        head, _, body = (await reader.read()).partition(b"\r\n\r\n")
    assert b" 200 " in head.partition(b"\r\n")[0]
    assert b"chunked" not in head
    assert json.loads(body)["EXTENSIONS"]["PATH_ADDED"] is True
    writer.close()


async def test_idle_connections_are_few(it):
    loop = asyncio.get_running_loop()
    with ExitStack() as closing:
        idle = [closing.enter_context(socket.socket()) for _ in range(CONNECTIONS + 12)]
        async with asyncio.timeout(PATIENCE):
            for one in idle:
                one.setblocking(False)
                await loop.sock_connect(one, ("127.0.0.1", it.server.port))
            assert await loop.sock_recv(idle[-1], 1) == b""  # let go
    async with asyncio.timeout(PATIENCE):
        while True:
            try:
                if (await it.get("/latentd/psi?TYPE"))[0] == 200:
                    break
            except aiohttp.ClientError:
                await asyncio.sleep(0.01)


async def test_a_name_that_a_stranger_can_point_here_is_not_answered(it):
    for host in (
        "evil.example",
        f"evil.example:{it.server.port}",
        "127.0.0.1:1",
        "",
        ".",
        ":",
        f"x:{it.server.port}:1",
    ):
        status, text = await it.get("/", headers={"Host": host})
        assert status == 403
        assert "own address" in text


async def test_hosts_as_clients_name_them_are_answered(it):
    announced = announce.host_name(it.server.port)
    for host in ("127.0.0.1", "localhost", f"localhost.:{it.server.port}", announced, f"{announced.upper()}.",
                 f"{announced}:{it.server.port}", f"127.0.0.1:{it.server.port}"):  # fmt: skip
        assert (await it.get("/latentd/psi?TYPE", headers={"Host": host}))[0] == 200, host
    for host in (f"{announced}:1", announce.host_name(1), f"{announced}.evil.example"):
        assert (await it.get("/latentd/psi?TYPE", headers={"Host": host}))[0] == 403, host


async def test_who_is_refused_again_and_again_waits_for_it(it, monkeypatch):
    waits = []
    it.server._refusals = Bucket(rate=1e-9, size=2)
    real = asyncio.sleep

    async def sleep(seconds):
        waits.append(seconds)
        await real(0)

    monkeypatch.setattr("daemon.control.oscquery.server.asyncio.sleep", sleep)
    assert [(await it.get("/", headers={"Host": "evil.example"}))[0] for _ in range(5)] == [403] * 5
    assert waits.count(_WAIT) == 3
    assert (await it.get("/latentd/psi?TYPE"))[0] == 200
    assert waits.count(_WAIT) == 3


async def test_pages_of_other_sites_may_not_ask_and_not_listen(it):
    for origin in ("https://evil.example", "null", f"http://evil.example:{it.server.port}", "http://127.0.0.1:1"):
        assert (await it.get("/", headers={"Origin": origin}))[0] == 403
        with pytest.raises(aiohttp.WSServerHandshakeError) as refused:
            await it.websocket(headers={"Origin": origin})
        assert refused.value.status == 403
    async with it.websocket(headers={"Origin": it.url}) as ws:
        await ws.send_str(command("LISTEN", "/latentd/psi"))
        assert await told(ws, "/latentd/psi") == (1.0,)


async def test_who_is_not_obeyed_is_not_answered(it):
    it.server._senders._judge = lambda host: False
    status, text = await it.get("/")
    assert status == 403
    assert "osc.allow" in text


async def test_only_reading_is_possible(it):
    async with it.client.post(it.url + "/latentd/psi", data=b"0.5") as answer:
        assert answer.status == 405


async def test_what_is_not_http_is_one_sentence_and_hurts_nobody(it):
    for bad in (b"\x00" * 400 + b"\r\n\r\n", b"GET / HTTP/9.9\r\n\r\n", b"GET /" + b"a" * 9000 + b" HTTP/1.1\r\n\r\n"):
        reader, writer = await asyncio.open_connection("127.0.0.1", it.server.port)
        writer.write(bad)
        async with asyncio.timeout(PATIENCE):
            said = await reader.read()
        assert b" 400 " in said.partition(b"\r\n")[0]
        assert b"Traceback" not in said
        writer.close()
    assert (await it.get("/latentd/psi?VALUE"))[0] == 200


async def notices(ws):
    """What is told of the tree, up to the node that all of it is under."""
    said = []
    async with asyncio.timeout(PATIENCE):
        while not said or said[-1]["COMMAND"] != "PATH_CHANGED":
            said.append(json.loads((await ws.receive()).data))
    return said


async def test_another_model_is_another_tree_and_listeners_are_told(it):
    async with it.websocket() as ws:
        await ws.send_str(command("LISTEN", "/latentd/cluster/calm"))
        await told(ws, "/latentd/cluster/calm")
        it.rig.desk.fit(("warm", "calm"), model="other", traits=it.rig.desk._board.traits)
        gone, also, come, changed = await notices(ws)
        assert gone == {"COMMAND": "PATH_REMOVED", "DATA": "/latentd/cluster/aggressive"}
        assert also == {"COMMAND": "PATH_REMOVED", "DATA": "/latentd/cluster/vibrant"}
        assert (come["COMMAND"], come["DATA"]) == ("PATH_ADDED", "/latentd/cluster/warm")
        assert changed == {"COMMAND": "PATH_CHANGED", "DATA": "/latentd/cluster"}
        _, told_of = await it.get("/latentd/cluster")
        assert set(told_of["CONTENTS"]) == {"warm", "calm"}
        assert come.items() >= told_of["CONTENTS"]["warm"].items()
        assert (await it.get("/latentd/cluster/aggressive"))[0] == 404


async def test_a_cluster_that_comes_back_is_told_again(it):
    async with it.websocket() as ws:
        await ws.send_str(command("LISTEN", "/latentd/cluster/calm"))
        await told(ws, "/latentd/cluster/calm")
        traits = it.rig.desk._board.traits
        it.rig.desk.fit(("warm",), model="other", traits=traits)
        await notices(ws)
        it.rig.desk.fit(CLUSTERS, model="first", traits=traits)
        seen = []
        async with asyncio.timeout(PATIENCE):
            while len({type(one) for one in seen}) < 2 or sum(isinstance(one, str) for one in seen) < 5:
                seen.append((await ws.receive()).data)
        assert decode(next(one for one in seen if isinstance(one, bytes)))[0].address == "/latentd/cluster/calm"


async def test_a_preset_that_is_saved_changes_what_may_be_recalled(it):
    async with it.websocket() as ws:
        it.rig.send("/latentd/preset/save", "new")
        assert await notices(ws) == [{"COMMAND": "PATH_CHANGED", "DATA": "/latentd/preset"}]
        _, ranges = await it.get("/latentd/preset?RANGE")
        assert "new" in ranges["RANGE"][0]["VALS"]


async def test_it_stops_at_once_with_listeners_there(it):
    ws = await it.websocket()
    await ws.send_str(command("LISTEN", "/latentd/psi"))
    await told(ws, "/latentd/psi")
    it.service.cancel()
    async with asyncio.timeout(PATIENCE):
        await asyncio.gather(it.service, return_exceptions=True)
        assert (await ws.receive()).type in (aiohttp.WSMsgType.CLOSE, aiohttp.WSMsgType.CLOSED, aiohttp.WSMsgType.ERROR)
    assert it.server.port is None
    await ws.close()


async def test_it_runs_again_after_it_was_stopped(it):
    it.service.cancel()
    await asyncio.gather(it.service, return_exceptions=True)
    it.server.bind()
    it.service = asyncio.create_task(it.server.run())
    assert (await it.get("/latentd/psi?VALUE"))[0] == 200


async def test_it_takes_the_number_of_osc_or_a_free_one_where_that_is_taken():
    async with running() as rig:
        await rig.obeys()
        first, second = (
            OscQueryServer(rig.desk, rig.endpoint, WallClock(), Osc(port=0), Oscquery(announce=False)) for _ in range(2)
        )
        first.bind()
        second.bind()
        assert first.port == rig.port or first.port not in (None, 0)
        assert second.port not in (None, 0, rig.port)
        named = Oscquery(announce=False, port=first.port)
        with pytest.raises(BadInput, match=f"TCP port {first.port} on 127.0.0.1 is in use: set oscquery.port"):
            OscQueryServer(rig.desk, rig.endpoint, WallClock(), Osc(port=0), named).bind()
        for server in (first, second):
            server._socket.close()


async def test_nothing_is_looked_at_while_nobody_listens(it):
    looked, told_now = [], it.server._tree.told
    it.server._tree.told = lambda values: looked.append(1) or told_now(values)
    async with it.websocket() as ws:
        await asyncio.sleep(0.2)
        assert not looked
        await ws.send_str(command("LISTEN", "/latentd/psi"))
        await told(ws, "/latentd/psi")
        await ws.send_str(command("IGNORE", "/latentd/psi"))
        async with asyncio.timeout(PATIENCE):
            while it.server._wanted.is_set():
                await asyncio.sleep(0.01)
    assert looked


async def test_a_fault_in_telling_one_client_ends_the_service_so_that_it_is_told_and_starts_again(it, monkeypatch):
    def broken(address, *args):
        raise ZeroDivisionError(address)

    monkeypatch.setattr("daemon.control.oscquery.listener.encode", broken)
    async with it.websocket() as ws:
        await ws.send_str(command("LISTEN", "/latentd/psi"))
        async with asyncio.timeout(PATIENCE):
            with pytest.raises(ExceptionGroup) as fault:
                await it.service
    assert fault.group_contains(ZeroDivisionError, match="/latentd/psi")
    assert it.server.port is None
    monkeypatch.undo()
    again = asyncio.create_task(it.server.run())
    while it.server.port is None:
        await asyncio.sleep(0)
    assert (await it.get("/latentd/psi?VALUE"))[0] == 200
    again.cancel()
    await asyncio.gather(again, return_exceptions=True)


async def test_a_model_that_lacks_others_is_another_tree_though_its_clusters_are_the_same(it):
    async with it.websocket() as ws:
        assert (await it.get("/latentd/rotate?ACCESS"))[1] == {"ACCESS": 3}
        it.rig.desk.fit(CLUSTERS, Traits(transform=False), "other")
        assert await notices(ws) == [{"COMMAND": "PATH_CHANGED", "DATA": "/latentd"}]
        assert (await it.get("/latentd/rotate?ACCESS"))[1] == {"ACCESS": 1}
        assert (await it.get("/latentd/class?ACCESS"))[1] == {"ACCESS": 1}
        it.rig.desk.fit(CLUSTERS, Traits(transform=False, classes=10), "conditional")
        assert await notices(ws) == [{"COMMAND": "PATH_CHANGED", "DATA": "/latentd/class"}]
        assert (await it.get("/latentd/class?RANGE"))[1] == {"RANGE": [{"MIN": 0, "MAX": 9}]}


async def test_a_port_that_was_taken_and_never_served_on_is_given_back():
    async with queried() as it:
        spare = OscQueryServer(it.rig.desk, it.rig.endpoint, WallClock(), Osc(port=0), Oscquery(announce=False))
        spare.bind()
        port = spare.port
        spare.close()
        assert spare.port is None
        with socket.create_server(("127.0.0.1", port)):
            pass
