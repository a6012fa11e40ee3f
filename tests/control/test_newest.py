import random
from ipaddress import IPv4Network

import pytest
from control.rig import CLUSTERS, shelf
from control.test_endpoint import ME, idle_endpoint

from daemon.control.desk import Desk
from daemon.control.endpoint import OscEndpoint
from daemon.control.newest import knobs_of, newest
from daemon.control.osc import encode
from daemon.control.senders import Senders
from daemon.control.table import rows
from daemon.params import Fade, Params

KNOBS = knobs_of(rows(CLUSTERS))


def left(*messages):
    """Which of these messages are not skipped, by their place."""
    sent = [(encode(*message), ME) for message in messages]
    places = {id(one[0]): i for i, one in enumerate(sent)}
    return [places[id(datagram)] for datagram, _ in newest(sent, KNOBS)]


def test_the_newest_value_of_each_knob_is_left_in_the_order_in_which_they_came_last():
    assert left(
        ("/latentd/psi", 0.1), ("/latentd/gain", 0.2), ("/latentd/psi", 0.3), ("/latentd/psi/norm", 0.4),
        ("/latentd/gain", 0.5), ("/latentd/psi", 0.6),
    ) == [3, 4, 5]  # fmt: skip


def test_a_value_replaces_none_of_another_host():
    first, second = encode("/latentd/psi", 0.1), encode("/latentd/psi", 0.2)
    stranger = ("192.0.2.9", ME[1])
    sent = [(first, ME), (second, stranger), (second, (ME[0], ME[1] + 1)), (first, stranger)]
    assert list(newest(sent, KNOBS)) == sent[2:]  # a host is one, whatever port it sends from


def test_who_may_not_steer_silences_nobody_in_a_backlog():
    endpoint, _ = idle_endpoint()
    endpoint._senders = Senders((IPv4Network(ME[0]),), own=lambda host: False)
    endpoint._waiting.extend([(encode("/latentd/psi", 0.25), ME)] * 600)
    endpoint._waiting.extend([(encode("/latentd/psi", 0.75), ("192.0.2.9", 9000))] * 600)
    drained(endpoint, [])
    assert endpoint._desk.fade.end.psi == 0.25
    counts = endpoint.counts()
    assert (counts.received, counts.applied, counts.refused) == (1200, 600, 600)


@pytest.mark.parametrize("value", [9.0, -0.1, float("nan"), float("inf")])
def test_a_value_out_of_range_replaces_none(value):
    assert sorted(left(("/latentd/psi", 0.1), ("/latentd/psi", value))) == [0, 1]


@pytest.mark.parametrize(
    "message",
    [
        ("/latentd/preset/next", 1.0), ("/latentd/freeze", 1.0), ("/latentd/preset", 1.0),
        ("/latentd/preset/index", 1.0), ("/latentd/query", "/latentd/psi"),
        ("/latentd/psi", "0.5"), ("/latentd/psi", 1), ("/latentd/nowhere", 1.0),
        ("/latentd/preset/save", "x"), ("/latentd/cluster", 0.1, 0.2, 0.3),
    ],
)  # fmt: skip
def test_what_is_no_knob_is_never_skipped_and_never_overtaken(message):
    assert left(("/latentd/psi", 0.1), message, ("/latentd/psi", 0.2), message, ("/latentd/psi", 0.3)) == [
        0,
        1,
        2,
        3,
        4,
    ]


def test_bundles_and_odd_bytes_are_left_as_they_are():
    odd = [(data, ME) for data in (b"", b"/", b"#bundle\0" + bytes(8), b"\0\0\0\0", b",f\0\0")]
    assert list(newest(odd, KNOBS)) == odd


def test_every_knob_is_one_float_in_a_range_and_no_button_is_a_knob():
    heads = set(KNOBS)
    assert encode("/latentd/seed", 5.0)[:-4] in heads
    assert encode("/latentd/cluster/calm/norm", 0.5)[:-4] in heads
    for name in ("preset", "preset/next", "preset/index", "freeze", "blackout", "query", "latent/z"):
        assert encode(f"/latentd/{name}", 1.0)[:-4] not in heads


class Backlog:
    """A wire with everything there at once."""

    def __init__(self, datagrams):
        self._datagrams = list(datagrams)

    def take_all(self, most):
        taken, self._datagrams = self._datagrams[:most], self._datagrams[most:]
        return [(datagram, ME) for datagram in taken]


def drained(endpoint: OscEndpoint, datagrams):
    wire = Backlog(datagrams)
    while endpoint._drain(wire) is not None:
        pass


def knob_traffic(rng: random.Random, count: int):
    """Knobs at random, now and then out of range, and what changes many of them or keeps them."""
    for i in range(count):
        chance = rng.random()
        if chance < 0.002:
            yield encode("/latentd/preset", rng.choice(("still", "storm", "sudden")), 0.0)
        elif chance < 0.004:
            yield encode("/latentd/preset/save", f"kept-{i}")
        else:
            name = rng.choice(
                ("psi", "gain", "drift", "cluster/calm", "psi/norm", "gain/norm", "seed", "gate", "route/0/low")
            )
            yield encode(f"/latentd/{name}", rng.uniform(-0.2, 1.2))


def test_a_backlog_ends_in_the_same_state_as_one_message_after_the_other():
    for seed in range(8):
        datagrams = list(knob_traffic(random.Random(seed), 3000))
        whole, one_by_one = idle_endpoint()[0], idle_endpoint()[0]
        drained(whole, datagrams)
        for datagram in datagrams:
            one_by_one.receive(datagram, ME, 0.0)
        assert whole._desk.values(0.0) == one_by_one._desk.values(0.0)
        assert whole.counts() == one_by_one.counts()
        kept = [endpoint._desk._board.bank._looks for endpoint in (whole, one_by_one)]
        assert kept[0] == kept[1]


def test_what_waits_is_bounded():
    endpoint, _ = idle_endpoint()
    wire = Backlog([encode("/latentd/nowhere", i) for i in range(20_000)])
    most = 0
    while endpoint._drain(wire) is not None:
        most = max(most, len(endpoint._waiting))
    assert most <= 8192
    assert endpoint.counts().refused == 20_000


def test_a_desk_made_for_other_clusters_has_other_knobs():
    endpoint = idle_endpoint()[0]
    desk = Desk(shelf(), Fade.still(Params()), None, CLUSTERS)
    assert endpoint._knobs() is endpoint._knobs()
    endpoint._desk = desk
    assert encode("/latentd/cluster/calm", 0.5)[:-4] in endpoint._knobs()
