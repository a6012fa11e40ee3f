import asyncio
import socket
import struct
import time
from datetime import UTC, datetime

import pytest
from control.rig import Client, Rig, running, shelf
from control.test_osc import POISON, bundle, raw

from daemon.bench.osc.traffic import Hostile, time_tag
from daemon.clock import VirtualClock
from daemon.config import Osc
from daemon.control.desk import Desk
from daemon.control.endpoint import OscEndpoint
from daemon.control.osc import Message, encode
from daemon.errors import BadInput
from daemon.mailbox import Mailbox
from daemon.params import Fade, Params

ME = ("127.0.0.1", 50_000)


def nothing():
    raise AssertionError("not asked for here")


def idle_endpoint(port: int = 0) -> tuple[OscEndpoint, Mailbox[Fade]]:
    """One that does not run: datagrams are handed to it."""
    params = Mailbox(Fade.still(Params()))
    desk = Desk(shelf(), params.latest(), None, ())
    return OscEndpoint(desk, params, VirtualClock(), Osc(port=port), nothing, nothing), params


async def settle(rig: Rig, received: int) -> None:
    """Wait until so many messages have been received."""
    async with asyncio.timeout(20):
        while rig.endpoint.counts().received < received:
            await asyncio.sleep(0.005)


async def test_a_message_reaches_the_mailbox_and_is_told(rig):
    await rig.listener.until("/latentd/state/psi", 1.0)
    rig.send("/latentd/psi", 0.5)
    await rig.listener.until("/latentd/state/psi", 0.5)
    assert rig.params.latest().end.psi == 0.5
    assert rig.endpoint.values()["/latentd/psi"] == 0.5


async def test_all_state_is_told_at_start_numbers_as_floats_switches_as_ints_names_as_text(rig):
    told = {}
    async with asyncio.timeout(20):
        while len(told) < len(rig.endpoint.values()):
            told |= {m.address: m.args for m in rig.listener.heard if m.address.startswith("/latentd/state/")}
            await asyncio.sleep(0.01)
    for address, value in rig.endpoint.values().items():
        (got,) = told["/latentd/state/" + address.removeprefix("/latentd/")]
        assert type(got) is type(value)
        assert got == (pytest.approx(value) if isinstance(value, float) else value)


@pytest.mark.timeout(60)
async def test_every_poison_packet_leaves_the_endpoint_alive_and_obedient(rig):
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as out:  # asyncio would not send the empty one
        for datagram, _ in POISON.values():
            out.sendto(datagram, ("127.0.0.1", rig.port))
            await asyncio.sleep(0)
    await settle(rig, len(POISON))
    await rig.obeys()
    counts = rig.endpoint.counts()
    assert counts.refused == len(POISON)
    assert counts.received == counts.applied + counts.refused


@pytest.mark.timeout(20)
async def test_the_20_byte_bundle_with_size_minus_4_leaves_the_endpoint_obedient(rig):
    rig.client.send(rig.port, b"#bundle\0" + struct.pack(">Qi", 1, -4))
    await rig.listener.until("/latentd/error")
    await rig.obeys()
    assert rig.endpoint.counts().refused == 1


@pytest.mark.timeout(20)
async def test_a_bundle_of_tomorrow_applies_now(rig):
    rig.client.send(rig.port, bundle(encode("/latentd/psi", 0.5), tag=b"\xff" * 8))
    await rig.listener.until("/latentd/state/psi", 0.5)


async def test_time_tags_an_hour_off_either_way_apply_at_once(rig):
    now = datetime.now(UTC).timestamp()
    for seconds, value in ((3600, 0.25), (-3600, 0.5), (0, 0.75)):
        tag = time_tag(now + seconds).to_bytes(8, "big")
        rig.client.send(rig.port, bundle(encode("/latentd/psi", value), encode("/latentd/ping", seconds), tag=tag))
        await rig.client.until("/latentd/pong", seconds)
        assert rig.endpoint.values()["/latentd/psi"] == value
        assert rig.params.latest().end.psi == value  # what the next tick draws from


