"""A controller whose value was not taken is told what is in force: else it goes on showing what it sent."""

import pytest
from control.rig import CLUSTERS, shelf
from control.test_endpoint import ME, idle_endpoint

from daemon.clock import VirtualClock
from daemon.control.desk import Desk
from daemon.control.osc import decode, encode
from daemon.control.pace import NoPictures
from daemon.control.voice import Voice
from daemon.params import Fade, Params

LISTENER = ("127.0.0.1", 7771)


class Ear:
    """A wire that keeps what is sent on it."""

    address = ("127.0.0.1", 7770)

    def __init__(self) -> None:
        self.heard: list[str] = []

    def send(self, packet: bytes, to) -> None:
        assert set(to) <= {LISTENER, ME}
        (message,) = decode(packet)
        self.heard.append(message.address)

    def lately(self) -> list[str]:
        heard, self.heard = self.heard, []
        return heard


def voice(*, listened: bool = True) -> tuple[Voice, Ear]:
    made = Voice(Desk(shelf(), Fade.still(Params()), None, CLUSTERS), VirtualClock(), frozenset(), NoPictures().lull)
    made.wire = ear = Ear()
    made.subscribers.default = LISTENER if listened else None
    made._tell(0.0)
    ear.lately()
    return made, ear


@pytest.mark.parametrize(
    ("sent", "told"),
    [
        (("/latentd/gain", 9.0), "gain"),
        (("/latentd/gain", "loud"), "gain"),
        (("/latentd/gain", 0.5, 0.5), "gain"),
        (("/latentd/gain/norm", 2.0), "gain"),
        (("/latentd/gate/value", 7.0), "gate"),
        (("/latentd/freeze", 2), "freeze"),
        (("/latentd/preset/index", 99), "preset/index"),
        (("/latentd/preset", "nosuch"), "preset"),
        (("/latentd/mapper", "nosuch"), "mapper"),
        (("/latentd/route/3/target", "nosuch"), "route/3/target"),
        (("/latentd/cluster/calm", -1.0), "cluster/calm"),
    ],
)
async def test_what_was_refused_is_told_as_it_is(rig, sent, told):
    await rig.listener.until("/latentd/state/route/15/target")  # the last of all that is told at first
    rig.send("/latentd/drift", 0.75)
    await rig.listener.until("/latentd/state/drift", 0.75)
    rig.listener.heard.clear()
    rig.send(*sent)
    address = f"/latentd/state/{told}"
    (value,) = (await rig.listener.until(address)).args
    assert value == pytest.approx(rig.endpoint.values()[f"/latentd/{told}"])
    rig.send("/latentd/drift", 0.25)
    await rig.listener.until("/latentd/state/drift", 0.25)
    assert not [m.address for m in rig.listener.heard if m.address.startswith("/latentd/state/")]  # and nothing else


async def test_the_last_of_many_refused_in_a_row_is_answered_too(rig):
    rig.send("/latentd/drift", 0.75)
    await rig.listener.until("/latentd/state/drift", 0.75)
    for _ in range(3):  # each some time after the one before, or at once: it comes, and by itself
        rig.listener.heard.clear()
        rig.send("/latentd/gain", 9.0)
        await rig.listener.until("/latentd/state/gain", 1.0)


def test_of_a_fader_dragged_out_of_range_the_state_is_told_a_few_times_a_second_and_at_its_end():
    said, ear = voice()
    times = []
    for frame in range(60):
        said.correct("/latentd/gain")
        said._tell(frame / 60)
        times += [frame / 60 for _ in ear.lately()]
    assert 2 <= len(times) <= 5
    said.correct("/latentd/gain")
    said._tell(1.0 + 0.26)
    assert ear.lately() == ["/latentd/state/gain"]
    said._tell(2.0)
    assert ear.lately() == []


def test_each_address_that_was_refused_is_told_once_and_only_so_many():
    said, ear = voice()
    for _ in range(3):
        for address in ("/latentd/gain", "/latentd/gain/norm", "/latentd/psi", "/latentd/nowhere", "", "/latentd/ping"):
            said.correct(address)
    said._tell(0.0)
    assert sorted(ear.lately()) == ["/latentd/state/gain", "/latentd/state/psi"]
    for slot in range(16):
        for field in ("source", "target"):
            said.correct(f"/latentd/route/{slot}/{field}")
    said._tell(1.0)
    assert len(ear.lately()) == 16


def test_where_nobody_listens_nothing_is_looked_up_and_nothing_kept_for_later():
    endpoint, _ = idle_endpoint()
    said = endpoint._voice
    said.wire, said.correct = Ear(), None  # not to be called
    for listened in (False, False):
        said._tell(0.0)
        assert said.listened is listened
        endpoint.receive(encode("/latentd/gain", 9.0), ME, 0.0)
    del said.correct
    said.subscribers.default = LISTENER
    said._tell(1.0)
    endpoint.receive(encode("/latentd/gain", 9.0), ME, 1.0)
    assert said._unchanged == {"/latentd/gain"}
    said.subscribers.default = None
    said._tell(1.1)
    assert (said.listened, said._unchanged) == (False, set())


def test_of_a_flood_of_refusals_no_more_is_kept_than_is_told_at_once():
    endpoint, _ = idle_endpoint()
    said = endpoint._voice
    said.wire, said.subscribers.default = Ear(), LISTENER
    said._tell(0.0)
    for i in range(3000):
        address = f"/latentd/route/{i % 16}/{('source', 'target', 'low', 'high')[i % 4]}"
        endpoint.receive(encode(address, f"no{i}"), ME, i / 3000)
    assert len(said._unchanged) <= 16
