import asyncio
import importlib
import logging
import socket
from types import SimpleNamespace

import pytest
from control.oscquery.conftest import queried

from daemon import document
from daemon.config import Config, Oscquery
from daemon.control.oscquery import announce
from daemon.control.oscquery.announce import OSC, OSCQUERY, Announcement

zeroconf = pytest.importorskip("zeroconf", reason="zeroconf is not installed (pip install zeroconf)")
from zeroconf.asyncio import AsyncServiceBrowser, AsyncServiceInfo, AsyncZeroconf  # noqa: E402

PATIENCE = 50.0  # s


def multicast_reaches_this_machine() -> bool:
    """Whether a datagram to the group of mDNS comes back over loopback."""
    with (
        socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as out,
        socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as heard,
    ):
        try:
            heard.bind(("", 0))
            member = socket.inet_aton("224.0.0.251") + socket.inet_aton("127.0.0.1")
            heard.setsockopt(socket.IPPROTO_IP, socket.IP_ADD_MEMBERSHIP, member)
            out.setsockopt(socket.IPPROTO_IP, socket.IP_MULTICAST_IF, socket.inet_aton("127.0.0.1"))
            out.sendto(b"?", ("224.0.0.251", heard.getsockname()[1]))
            heard.settimeout(2.0)
            return heard.recv(8) == b"?"
        except OSError:
            return False


needs_multicast = pytest.mark.skipif(
    not multicast_reaches_this_machine(), reason="multicast does not come back over loopback on this machine"
)


class Found:
    """What a browser on loopback sees."""

    def __init__(self):
        self.names: dict[str, set[str]] = {OSC: set(), OSCQUERY: set()}
        self.news = asyncio.Event()

    def __call__(self, zeroconf, service_type, name, state_change):
        change = self.names[service_type].add if state_change.name == "Added" else self.names[service_type].discard
        change(name)
        self.news.set()

    async def until(self, condition):
        async with asyncio.timeout(PATIENCE):
            while not condition(self.names):
                self.news.clear()
                await self.news.wait()


@needs_multicast
async def test_it_is_found_under_its_name_with_both_ports_and_gone_when_it_stops():
    found, name = Found(), "latentd under test"
    browsing = AsyncZeroconf(interfaces=["127.0.0.1"])
    browser = AsyncServiceBrowser(browsing.zeroconf, [OSC, OSCQUERY], handlers=[found])
    try:
        async with queried(Oscquery(name=name)) as it:
            await found.until(lambda names: all(f"{name}.{kind}" in names[kind] for kind in (OSC, OSCQUERY)))
            for kind, port in ((OSC, it.rig.port), (OSCQUERY, it.server.port)):
                info = AsyncServiceInfo(kind, f"{name}.{kind}")
                assert await info.async_request(browsing.zeroconf, PATIENCE * 1000)
                assert info.parsed_addresses() == ["127.0.0.1"]
                assert info.port == port
        await found.until(lambda names: all(f"{name}.{kind}" not in names[kind] for kind in (OSC, OSCQUERY)))
    finally:
        await browser.async_cancel()
        await browsing.async_close()


@needs_multicast
async def test_two_of_one_name_are_both_found():
    found = Found()
    browsing = AsyncZeroconf(interfaces=["127.0.0.1"])
    browser = AsyncServiceBrowser(browsing.zeroconf, [OSCQUERY], handlers=[found])
    twins = []
    try:
        for port in (1, 2):  # who asks for a name in the very moment another does may hear of it too late
            twins.append(asyncio.create_task(Announcement("latentd twin", "127.0.0.1", 40_000, port).run()))
            await found.until(lambda names: len({n for n in names[OSCQUERY] if n.startswith("latentd twin")}) == port)  # noqa: B023
    finally:
        for twin in twins:
            twin.cancel()
        await asyncio.gather(*twins, return_exceptions=True)
        await browser.async_cancel()
        await browsing.async_close()


async def test_a_network_that_cannot_be_announced_on_is_told_of_once_and_stops_nothing(caplog, monkeypatch):
    monkeypatch.setattr(announce, "_AGAIN", 0.01)
    tries = []

    def no_multicast(*args, **kwargs):
        tries.append(args)
        raise OSError(19, "No such device")

    monkeypatch.setattr("zeroconf.asyncio.AsyncZeroconf", no_multicast)
    with caplog.at_level(logging.INFO):
        async with queried(Oscquery()) as it:
            async with asyncio.timeout(PATIENCE):
                while len(tries) < 3:
                    await asyncio.sleep(0.01)
            assert (await it.get("/latentd/psi?VALUE"))[0] == 200
    (said,) = [r.getMessage() for r in caplog.records if "announced" in r.getMessage()]
    assert said == "OSCQuery cannot be announced on this network ([Errno 19] No such device); all else goes on"


async def test_without_zeroconf_it_works_and_says_what_is_missing(caplog, monkeypatch):
    real = importlib.import_module

    def missing(name, *args):
        if name.startswith("zeroconf"):
            raise ImportError(name)
        return real(name, *args)

    monkeypatch.setattr(announce, "import_module", missing)
    with caplog.at_level(logging.INFO):
        async with queried(Oscquery()) as it:
            async with asyncio.timeout(PATIENCE):
                while "pip install zeroconf" not in caplog.text:
                    await asyncio.sleep(0.01)
            assert (await it.get("/latentd/psi?VALUE"))[0] == 200