async def test_a_fault_in_a_bundle_leaves_the_rest_applied_and_each_message_counted(rig):
    packet = bundle(
        encode("/latentd/psi", 0.5),
        encode("/latentd/psi", 9.0),
        raw(b"/latentd/gain", b"cf", b"\0" * 8),
        encode("/latentd/nowhere"),
        encode("/latentd/gain", 2.0),
    )
    rig.client.send(rig.port, packet)
    await rig.listener.until("/latentd/state/gain", 2.0)
    assert rig.params.latest().end.psi == 0.5
    counts = rig.endpoint.counts()
    assert (counts.received, counts.applied, counts.refused) == (5, 2, 3)
    assert sorted(code for code, _ in rig.refusals) == ["message", "range", "unknown"]


async def test_ten_thousand_random_and_mutated_datagrams_leave_it_alive_and_obedient(rig):
    hostile = Hostile(1)
    for i in range(10_000):
        rig.client.send(rig.port, hostile())
        if i % 50 == 49:
            await asyncio.sleep(0.002)
    await rig.obeys()
    counts = rig.endpoint.counts()
    assert counts.received == counts.applied + counts.refused
    assert counts.applied > 100
    assert counts.refused > 100


def test_ten_thousand_datagrams_are_judged_one_for_one():
    endpoint, params = idle_endpoint()
    hostile = Hostile(2)
    total = sum(endpoint.receive(hostile(), ME, i / 1000) for i in range(10_000))
    counts = endpoint.counts()
    assert counts.received == total == counts.applied + counts.refused
    endpoint.receive(encode("/latentd/psi", 0.125), ME, 100.0)
    endpoint.publish()
    assert params.latest().end.psi == 0.125


def test_a_flood_costs_one_new_state_a_batch_and_none_when_nothing_changes():
    endpoint, params = idle_endpoint()
    for i in range(1000):
        endpoint.receive(encode("/latentd/psi", i / 1000), ME, 0.0)
    endpoint.publish()
    seq, fade = params.newer(0, 0.0)
    assert (seq, fade.end.psi) == (1, pytest.approx(0.999))
    for _ in range(1000):
        endpoint.receive(encode("/latentd/psi", 0.999), ME, 0.0)
        endpoint.publish()
    assert params.newer(1, 0.0) is None


async def test_the_loop_goes_on_and_the_last_value_arrives_through_a_flood(rig):
    """Two thousand messages a second and more, from outside the loop's thread, while the loop turns."""
    done = False

    def flood() -> int:
        sent = 0
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as out:
            while not done:
                for _ in range(20):
                    out.sendto(encode("/latentd/psi", (sent % 1000) / 1000), ("127.0.0.1", rig.port))
                    sent += 1
                time.sleep(0.002)
        return sent

    flooding = asyncio.get_running_loop().run_in_executor(None, flood)
    for _ in range(100):
        await asyncio.sleep(0.01)
    for _ in range(3):
        await rig.obeys()
    done = True
    sent = await flooding
    assert sent > 500
    rig.send("/latentd/psi", 1.25)
    await rig.listener.until("/latentd/state/psi", 1.25)


async def test_state_is_coalesced(rig):
    """A value that changes with each of many messages is told at most twenty times a second, the last one surely."""
    began = asyncio.get_running_loop().time()
    for i in range(500):
        rig.send("/latentd/psi", i / 500)
        await asyncio.sleep(0.001)
    await rig.listener.until("/latentd/state/psi", 499 / 500)
    passed = asyncio.get_running_loop().time() - began
    told = [m for m in rig.listener.heard if m.address == "/latentd/state/psi"]
    assert len(told) <= passed * 20 + 2


async def test_only_what_changes_is_told(rig):
    for address in rig.endpoint.values():
        await rig.listener.until("/latentd/state/" + address.removeprefix("/latentd/"))
    rig.send("/latentd/psi", 0.5)
    rig.send("/latentd/gain", 1.0)  # as it is
    await rig.listener.until("/latentd/state/psi", 0.5)
    await rig.obeys()
    told = {m.address for m in rig.listener.heard if m.address.startswith("/latentd/state/")}
    assert told <= {"/latentd/state/gain"}, "which obeys() sets"


async def test_a_fade_is_told_while_it_runs_and_at_its_end(rig):
    rig.send("/latentd/preset", "storm", 0.5)
    await rig.listener.until("/latentd/state/preset", "storm")
    await rig.listener.until("/latentd/state/preset/index", 1)
    await rig.listener.until("/latentd/state/psi", 1.5)
    on_the_way = [m.args[0] for m in rig.listener.heard if m.address == "/latentd/state/psi"]
    assert on_the_way == sorted(on_the_way)
    assert any(1.0 < value < 1.5 for value in on_the_way)


