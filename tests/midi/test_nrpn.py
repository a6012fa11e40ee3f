"""Parameters by number: controllers 99, 98, 6 and 38 put together, for each channel by itself."""

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st
from midi.hands import bridge, cc

from daemon.midi import mapping
from daemon.midi.learning import Learnt
from daemon.midi.message import Event, Kind, build, fraction
from daemon.midi.nrpn import PARTS, WAIT, Nrpn, spelt
from daemon.midi.writing import learn

NUMBERS = st.integers(0, 16382)
SAID = st.lists(st.tuples(NUMBERS | st.just(300), st.integers(0, 16383)), max_size=12)


def nrpn(number, value, channel=1):
    return [build(event) for event in spelt(Event(Kind.NRPN, channel, number, value))]


@given(st.dictionaries(st.integers(1, 16), SAID, max_size=4), st.randoms(use_true_random=False), st.booleans())
def test_what_several_channels_say_interleaved_is_never_mixed(said, random, brief):
    queues = {}
    for channel, values in said.items():
        queue, before = [], None
        for number, value in values:
            parts = spelt(Event(Kind.NRPN, channel, number, value))
            queue += parts[2:] if brief and number == before else parts
            before = number
        queues[channel] = queue
    heard, made, now = {channel: [] for channel in said}, Nrpn(), 0.0
    while queues := {channel: queue for channel, queue in queues.items() if queue}:
        event = queues[random.choice(sorted(queues))].pop(0)
        now += 0.0001
        for whole in (*made.heard(event, now), *made.heard(Event(Kind.CC, event.channel, 7, 1), now)):
            heard[whole.channel].append((whole.number, whole.value))
    assert heard == said
    assert made.due() is None


@given(st.lists(st.tuples(st.integers(1, 2), st.sampled_from(PARTS), st.integers(0, 127), st.floats(0, 0.02))))
def test_whatever_comes_is_in_range_and_nothing_waits_for_ever(messages):
    made, now = Nrpn(), 0.0
    for channel, number, value, later in messages:
        now += later
        for event in (*made.ripe(now), *made.heard(Event(Kind.CC, channel, number, value), now)):
            assert event.kind is Kind.NRPN
            assert 0 <= event.number < 16383
            assert 0 <= event.value <= 16383
        assert made.due() is None or now < made.due() <= now + WAIT
    made.ripe(now + WAIT)
    assert made.due() is None


def test_a_coarse_half_alone_has_seven_bits_until_a_fine_one_has_come():
    made = bridge("nrpn: 300, to: /latentd/psi, takeover: false")
    for message in nrpn(300, 0)[:2]:
        made.heard(message, 0.0)
    for value, norm in ((0, 0.0), (64, 0.5), (127, 1.0)):
        made.heard(cc(6, value), 1.0)
        assert made.take(1.0) == []
        assert made.due() == pytest.approx(1.0 + WAIT)
        assert made.take(1.0 + WAIT) == [("/latentd/psi/norm", (norm,))]
        made.take(2.0)
    made.heard(cc(38, 127), 3.0)  # and now it has
    assert made.take(3.0) == [("/latentd/psi/norm", (1.0,))]
    made.heard(cc(6, 127), 4.0)
    assert made.take(4.0 + WAIT) == [("/latentd/psi/norm", (fraction(127 << 7, 14),))]


def test_coarse_halves_that_come_all_the_time_are_told_all_along():
    made, sent = bridge("nrpn: 300, to: /latentd/psi, takeover: false"), []
    for message in nrpn(300, 0)[:2]:
        made.heard(message, 0.0)
    for i in range(100):
        made.heard(cc(6, i), 1.0 + i * WAIT / 2)
        sent += made.take(1.0 + i * WAIT / 2)
    assert len(sent) > 20
    assert all(a < b for (_, (a,)), (_, (b,)) in pairwise(sent))


def test_another_number_ends_what_waits_and_none_takes_no_value():
    made = bridge("nrpn: 300, to: /latentd/psi", "nrpn: 301, to: /latentd/gain", "nrpn: 16383, to: /latentd/drift")
    for message in (*nrpn(300, 16383)[:3], *nrpn(301, 0)):
        made.heard(message, 1.0)
    assert dict(made.take(1.0)) == {"/latentd/psi/norm": (1.0,), "/latentd/gain/norm": (0.0,)}
    for message in (cc(101, 0), cc(100, 0), cc(6, 2), cc(38, 0), *nrpn(16383, 5)):  # a bend range, and no number
        made.heard(message, 2.0)
    assert made.take(3.0) == []
    for message in (*nrpn(300, 5)[:3], *nrpn(301, 0)[:2], cc(38, 9)):  # the coarse half was another's
        made.heard(message, 3.0)
    assert [address for address, _ in made.take(4.0)] == ["/latentd/psi/norm"]
    made.unplugged()
    made.heard(nrpn(300, 0)[0], 5.0)  # half a number is none
    made.heard(cc(6, 9), 5.0)
    assert made.take(6.0) == []


def test_a_controller_that_is_unplugged_has_named_no_number():
    made = bridge("nrpn: 300, to: /latentd/psi")
    for message in nrpn(300, 8192)[:3]:
        made.heard(message, 1.0)
    made.unplugged()
    made.heard(cc(38, 5), 1.0)
    assert made.take(2.0) == []


def test_a_mapping_without_parameters_has_those_controllers_for_itself():
    made = bridge("cc: 6, to: /latentd/psi", "cc: 99, to: /latentd/gain")
    made.heard(cc(99, 127), 1.0)
    made.heard(cc(6, 0), 1.0)
    assert dict(made.take(1.0)) == {"/latentd/psi/norm": (0.0,), "/latentd/gain/norm": (1.0,)}
    assert made.due() is None


def test_a_parameter_that_is_learnt_again_leads_to_the_new_address_alone(tmp_path):
    path = tmp_path / "box.yaml"
    for number, to in ((300, "/latentd/gain"), (301, "/latentd/drift"), (300, "/latentd/psi")):
        learn(path, Learnt((("nrpn", number), ("channel", 1)), button=False), to, "Box")
    controls = mapping.load(path).controls
    assert [(c.source.number, c.target.address) for c in controls] == [(301, "/latentd/drift"), (300, "/latentd/psi")]
