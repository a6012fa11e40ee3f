"""MIDI bytes, and the scales of their numbers."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from daemon.midi.message import Encoding, Event, Kind, build, fraction, parse, steps, turned

SEVEN, CHANNELS = st.integers(0, 127), st.integers(1, 16)
EVENTS = st.one_of(
    st.builds(Event, st.sampled_from([Kind.CC, Kind.NOTE]), CHANNELS, SEVEN, SEVEN),
    st.builds(Event, st.just(Kind.BEND), CHANNELS, st.just(0), st.integers(0, 16383)),
    st.builds(Event, st.just(Kind.PROGRAM), CHANNELS, st.just(0), SEVEN),
)


@given(EVENTS)
def test_what_is_built_is_read_again(event):
    assert parse(build(event)) == event


@given(st.binary(max_size=8))
def test_any_bytes_are_an_event_in_range_or_nothing(data):
    event = parse(data)
    if event is not None:
        assert 1 <= event.channel <= 16
        assert 0 <= event.number <= 127
        assert 0 <= event.value <= (16383 if event.kind is Kind.BEND else 127)


@given(EVENTS)
def test_another_library_means_the_same_by_it(event):
    mido = pytest.importorskip("mido")
    theirs = mido.Message.from_bytes(build(event))
    assert theirs.channel + 1 == event.channel
    match theirs.type:
        case "control_change":
            assert (Kind.CC, theirs.control, theirs.value) == (event.kind, event.number, event.value)
        case "note_on":
            assert (Kind.NOTE, theirs.note, theirs.velocity) == (event.kind, event.number, event.value)
        case "pitchwheel":
            assert (Kind.BEND, theirs.pitch + 8192) == (event.kind, event.value)
        case "program_change":
            assert (Kind.PROGRAM, theirs.program) == (event.kind, event.value)
        case other:
            raise AssertionError(other)


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"\x90\x3c",
        b"\x90\x3c\x40\x00",
        b"\xb0\x80\x00",
        b"\xb0\x00\xff",
        b"\xc0",
        b"\xfe",
        b"\xf0\x7e\xf7",
        b"\x3c",
    ],
)
def test_what_is_no_whole_message_of_a_control_is_nothing(data):
    assert parse(data) is None


def test_a_note_that_ends_is_a_note_of_velocity_0():
    assert parse(b"\x83\x3c\x40") == parse(b"\x93\x3c\x00") == Event(Kind.NOTE, 4, 60, 0)


@pytest.mark.parametrize("bits", [7, 14])
def test_least_centre_and_most_are_exact_and_every_step_is_its_own(bits):
    most = (1 << bits) - 1
    assert [fraction(value, bits) for value in (0, (most + 1) // 2, most)] == [0.0, 0.5, 1.0]
    assert fraction(96, 7) == 0.5 + 32 / 126  # evenly from the centre up
    scale = [fraction(value, bits) for value in range(most + 1)]
    assert scale == sorted(set(scale))
    assert [steps(position, bits) for position in scale] == list(range(most + 1))
    assert (steps(-0.1, bits), steps(1.1, bits)) == (0, most)


@given(st.integers(-63, 63))
def test_each_encoding_says_how_far_and_which_way(by):
    assert turned(by % 128, Encoding.TWOS) == by
    assert turned(by if by >= 0 else 64 - by, Encoding.SIGN) == by
    assert turned(64 + by, Encoding.OFFSET) == by