async def test_a_recall_that_changes_only_the_name_is_told(rig):
    rig.send("/latentd/preset", "storm", 0)
    rig.send("/latentd/preset/save", "twin")
    await rig.listener.until("/latentd/state/preset", "twin")
    rig.send("/latentd/preset/index", 1, 0)  # at the same address it would be the same wish, as of one who streams
    await rig.listener.until("/latentd/state/preset", "storm")
    rig.send("/latentd/preset", "twin", 0)
    await rig.listener.until("/latentd/state/preset", "twin")


async def test_a_reply_goes_to_every_subscriber_and_to_the_senders_own_port(rig):
    rig.send("/latentd/ping", 7, "x")
    for who in (rig.client, rig.listener):
        assert (await who.until("/latentd/pong")).args == (7, "x")
    await rig.listener.until("/latentd/state/psi")
    rig.listener.heard.clear()
    rig.send("/latentd/query", "/latentd/psi")
    for who in (rig.client, rig.listener):
        assert (await who.until("/latentd/state/psi")).args == (1.0,)
    rig.send("/latentd/psi", 9.0)
    for who in (rig.client, rig.listener):
        assert (await who.until("/latentd/error")).args == ("range", "/latentd/psi takes 0 to 1.5, not 9")


async def test_a_query_by_pattern_tells_all_that_match_and_nothing_else_to_the_sender(rig):
    rig.send("/latentd/query", "/latentd/gate*")
    for address in ("gate", "gate/hold", "gate/hysteresis", "gate/enable"):
        await rig.client.until(f"/latentd/state/{address}")
    assert rig.client.heard == []


async def test_a_subscriber_gets_all_state_now_and_every_change(rig):
    other: Client = await rig.open_client()
    rig.send("/latentd/subscribe", other.port)
    for address in rig.endpoint.values():
        await other.until("/latentd/state/" + address.removeprefix("/latentd/"))
    rig.send("/latentd/psi", 0.5)
    await other.until("/latentd/state/psi", 0.5)
    await other.until("/latentd/heartbeat/fps")
    assert not [m for m in rig.client.heard if m.address.startswith("/latentd/state")]


async def test_the_seventeenth_subscriber_is_refused(rig):
    for i in range(17):
        rig.send("/latentd/subscribe", 20_000 + i)
    code, text = (await rig.client.until("/latentd/error")).args
    assert (code, "16" in text) == ("busy", True)
    assert rig.endpoint.counts().refused == 1


async def test_nobody_is_subscribed_elsewhere(rig):
    rig.send("/latentd/subscribe", 9000, "8.8.8.8")
    assert (await rig.client.until("/latentd/error")).args[0] == "host"


async def test_the_daemon_does_not_talk_to_itself(rig):
    rig.send("/latentd/subscribe", rig.port)
    assert (await rig.client.until("/latentd/error")).args[0] == "host"
    before = rig.endpoint.counts().received
    for address in ("/latentd/nowhere", "/latentd/ping", "/latentd/query"):
        rig.endpoint.receive(encode(address), ("127.0.0.1", rig.port), 0.0)
    rig.send("/latentd/psi", 0.5)
    await rig.listener.until("/latentd/state/psi", 0.5)
    rig.send("/latentd/psi", 0.25)
    await rig.listener.until("/latentd/state/psi", 0.25)
    assert rig.endpoint.counts().received == before + 5


async def test_an_error_is_never_answered_with_an_error(rig):
    rig.send("/latentd/error", "range", "their trouble")
    await settle(rig, 1)
    await rig.obeys()
    assert rig.refusals == []
    assert rig.endpoint.counts().refused == 1


async def test_one_cause_is_told_once_a_second(rig):
    for _ in range(200):
        rig.send("/latentd/psi", 9.0)
    rig.send("/latentd/gain", 9.0)
    await settle(rig, 201)
    await rig.client.until("/latentd/error", "range", "/latentd/gain takes 0 to 4, not 9")
    assert len([m for m in rig.client.heard if m.args[1:] == ("/latentd/psi takes 0 to 1.5, not 9",)]) <= 2
    assert rig.endpoint.counts().refused == 201


