import pytest

from daemon.show.streams import Said, Streams

HERE, THERE = ("10.0.0.7", 50_000), ("10.0.0.8", 50_000)


def heard(streams, sender, value, t, address="x"):
    said = streams.ask(sender, address, (value,), t)
    streams.hear(sender, address, (value,), t)
    return said


def streaming(value=1, until=10.0, rate=60):
    streams = Streams()
    streams.begin(-100.0)
    assert heard(streams, HERE, value, until - 5.0) is Said.NEW
    for i in range(1, 5 * rate + 1):
        assert heard(streams, HERE, value, until - 5.0 + i / rate) is Said.AGAIN
    return streams


@pytest.mark.parametrize("rate", [240, 60, 4])
def test_a_stream_goes_on_and_its_change_is_a_sure_wish(rate):
    streams = streaming(rate=rate)
    assert heard(streams, HERE, 2, 10.1) is Said.SURE
    assert heard(streams, HERE, 2, 10.12) is Said.AGAIN
    assert heard(streams, HERE, 1, 10.14) is Said.NEW  # back after a twitch: a wish of the same stream


def test_a_slow_stream_is_known_by_the_third_time():
    streams = Streams()
    streams.begin(-100.0)
    said = [heard(streams, HERE, 1, 2.0 * i) for i in range(6)]
    assert said == [Said.NEW, Said.NEW, Said.NEW, Said.AGAIN, Said.AGAIN, Said.AGAIN]


def test_another_machine_a_page_and_another_address_are_heard_for_themselves():
    streams = streaming()
    assert streams.ask(THERE, "x", (2,), 10.0) is Said.NEW
    assert streams.ask(THERE, "x", (1,), 10.0) is Said.BACK
    assert streams.ask(None, "x", (1,), 10.0) is Said.SURE
    assert streams.ask(HERE, "y", (1,), 10.0) is Said.NEW
    heard(streams, THERE, 2, 10.0)
    heard(streams, None, 3, 10.0)
    assert streams.ask(HERE, "x", (1,), 10.01) is Said.AGAIN


def test_a_stream_that_is_back_after_any_gap_is_known_also_after_a_restart():
    streams = streaming()
    assert streams.ask(HERE, "x", (1,), 1e6) is Said.BACK
    again = Streams(streams.known)
    again.begin(0.0)
    assert again.ask(("10.0.0.7", 9), "x", (1,), 5.0) is Said.BACK
    assert again.ask(("10.0.0.7", 9), "x", (2,), 5.0) is Said.NEW


def test_what_is_said_before_and_right_after_the_first_look_may_have_been_streamed_all_along():
    streams = Streams()
    assert heard(streams, HERE, 1, 0.0) is Said.BACK
    streams.begin(1.0)
    assert heard(streams, HERE, 2, 1.9) is Said.NEW
    assert heard(streams, THERE, 1, 1.9) is Said.BACK
    assert heard(streams, ("10.0.0.9", 1), 1, 2.0) is Said.NEW


def test_no_crowd_of_senders_fills_the_memory():
    streams = Streams()
    for i in range(5000):
        heard(streams, (f"10.0.{i % 250}.{i // 250}", i), i, i * 0.001, f"/{i}")
    assert len(streams._lines) <= 256
    assert streams.known == ()
