import errno
import socket
from ipaddress import IPv4Network

import pytest
from ports import free_port
from pydantic import ValidationError

from daemon.config import Sync
from daemon.errors import BadInput
from daemon.sync import lines as lines_module
from daemon.sync.lines import Lines
from daemon.sync.wall import believed, destinations


@pytest.fixture
def opened():
    lines = []

    def opener(*args, **kw):
        lines.append(Lines(*args, **kw))
        return lines[-1]

    yield opener
    for each in lines:
        each.close()


def test_a_port_that_is_taken_is_one_sentence(opened):
    taken = opened("127.0.0.1", 0, None, leads=True)
    with pytest.raises(BadInput, match=r"is in use: .* or set sync\.port"):
        opened("127.0.0.1", taken.port, None, leads=False)
    for host in ("203.0.113.7", "no such host", "a\0b"):
        with pytest.raises(BadInput, match=r"set sync\.host"):
            opened(host, 0, None, leads=False)


def test_a_group_that_cannot_be_heard_leaves_no_socket_open(monkeypatch):
    made = []

    def fails(group, port, host):
        raise OSError(errno.ENODEV, "no such device")

    def kept(*args, **kw):
        made.append(socket_of(*args, **kw))
        return made[-1]

    socket_of = lines_module._socket
    monkeypatch.setattr(lines_module, "_socket", kept)
    monkeypatch.setattr(lines_module, "_ear", fails)
    with pytest.raises(BadInput, match=r"set sync\.host"):
        Lines("127.0.0.1", 0, "239.77.77.72", leads=False)
    assert [each.fileno() for each in made] == [-1]


def test_a_datagram_goes_there_and_an_answer_back(opened):
    leader, follower = opened("127.0.0.1", 0, None, leads=True), opened("127.0.0.1", 0, None, leads=False)
    leader.send([b"one", b"two"], [("127.0.0.1", follower.port)])
    data, sender = follower.take(5.0, 0.0)
    assert (data, sender) == (b"one", ("127.0.0.1", leader.port))
    follower.send([b"back"], [sender])
    assert leader.take(5.0, 0.0) == (b"back", ("127.0.0.1", follower.port))
    assert follower.take(5.0, 0.0)[0] == b"two"
    assert follower.take(0.0, 0.0) is None


def test_who_is_not_believed_is_not_heard(opened):
    follower = opened("127.0.0.1", 0, None, leads=False, believed=[IPv4Network("10.0.0.0/24")])
    follower._senders._own = lambda host: False
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as stranger:
        stranger.sendto(b"hello", ("127.0.0.1", follower.port))
    assert follower.take(1.0, 0.0) is None


def test_a_group_reaches_every_follower_of_a_machine_and_each_asks_by_itself(opened):
    port = free_port()
    group = "239.77.77.72"
    followers = [opened("127.0.0.1", port, group, leads=False) for _ in range(2)]
    leader = opened("127.0.0.1", port, group, leads=True)
    leader.send([b"all of you"], [(group, port)])
    if leader.unsent:
        pytest.skip("no multicast on this machine's loopback")
    for follower in followers:
        data, sender = follower.take(5.0, 0.0)
        assert (data, sender) == (b"all of you", ("127.0.0.1", port))
        follower.send([b"asked"], [sender])
        _, asker = leader.take(5.0, 0.0)
        leader.send([b"answered"], [asker])
        assert follower.take(5.0, 0.0)[0] == b"answered"


def test_peers_are_addresses_with_ports_and_networks():
    config = Sync(role="leader", host="10.0.0.1", peers=("10.0.0.2", "10.0.0.3:7800", "10.1.0.9/16"), port=7000)
    assert destinations(config) == (("10.0.0.2", 7000), ("10.0.0.3", 7800))
    assert [str(network) for network in believed(config)] == ["10.0.0.2/32", "10.0.0.3/32", "10.1.0.0/16"]
    assert destinations(Sync(role="leader", group="239.1.2.3")) == (("239.1.2.3", 7772),)
    for wrong in ("wall-2", "10.0.0.2:0", "10.0.0.2:x", "10.0.0.0/24:5", "10.0.0.2:99999", 7):
        with pytest.raises(ValidationError, match="an IPv4 address or network"):
            Sync(peers=(wrong,))
    for wrong in ("239.999.1.1", "224.0.0.1", "192.168.1.1", "239.0.0.0/8", "wall"):
        with pytest.raises(ValidationError, match=r"239\.77\.77\.72"):
            Sync(group=wrong)
    assert Sync().role == "off"


def test_a_leader_that_tells_nobody_is_a_fault():
    with pytest.raises(BadInput, match=r"list their addresses in sync\.peers, or set a group"):
        destinations(Sync(role="leader", peers=("10.0.0.0/24",)))


def test_a_leader_that_can_reach_none_of_its_peers_is_a_fault():
    for host in ("127.0.0.1", "localhost"):
        with pytest.raises(BadInput, match=r"from sync\.host .* no other machine can be reached: set it to this"):
            destinations(Sync(role="leader", host=host, peers=("127.0.0.1", "10.0.0.2")))
    assert destinations(Sync(role="leader", peers=("127.0.0.2:7800",))) == (("127.0.0.2", 7800),)
    assert destinations(Sync(role="leader", host="0.0.0.0", peers=("10.0.0.2",))) == (("10.0.0.2", 7772),)