async def test_endless_new_causes_are_bounded(rig):
    for i in range(500):
        rig.send(f"/latentd/nowhere/{i}")
    await settle(rig, 500)
    await rig.obeys()
    assert 1 <= len(rig.refusals) <= 60


async def test_errors_from_elsewhere_are_told_once(rig):
    for _ in range(5):
        rig.endpoint.error("audio", "the microphone is gone")
    assert (await rig.listener.until("/latentd/error")).args == ("audio", "the microphone is gone")
    await rig.obeys()
    assert not [m for m in rig.listener.heard if m.address == "/latentd/error"]


async def test_the_heartbeat_is_plain_floats(rig):
    expected = {"frame": 77.0, "fps": 29.5, "frame_ms": 12.0, "latency_ms": -1.0, "gate": 1.0, "audio_ok": 1.0}
    for name, value in expected.items():
        (got,) = (await rig.listener.until(f"/latentd/heartbeat/{name}")).args
        assert type(got) is float
        assert got == value
    await rig.listener.until("/latentd/heartbeat/frame")  # and again


async def test_what_is_heard_is_told_at_a_set_rate(loud_rig):
    for _ in range(3):
        assert (await loud_rig.listener.until("/latentd/audio/rms_db")).args == (-33.25,)
        assert (await loud_rig.listener.until("/latentd/audio/band/1")).args == (0.25,)
        assert (await loud_rig.listener.until("/latentd/audio/gate")).args == (1.0,)


async def test_without_a_rate_nothing_heard_is_told(rig):
    await rig.listener.until("/latentd/heartbeat/frame")
    await rig.listener.until("/latentd/heartbeat/frame")
    assert not [m for m in rig.listener.heard if m.address.startswith("/latentd/audio")]


async def test_a_subscriber_that_is_not_there_hurts_nobody(rig):
    gone: Client = await rig.open_client()
    port = gone.port
    gone.transport.close()
    await asyncio.sleep(0)
    rig.send("/latentd/subscribe", port)
    for _ in range(5):
        await rig.obeys()


async def test_a_port_in_use_is_one_sentence_that_says_what_to_do(rig):
    endpoint, _ = idle_endpoint(rig.port)
    with pytest.raises(BadInput, match=f"UDP port {rig.port} on 127.0.0.1 is in use.*set osc.port"):
        await endpoint.run()


@pytest.mark.parametrize("host", ["192.0.2.1", "a" * 300, "x\0y", "::1"])
def test_a_host_that_is_not_here_is_one_sentence(host):
    desk = Desk(shelf(), Fade.still(Params()), None, ())
    endpoint = OscEndpoint(desk, Mailbox(desk.fade), VirtualClock(), Osc(host=host, port=0), nothing, nothing)
    with pytest.raises(BadInput, match=r"osc\.host"):
        endpoint.bind()


def test_a_reply_host_nobody_knows_is_one_sentence():
    desk = Desk(shelf(), Fade.still(Params()), None, ())
    config = Osc(port=0, reply_host="x" * 300)
    endpoint = OscEndpoint(desk, Mailbox(desk.fade), VirtualClock(), config, nothing, nothing)
    with pytest.raises(BadInput, match="reply_host"):
        endpoint.bind()


async def test_it_runs_again_after_it_was_stopped_and_keeps_its_counts():
    async with running() as rig:
        await rig.obeys()
        port, counts = rig.port, rig.endpoint.counts()
        rig.service.cancel()
        await asyncio.gather(rig.service, return_exceptions=True)
        assert rig.endpoint.port is None
        rig.endpoint.error("x", "nobody hears this")
        rig.endpoint.bind()
        assert rig.port != port or counts.received
        rig.service = asyncio.create_task(rig.endpoint.run())
        await rig.obeys()
        assert rig.endpoint.counts().received > counts.received
        rig.service.cancel()
        await asyncio.gather(rig.service, return_exceptions=True)


def test_a_message_is_a_small_immutable_thing():
    assert Message("/x", (), b"")._replace(address="/y").address == "/y"


def test_each_host_and_port_is_a_sender_of_its_own():
    endpoint, _ = idle_endpoint()
    for sender in (ME, ("127.0.0.1", 50_001), ("127.0.0.2", 50_000)):
        for frame in range(10):
            endpoint.receive(encode("/latentd/preset/next", 1.0), sender, frame / 60)
    assert endpoint.values()["/latentd/preset"] == "sudden"  # the third of three
