"""What a flood is made to cost: counted in what is done, not in time."""

import asyncio
from collections import Counter

import pytest
from control.rig import CLUSTERS, shelf
from control.test_endpoint import ME, nothing
from control.test_newest import Backlog

from daemon.bench.osc.traffic import Hostile
from daemon.clock import VirtualClock
from daemon.config import Osc
from daemon.control.desk import Desk
from daemon.control.endpoint import OscEndpoint
from daemon.control.newest import newest
from daemon.control.osc import Message, decode, encode
from daemon.control.pace import Pace
from daemon.control.refusal import Refusal
from daemon.control.voice import Voice
from daemon.mailbox import Mailbox
from daemon.params import Fade, Params


class Ears:
    """A wire that keeps what is sent."""

    address = ("127.0.0.1", 9)

    def __init__(self):
        self.sent = []

    def send(self, packet, to):
        self.sent += [(decode(packet)[0].address, who) for who in to]


def desk() -> Desk:
    return Desk(shelf(), Fade.still(Params()), None, CLUSTERS)


class Painting:
    """Pictures that leave a lull in so many seconds."""

    at_work = False

    def __init__(self, wait):
        self.wait = wait

    def lull(self, now):
        return self.wait


def heard(reply_port=0, pictures=None) -> tuple[OscEndpoint, list[tuple[str, str]], Ears]:
    """An endpoint that does not run, what it reports, and what it sends."""
    reported, ears = [], Ears()
    endpoint = OscEndpoint(
        desk(), Mailbox(Fade.still(Params())), VirtualClock(), Osc(port=0, reply_port=reply_port), nothing, nothing,
        on_refusal=lambda *said: reported.append(said), pictures=pictures,
    )  # fmt: skip
    endpoint._voice.wire = ears
    return endpoint, reported, ears


def test_of_a_flood_of_faults_a_few_a_second_are_told_and_all_are_counted():
    endpoint, reported, ears = heard()
    for i in range(20_000):  # for four seconds, each a cause of its own
        endpoint.receive(encode(f"/latentd/nowhere/{i}", 1.0), ME, i / 5000)
    assert endpoint.counts().refused == 20_000
    assert 30 <= len(reported) <= 40  # twenty at once, five a second
    assert ears.sent == [("/latentd/error", ME)] * len(reported)


def test_errors_of_the_daemons_own_are_as_few():
    endpoint, _, ears = heard(reply_port=9002)
    endpoint._voice.subscribers.default = ("127.0.0.1", 9002)
    for i in range(100):
        endpoint.error("audio", f"trouble {i}")
    assert ears.sent == [("/latentd/error", ("127.0.0.1", 9002))] * 20


def test_a_cause_that_could_not_be_told_is_told_later():
    endpoint, reported, _ = heard()
    for i in range(100):
        endpoint.receive(encode(f"/latentd/nowhere/{i}", 1.0), ME, 0.0)
    endpoint.receive(encode("/latentd/psi", 9.0), ME, 0.0)
    endpoint.receive(encode("/latentd/psi", 9.0), ME, 0.5)
    assert [text for code, text in reported if code == "range"] == ["/latentd/psi takes 0 to 1.5, not 9"]


def test_the_sentence_that_is_sent_is_the_one_that_is_reported_made_once():
    endpoint, reported, _ = heard()
    made = []
    refusal = Refusal(*desk().apply(Message("/latentd/pssi", (1.0,), b""), 0.0))
    endpoint._refuse(refusal._replace(said=lambda: made.append(1) or "a sentence"), ME, 0.0)
    assert made == [1]
    assert reported == [("unknown", "a sentence; did you mean /latentd/psi?")]


@pytest.mark.parametrize(
    ("address", "args"),
    [
        ("/latentd/psi", (9.0,)), ("/latentd/psi", ("wide",)), ("/latentd/psi", ()), ("/latentd/psi", (1.0, 2.0)),
        ("/latentd/psi/norm", (None,)), ("/latentd/seed", (-1.0,)), ("/latentd/freeze", (7.0,)),
        ("/latentd/cluster/nobody", (1.0,)), ("/latentd/nowhere", (1.0,)), ("/latentd/band/0", (b"x",)),
    ],
)  # fmt: skip
def test_what_is_refused_most_is_put_into_words_only_when_told(address, args):
    refusal = desk().apply(Message(address, args, b""), 0.0)
    assert isinstance(refusal, Refusal)
    assert callable(refusal.said)
    assert isinstance(refusal.text, str)


