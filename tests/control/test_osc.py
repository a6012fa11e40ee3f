import math
import random
import struct

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from pythonosc.osc_bundle import OscBundle
from pythonosc.osc_bundle_builder import IMMEDIATELY, OscBundleBuilder
from pythonosc.osc_message import OscMessage
from pythonosc.osc_message_builder import OscMessageBuilder

from daemon.control.osc import MAX_BYTES, Message, decode, encode, forward
from daemon.control.refusal import Code, Refusal

NOW = struct.pack(">Q", 1)


def pad(data: bytes) -> bytes:
    return data + b"\0" * (4 - len(data) % 4)


def raw(address: bytes, tags: bytes = b"", body: bytes = b"") -> bytes:
    return pad(address) + pad(b"," + tags) + body


def bundle(*elements: bytes, tag: bytes = NOW) -> bytes:
    return b"#bundle\0" + tag + b"".join(struct.pack(">i", len(e)) + e for e in elements)


def nested(depth: int) -> bytes:
    packet = raw(b"/x")
    for _ in range(depth):
        packet = bundle(packet)
    return packet


def codes(datagram: bytes) -> list[str]:
    return [item.code if isinstance(item, Refusal) else "ok" for item in decode(datagram)]


# name: datagram, what becomes of it ("ok" is a message that the desk then judges by its address and values)
POISON: dict[str, tuple[bytes, list[str]]] = {
    "bundle element of size -4, 20 bytes": (b"#bundle\0" + NOW + struct.pack(">i", -4), ["packet"]),
    "bundle element of size -8": (b"#bundle\0" + NOW + struct.pack(">i", -8) + b"abcd", ["packet"]),
    "bundle element of the least size": (b"#bundle\0" + NOW + struct.pack(">i", -(2**31)), ["packet"]),
    "bundle element of size 0": (b"#bundle\0" + NOW + struct.pack(">i", 0), ["packet"]),
    "bundle element longer than the rest": (b"#bundle\0" + NOW + struct.pack(">i", 64) + raw(b"/x"), ["packet"]),
    "bundle element of 3 bytes": (b"#bundle\0" + NOW + struct.pack(">i", 3) + b"/x\0\0", ["packet"]),
    "bundle cut off in its head": (b"#bundle\0\0\0\0\0", ["packet"]),
    "bundle far in the future": (bundle(raw(b"/x"), tag=b"\xff" * 8), ["ok"]),
    "900 nested bundles": (nested(900), ["packet"]),
    "3000 nested bundles": (nested(3000), ["packet"]),
    "60 k unknown tags": (raw(b"/x", b"z" * 60_000), ["message"]),
    "60 k floats without bytes": (raw(b"/x", b"f" * 60_000), ["message"]),
    "13 k ints": (raw(b"/x", b"i" * 13_000, b"\0" * 52_000), ["message"]),
    "30 k arrays": (raw(b"/x", b"[" * 30_000 + b"]" * 30_000), ["message"]),
    "30 stars": (raw(b"/" + b"*" * 30 + b"Z"), ["ok"]),
    "stars between letters": (raw(b"/" + b"*a" * 12 + b"Z"), ["ok"]),
    "stars and question marks": (raw(b"/" + b"*?" * 12 + b"Z"), ["ok"]),
    "a brace of 60 k": (raw(b"/{" + b"a," * 30_000 + b"}"), ["message"]),
    "an open brace": (raw(b"/a{2,3"), ["ok"]),
    "an empty bracket": (raw(b"/[]"), ["ok"]),
    "a backward range": (raw(b"/[z-a]"), ["ok"]),
    "match all": (raw(b"/*"), ["ok"]),
    "address not UTF-8": (raw(b"/\xff\xfe"), ["message"]),
    "text not UTF-8": (raw(b"/x", b"s", pad(b"\xff\xff")), ["message"]),
    "text without an end": (raw(b"/x", b"s", b"abcd"), ["message"]),
    "negative blob": (raw(b"/x", b"bi", struct.pack(">i", -8) + b"\0" * 4), ["message"]),
    "60 k negative blobs": (raw(b"/x", b"b" * 60_000, struct.pack(">i", -4)), ["message"]),
    "blob longer than the rest": (raw(b"/x", b"b", struct.pack(">i", 2**31 - 1)), ["message"]),
    "time tag as an argument": (raw(b"/x", b"t", b"\xff" * 8), ["ok"]),
    "not a number": (raw(b"/latentd/psi", b"f", struct.pack(">f", math.nan)), ["ok"]),
    "infinity": (raw(b"/latentd/psi", b"d", struct.pack(">d", math.inf)), ["ok"]),
    "1e300": (raw(b"/latentd/psi", b"d", struct.pack(">d", 1e300)), ["ok"]),
    "tag c, which shifts arguments elsewhere": (raw(b"/latentd/psi", b"cf", b"\0" * 8), ["message"]),
    "tag S, which shifts arguments elsewhere": (raw(b"/latentd/psi", b"Sf", b"abc\0" + b"\0" * 4), ["message"]),
    "an address of 64 k": (raw(b"/" + b"a" * 65_000), ["message"]),
    "a bundle of 3000 messages": (bundle(*[raw(b"/x")] * 3000), ["packet"]),
    "a bundle of 2300 patterns": (bundle(*[raw(b"/param/*/*")] * 2300), ["packet"]),
    "no type tags": (pad(b"/x") + b"abcd", ["message"]),
    "type tags without an end": (pad(b"/x") + b",fff", ["message"]),
    "more bytes than tags": (raw(b"/latentd/psi", b"f", b"\0" * 8), ["message"]),
    "an array without an end": (raw(b"/x", b"[f", b"\0" * 4), ["message"]),
    "an array without a beginning": (raw(b"/x", b"f]", b"\0" * 4), ["message"]),
    "129 values": (raw(b"/x", b"f" * 129, b"\0" * 516), ["message"]),
    "8 200 bytes": (raw(b"/x", b"b", struct.pack(">i", 8184) + b"\0" * 8184), ["message"]),
    "neither a message nor a bundle": (b"abcd", ["packet"]),
    "nothing": (b"", ["packet"]),
    "five bytes": (b"/x\0\0\0", ["packet"]),
    "a slash without an end": (b"/xyz", ["message"]),
}


