import asyncio
import socket
from ipaddress import IPv4Network

import pytest
from control.rig import shelf

from daemon import document
from daemon.clock import VirtualClock
from daemon.config import Config, Osc
from daemon.control.desk import Desk
from daemon.control.endpoint import OscEndpoint
from daemon.control.osc import encode
from daemon.control.senders import Senders, is_own
from daemon.errors import BadInput
from daemon.mailbox import Mailbox
from daemon.params import Fade, Params

STRANGER, FRIEND, HERE = "203.0.113.7", "198.51.100.40", "127.0.0.1"


def endpoint(refusals: list[tuple[str, str]], *allow: str, host: str = HERE) -> tuple[OscEndpoint, Mailbox[Fade]]:
    params = Mailbox(Fade.still(Params()))
    config = Osc(host=host, port=0, reply_port=0, allow=allow, features_hz=0)
    desk = Desk(shelf(), params.latest(), None, ())
    said = lambda code, text: refusals.append((code, text))  # noqa: E731
    return OscEndpoint(desk, params, VirtualClock(), config, dict, dict, on_refusal=said), params


def own_are(*hosts: str):
    return lambda host: host in hosts


def test_only_the_machines_own_are_obeyed_where_nobody_is_listed():
    senders = Senders((), own_are(HERE, FRIEND))
    assert senders.obeys(HERE, 0.0)
    assert senders.obeys(FRIEND, 0.0)
    assert not senders.obeys(STRANGER, 0.0)


def test_who_is_listed_is_obeyed_and_the_machine_itself_still_is():
    senders = Senders((IPv4Network("198.51.100.0/24"),), own_are(HERE))
    assert senders.obeys(FRIEND, 0.0)
    assert senders.obeys(HERE, 0.0)
    assert not senders.obeys("198.51.101.40", 0.0)
    assert not senders.obeys(STRANGER, 0.0)


@pytest.mark.parametrize("host", ["", "fe80::1", "localhost", "1.2.3", "01.2.3.4", "999.1.1.1"])
def test_what_is_no_address_is_not_obeyed(host):
    assert not Senders((IPv4Network("0.0.0.0/0"),)).obeys(host, 0.0)


def test_an_address_is_looked_at_again_after_a_while():
    own = [HERE]
    senders = Senders((), lambda host: host in own)
    assert not senders.obeys(FRIEND, 0.0)
    own.append(FRIEND)  # the machine was given this address
    assert not senders.obeys(FRIEND, 1.0)
    assert senders.obeys(FRIEND, 60.0)


def test_forged_senders_cost_bounded_memory():
    senders = Senders((), own_are(HERE))
    for i in range(20_000):
        assert not senders.obeys(f"10.0.{i >> 8}.{i & 255}", 0.0)
    assert len(senders._known) <= 256


@pytest.mark.parametrize("host", ["127.0.0.1", "127.9.9.9"])
def test_loopback_is_this_machines_own(host):
    assert is_own(host)


@pytest.mark.parametrize("host", ["192.0.2.99", "224.0.0.1", "255.255.255.255", "0.0.0.0"])
def test_what_others_have_is_not_this_machines_own(host):
    assert not is_own(host)


def test_the_address_that_leads_outside_is_this_machines_own():
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        try:
            probe.connect(("192.0.2.99", 9))
        except OSError:
            pytest.skip("this machine has no network")
        assert is_own(probe.getsockname()[0])


def test_a_stranger_is_not_obeyed_but_counted_and_told_of_once():
    refusals: list[tuple[str, str]] = []
    osc, params = endpoint(refusals, "198.51.100.0/24")
    for i in range(500):
        assert osc.receive(encode("/latentd/psi", 0.125), (STRANGER, 5000 + i), 0.001 * i) == 1
    osc.publish()
    assert params.latest().end.psi == 1.0
    assert (osc.counts().received, osc.counts().applied, osc.counts().refused) == (500, 0, 500)
    assert refusals == [("host", f"{STRANGER} is not obeyed: add it to osc.allow in the config if it should be")]


def test_who_is_listed_is_obeyed_by_the_endpoint():
    osc, params = endpoint([], "198.51.100.0/24")
    osc.receive(encode("/latentd/psi", 0.125), (FRIEND, 5000), 0.0)
    osc.receive(encode("/latentd/gain", 2.5), (HERE, 5000), 0.0)
    osc.publish()
    assert (params.latest().end.psi, params.latest().end.gain) == (0.125, 2.5)


async def test_a_stranger_is_told_nothing_not_even_why():
    """Senders can be forged: an answer would hit whoever is named as one."""
    osc, _ = endpoint([], host=HERE)
    osc.bind()
    sent = []
    osc._voice.wire.send = lambda packet, to: sent.extend(to)
    for address in ("/latentd/ping", "/latentd/query", "/latentd/subscribe", "/latentd/nowhere", "/latentd/psi"):
        osc.receive(encode(address, 9000), (STRANGER, 5000), 0.0)
    assert sent == []
    osc.receive(encode("/latentd/ping"), (HERE, 5000), 0.0)
    assert sent == [(HERE, 5000)]
    osc._wire.close()
    await asyncio.sleep(0)


def test_the_list_takes_addresses_and_networks_as_people_write_them():
    text = "version: 1\nosc: {allow: [192.168.1.0/24, 10.0.0.7, 172.16.5.9/16]}"
    assert document.parse(text, Config, "config").osc.allow == (
        IPv4Network("192.168.1.0/24"),
        IPv4Network("10.0.0.7/32"),
        IPv4Network("172.16.0.0/16"),
    )


@pytest.mark.parametrize("written", ["touchdesigner", "192.168.1", "::1", "10.0.0.0/33", "300.1.1.1", ""])
def test_what_is_no_network_is_named_with_what_would_be_one(written):
    with pytest.raises(BadInput, match=r"osc\.allow\.0: .*an IPv4 address or network such as 192\.168\.1\.7"):
        document.parse(f"version: 1\nosc: {{allow: ['{written}']}}", Config, "config")