def test_nearly_no_refusal_of_a_flood_is_put_into_words():
    hostile, to = Hostile(7, light=True), desk()
    kinds = Counter()
    for _ in range(5000):
        for item in decode(hostile()):
            outcome = item if isinstance(item, Refusal) else to.apply(item, 0.0)
            if isinstance(outcome, Refusal):
                kinds[callable(outcome.said) or outcome.said in FIXED] += 1
    assert kinds[False] < 0.05 * kinds[True]


FIXED = {
    "an OSC packet begins with / or #bundle",
    "a bundle is cut off in its head",
    "an address begins with / and has at most 255 bytes",
    "an address is not UTF-8",
}


async def test_nothing_is_made_for_nobody():
    """Who makes the status or the features would fail."""
    voice, clock = Voice(desk(), VirtualClock(), frozenset(), lambda now: 0.0), asyncio.get_running_loop()
    jobs = [asyncio.create_task(job) for job in (voice.beat(nothing), voice.hear(nothing, 1000.0), voice.echo())]
    voice._desk.values = nothing
    end = clock.time() + 0.2
    while clock.time() < end:
        await asyncio.sleep(0.01)
        voice.changed()
    assert not [job for job in jobs if job.done()]
    for job in jobs:
        job.cancel()
    await asyncio.gather(*jobs, return_exceptions=True)


def test_who_asks_where_nobody_subscribes_is_told_that_and_nothing_else():
    endpoint, _, ears = heard()
    for address in ("/latentd/psi", "/latentd/gate*"):
        endpoint.receive(encode("/latentd/query", address), ME, 0.0)
    values, wanted = endpoint._desk.values, []
    endpoint._desk.values = lambda now, only: wanted.append(only) or values(now, only)
    endpoint._voice._tell(0.0)
    told = ("psi", "gate", "gate/hold", "gate/hysteresis", "gate/enable")
    assert sorted(ears.sent) == sorted((f"/latentd/state/{name}", ME) for name in told)
    assert wanted == [{f"/latentd/{name}" for name in told}]  # nobody wants to know the others
    endpoint._voice._tell(0.0)
    assert len(ears.sent) == len(told)


def test_who_asks_for_everything_again_and_again_is_told_twice_a_second_and_others_at_once():
    endpoint, _, ears = heard()
    other, whole = ("127.0.0.1", 9003), len(endpoint.values())
    told = []
    for i in range(40):  # two seconds
        endpoint.receive(encode("/latentd/query"), ME, 0.0)
        endpoint.receive(encode("/latentd/query", "/latentd/psi"), other, 0.0)
        endpoint._voice._tell(i / 20)
        assert ("/latentd/state/psi", other) in ears.sent
        told += [i] * (len(ears.sent) > whole)
        ears.sent.clear()
    assert told == [0, 10, 20, 30]
    endpoint._voice._tell(2.0)  # what was asked last
    assert len(ears.sent) == whole
    endpoint._voice._tell(2.5)
    assert len(ears.sent) == whole


def test_who_was_told_everything_is_told_a_little_at_once_and_the_rest_is_not_forgotten():
    endpoint, _, ears = heard()
    voice = endpoint._voice
    endpoint.receive(encode("/latentd/query"), ME, 0.0)
    voice._news.clear()
    voice._tell(0.0)
    assert not voice._news.is_set()
    ears.sent.clear()
    endpoint.receive(encode("/latentd/query", "/latentd/psi"), ME, 0.0)
    voice._tell(0.1)
    assert ears.sent == [("/latentd/state/psi", ME)]
    endpoint.receive(encode("/latentd/query"), ME, 0.0)
    voice._news.clear()
    voice._tell(0.2)
    assert len(ears.sent) == 1
    assert voice._news.is_set()  # so that there is another echo, whatever else happens


def test_who_subscribes_after_others_asked_is_told_everything():
    endpoint, _, ears = heard()
    endpoint.receive(encode("/latentd/query", "/latentd/psi"), ME, 0.0)
    endpoint._voice._tell(0.0)
    ears.sent.clear()
    endpoint.receive(encode("/latentd/subscribe", 9001), ME, 0.0)
    endpoint._voice._tell(0.0)
    assert {address for address, _ in ears.sent} == {
        "/latentd/state/" + address.removeprefix("/latentd/") for address in endpoint.values()
    }