@pytest.mark.timeout(20)
@pytest.mark.parametrize("name", POISON)
def test_poison_is_refused_whole_or_in_part_and_at_once(name):
    datagram, expected = POISON[name]
    assert len(datagram) <= MAX_BYTES
    assert codes(datagram) == expected


@pytest.mark.timeout(20)
def test_the_20_byte_bundle_with_size_minus_4_is_refused():
    packet = b"#bundle\0" + NOW + struct.pack(">i", -4)
    assert len(packet) == 20
    assert codes(packet) == ["packet"]


def test_a_datagram_larger_than_udp_carries_is_refused():
    assert codes(b"/" + b"\0" * MAX_BYTES) == ["packet"]


def test_broken_framing_refuses_even_the_messages_before_it():
    good = encode("/latentd/psi", 1.0)
    assert codes(bundle(good, good)[:-4]) == ["packet"]
    assert codes(bundle(good) + struct.pack(">i", -4)) == ["packet"]


def test_a_fault_inside_one_message_leaves_the_others():
    good = encode("/latentd/psi", 1.0)
    assert codes(bundle(good, raw(b"/x", b"c", b"\0" * 4), b"abcd", bundle(good), good)) == [
        "ok",
        "message",
        "message",
        "ok",
        "ok",
    ]


def test_messages_come_in_the_order_they_were_sent_through_nested_bundles():
    parts = [encode("/x", i) for i in range(6)]
    packet = bundle(parts[0], bundle(parts[1], bundle(parts[2]), parts[3]), bundle(), parts[4], bundle(parts[5]))
    assert [m.args for m in decode(packet)] == [(i,) for i in range(6)]


def test_a_message_may_not_read_the_bytes_of_its_neighbour():
    short = raw(b"/x", b"ff", b"\0" * 4)
    assert codes(bundle(short, encode("/y", 1.0))) == ["message", "ok"]
    text = pad(b"/x") + pad(b",s") + b"abcd"  # no NUL of its own
    assert codes(bundle(text, encode("/y", 1.0))) == ["message", "ok"]
    blob = raw(b"/x", b"b", struct.pack(">i", 8))
    assert codes(bundle(blob, encode("/y", 1.0))) == ["message", "ok"]


def test_raw_latents_may_be_long():
    floats = struct.pack(">8192f", *range(8192))
    (message,) = decode(raw(b"/latentd/latent/z", b"f" * 8192, floats))
    assert message.args == tuple(float(i) for i in range(8192))
    (message,) = decode(encode("/latentd/latent/ws", b"\1" * 60_000))
    assert message.args == (b"\1" * 60_000,)
    assert codes(raw(b"/latentd/latent/z", b"T" * 8193)) == ["message"]


def test_a_message_without_type_tags_has_no_arguments():
    assert decode(b"/x\0\0") == [Message("/x", (), b"")]


def test_a_blob_may_be_empty():
    assert decode(raw(b"/x", b"b", b"\0" * 4)) == [Message("/x", (b"",), b",b\0\0" + b"\0" * 4)]


def test_arrays_are_flattened():
    (message,) = decode(raw(b"/x", b"[ff]i", struct.pack(">ffi", 1, 2, 3)))
    assert message.args == (1.0, 2.0, 3)


def test_arguments_are_forwarded_untouched():
    body = struct.pack(">dQ", math.pi, 2**64 - 1) + pad(b"abc")
    (message,) = decode(raw(b"/latentd/ping", b"dtsTFN[]", body))
    assert forward("/latentd/pong", message.tail) == raw(b"/latentd/pong", b"dtsTFN[]", body)
    assert decode(forward("/latentd/pong", b"")) == [Message("/latentd/pong", (), b",\0\0\0")]


