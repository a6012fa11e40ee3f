"""Sinks given more than once."""

from daemon import parts
from daemon.clock import VirtualClock
from daemon.flow import FrameFormat
from daemon.sinks.publisher import Publisher


def statuses(*specs):
    sinks = parts.open_sinks(specs, "linux", 30.0)
    return [Publisher(sink, FrameFormat(4, 4), VirtualClock()).status() for sink in sinks]


def test_two_of_a_kind_are_told_apart_before_they_are_opened_and_one_given_twice_is_one(tmp_path):
    a, b = tmp_path / "a", tmp_path / "b"
    specs = ("spout", "spout:left wing", "ndi", "ndi:wall", "shm:one", "shm:two", f"frames:{a}", f"frames:{b}")
    said = statuses(*specs, "spout:left wing", f"frames:{a}")
    assert [status.name for status in said] == ["spout", "spout", "ndi", "ndi", "shm", "shm", "frames", "frames"]
    assert len({(status.name, status.about) for status in said}) == 8
    assert [status.about for status in said[-2:]] == [str(a), str(b)]
    assert all(
        word in status.about
        for word, status in zip(("latentd", "left wing", "latentd", "wall", "one", "two"), said, strict=False)
    )
    assert {status.state for status in said} == {"opening"}


def test_the_preview_page_is_no_sink_of_its_own_to_ask_for():
    assert statuses("preview") == []
    assert [status.name for status in statuses("preview", "null", "null", "preview")] == ["null"]
