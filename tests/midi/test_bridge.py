"""What comes out of the bridge for what goes in: no ports, no sockets, no clock."""

import pytest
from control.rig import CLUSTERS, say, shelf
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from midi.hands import bridge, cc, note

from daemon.control.desk import Desk
from daemon.control.refusal import Refusal
from daemon.midi import mapping
from daemon.midi.bridge import Bridge
from daemon.midi.message import fraction
from daemon.midi.outbox import PAUSE
from daemon.midi.players import PAIR
from daemon.params import Fade, Params

POSITIONS = st.lists(st.integers(0, 127), min_size=1, max_size=60)
STEP = 1 / 127


class Hand:
    """Plays messages far enough apart that nothing waits, and keeps what is sent."""

    def __init__(self, made, now=0.0):
        self.bridge, self.now = made, now

    def play(self, *messages):
        sent = []
        for message in messages:
            self.now += 1.0
            self.bridge.heard(message, self.now)
            sent += self.bridge.take(self.now)
        return sent

    def tell(self, address, value, after=1.0):
        self.now += after
        self.bridge.told(f"/latentd/state/{address}", value, self.now)


def test_a_fader_sends_norm_and_a_range_of_its_own_sends_values():
    desk = Hand(bridge("cc: 7, to: /latentd/gain"))
    assert desk.play(cc(7, 0), cc(7, 64), cc(7, 127)) == [("/latentd/gain/norm", (x,)) for x in (0.0, 0.5, 1.0)]
    desk = Hand(bridge("cc: 8, to: /latentd/gain, low: 1, high: 0.5"))
    assert desk.play(cc(8, 0), cc(8, 64), cc(8, 127)) == [("/latentd/gain", (x,)) for x in (1.0, 0.75, 0.5)]


def test_a_curve_bends_the_way_of_both():
    desk = Hand(bridge("cc: 7, to: /latentd/gain, curve: 2", "cc: 8, to: /latentd/psi, low: 1, high: 0.5, curve: 2"))
    assert desk.play(cc(7, 64), cc(8, 64)) == [("/latentd/gain/norm", (0.25,)), ("/latentd/psi", (0.875,))]


def test_channels_are_told_apart_and_none_is_any():
    desk = Hand(bridge("cc: 7, channel: 2, to: /latentd/gain", "cc: 7, to: /latentd/drift"))
    assert [address for address, _ in desk.play(cc(7, 1, 2))] == ["/latentd/gain/norm", "/latentd/drift/norm"]
    assert [address for address, _ in desk.play(cc(7, 2, 3))] == ["/latentd/drift/norm"]
    desk = Hand(bridge("cc: 7, to: /latentd/gain", "cc: 8, channel: 2, to: /latentd/drift", channel=5))
    assert desk.play(cc(7, 1), cc(8, 1, 5)) == []
    assert len(desk.play(cc(7, 1, 5), cc(8, 1, 2))) == 2


@given(st.floats(0, 1), st.floats(0.1, 10), st.booleans())
def test_a_position_comes_back_from_its_value(position, curve, own):
    ends = ", low: -90, high: 45" if own else ""
    (control,) = mapping.parse(
        f"version: 1\ncontrols: [{{cc: 1, to: /latentd/rotate, curve: {curve!r}{ends}}}]", "t"
    ).controls
    back = control.target.position(control.target.value(position))
    assert control.target.value(back) == pytest.approx(control.target.value(position), abs=1e-6)


@given(st.floats(0, 4, width=32), POSITIONS)
def test_a_fader_takes_hold_only_where_it_meets_the_present_value(present, positions):
    desk = Hand(bridge("cc: 7, to: /latentd/gain"))
    desk.tell("gain", present)
    held, before = False, None
    for value in positions:
        at = fraction(value, 7)
        met = abs(at - present / 4) <= 1.5 * STEP or (
            before is not None and (before - present / 4) * (at - present / 4) <= 0
        )
        sent = desk.play(cc(7, value))
        if (
            not held and abs(abs(at - present / 4) - 1.5 / 128) < 1e-3
        ):  # so near the edge of its reach that both are right
            met = bool(sent)
        held = held or met
        assert sent == ([("/latentd/gain/norm", (at,))] if held else [])
        before = at