single = st.floats(width=32, allow_nan=False)
texts = st.text(st.characters(exclude_characters="\0", exclude_categories=("Cs",)), max_size=40)
blobs = st.binary(min_size=1, max_size=40)
arguments = st.one_of(st.integers(-(2**63), 2**63 - 1), single, texts, blobs, st.booleans(), st.none())
addresses = st.text("abcxyz/_0123456789", max_size=30).map(lambda text: "/" + text)


@given(addresses, st.lists(arguments, max_size=20))
def test_what_is_encoded_decodes_to_the_same(address, args):
    (message,) = decode(encode(address, *args))
    assert (message.address, message.args) == (address, tuple(args))
    assert [type(a) for a in message.args] == [type(a) for a in args]
    assert forward(address, message.tail) == encode(address, *args)


@given(addresses, st.one_of(st.integers(-(2**33), 2**33), st.floats(width=32), st.floats(), st.booleans()))
@example("/x", 2**31)
@example("/x", -(2**31))
@example("/x", True)
@example("/x", math.nan)
def test_a_single_number_is_the_bytes_that_python_osc_makes_of_it(address, number):
    fits = not isinstance(number, float) or not math.isfinite(number) or abs(number) <= 3.4028234663852886e38
    builder = OscMessageBuilder(address)
    builder.add_arg(number if fits else math.copysign(math.inf, number))
    assert encode(address, number) == builder.build().dgram


@pytest.mark.parametrize("largest", [3.4028234663852886e38, -3.4028234663852886e38])
def test_the_largest_float_of_32_bits_goes_out_as_it_is(largest):
    (message,) = decode(encode("/latentd/pong", largest))
    assert message.args == (largest,)
    (message,) = decode(encode("/latentd/pong", largest * 1.001))
    assert message.args == (math.copysign(math.inf, largest),)


@given(
    addresses,
    st.lists(
        st.one_of(st.integers(-(2**31), 2**31 - 1), single, texts, st.binary(min_size=1, max_size=9), st.booleans())
    ),
)
def test_python_osc_reads_what_we_write_and_writes_what_we_read(address, args):
    theirs = OscMessage(encode(address, *args[:20]))
    assert (theirs.address, theirs.params) == (address, args[:20])
    builder = OscMessageBuilder(address)
    for arg in args[:20]:
        builder.add_arg(arg, "f" if isinstance(arg, float) else None)
    (ours,) = decode(builder.build().dgram)
    assert (ours.address, list(ours.args)) == (address, args[:20])


@given(st.lists(st.tuples(addresses, single), max_size=10))
def test_python_osc_bundles_decode(messages):
    builder = OscBundleBuilder(IMMEDIATELY)
    for address, value in messages:
        message = OscMessageBuilder(address)
        message.add_arg(value, "f")
        builder.add_content(message.build())
    packet = builder.build().dgram
    assert OscBundle.dgram_is_bundle(packet)
    assert [(m.address, *m.args) for m in decode(packet)] == messages


@given(st.binary(max_size=400))
def test_random_bytes_are_taken_apart_or_refused(data):
    items = decode(data)
    assert items
    assert all(isinstance(item, Message | Refusal) for item in items)


@given(st.lists(st.tuples(addresses, st.lists(arguments, max_size=4)), max_size=4), st.randoms(use_true_random=False))
def test_mutated_bundles_are_taken_apart_or_refused(messages, rng: random.Random):
    data = bytearray(bundle(*(encode(address, *args) for address, args in messages)))
    for _ in range(4):
        data[rng.randrange(len(data))] = rng.randrange(256)
    assert all(isinstance(item, Message | Refusal) for item in decode(bytes(data)))


def test_what_we_say_survives_odd_values():
    assert decode(encode("/x", 1e300, -1e300))[0].args == (math.inf, -math.inf)
    assert decode(encode("/x", "cut\0here"))[0].args == ("cut",)
    assert decode(encode("/x", "half \ud800 surrogate"))[0].args == ("half ? surrogate",)


def test_refusals_quote_foreign_text_harmlessly():
    (refusal,) = decode(raw(b"/\x1b[2J", b"c"))
    assert refusal.code is Code.MESSAGE
    assert "\x1b" not in refusal.text
    assert refusal.text.isprintable()


def test_bundles_nest_eight_deep_and_no_deeper():
    packet = encode("/x", 1)
    for _ in range(8):
        packet = bundle(packet)
    assert [message.address for message in decode(packet)] == ["/x"]
    (refusal,) = decode(bundle(packet))
    assert refusal.text == "bundles nest at most 8 deep"


@pytest.mark.parametrize("head", [b"#bundle\0", b"#bundle\0" + bytes(4)])
def test_a_bundle_inside_one_is_whole_as_well(head):
    for after in ((), (encode("/x", 1),), (bundle(),)):
        (refusal,) = decode(bundle(encode("/x", 1), head, *after))
        assert refusal.text == "a bundle is cut off in its head"
    assert decode(bundle(bundle(), bundle(bundle()), encode("/x", 1)))[0].address == "/x"
