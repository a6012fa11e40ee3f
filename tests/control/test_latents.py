"""Raw latents over TCP, from clients as the seed's is: a blocking socket and sendall."""

import asyncio
import socket
import time
from contextlib import asynccontextmanager, suppress

import numpy as np
import pytest

from daemon.clock import WallClock
from daemon.control.latents import CLIENTS, LatentListener, _Client
from daemon.errors import BadInput
from daemon.flow import Hand
from daemon.mailbox import Mailbox

RNG = np.random.default_rng(7)


def vector(z_dim=512):
    return RNG.standard_normal(z_dim).astype("<f4")


class Rig:
    """A listener that runs, and what it did."""

    def __init__(self, z_dim=512, idle=60.0, host="127.0.0.1", port=0):
        self.z_dim, self.said = z_dim, []
        self.hands = Mailbox(Hand(z=(vector(), 3.0)))
        told = lambda code, text: self.said.append((code, text))  # noqa: E731
        self.listener = LatentListener(
            self.hands, lambda: self.z_dim, WallClock(), host, port, on_refusal=told, idle=idle
        )

    @property
    def z(self):
        offset = self.hands.latest().offset
        return None if offset is None else offset[0]

    def connect(self):
        client = socket.create_connection(("127.0.0.1", self.listener.port), timeout=20)
        client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        return client

    async def shows(self, z):
        await until(lambda: self.z is not None and np.array_equal(self.z, z))


async def until(fine):
    for _ in range(4000):
        if fine():
            return
        await asyncio.sleep(0.005)
    raise AssertionError("never")


async def gone(client):
    """Whether the other end has closed."""
    client.setblocking(False)
    for _ in range(4000):
        try:
            if client.recv(10) == b"":
                return True
        except BlockingIOError:
            await asyncio.sleep(0.005)
        except OSError:
            return True
    return False


@asynccontextmanager
async def running(**how):
    rig = Rig(**how)
    rig.listener.bind()
    task = asyncio.create_task(rig.listener.run())
    await asyncio.sleep(0)  # what is cancelled before it begins never ends
    try:
        yield rig
    finally:
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task
        assert rig.listener.port is None


async def test_the_seeds_client_drives_it():
    async with running() as rig:

        def stream():  # 86 vectors a second, as the audio side of the seed sends them
            sent = [vector() for _ in range(86)]
            with rig.connect() as client:
                for z in sent:
                    client.sendall(z.tobytes())
                    time.sleep(1 / 86)
            return sent

        sent = await asyncio.to_thread(stream)
        await rig.shows(sent[-1])
        assert (rig.listener.received, rig.listener.refused, rig.said) == (86, 0, [])
        hand = rig.hands.latest()
        assert hand.offset[1] <= WallClock().now()
        assert not hand.offset[0].flags.writeable
        assert hand.z[1] == 3.0  # what others hold stays


@pytest.mark.parametrize("cuts", [(1,), (2047,), (3, 700, 2049, 4095), tuple(range(0, 6144, 97))])
async def test_vectors_cut_anywhere_come_out_whole(cuts):
    async with running() as rig:
        sent = [vector() for _ in range(3)]
        data = b"".join(z.tobytes() for z in sent)
        with rig.connect() as client:
            for a, b in zip((0, *cuts), (*cuts, len(data)), strict=True):
                client.sendall(data[a:b])
                await asyncio.sleep(0.001)
            await rig.shows(sent[-1])
        assert (rig.listener.received, rig.listener.refused) == (3, 0)


async def test_of_vectors_glued_together_the_newest_wins():
    async with running() as rig:
        sent = [vector() for _ in range(9)]
        with rig.connect() as client:
            client.sendall(b"".join(z.tobytes() for z in sent) + vector().tobytes()[:700])
            await rig.shows(sent[-1])


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf, 1001.0, -3e38])
async def test_a_vector_that_cannot_be_meant_is_refused_and_counted(bad):
    async with running() as rig:
        good, spoilt = vector(), vector()
        spoilt[511] = bad
        with rig.connect() as client:
            client.sendall(good.tobytes() + spoilt.tobytes())
            await rig.shows(good)
            await until(lambda: rig.listener.refused == 1)
            client.sendall(spoilt.tobytes())
            await until(lambda: rig.listener.refused == 2)
            last = vector()
            client.sendall(last.tobytes())
            await rig.shows(last)
        said = ("range", "TCP: a vector is 512 little-endian float32 of -1000 to 1000")
        assert set(rig.said) == {said}


async def test_a_client_that_lost_count_is_sent_away_and_understood_when_it_returns():
    async with running() as rig:
        with rig.connect() as client:
            client.sendall(b"x")  # one byte too many, and no vector is whole again

            def stream():
                with suppress(OSError):
                    for _ in range(200):
                        client.sendall(vector().tobytes())
                        time.sleep(0.002)

            await asyncio.to_thread(stream)
            assert await gone(client)
        assert rig.z is None
        with rig.connect() as client:
            z = vector()
            client.sendall(z.tobytes())
            await rig.shows(z)


async def test_a_client_that_errs_now_and_then_stays():
    spoilt = np.full(512, np.nan, "<f4").tobytes()
    async with running() as rig:
        with rig.connect() as client:
            for _ in range(20):  # more than may be refused in a row
                good = vector()
                client.sendall(spoilt + good.tobytes())
                await rig.shows(good)
        assert rig.listener.refused == 20