@given(POSITIONS, st.integers(1, 12))
def test_a_fader_that_runs_ahead_of_its_echo_keeps_its_hold(positions, behind):
    made = bridge("cc: 7, to: /latentd/gain")
    echoes, now = [], 0.0
    for value in positions:
        now += 0.01
        made.heard(cc(7, value), now)
        ((_, (norm,)),) = made.take(now)
        echoes.append(norm * 4)
        if len(echoes) > behind:  # the daemon tells some values of those it had, late, in order
            made.told("/latentd/state/gain", echoes[-behind], now)
    made.heard(cc(7, 5), now + 1)
    assert made.take(now + 1) == [("/latentd/gain/norm", (fraction(5, 7),))]


@given(st.integers(10, 100), st.floats(0, 1))
def test_another_hand_on_the_value_takes_the_fader_off_it(at, to):
    desk = Hand(bridge("cc: 7, to: /latentd/psi"))
    assert desk.play(cc(7, at))
    desk.tell("psi", fraction(at, 7) * 1.5)
    desk.tell("psi", to * 1.5)
    assume(abs(to - fraction(at, 7)) > 4 * STEP)
    above = to > fraction(at, 7)
    assert desk.play(cc(7, at - 2 if above else at + 2)) == []  # farther away
    assert desk.play(cc(7, 127 if above else 0))  # passes it


def test_without_takeover_a_fader_jumps():
    desk = Hand(bridge("cc: 7, to: /latentd/gain, takeover: false"))
    desk.tell("gain", 4.0)
    assert desk.play(cc(7, 0)) == [("/latentd/gain/norm", (0.0,))]
    desk = Hand(bridge("cc: 7, to: /latentd/gain", takeover="false"))
    desk.tell("gain", 4.0)
    assert desk.play(cc(7, 0))


def test_two_controls_of_one_address_hand_it_to_each_other():
    desk = Hand(bridge("cc: 7, to: /latentd/gain", "encoder: 9, to: /latentd/gain, step: 0.25"))
    assert desk.play(cc(7, 64), cc(9, 1)) == [("/latentd/gain/norm", (0.5,)), ("/latentd/gain/norm", (0.75,))]
    assert desk.play(cc(7, 63)) == []  # the fader must meet 0.75 first
    assert desk.play(cc(7, 127), cc(9, 127)) == [("/latentd/gain/norm", (1.0,)), ("/latentd/gain/norm", (0.75,))]


@settings(max_examples=50)
@given(st.lists(st.tuples(st.integers(0, 16383), st.floats(0, 0.009)), min_size=1, max_size=30))
def test_the_halves_of_14_bits_are_never_taken_apart(values):
    made, now = bridge("cc: 1, fine: 33, to: /latentd/psi, takeover: false"), 0.0
    allowed, sent = {fraction(value, 14) for value, _ in values}, []
    for value, gap in values:
        now += 0.02
        made.heard(cc(1, value >> 7), now)
        sent += made.take(now)
        now += gap
        made.heard(cc(33, value & 127), now)
        sent += made.take(now)
    sent += made.take(now + 1)
    assert sent[-1] == ("/latentd/psi/norm", (fraction(values[-1][0], 14),))
    assert {norm for _, (norm,) in sent} <= allowed


def test_a_coarse_half_alone_counts_after_a_while():
    made = bridge("cc: 1, fine: 33, to: /latentd/psi")
    made.heard(cc(33, 5), 0.0)  # nothing to add it to
    made.heard(cc(1, 64), 1.0)
    assert made.take(1.0) == []
    assert made.due() == pytest.approx(1.0 + PAIR)
    assert made.take(1.0 + PAIR) == [("/latentd/psi/norm", (0.5,))]
    made.heard(cc(33, 127), 2.0)  # the fine half alone moves on from there
    assert made.take(2.0) == [("/latentd/psi/norm", (fraction(64 << 7 | 127, 14),))]


def test_the_wheel_has_14_bits_and_a_true_centre():
    desk = Hand(bridge("bend: true, to: /latentd/rotate, low: -180, high: 180"))
    assert desk.play(bytes((0xE0, 0, 0)), bytes((0xE0, 0, 64)), bytes((0xE0, 127, 127))) == [
        ("/latentd/rotate", (-180.0,)),
        ("/latentd/rotate", (0.0,)),
        ("/latentd/rotate", (180.0,)),
    ]


