import random
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from daemon.control.osc import encode
from daemon.sync.packet import MOST_PARTS, PART, FramePart, Head, Part, Ping, Pong, Post, StatePart, cut

HEAD = Head(7, 5, 10.0, 10.25, 10.3, 30.0, b"modelofw")
PACKETS = (
    FramePart(3, HEAD, Part(0, PART + 9, b"x" * PART)),
    StatePart(3, 9, Part(1, PART + 2, b"{}")),
    Ping(3, 2**63, -1, 0, "wall-2"),
    Pong(3, 2**63, 5.0, 5.001),
)


@pytest.mark.parametrize("key", [None, "a secret of the wall"])
def test_what_is_sealed_is_opened_again(key):
    post = Post(key)
    for packet in PACKETS:
        datagram = post.seal(packet)
        assert post.open(datagram) == packet
        assert len(datagram) <= 1_472  # what one Ethernet packet carries


def test_every_datagram_is_osc_of_its_own_address():
    assert [Post().seal(packet).split(b"\0")[0] for packet in PACKETS] == [
        b"/latentd/sync/frame",
        b"/latentd/sync/state",
        b"/latentd/sync/ping",
        b"/latentd/sync/pong",
    ]


def test_datagrams_of_another_key_or_none_are_left_out_in_words():
    for packet in PACKETS:
        assert "another key" in Post("one secret").open(Post("another one").seal(packet))
        assert "not sealed" in Post("one secret").open(Post().seal(packet))
        assert "give this daemon the sync.key" in Post().open(Post("one secret").seal(packet))


def test_a_seal_holds_for_its_own_kind_and_bytes_alone():
    post = Post("one secret")
    ping = post.seal(PACKETS[2])
    assert "another key" in post.open(ping.replace(b"/ping", b"/pong"))
    for at in range(ping.index(b",bb") + 8, len(ping)):
        broken = bytearray(ping)
        broken[at] ^= 1
        opened = post.open(bytes(broken))
        assert isinstance(opened, str) or opened == PACKETS[2], at  # OSC's padding means nothing


def test_another_version_is_named():
    datagram = Post().seal(PACKETS[2])
    at = datagram.index(b",b") + 8
    assert "version 258" in Post().open(datagram[:at] + b"\x02\x01" + datagram[at + 2 :])


def test_numbers_that_cannot_be_are_refused():
    nan, inf = float("nan"), float("inf")
    wrong = [
        {"t": nan}, {"due": inf}, {"began": -inf}, {"t": 9.0}, {"due": 10.0}, {"due": 99.0}, {"fps": 0.0},
        {"fps": nan}, {"fps": 1e9}, {"index": 2**63}, {"began": 1e300, "t": 1e300, "due": 1e300},
    ]  # fmt: skip
    for change in wrong:
        packet = replace(PACKETS[0], head=replace(HEAD, **change))
        assert Post().open(Post().seal(packet)) == "its frame cannot be read", change
    parts = [
        Part(3, PART + 1, b"x" * PART), Part(0, 0, b""), Part(0, 0, b"x"), Part(0, 1, b""), Part(0, 2, b"x"),
        Part(1, PART + 1, b"xy"), Part(2, PART + 1, b"x"), Part(0, PART + 1, b"x"),
        Part(0, PART + 1, b"x" * (PART + 1)),
        Part(0, MOST_PARTS * PART + 1, b"x" * PART), Part(0, 2**32 - 1, b"x" * PART),
    ]  # fmt: skip
    for part in parts:
        assert Post().open(Post().seal(replace(PACKETS[0], part=part))) == "its frame cannot be read", part
        assert isinstance(Post().open(Post().seal(replace(PACKETS[1], part=part))), str), part
    for pong in (Pong(3, 1, nan, 1.0), Pong(3, 1, 1.0, inf), Pong(3, 1, 2.0, 1.0)):
        assert Post().open(Post().seal(pong)) == "its pong cannot be read", pong


def test_a_name_is_text_that_can_be_shown():
    assert Post().open(Post().seal(Ping(1, 1, 0, 0, "a\n\x1b[2J\u202eb"))).name == "a??[2J?b"
    assert len(Post().open(Post().seal(Ping(1, 1, 0, 0, "ü" * 99))).name) <= 64


@given(st.binary(max_size=200))
def test_any_bytes_are_opened_or_refused(data):
    for post in (Post(), Post("one secret")):
        assert isinstance(post.open(data), str)
        for kind in ("frame", "state", "ping", "pong", "other"):
            post.open(encode(f"/latentd/sync/{kind}", data or b"\0"))


def test_mutated_datagrams_are_opened_or_refused():
    rng, post = random.Random(1), Post()
    whole = [post.seal(packet) for packet in PACKETS]
    for _ in range(3_000):
        data = bytearray(rng.choice(whole))
        for _ in range(rng.randrange(1, 6)):
            data[rng.randrange(len(data))] = rng.randrange(256)
        opened = post.open(bytes(data[: rng.choice((len(data), rng.randrange(len(data) + 1)))]))
        assert isinstance(opened, str | FramePart | StatePart | Ping | Pong)


@given(st.integers(1, 5 * PART))
def test_cut_parts_are_the_whole_and_one_more(size):
    data = random.Random(size).randbytes(size)
    parts = cut(data)
    assert b"".join(part.data for part in parts[:-1]) == data
    assert [part.which for part in parts] == list(range(parts[0].of + 1))
    for part in parts:
        assert Post().open(Post().seal(StatePart(1, 1, part))) == StatePart(1, 1, part)
