"""Who sends all they have, always: what they meant by it, they meant once."""

from dataclasses import replace

import pytest
from control.rig import CLUSTERS, Look, Shelf, say
from hypothesis import given
from hypothesis import strategies as st

from daemon.control.desk import Desk
from daemon.control.osc import Message
from daemon.control.presses import AGAIN
from daemon.errors import BadInput
from daemon.flow import Traits
from daemon.params import Fade, Params

TD, TOUCH, MIDI = ("10.0.0.1", 5000), ("10.0.0.2", 9000), ("127.0.0.1", 40000)
FRAME = 1 / 60


def looks(count: int = 10) -> Shelf:
    plain = Params(drift=0.1)
    return Shelf(*(Look(f"look{i}", 1.0, replace(plain, seed=i, psi=i / 10, gain=i / 5)) for i in range(count)))


@pytest.fixture
def desk() -> Desk:
    return Desk(looks(), Fade.still(looks().get("look0").params), "look0", CLUSTERS)


def stream(desk: Desk, seconds: float, *messages: tuple[object, ...], begin: float = 0.0, sender: object = TD) -> float:
    """Sixty times a second; the time it ended."""
    frames = round(seconds * 60)
    for frame in range(frames):
        for address, *args in messages:
            assert say(desk, address, *args, now=begin + frame * FRAME, sender=sender) is None
            assert desk.fade is desk.fade  # settled, as it is after each batch
    return begin + frames * FRAME


@pytest.mark.parametrize(
    "wish",
    [
        ("/latentd/preset/index", 9.0),
        ("/latentd/preset", "look9"),
        ("/latentd/preset", 9, 1.0),
        ("/latentd/preset/index/norm", 1.0),
        ("/latentd/preset/value", 9),
    ],
)
@pytest.mark.parametrize(
    "beside", [("/latentd/gain", 0.75), ("/latentd/route/0/low", 0.0), ("/latentd/cluster/calm", 0.5)]
)
def test_a_streamed_recall_arrives_whatever_else_is_streamed(desk, wish, beside):
    now = stream(desk, 2.0, wish, beside)
    assert (desk.preset, desk.fading(now)) == ("look9", False)
    params = desk.fade.at(now)
    assert (params.seed, params.psi) == (9, pytest.approx(0.9))
    assert params.gain == (0.75 if beside[0].endswith("gain") else pytest.approx(1.8))


def test_a_streamed_recall_keeps_its_fade_and_is_half_way_at_half_time(desk):
    stream(desk, 0.5, ("/latentd/preset/index", 9.0), ("/latentd/gain", 0.75))
    assert desk.fade.t0 == 0.0
    assert desk.fade.at(0.5).psi == pytest.approx(0.45)


def test_what_is_set_while_a_recall_is_streamed_stays_set(desk):
    now = stream(desk, 2.0, ("/latentd/preset/index", 9.0))
    say(desk, "/latentd/psi", 0.25, now=now, sender=TOUCH)
    now = stream(desk, 2.0, ("/latentd/preset/index", 9.0), begin=now)
    assert desk.fade.at(now).psi == 0.25


def test_another_sender_recalls_in_spite_of_a_stream_and_keeps_it(desk):
    now = stream(desk, 2.0, ("/latentd/preset/index", 9.0))
    say(desk, "/latentd/preset", "look3", now=now, sender=TOUCH)
    now = stream(desk, 2.0, ("/latentd/preset/index", 9.0), begin=now)
    assert (desk.preset, desk.fade.end.seed) == ("look3", 3)
    now = stream(desk, 2.0, ("/latentd/preset/index", 8.0), begin=now)  # but another value is another wish
    assert (desk.preset, desk.fade.end.seed) == ("look8", 8)


def test_a_press_after_a_silence_is_a_wish_again(desk):
    now = stream(desk, 2.0, ("/latentd/preset/index", 9.0))
    say(desk, "/latentd/psi", 0.25, now=now)
    say(desk, "/latentd/preset/index", 9.0, now=now + AGAIN / 2, sender=TD)
    assert desk.fade.end.psi == 0.25
    say(desk, "/latentd/preset/index", 9.0, now=now + 2 * AGAIN, sender=TD)
    assert desk.fade.end.psi == pytest.approx(0.9)