async def test_garbage_never_gets_through():
    async with running() as rig:
        for n in (1, 2047, 2048, 2049, 70_000):
            with rig.connect() as client, suppress(OSError):
                client.sendall(RNG.bytes(n))
        with rig.connect() as client:
            z = vector()
            client.sendall(z.tobytes())
            await rig.shows(z)
        await until(lambda: rig.listener.refused >= 2)


async def test_half_a_vector_is_forgotten_with_its_client():
    async with running() as rig:
        with rig.connect() as client:
            client.sendall(vector().tobytes()[:1000])
        z = vector()
        with rig.connect() as client:
            client.sendall(z.tobytes())
            await rig.shows(z)
        assert rig.listener.received == 1


async def test_halves_of_two_clients_are_not_mixed():
    async with running() as rig:
        a, b = vector(), vector()
        with rig.connect() as one, rig.connect() as other:
            one.sendall(a.tobytes()[:1000])
            other.sendall(b.tobytes()[:1000])
            await asyncio.sleep(0.02)
            one.sendall(a.tobytes()[1000:])
            await rig.shows(a)
            other.sendall(b.tobytes()[1000:])
            await rig.shows(b)


async def test_another_model_takes_other_vectors_and_clients_begin_anew():
    async with running() as rig:
        with rig.connect() as client:
            client.sendall(vector().tobytes() + b"half")
            await until(lambda: rig.z is not None)
            rig.z_dim = 64
            client.sendall(vector().tobytes())
            assert await gone(client)
        assert rig.said[-1] == ("model", "TCP: vectors have 64 numbers now; connect again")
        assert len(rig.z) == 512
        with rig.connect() as client:
            z = vector(64)
            client.sendall(z.tobytes())
            await rig.shows(z)


async def test_only_so_many_clients_are_let_in_and_a_place_is_free_again():
    async with running() as rig:
        clients = [rig.connect() for _ in range(CLIENTS)]
        await until(lambda: len(rig.listener._clients) == CLIENTS)
        with rig.connect() as late:
            assert await gone(late)
        assert rig.said[-1][0] == "busy"
        for client in clients:
            client.close()
        await until(lambda: not rig.listener._clients)
        z = vector()
        with rig.connect() as client:
            client.sendall(z.tobytes())
            await rig.shows(z)


@pytest.mark.parametrize("method", ["GET", "POST", "HEAD", "OPTIONS", "PUT"])
async def test_a_web_page_that_sends_to_the_port_is_turned_away(method):
    async with running() as rig:
        with rig.connect() as page:
            page.sendall(f"{method} / HTTP/1.1\r\nContent-Length: 4096\r\n\r\n".encode() + bytes(4096))
            assert await gone(page)
        assert rig.said == [("type", "TCP: this is HTTP; nothing but float32 is taken here")]
        assert (rig.z, rig.listener.received) == (None, 0)


async def test_only_what_comes_first_can_be_http():
    async with running() as rig:
        z = vector()
        with rig.connect() as client:
            client.sendall(z.tobytes())
            await rig.shows(z)
            z[0] = np.frombuffer(b"GET ", "<f4")[0]
            client.sendall(z.tobytes())
            await rig.shows(z)
        assert rig.said == []


async def test_who_says_nothing_for_long_is_sent_away():
    async with running(idle=0.2) as rig:
        with rig.connect() as quiet:
            assert await gone(quiet)


async def test_a_flood_waits_in_its_own_socket():
    async with running() as rig:
        data = vector().tobytes() * 4096  # 8 MiB

        def flood():
            with rig.connect() as client:
                client.sendall(data)

        task = asyncio.create_task(asyncio.to_thread(flood))
        before = 0
        while rig.listener.received < 4096:
            await asyncio.sleep(0)
            now = rig.listener.received
            assert now - before <= 256  # others have their turn
            assert all(len(client.rest) < 2048 for client in rig.listener._clients)
            before = now
        await task


class Socket(asyncio.Transport):
    """The connection of a client that always has more to say."""

    def __init__(self):
        super().__init__()
        self.reading = True

    def is_closing(self):
        return False

    def pause_reading(self):
        assert self.reading
        self.reading = False

    def resume_reading(self):
        assert not self.reading
        self.reading = True


async def test_after_each_read_a_client_waits_while_others_have_their_turn():
    rig, connection = Rig(), Socket()
    client = _Client(rig.listener)
    client.connection_made(connection)
    for n in range(3):
        client.data_received(vector().tobytes())
        assert (rig.listener.received, connection.reading) == (n + 1, False)
        await until(lambda: connection.reading)


async def test_a_port_that_cannot_be_had_is_said_in_one_sentence():
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        with pytest.raises(BadInput, match=rf"TCP: port {port} on 127.0.0.1 is in use: .* set tcp.port"):
            Rig(port=port).listener.bind()
    with pytest.raises(BadInput, match=r"set tcp.host"):
        Rig(host="no such host").listener.bind()


async def test_it_may_be_started_again():
    async with running() as rig:
        port = rig.listener.port
    rig.listener._port = port
    task = asyncio.create_task(rig.listener.run())
    await until(lambda: rig.listener.port == port)
    task.cancel()
    with suppress(asyncio.CancelledError):
        await task