def test_a_large_batch_is_followed_by_a_wait_for_a_lull_and_a_small_one_is_not():
    endpoint, _, _ = heard(pictures=Painting(50.0))
    assert endpoint._drain(Backlog([encode("/latentd/psi", 0.5)] * 5)) < 1.0
    endpoint, _, _ = heard(pictures=Painting(50.0))
    assert endpoint._drain(Backlog([encode("/latentd/psi", 0.5)] * 50)) > 50.0


async def test_a_batch_is_left_while_the_picture_before_it_lasts():
    pictures = Painting(0.0)
    endpoint, _, _ = heard(pictures=pictures)
    flood, taken = [encode("/latentd/nonsuch")] * 60, []

    class Told(Backlog):
        """It ends when the picture has been looked at some times and a batch was taken after it."""

        def take_all(self, most):
            taken.append((looks[0], pictures.at_work))
            if len(taken) == 4:
                raise StopListeningError
            return [(one, ME) for one in flood]

        async def readable(self):
            pass

    looks = [0]

    def more(now):
        looks[0] += 1
        pictures.at_work = 0 < looks[0] % 5 < 4
        return Pace.more(endpoint._pace, now)

    endpoint._pace.more = more
    with pytest.raises(StopListeningError):
        await endpoint._listen(Told([]))
    assert not any(at_work for _, at_work in taken[1:])  # before the first nobody knows that there is a flood
    assert looks[0] > 8


class StopListeningError(Exception):
    pass


async def test_state_is_told_in_a_lull():
    class AskedError(Exception):
        pass

    def lull(now: float) -> float:
        raise AskedError

    with pytest.raises(AskedError):
        await Voice(desk(), VirtualClock(), frozenset(), lull).echo()


def test_a_batch_is_cut_where_it_has_taken_its_time_and_nothing_of_it_is_lost(monkeypatch):
    seconds = iter(range(100_000))
    monkeypatch.setattr("daemon.control.endpoint.spent", lambda: next(seconds) * 0.001)
    endpoint, _, _ = heard()
    wire = Backlog([encode("/latentd/query", f"/latentd/x{i}") for i in range(500)])
    sizes = []
    while endpoint._drain(wire) is not None:
        sizes.append(endpoint.counts().received - sum(sizes))
    assert sum(sizes) == 500
    assert max(sizes) <= 100  # 5 ms, asked every 16


def test_a_backlog_that_takes_long_to_look_through_is_heard_all_the_same(monkeypatch):
    passed = [0.0]

    def slow(*given):
        passed[0] += 0.02
        return newest(*given)

    monkeypatch.setattr("daemon.control.endpoint.spent", lambda: passed[0])
    monkeypatch.setattr("daemon.control.endpoint.newest", slow)
    endpoint, _, _ = heard()
    wire = Backlog([encode("/latentd/nonsuch", 0.5)] * 9000)
    for _ in range(5):
        endpoint._drain(wire)
    assert endpoint.counts().received == 9000


class Hundred(Backlog):
    """A wire that gives no more than a hundred at once, as a real one does of large datagrams."""

    def take_all(self, most):
        return super().take_all(min(most, 100))


def test_of_large_datagrams_no_more_are_taken_while_megabytes_of_them_wait(monkeypatch):
    seconds = iter(range(100_000))
    monkeypatch.setattr("daemon.control.endpoint.spent", lambda: next(seconds) * 0.001)
    endpoint, _, _ = heard()
    wire, most = Hundred([encode("/latentd/nonsuch", "x" * 60_000)] * 900), 0
    while endpoint._drain(wire) is not None:
        most = max(most, sum(len(datagram) for datagram, _ in endpoint._waiting))
    assert endpoint.counts().received == 900
    assert 0 < most < 101 * 60_100 + 2**20


def test_some_values_are_those_values():
    some = {"/latentd/psi", "/latentd/show/hold", "/latentd/nowhere"}
    assert desk().values(0.0, some) == {"/latentd/psi": 1.0, "/latentd/show/hold": 0}