def test_a_program_that_recalls_sets_and_recalls_has_recalled_twice(desk):
    now = 0.0
    for _ in range(4):
        say(desk, "/latentd/preset", "look9", 0.0, now=now, sender=TD)
        assert desk.fade.end.psi == pytest.approx(0.9)
        say(desk, "/latentd/psi", 0.25, now=now + 0.03, sender=TD)
        now += 0.06  # as soon as it can have seen what it set


def test_two_presets_in_turns_are_each_a_wish(desk):
    for i in range(20):
        name = ("look3", "look4")[i % 2]
        say(desk, "/latentd/preset", name, now=i * FRAME, sender=MIDI)
        assert desk.preset == name


def test_another_fade_time_is_another_wish(desk):
    say(desk, "/latentd/preset", "look9", 10.0, now=0.0)
    say(desk, "/latentd/gain", 0.7, now=0.1)
    say(desk, "/latentd/preset", "look9", 4.0, now=0.2)
    assert (desk.fade.t0, desk.fade.seconds, desk.fade.end.gain) == (0.2, 4.0, pytest.approx(1.8))


def test_a_trembling_knob_recalls_once(desk):
    for frame in range(120):
        say(desk, "/latentd/preset/index/norm", 0.66 + 0.01 * (frame % 3), now=frame * FRAME, sender=TOUCH)
        say(desk, "/latentd/gain", 0.7, now=frame * FRAME, sender=TD)
    assert (desk.preset, desk.fade.t0, desk.fading(2.0)) == ("look6", 0.0, False)


def test_an_index_that_is_streamed_goes_on_meaning_what_it_meant_when_the_list_grows():
    shelf = looks(3)
    desk = Desk(shelf, Fade.still(Params()), None, CLUSTERS)
    now = stream(desk, 2.0, ("/latentd/preset/index", 1.0))
    shelf._looks = {"first": Look("first", 0.0, Params()), **shelf._looks}
    now = stream(desk, 2.0, ("/latentd/preset/index", 1.0), begin=now)
    assert desk.preset == "look1"
    stream(desk, 0.1, ("/latentd/preset/index", 1.0), begin=now + 1.0)
    assert desk.preset == "look0"


def test_a_refused_recall_is_refused_each_time_and_is_no_wish(desk):
    now = stream(desk, 0.1, ("/latentd/preset/index", 9.0))
    for frame in range(5):
        assert say(desk, "/latentd/preset/index", 99.0, now=now + frame * FRAME, sender=TD) is not None
    say(desk, "/latentd/psi", 0.25, now=now + 0.1)
    say(desk, "/latentd/preset/index", 9.0, now=now + 0.2, sender=TD)
    assert desk.fade.end.psi == 0.25


def test_a_preset_that_cannot_be_read_is_refused_each_time_and_recalled_once_it_can_be(desk):
    shelf, get = desk._board.bank, desk._board.bank.get

    def unreadable(which):
        raise BadInput(which, ["it cannot be read"])

    shelf.get = unreadable
    for frame in range(5):
        assert say(desk, "/latentd/preset/index", 9.0, now=frame * FRAME) is not None
    shelf.get = get
    assert say(desk, "/latentd/preset/index", 9.0, now=5 * FRAME) is None
    assert desk.preset == "look9"


def test_what_a_preset_asks_of_the_wrong_model_is_told_once():
    told = []
    shelf = Shelf(Look("plain", 1.0, Params()), Look("turned", 1.0, Params(rotate=90.0)))
    flat = Traits("StyleGAN2", transform=False)
    desk = Desk(shelf, Fade.still(Params()), None, CLUSTERS, flat, on_misfit=told.append)
    now = stream(desk, 3.0, ("/latentd/preset/index", 1.0), ("/latentd/gain", 0.75))
    assert len(told) == 1
    for i in range(5):  # asked for again and again, with pauses
        say(desk, "/latentd/gain", i / 10, now=now + i)
        say(desk, "/latentd/preset", "turned", now=now + i)
    assert len(told) == 1
    say(desk, "/latentd/preset", "plain", now=now + 10)
    say(desk, "/latentd/preset", "turned", now=now + 11)
    assert len(told) == 2


