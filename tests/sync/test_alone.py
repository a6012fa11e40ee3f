"""A wall of one: what is said when nobody else can be in it, and of those who are not let in."""

import socket

import pytest

from daemon.clock import WallClock
from daemon.config import Sync
from daemon.control.senders import Senders
from daemon.mailbox import Mailbox
from daemon.params import Fade, Params
from daemon.sync import lines as lines_module
from daemon.sync.wall import Wall, alone


@pytest.fixture
def told():
    return []


@pytest.fixture
def wall(told, monkeypatch):
    """A wall that takes nobody for this machine; closed in the end."""
    walls = []

    def make(**sync):
        params = Mailbox(Fade.still(Params()))
        one = Wall(Sync(port=0, **sync), lambda: None, 30.0, params, lambda: None, WallClock(), print, told.append)
        walls.append(one)
        one.bind()
        return one

    monkeypatch.setattr(lines_module, "Senders", lambda believed: Senders(believed, own=lambda _: False))
    yield make
    for one in walls:
        one.close()


LISTED = "list the leader's address there"
ANSWERED = "list the followers or their network"


@pytest.mark.parametrize(
    ("sync", "said"),
    [
        ({"role": "off"}, ""),
        ({"role": "follower", "host": "10.0.0.2", "peers": ("10.0.0.1",)}, ""),
        ({"role": "follower", "host": "0.0.0.0", "peers": ("10.0.0.0/24",), "group": "239.1.2.3"}, ""),
        ({"role": "follower", "peers": ("127.0.0.1",)}, ""),
        ({"role": "leader", "host": "10.0.0.1", "peers": ("10.0.0.2",)}, ""),
        ({"role": "leader", "host": "10.0.0.1", "peers": ("10.0.0.0/24",), "group": "239.1.2.3"}, ""),
        ({"role": "follower", "host": "10.0.0.2"}, LISTED),
        ({"role": "follower"}, f"{LISTED}, and set sync.host to this machine's"),
        ({"role": "follower", "peers": ("10.0.0.1",)}, "from sync.host 127.0.0.1 no other machine is heard"),
        ({"role": "leader", "host": "10.0.0.1", "group": "239.1.2.3"}, ANSWERED),
        ({"role": "leader", "group": "239.1.2.3"}, f"{ANSWERED}, and set sync.host to this machine's"),
    ],
)
def test_who_can_have_no_other_machine_in_the_wall_is_told_what_to_set(sync, said):
    text = alone(Sync(**sync))
    assert said in text
    assert bool(text) == bool(said)


def test_a_follower_without_peers_says_so_at_its_start(wall, told):
    wall(role="follower", host="0.0.0.0")
    assert [LISTED in text for text in told] == [True]


def test_on_one_machine_it_is_a_word_in_the_log_alone(wall, told, caplog):
    caplog.set_level("INFO", "daemon")
    wall(role="follower")
    assert told == []
    assert LISTED in caplog.text


@pytest.mark.parametrize(
    ("role", "said"),
    [
        ("follower", "sync: 127.0.0.1 sends, but is not in sync.peers: list it there if it leads"),
        ("leader", "sync: 127.0.0.1 asks, but is not in sync.peers: list it there if it follows"),
    ],
)
def test_a_stranger_is_counted_and_told_of_once(wall, told, role, said):
    one = wall(role=role, peers=("127.0.0.9",))
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as stranger:
        for _ in range(5):
            stranger.sendto(b"let me in", ("127.0.0.1", one.port))
            assert one._bound().take(20.0, 1.0) is None  # as soon as it is there
    assert (one.part.refused, told) == (5, [said])


def test_a_forged_flood_of_strangers_is_told_of_now_and_then(wall, told):
    one = wall(role="follower", peers=("127.0.0.9",))
    for n in range(2000):
        one._strange(one.part, f"10.0.{n // 256}.{n % 256}", n / 1000)
    assert (one.part.refused, len(told)) == (2000, 8)


def test_who_is_listed_is_no_stranger(wall, told):
    one = wall(role="follower", peers=("127.0.0.0/8",))
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as leader:
        leader.sendto(b"here I am", ("127.0.0.1", one.port))
        assert one._bound().take(5.0, 1.0) is not None
    assert (one.part.refused, told) == (0, [])
