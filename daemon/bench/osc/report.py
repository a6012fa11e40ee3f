"""What `latentd bench --osc --json` says."""

from typing import Annotated

from pydantic import Field

from daemon.bench.report import Versions
from daemon.bench.said import Ms, Said


class Spread(Said):
    """Of several slices or answers."""

    median: float
    min: float
    max: float


class HostileRun(Said):
    """Random and mutated datagrams, into the endpoint of a running daemon."""

    datagrams: int
    rate: float  # a second
    messages: int  # that they are taken for
    received: int  # counted by the daemon; less than `messages` by what UDP lost
    refused: int
    troubles: tuple[str, ...]  # lines of the daemon's log that tell of an exception or a failed part
    rss_mb: tuple[float, ...]  # before the first datagram, after each slice, after the last
    obeys: bool  # afterwards


class Frames(Said):
    """Pictures with the flood and without, in alternating slices; without, the same sender aims beside the daemon."""

    pairs: int
    fps: float  # least of any slice
    p50_ms: dict[str, Spread]  # with, without
    p95_ms: dict[str, Spread]
    longest_ms: dict[str, Spread]  # of the last 600 of each slice
    p95_ratio: Spread  # of each pair
    noise_ratio: Spread | None  # of each slice without to the one without before it: what the machine does by itself
    cpu_ms: dict[str, Spread] | None  # CPU time a picture, everything but the loop that serves OSC
    cpu_ratio: Spread | None
    loop_share: dict[str, Spread] | None  # of one core, taken by the loop that serves OSC, HTTP and the rest


class Steady(Said):
    """Every knob of a controller turned many times a second."""

    seconds: float
    hz: float
    addresses: int
    sent: int
    received: int
    answers_ms: tuple[Spread, ...]  # to pings in each tenth of the time
    unanswered: int
    wrong: tuple[str, ...]  # addresses that are not what was sent last


class TimeTags(Said):
    """Milliseconds until a message is answered that came alone, or in a bundle with a time tag."""

    frame_ms: Ms  # one tick
    alone: Spread
    now: Spread
    hour_ahead: Spread
    hour_behind: Spread
    applied: bool  # and the value that came with it was taken


class OscReport(Said):
    """Everything of one run."""

    model: str
    fps: Annotated[float, Field(gt=0)]
    versions: Versions
    hostile: HostileRun
    frames: Frames
    steady: Steady
    time_tags: TimeTags
    troubles: tuple[str, ...]  # of the whole run
    exit: int  # of the daemon, after SIGTERM

    @property
    def well(self) -> bool:
        """Whether it stood everything; speed is for the reader to judge."""
        return not (self.troubles or self.exit or self.steady.wrong) and self.hostile.obeys and self.time_tags.applied
