"""What the daemon says of itself: the shape of /status.json and of a report, made fresh each time it is asked for."""

from typing import Literal

from pydantic import BaseModel, ConfigDict

AudioState = Literal["opening", "ok", "silent", "stalled", "lost", "none"]
SinkState = Literal["opening", "ok", "stalled", "retrying", "unavailable", "closed"]


class _Said(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class FrameTimes(_Said):
    """Milliseconds from the beginning of a tick to pixels in the slot, over the last 600 frames."""

    p50: float
    p95: float
    p99: float
    max: float


class Latency(_Said):
    """Milliseconds from the end of a block of sound to the handing over of the first frame that shows it."""

    p50: float
    p95: float


class ModelStatus(_Said):
    """What renders."""

    name: str
    resolution: int
    engine: str
    precision: str
    threads: int = 1


class OutputStatus(_Said):
    """The frames that sinks are given."""

    width: int
    height: int
    order: str  # of a pixel's bytes, RGBA or BGRA
    fit: str  # letterbox, cover or stretch
    alpha: str  # opaque or straight


class AudioStatus(_Said):
    """What is heard."""

    source: str
    state: AudioState
    device: str | None = None
    sr: int | None = None
    rms_db: float | None = None
    gate_open: bool = False
    overruns: int = 0
    reconnects: int = 0


class SinkStatus(_Said):
    """How one sink is doing."""

    name: str
    state: SinkState
    about: str = ""  # what it is found as and by which way
    published: int = 0
    replaced: int = 0  # pictures it was not given, for a newer one came first, or did not take
    refused: int = 0  # times it was busy when it was handed one
    errors: int = 0
    last_error: str | None = None
    latency_ms: float | None = None
    receivers: int | None = None


class OscStatus(_Said):
    """Messages since start; a datagram that cannot be taken apart counts one received and one refused."""

    received: int = 0
    applied: int = 0
    refused: int = 0


class ShowStatus(_Said):
    """What the show that runs itself has on."""

    enabled: bool
    on: Literal[
        "nothing", "blackout", "preset", "entry", "attract", "hand"
    ]  # hand: somebody has recalled another preset
    preset: str | None = None  # that the plan has on
    playlist: str | None = None
    entry: int | None = None  # of the playlist, from 0
    next_in_s: float | None = None  # s until the next entry; None while none will come by itself
    held: bool = False


class SyncScreen(_Said):
    """A follower, as its leader knows it."""

    name: str
    host: str
    frame_index: int  # that it showed when it last asked; -1 for none
    frame_lag: int


class SyncStatus(_Said):
    """How this daemon stands in a wall of screens."""

    role: Literal["leader", "follower"]
    name: str
    leader: str  # who is followed; empty while nobody is
    frame_index: int  # of the wall, that is shown; -1 for none
    frame_lag: int  # frames behind the one that is due
    offset_ms: float  # the leader's clock is ahead
    delay_ms: float  # follower: to the leader, one way; leader: from a tick to its picture
    lost: int  # frames that never came whole
    refused: int  # datagrams
    screens: tuple[SyncScreen, ...] = ()  # of a leader


class ErrorStatus(_Said):
    """One thing that went wrong, once or many times."""

    time: str  # ISO 8601, UTC, of the last time
    code: str
    text: str
    count: int = 1
    since: str | None = None  # of the first time, where it was more than one


class Status(_Said):
    """Everything, as of now."""

    version: str
    uptime_s: float
    frame_index: int
    fps: float
    frame_ms: FrameTimes | None
    ticks_skipped: int
    deadlines_missed: int = 0  # frames that were done after the next one was due
    device_ms: FrameTimes | None = None  # of which a GPU worked; None where none does
    frames_in_flight: int = 0  # on a GPU
    latency_ms: Latency | None
    model: ModelStatus
    output: OutputStatus | None = None
    preset: str | None
    mapper: str
    params: dict[str, float | int | str]
    audio: AudioStatus
    features: dict[str, float]
    sinks: tuple[SinkStatus, ...]
    osc: OscStatus
    show: ShowStatus | None = None  # None where none is planned
    sync: SyncStatus | None = None  # None where it is off
    errors: tuple[ErrorStatus, ...]


class Report(Status):
    """The last status, and how the run ended."""

    frames: int
    seconds: float
    exit: int