@pytest.mark.parametrize(
    ("encoding", "right", "left"), [("twos", 2, 126), ("sign", 2, 66), ("offset", 66, 62), (None, 2, 126)]
)
def test_an_encoder_adds_to_the_present_value(encoding, right, left):
    word = f", encoding: {encoding}" if encoding else ""
    desk = Hand(bridge(f"encoder: 9, to: /latentd/gain, step: 0.125{word}"))
    assert desk.play(cc(9, right)) == []  # nobody has told to what
    desk.tell("gain", 2.0)
    assert desk.play(cc(9, right), cc(9, right), cc(9, right)) == [
        ("/latentd/gain/norm", (x,)) for x in (0.75, 1.0, 1.0)
    ]
    assert desk.play(cc(9, left)) == [("/latentd/gain/norm", (0.75,))]
    desk.tell("gain", 1.0)
    assert desk.play(cc(9, left)) == [("/latentd/gain/norm", (0.0,))]


def test_an_encoder_on_whole_numbers_keeps_its_fractions_and_says_nothing_twice():
    desk = Hand(bridge("encoder: 9, to: /latentd/preset/index, low: 0, high: 8, step: 0.03125"))
    desk.tell("preset/index", 0)
    assert desk.play(*[cc(9, 1)] * 8) == [("/latentd/preset/index", (1,)), ("/latentd/preset/index", (2,))]


def test_buttons_trigger_toggle_and_hold():
    desk = Hand(
        bridge(
            "note: 1, to: /latentd/preset/next",
            "note: 2, to: '/latentd/preset', send: [storm, 4]",
            "note: 3, to: /latentd/freeze",
            "note: 4, to: /latentd/blackout, does: hold",
            "cc: 5, to: /latentd/gain, does: hold, low: 1, high: 3",
            "cc: 6, to: /latentd/mapper, send: clusters",
            "cc: 8, to: /latentd/gain, does: toggle, low: 1, high: 2",
        )
    )
    assert desk.play(note(1, 9), note(1, 0)) == [("/latentd/preset/next", ())]
    assert desk.play(note(2, 9), note(2, 0)) == [("/latentd/preset", ("storm", 4))]
    assert desk.play(note(3, 9), note(3, 0), note(3, 1)) == [("/latentd/freeze/norm", (x,)) for x in (1.0, 0.0)]
    assert desk.play(note(4, 9), note(4, 0)) == [("/latentd/blackout/norm", (x,)) for x in (1.0, 0.0)]
    assert desk.play(cc(5, 127), cc(5, 90), cc(5, 63), cc(5, 0)) == [
        ("/latentd/gain", (3.0,)),
        ("/latentd/gain", (1.0,)),
    ]
    assert desk.play(cc(6, 127), cc(6, 0)) == [("/latentd/mapper", ("clusters",))]
    desk.tell("gain", 1.9)
    assert desk.play(cc(8, 127), cc(8, 0), cc(8, 127)) == [("/latentd/gain", (1.0,)), ("/latentd/gain", (2.0,))]


def test_a_toggle_goes_by_what_the_daemon_says():
    desk = Hand(bridge("note: 3, to: /latentd/freeze"))
    desk.tell("freeze", 1)
    assert desk.play(note(3, 9)) == [("/latentd/freeze/norm", (0.0,))]


def test_a_note_may_say_how_hard_it_was_played():
    desk = Hand(
        bridge("note: 1, to: /latentd/gain, velocity: true", "note: 2, to: /latentd/psi, velocity: true, does: hold")
    )
    assert desk.play(note(1, 64), note(1, 0), note(1, 127)) == [("/latentd/gain/norm", (x,)) for x in (0.5, 1.0)]
    assert desk.play(note(2, 64), note(2, 0)) == [("/latentd/psi/norm", (x,)) for x in (0.5, 0.0)]


def test_programs_recall_presets():
    desk = Hand(bridge("program: true, to: /latentd/preset"))
    assert desk.play(bytes((0xC0, 0)), bytes((0xC3, 11))) == [("/latentd/preset", (0,)), ("/latentd/preset", (11,))]


