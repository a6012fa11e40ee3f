import pytest

from daemon.control.answer import Subscription
from daemon.control.refusal import Code, Refusal
from daemon.control.subscribers import Subscribers

HOME = ("127.0.0.1", 7771)
ME = ("127.0.0.1", 50_000)
TABLET = ("192.168.1.9", 50_000)
PORT = 7770


def test_the_default_subscriber_stays_and_others_leave_after_a_minute_unless_renewed():
    who = Subscribers(HOME)
    assert who.add(Subscription(9000, None), ME, PORT, 0.0) == ("127.0.0.1", 9000)
    assert who.add(Subscription(9001, None), ME, PORT, 0.0) == ("127.0.0.1", 9001)
    assert who.live(59.9) == (HOME, ("127.0.0.1", 9000), ("127.0.0.1", 9001))
    who.add(Subscription(9001, None), ME, PORT, 59.9)
    assert who.live(60.0) == (HOME, ("127.0.0.1", 9001))
    assert who.live(119.9) == (HOME,)
    assert who.live(1e9) == (HOME,)


def test_sixteen_fit_beside_the_default_one_and_old_ones_make_room():
    who = Subscribers(HOME)
    for i in range(16):
        assert not isinstance(who.add(Subscription(9000 + i, None), ME, PORT, float(i)), Refusal)
    refused = who.add(Subscription(9999, None), ME, PORT, 20.0)
    assert isinstance(refused, Refusal)
    assert refused.code is Code.BUSY
    assert not isinstance(who.add(Subscription(9003, None), ME, PORT, 20.0), Refusal), "a renewal needs no room"
    assert not isinstance(who.add(Subscription(HOME[1], None), ME, PORT, 20.0), Refusal), "the default one has its own"
    assert not isinstance(who.add(Subscription(9999, None), ME, PORT, 60.0), Refusal)
    assert len(who.live(60.0)) == 17


@pytest.mark.parametrize(
    ("host", "sender", "told"),
    [
        (None, ME, "127.0.0.1"),
        (None, TABLET, "192.168.1.9"),
        ("localhost", ME, "127.0.0.1"),
        ("127.0.0.2", ME, "127.0.0.2"),
        ("192.168.1.9", TABLET, "192.168.1.9"),
        ("10.0.0.5", TABLET, "10.0.0.5"),  # configured
        ("192.168.1.10", TABLET, None),
        ("192.168.1.9", ME, None),
        ("8.8.8.8", ME, None),
        ("255.255.255.255", ME, None),
        ("224.0.0.1", ME, None),
        ("0.0.0.0", ME, None),
        ("example.org", ME, None),
        ("", ME, None),
        ("1" * 10_000, ME, None),
        ("127.1", ME, None),
        ("::1", ME, None),
        ("127.0.0.1\n", ME, None),
    ],
)
def test_nobody_points_the_stream_at_a_third_machine(host, sender, told):
    got = Subscribers(HOME, frozenset({"10.0.0.5"})).add(Subscription(9000, host), sender, PORT, 0.0)
    if told is None:
        assert isinstance(got, Refusal)
        assert got.code is Code.HOST
        assert len(got.text) < 200
    else:
        assert got == (told, 9000)


@pytest.mark.parametrize("port", [1, 53, 1023, PORT])
def test_neither_system_services_nor_the_daemon_itself_can_be_subscribed(port):
    assert isinstance(Subscribers(HOME).add(Subscription(port, None), ME, PORT, 0.0), Refusal)


def test_without_a_port_it_is_the_senders_own():
    assert Subscribers(None).add(Subscription(None, None), TABLET, PORT, 0.0) == TABLET


def test_without_a_default_nobody_is_told():
    assert Subscribers(None).live(0.0) == ()
