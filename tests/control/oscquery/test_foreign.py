"""Somebody else's OSCQuery client."""

import asyncio
import socket

import pytest

pytest.importorskip("zeroconf", reason="zeroconf is not installed (pip install zeroconf)")
client_module = pytest.importorskip(
    "pythonoscquery.osc_query_client", reason="python-oscquery is not installed (pip install python-oscquery)"
)
from zeroconf import ServiceInfo  # noqa: E402


async def test_python_oscquery_reads_where_osc_is_and_what_there_is(it, monkeypatch):
    """Its nodes are addresses or stand over others, and /latentd/gate is both: so it reads some, not the whole tree."""
    monkeypatch.setenv("NO_PROXY", "*")
    kind = "_oscjson._tcp.local."
    info = ServiceInfo(kind, f"latentd.{kind}", port=it.server.port, addresses=[socket.inet_aton("127.0.0.1")])
    client = client_module.OSCQueryClient(info)

    host = await asyncio.to_thread(client.get_host_info)
    assert (host.name, host.osc_ip, host.osc_port, host.osc_transport) == ("latentd", "127.0.0.1", it.rig.port, "UDP")
    assert host.extensions["LISTEN"] is True

    psi = await asyncio.to_thread(client.query_node, "/latentd/psi")
    assert (psi.full_path, psi.value, psi.access.name) == ("/latentd/psi", [1.0], "READWRITE_VALUE")
    assert (await asyncio.to_thread(client.query_node, "/latentd/mapper")).value == ["mel"]
    move = await asyncio.to_thread(client.query_node, "/latentd/translate")
    assert sorted(node.full_path for node in move.contents) == ["/latentd/translate/x", "/latentd/translate/y"]
    assert await asyncio.to_thread(client.query_node, "/latentd/nowhere") is None
