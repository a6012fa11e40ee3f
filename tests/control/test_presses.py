from collections import Counter
from datetime import UTC, datetime
from itertools import groupby

import pytest
from control.rig import CLUSTERS, Look, Shelf, say
from hypothesis import given
from hypothesis import strategies as st

from daemon.control.desk import Desk
from daemon.control.osc import Message
from daemon.control.presses import AGAIN, SOON, Wishes, one_press
from daemon.params import Fade, Params
from daemon.show.plan import Entry, Plan, Play, Playlist
from daemon.show.show import Facts, Show

TICK = AGAIN / 16  # exact in binary
NEXT, PREV = "/latentd/preset/next", "/latentd/preset/prev"
SENDERS = (("10.0.0.1", 5000), ("10.0.0.1", 5001), ("10.0.0.2", 5000))


def desk(show: Show | None = None) -> Desk:
    looks = (Look(f"look{i}", 0.0, Params(seed=i)) for i in range(5))
    return Desk(Shelf(*looks), Fade.still(Params()), "look0", CLUSTERS, show=show)


said = st.lists(
    st.tuples(
        st.integers(0, 24),  # ticks to the next
        st.sampled_from(SENDERS),
        st.sampled_from((NEXT, PREV)),
        st.sampled_from(((1.0,), (1.0,), (1.0,), (0.0,), ())),
    ),
    max_size=60,
)


def timed(messages):
    """(s, sender, address, args), one after the other."""
    now = 0
    for gap, *message in messages:
        now += gap
        yield now * TICK, *message


def presses_of(wishes: Wishes, messages) -> Counter:
    count = Counter()
    for now, sender, address, args in messages:
        wishes.sender = sender
        done = []
        one_press(wishes, lambda message, now, done=done: done.append(message))(Message(address, args, b""), now)
        count[sender, address] += bool(done) and args != (0.0,)  # which gets through and does nothing
    return count


@given(said)
def test_what_others_send_meanwhile_makes_no_press_more_or_less(messages):
    messages = list(timed(messages))
    together = presses_of(Wishes(), messages)
    for sender in SENDERS:
        for address in (NEXT, PREV):
            alone = [message for message in messages if message[1:3] == (sender, address)]
            assert presses_of(Wishes(), alone)[sender, address] == together[sender, address]


@given(said)
def test_the_desk_goes_as_many_presets_on_as_there_were_presses(messages):
    messages = list(timed(messages))
    count = presses_of(Wishes(), messages)
    on = sum(n if address == NEXT else -n for (_, address), n in count.items())
    board = desk()
    for now, sender, address, args in messages:
        assert board.apply(Message(address, args, b""), now, sender) is None
    assert board.preset == f"look{on % 5}"


@given(st.lists(st.tuples(st.integers(0, 2), st.booleans()), max_size=40), st.sampled_from((NEXT, PREV)))
def test_a_stream_without_gaps_is_one_press_for_each_run_of_ones(stream, address):
    messages = [(now, SENDERS[0], at, args) for now, at, args in _stream(stream, address)]
    runs = sum(on for on, _ in groupby(on for _, on in stream))
    assert presses_of(Wishes(), messages).total() == runs


@given(st.lists(st.integers(0, 15), max_size=40))
def test_a_stream_that_is_known_as_one_may_falter(gaps):
    stream = [(1, True)] * 3 + [(gap, True) for gap in gaps]
    assert presses_of(Wishes(), ((now, SENDERS[0], at, args) for now, at, args in _stream(stream, NEXT))).total() == 1


def _stream(stream, address):
    now = 0
    for gap, on in stream:
        now += gap
        yield now * TICK, address, (float(on),)


@given(st.lists(st.integers(1, 40), max_size=30))
def test_each_one_after_a_silence_is_a_press(gaps):
    now, presses, times = 0, 0, 0
    messages = [(0.0, SENDERS[0], NEXT, (1,))]
    for gap in gaps:
        now += gap
        messages.append((now * TICK, SENDERS[0], NEXT, (1,)))
        pressed = gap * TICK >= (SOON if times < 2 else AGAIN)
        presses, times = presses + pressed, 0 if pressed else times + 1
    assert presses_of(Wishes(), messages).total() == 1 + presses


@pytest.mark.parametrize("on", [1, 1.0, True, "1", 0.7])
def test_a_button_held_for_a_second_is_one_press(on):
    held = desk()
    for frame in range(60):
        assert say(held, NEXT, on, now=frame / 60) is None
    assert held.preset == "look1"
    say(held, NEXT, 0, now=1.0)
    say(held, NEXT, on, now=1.0)
    assert held.preset == "look2"


def test_a_program_that_presses_twice_has_pressed_twice():
    pressed = desk()
    for n in range(4):
        assert say(pressed, NEXT, 1, now=n * 0.05) is None  # as soon as it can have seen what the first did
    assert pressed.preset == "look4"


def test_a_button_without_a_value_is_a_press_each_time():
    pressed = desk()
    for _ in range(3):
        assert say(pressed, NEXT) is None
    assert pressed.preset == "look3"


def test_nobodys_messages_are_a_press_each():
    page = desk()
    for _ in range(3):
        assert say(page, NEXT, 1, sender=None) is None
    assert page.preset == "look3"


def test_what_is_no_press_is_refused_each_time_and_is_none():
    pressed = desk()
    for wrong in (2.0, -1, "on", float("nan")):
        assert say(pressed, NEXT, wrong) is not None
    assert say(pressed, NEXT, 1, 1) is not None
    assert pressed.preset == "look0"
    say(pressed, NEXT, 1)
    assert pressed.preset == "look1"


def test_a_held_button_of_the_show_is_one_press():
    entries = tuple(Entry(f"look{i}", 60.0, 0.0) for i in range(5))
    show = Show(Plan(playlists={"day": Playlist("day", entries)}, otherwise=Play("day")), None, "look0")
    plays = desk(show)
    show.at(datetime(2026, 6, 1, 12, tzinfo=UTC), 0.0, Facts(tuple(f"look{i}" for i in range(5))))
    show.asked, asked = False, 0
    for frame in range(60):
        assert say(plays, "/latentd/show/next", 1.0, now=frame / 60) is None
        asked, show.asked = asked + show.asked, False
    assert asked == 1
    assert say(plays, "/latentd/show/resume", 1.0, now=1.0) is None
    assert show.asked
    show.asked = False
    assert say(plays, "/latentd/show/resume", 1.0, now=1.01) is None
    assert not show.asked


def test_what_is_remembered_is_bounded_and_it_is_the_newest():
    wishes = Wishes()
    for port in range(1000):
        wishes.sender = ("10.0.0.1", port)
        wishes.made("/latentd/preset", ((1,),), 0.0)
        assert wishes.again("/latentd/preset", (1,), 0.0)
        wishes.sender = SENDERS[0]  # who goes on is not forgotten for those who come and go
        assert wishes.again(NEXT, True, 0.0) is (port > 0)
        wishes.made(NEXT, (True,), 0.0)
    assert len(wishes._last) <= 256
