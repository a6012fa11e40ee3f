import asyncio
from struct import pack

import pytest
from aiohttp import WSMessage, WSMsgType

from daemon.control.osc import decode, encode
from daemon.control.oscquery import listener as listener_module
from daemon.control.oscquery.listener import MOST_PATHS, Listener


class Stuck:
    """A WebSocket whose client takes nothing until it is let go, and then everything."""

    def __init__(self):
        self.free, self.sent = asyncio.Event(), []

    async def send_bytes(self, data):
        await self.free.wait()
        (said,) = decode(data)
        self.sent.append((said.address, *said.args))

    async def send_str(self, text):
        await self.free.wait()
        self.sent.append(text)

    def __aiter__(self):
        return self

    async def __anext__(self):
        await asyncio.Event().wait()


class Transport:
    aborted = False

    def abort(self):
        self.aborted = True


FAULTS = []


@pytest.fixture(autouse=True)
def faults():
    """What the service is told that should not have happened."""
    FAULTS.clear()
    return FAULTS


def listening(*paths, obeyed=lambda osc: None):
    made = Listener(lambda path: path != "/nowhere", lambda: 0.0, asyncio.Event(), obeyed, FAULTS.append)
    for path in paths:
        made.obey(f'{{"COMMAND": "LISTEN", "DATA": "{path}"}}')
    return made


async def test_the_newest_value_waits_for_a_slow_client_and_no_other():
    made, socket = listening("/a", "/b"), Stuck()
    serving = asyncio.create_task(made.serve(socket, None))
    made.offer({"/a": 0, "/b": 0})
    for i in range(1000):
        made.offer({"/a": i, "/b": 7, "/c": i})
        await asyncio.sleep(0)
    made.tree_changed(('{"COMMAND": "PATH_CHANGED", "DATA": "/"}',))
    assert len(made._due) <= 2
    socket.free.set()
    async with asyncio.timeout(20):
        while ("/a", 999) not in socket.sent:
            await asyncio.sleep(0)
    assert len(socket.sent) < 8
    assert '{"COMMAND": "PATH_CHANGED", "DATA": "/"}' in socket.sent
    serving.cancel()
    await asyncio.gather(serving, return_exceptions=True)


async def test_a_client_that_takes_nothing_for_long_is_let_go(monkeypatch):
    monkeypatch.setattr(listener_module, "_STUCK", 0.02)
    made, transport = listening("/a"), Transport()
    serving = asyncio.create_task(made.serve(Stuck(), transport))
    made.offer({"/a": 1})
    async with asyncio.timeout(20):
        while not transport.aborted:
            await asyncio.sleep(0.005)
    serving.cancel()
    await asyncio.gather(serving, return_exceptions=True)


async def test_a_client_that_can_be_told_no_more_is_let_go_and_the_service_hears_why(faults):
    class Broken(Stuck):
        async def send_bytes(self, data):
            raise ZeroDivisionError

    made, transport = listening("/a"), Transport()
    serving = asyncio.create_task(made.serve(Broken(), transport))
    made.offer({"/a": 1})
    async with asyncio.timeout(20):
        while not transport.aborted:
            await asyncio.sleep(0)
    assert [type(fault) for fault in faults] == [ZeroDivisionError]
    serving.cancel()
    await asyncio.gather(serving, return_exceptions=True)


async def test_a_client_that_leaves_is_not_cut_off(faults):
    made, transport = listening("/a"), Transport()
    serving = asyncio.create_task(made.serve(Stuck(), transport))
    await asyncio.sleep(0)
    serving.cancel()
    await asyncio.gather(serving, return_exceptions=True)
    await asyncio.sleep(0)
    assert not transport.aborted
    assert faults == []