def test_what_is_held_is_let_go_when_the_controller_is_unplugged():
    desk = Hand(bridge("note: 4, to: /latentd/blackout, does: hold", "cc: 7, to: /latentd/gain"))
    desk.tell("gain", 2.0)
    assert desk.play(note(4, 9), cc(7, 60), cc(7, 70))
    desk.bridge.unplugged()
    assert desk.bridge.take(desk.now + 1) == [("/latentd/blackout/norm", (0.0,))]
    desk.bridge.plugged(desk.now + 2)
    desk.now += 2
    assert desk.play(cc(7, 10), cc(7, 20)) == []  # who knows where its faders went meanwhile


@settings(max_examples=50)
@given(st.lists(st.tuples(st.floats(0, 0.02), st.integers(0, 3), st.integers(0, 127)), min_size=1, max_size=80))
def test_no_address_is_sent_more_often_than_every_5_ms_and_the_last_value_arrives(moves):
    made = bridge(
        *(f"cc: {i}, to: {to}" for i, to in enumerate(("/latentd/gain", "/latentd/psi", "/latentd/drift"))),
        "cc: 3, to: /latentd/gain, low: 0, high: 4, takeover: false",
        takeover="false",
    )
    now, last, times = 0.0, {}, {}

    def take():
        for address, args in made.take(now):
            base = address.removesuffix("/norm")
            assert now - times.get(base, -1.0) >= PAUSE - 1e-12
            times[base] = now
            last[base] = (address, args)

    wanted = {}
    for gap, number, value in moves:
        end = now + gap
        while (due := made.due()) is not None and due <= end:  # as a timer would
            now = max(due, now)
            take()
        now = end
        made.heard(cc(number, value), now)
        base = ("/latentd/gain", "/latentd/psi", "/latentd/drift", "/latentd/gain")[number]
        wanted[base] = (base, (fraction(value, 7) * 4,)) if number == 3 else (f"{base}/norm", (fraction(value, 7),))
        take()
    now += 1
    take()
    assert last == wanted
    assert made.due() is None


def test_a_daemon_that_is_gone_leaves_nothing_known():
    desk = Hand(bridge("cc: 7, to: /latentd/gain", "encoder: 9, to: /latentd/psi"))
    desk.tell("gain", 2.0)
    desk.tell("psi", 1.0)
    for value in (127, 0):  # the second waits
        desk.bridge.heard(cc(7, value), desk.now)
        desk.bridge.take(desk.now)
    desk.bridge.deserted()
    assert desk.bridge.take(desk.now + 1) == []
    assert desk.play(cc(9, 1)) == []
    assert desk.play(cc(7, 3)) == [("/latentd/gain/norm", (fraction(3, 7),))]


@settings(max_examples=40)
@given(
    st.lists(
        st.one_of(
            st.binary(max_size=4),
            st.tuples(st.integers(0, 90), st.one_of(st.floats(), st.integers(), st.text(max_size=3))),
        )
    )
)
def test_nothing_that_is_heard_or_told_breaks_it(inputs):
    plan = mapping.load(mapping.find("launchcontrolxl"))
    made = Bridge(plan)
    made.plugged(0.0)
    addresses = made.addresses
    for i, said in enumerate(inputs):
        now = i * 0.003
        if isinstance(said, bytes):
            made.heard(b"\xb8" + said[1:] if said[:1] > b"\x80" else said, now)
        else:
            made.told(addresses[said[0] % len(addresses)].replace("/latentd/", "/latentd/state/"), said[1], now)
        made.take(now)
        assert all(len(message) == 3 and max(message[1:]) < 128 for message in made.lights(now))


MOVES = st.lists(st.tuples(st.booleans(), st.integers(0, 127), st.integers(0, 127)), max_size=60)


@settings(max_examples=30)
@given(st.sampled_from(["launchcontrolxl", "midimix", "nanokontrol2"]), MOVES)
def test_whatever_is_played_on_a_shipped_mapping_the_daemon_refuses_nothing(name, moves):
    plan = mapping.load(mapping.find(name))
    channel = plan.controls[0].source.channel
    made, desk = Bridge(plan), Desk(shelf(), Fade.still(Params()), None, CLUSTERS)
    for now, (button, number, value) in enumerate(moves):
        made.heard(note(number, value, channel) if button else cc(number, value, channel), now)
        for address, args in made.take(now):
            if address != "/latentd/preset":  # there may be fewer presets than buttons
                assert not isinstance(say(desk, address, *args, now=now), Refusal)
        for address, told in desk.values(now).items():
            made.told(address.replace("/latentd/", "/latentd/state/", 1), told, now)