class Network:
    """Interfaces that come and go, as ifaddr tells of them, and what is announced on them."""

    def __init__(self, *addresses):
        self.addresses, self.open, self.told = addresses, 0, []

    def get_adapters(self):
        ips = [SimpleNamespace(ip=address, is_IPv4=True) for address in self.addresses]
        return [SimpleNamespace(ips=[SimpleNamespace(ip=("::1", 0, 0), is_IPv4=False), ip]) for ip in ips]

    def responder(self, *, interfaces, ip_version):
        assert ip_version is zeroconf.IPVersion.V4Only
        assert set(interfaces) == set(self.addresses)
        assert self.open == 0
        self.open = 1
        return self

    async def async_register_service(self, info, *, allow_name_change):
        assert allow_name_change
        self.told.append((info.server, info.parsed_addresses()))
        return asyncio.sleep(0)

    async def async_close(self):
        self.open -= 1

    async def until(self, count):
        async with asyncio.timeout(PATIENCE):
            while len(self.told) < count:
                await asyncio.sleep(0.005)


@pytest.fixture
def network(monkeypatch):
    network, real = Network("127.0.0.1"), importlib.import_module
    monkeypatch.setattr(announce, "_AGAIN", 0.01)
    monkeypatch.setattr(announce, "import_module", lambda name: network if name == "ifaddr" else real(name))
    monkeypatch.setattr("zeroconf.asyncio.AsyncZeroconf", network.responder)
    return network


async def test_it_is_announced_anew_when_the_addresses_change_and_loopback_only_where_nothing_else_is(network):
    running = asyncio.create_task(Announcement("x", "0.0.0.0", 1, 2).run())
    try:
        await network.until(2)
        network.addresses = ("127.0.0.1", "192.0.2.7")
        await network.until(4)
        network.addresses = ("192.0.2.7", "127.0.0.1")  # the same
        await asyncio.sleep(0.1)
        assert network.open == 1
        network.addresses = ("127.0.0.1", "192.0.2.8")
        await network.until(6)
    finally:
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)
    assert [told for _, told in network.told] == [
        *[["127.0.0.1"]] * 2, *[["192.0.2.7"]] * 2, *[["192.0.2.8"]] * 2,
    ]  # fmt: skip
    assert network.open == 0


@pytest.mark.parametrize(
    ("host", "server"),
    [
        ("stage-left", "stage-left-latentd-2.local."),
        ("stage_left.example.org", "stage-left-latentd-2.local."),
        ("", "machine-latentd-2.local."),
        ("x" * 64, "x" * 40 + "-latentd-2.local."),
    ],
)
async def test_each_machine_has_a_host_name_of_its_own(network, monkeypatch, host, server):
    monkeypatch.setattr(socket, "gethostname", lambda: host)
    running = asyncio.create_task(Announcement("x", "127.0.0.1", 1, 2).run())
    await network.until(2)
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)
    assert {name for name, _ in network.told} == {server}


def test_only_the_interfaces_listened_on_are_announced():
    ifaddr = importlib.import_module("ifaddr")
    assert Announcement("x", "127.0.0.1", 1, 2)._addresses(ifaddr) == ["127.0.0.1"]
    assert Announcement("x", "192.0.2.7", 1, 2)._addresses(ifaddr) == ["192.0.2.7"]
    everywhere = Announcement("x", "0.0.0.0", 1, 2)._addresses(ifaddr)
    assert "127.0.0.1" in everywhere
    assert everywhere[-1] == "127.0.0.1"


def test_it_is_on_unless_one_line_of_the_config_says_otherwise():
    assert Config(version=1).oscquery.enable
    assert not document.parse("version: 1\noscquery: {enable: false}", Config, "config").oscquery.enable


async def test_when_osc_comes_back_on_another_port_that_is_announced(monkeypatch):
    announced, gone = [], []

    class Told(Announcement):
        async def run(self):
            announced.append((self._osc_port, self._http_port))
            try:
                await asyncio.Event().wait()
            finally:
                gone.append(self._osc_port)

    monkeypatch.setattr("daemon.control.oscquery.server.Announcement", Told)
    monkeypatch.setattr("daemon.control.oscquery.server._LOOK", 0.01)
    async with queried(Oscquery()) as it:
        async with asyncio.timeout(PATIENCE):
            while not announced:
                await asyncio.sleep(0)
            first, http = it.rig.port, it.server.port
            it.rig.service.cancel()
            await asyncio.gather(it.rig.service, return_exceptions=True)
            with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as other:
                other.bind(("127.0.0.1", first))
                it.rig.service = asyncio.create_task(it.rig.endpoint.run())
                while len(announced) < 2:
                    await asyncio.sleep(0.005)
                assert announced == [(first, http), (it.rig.port, http)]
                assert gone == [first]
                assert (await it.get("/?HOST_INFO"))[1]["OSC_PORT"] == it.rig.port != first
    assert len(gone) == 2