def test_a_value_is_told_once_and_again_when_it_is_listened_to_again():
    made = listening("/a")
    made.offer({"/a": 1.0})
    assert made._due == {"/a": 1.0}
    made._due = {}
    made.offer({"/a": 1.0})
    assert made._due == {}
    made.obey('{"COMMAND": "LISTEN", "DATA": "/a"}')
    made.offer({"/a": 1.0})
    assert made._due == {"/a": 1.0}
    made.obey('{"COMMAND": "IGNORE", "DATA": "/a"}')
    assert made._due == {}


def test_the_paths_one_client_listens_to_are_bounded():
    assert len(listening(*(f"/{i}" for i in range(MOST_PATHS + 500))).paths) == MOST_PATHS


def test_paths_that_are_gone_make_room_for_others():
    made = listening(*(f"/{i}" for i in range(MOST_PATHS)))
    made._knows = lambda path: path in ("/7", "/new")
    made.obey('{"COMMAND": "LISTEN", "DATA": "/new"}')
    assert made.paths == {"/7", "/new"}


def test_a_value_that_went_and_came_back_is_told_again():
    made = listening("/a")
    for values, due in (({"/a": 1.0}, {"/a": 1.0}), ({}, {}), ({"/a": 1.0}, {"/a": 1.0})):
        made._due = {}
        made.offer(values)
        assert made._due == due


@pytest.mark.parametrize(
    ("said", "is_now", "told"),
    [
        (0.3, 0.3, False),  # which is another number in 32 bits
        (0.3, 0.30000001192092896, False),
        (9.5, 1.0, True),  # it was refused
        (1, True, True),
        (True, True, False),
        (3, 3, False),
        ("mel", "mel", False),
        (float("inf"), 1.0, True),
        (float("nan"), 1.0, True),
        (1e39, 1.0, True),
    ],
)
def test_of_what_a_client_has_set_it_is_told_what_is_other(said, is_now, told):
    made = listening("/a")
    made.offer({"/a": 0.0})
    made._set(encode("/a", said))
    made.offer({"/a": is_now})
    assert made._due == ({"/a": is_now} if told else {})


async def test_what_is_set_faster_than_it_may_be_waits_at_the_sender(monkeypatch):
    rests = []

    async def sleep(seconds):
        rests.append(seconds)

    monkeypatch.setattr(listener_module.asyncio, "sleep", sleep)
    made = listening()
    for _ in range(7):
        await made._rest(0.0005)
    assert rests == pytest.approx([0.006, 0.006])


async def test_all_that_a_client_says_is_paced(monkeypatch):
    saying = [
        WSMessage(WSMsgType.BINARY, encode("/a", 1.0), None),
        WSMessage(WSMsgType.TEXT, '{"COMMAND": "LISTEN", "DATA": "/a"}', None),
        WSMessage(WSMsgType.PING, b"", None),
    ]

    class Talker(Stuck):
        async def __anext__(self):
            if not saying:
                raise StopAsyncIteration
            return saying.pop(0)

        async def pong(self, data):
            pass

    rests, work = [], iter(range(100))
    made = listening()
    monkeypatch.setattr(listener_module, "spent", lambda: float(next(work)))

    async def rest(worked):
        rests.append(worked)

    made._rest = rest
    await made.serve(Talker(), None)
    assert rests == [1.0, 1.0, 1.0]


def test_a_number_too_large_for_32_bits_is_another_number():
    made = listening("/a")
    made._set(b"/a\0\0,d\0\0" + pack(">d", 1e39))
    made.offer({"/a": 1.0})
    assert made._due == {"/a": 1.0}


def test_what_a_slow_client_has_yet_to_be_told_of_the_tree_is_bounded():
    made = listening()
    made.tree_changed(("a", "b"))
    made.tree_changed(("c",))
    assert made._news == ("a", "b", "c")
    for _ in range(100):
        made.tree_changed(("a", "b"))
        assert len(made._news) <= 65
    assert '{"COMMAND": "PATH_CHANGED", "DATA": "/"}' in made._news


@pytest.mark.parametrize("path", ["/nowhere"])
def test_what_has_no_value_cannot_be_listened_to(path):
    assert listening(path).paths == set()
