import io

import pytest

from daemon.audio.wire import Kind, Message, messages, say

SAID = [
    Message(Kind.OPENED, b"{}"),
    Message(Kind.SOUND, b"\0" * 4096, 12.5, 2**40),
    Message(Kind.FAILED, "schön".encode()),
]


def wire(said):
    pipe = io.BytesIO()
    for message in said:
        say(pipe, message)
    return pipe.getvalue()


def test_what_is_said_is_heard():
    assert list(messages(io.BytesIO(wire(SAID)))) == SAID


@pytest.mark.parametrize("cut", [1, 23, 24, 30, 4200])
def test_a_pipe_that_breaks_ends_the_messages(cut):
    got = list(messages(io.BytesIO(wire(SAID)[:-cut])))
    assert got == SAID[: len(got)]
    assert len(got) < len(SAID)


def test_nonsense_ends_the_messages():
    assert list(messages(io.BytesIO(wire(SAID[:1]) + b"x" * 500))) == SAID[:1]
    huge = bytearray(wire(SAID[:1]))
    huge[4:8] = b"\xff\xff\xff\x7f"
    assert list(messages(io.BytesIO(bytes(huge)))) == []