def test_a_held_save_saves_once(desk):
    shelf, saved = desk._board.bank, []
    keep = shelf.save
    shelf.save = lambda *args: (saved.append(args), keep(*args))
    stream(desk, 1.0, ("/latentd/preset/save", "mine"), ("/latentd/gain", 0.75))
    assert [name for name, *_ in saved] == ["mine", "mine"]  # the gain was set after the first
    now = stream(desk, 2.0, ("/latentd/preset/save", "mine"), ("/latentd/gain", 0.75), begin=1.0)
    assert len(saved) == 2
    stream(desk, 0.1, ("/latentd/preset/save", "mine"), begin=now + 1.0)
    assert len(saved) == 3


def test_a_save_held_while_a_fade_goes_on_and_a_knob_moves_is_never_refused(desk):
    saved = []
    desk._board.bank.save = lambda *args: saved.append(args)
    say(desk, "/latentd/preset", "look9", 10.0, sender=MIDI)
    for frame in range(120):
        say(desk, "/latentd/gain", frame / 120, now=frame * FRAME, sender=TOUCH)
        assert say(desk, "/latentd/preset/save", "mine", now=frame * FRAME, sender=TD) is None
    assert len(saved) <= 13


def test_of_two_saves_with_something_set_between_the_last_is_kept(desk):
    for gain in (0.5, 0.6):
        say(desk, "/latentd/gain", gain, sender=TD)
        say(desk, "/latentd/preset/save", "mine", sender=TD)
    assert desk._board.bank.get("mine").params.gain == pytest.approx(0.6)


streams = st.lists(
    st.tuples(
        st.sampled_from((TD, TOUCH, MIDI)),
        st.integers(0, 40),  # its first tick
        st.integers(1, 30),  # how many
        st.integers(1, 2),  # ticks from one to the next: 32 a second at the least
        st.sampled_from(("/latentd/preset/index", "/latentd/preset", "/latentd/preset/index/norm")),
        st.integers(0, 9),
    ),
    max_size=6,
)
TICK = AGAIN / 16


@given(streams, st.booleans())
def test_of_any_streams_each_begins_one_fade_at_most_and_the_last_to_begin_wins(streams, set_between):
    """Streams of several senders at once, with knobs moved all along."""
    mine: dict[tuple[object, str], int] = {}
    messages = []
    for order, (sender, first, count, gap, address, index) in enumerate(streams):
        if (sender, address) in mine:  # one sender streams one value at an address
            continue
        mine[sender, address] = index
        value = index / 9 if address.endswith("norm") else index
        messages += [(first + i * gap, order, sender, address, value, index) for i in range(count)]
    desk = Desk(looks(), Fade.still(Params()), None, CLUSTERS)
    began, expected, t0s = set(), None, set()
    for tick, _, sender, address, value, index in sorted(messages, key=lambda m: m[:2]):
        if (sender, address) not in began:
            began.add((sender, address))
            expected = f"look{index}"
        now = tick * TICK
        assert desk.apply(Message(address, (value,), b""), now, sender) is None
        if set_between:
            desk.apply(Message("/latentd/gain", (tick % 7 / 10,), b""), now, sender)
        assert desk.preset == expected
        t0s.add((desk.fade.t0, desk.fade.end.seed))
    assert len(t0s) <= len(began)


@given(streams)
def test_what_is_streamed_leaves_the_desk_as_its_first_messages_alone_would(streams):
    def play(repeats: bool) -> tuple[Fade, str | None]:
        desk = Desk(looks(), Fade.still(Params()), None, CLUSTERS)
        used, messages = set(), []
        for order, (sender, first, count, gap, address, index) in enumerate(streams):
            if (sender, address) in used:
                continue
            used.add((sender, address))
            value = index / 9 if address.endswith("norm") else index
            some = range(count if repeats else 1)
            messages += [(first + i * gap, order, sender, address, value) for i in some]
        for tick, _, sender, address, value in sorted(messages, key=lambda m: m[:2]):
            desk.apply(Message(address, (value,), b""), tick * TICK, sender)
        return desk.fade, desk.preset

    assert play(repeats=True) == play(repeats=False)
