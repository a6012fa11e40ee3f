"""What is said of a GPU beside what is said of every engine."""

from typing import Annotated

from pydantic import Field

from daemon.bench.said import FrameMs, Ms, Said

_Part = Annotated[float, Field(ge=0, le=1)]


class WarmUp(Said):
    """Before the timed frames."""

    frames: int
    seconds: float
    settled: bool  # False: times still moved when patience ran out


class Bytes(Said):
    """How far 8-bit pictures are from those of float64."""

    within_1: _Part
    within_3: _Part
    max: int


class LayerFraction(Said):
    """One layer's two kernels beside the least they could take."""

    layer: str
    conv_ms: Ms
    conv_floor_ms: Ms
    filter_ms: Ms
    filter_floor_ms: Ms
    fraction: float  # both floors over both times


class GpuResult(Said):
    """One engine; its frame_ms are the device's own, between two events, ws and picture on the device."""

    delivered_ms: FrameMs  # by the host's clock: from ws in host memory to RGBA in pinned host memory, one at a time
    sustained_fps: float | None  # with --sustained
    reserved_mb: float  # what PyTorch holds from the device with every engine built so far
    warm_up: WarmUp
    u8: Bytes
    right: bool  # within the bounds of its precision
    target: float  # the fraction of the floor that is wanted
    met: bool | None  # None where there is no floor
    over_float32: float | None  # the eager form's p50 over this one's, same run
    over_float16: float | None
    kernel_ms: float | None  # of one frame's kernels, without what lies between them
    layer_fractions: tuple[LayerFraction, ...] | None  # with --layers, where the kernels tell


class Probe(Said):
    """The best of some times of something of known size."""

    name: str
    kind: str  # tensor, fma, memory
    ms: Ms
    rate: float  # 10^12 operations or 10^9 bytes a second


class Rates(Said):
    """What the floor is told by."""

    tensor_tflops: float
    fma_tflops: float
    half2_tflops: float | None  # no probe of it: told from float32 by what the makers say; None: no faster
    memory_gb: float  # a second, read and written


class Work(Said):
    """One layer's, and the least it takes."""

    layer: str
    conv_gflop: float
    conv_mb: float
    filter_gflop: float  # radial filters as sums of separable ones
    filter_gflop_whole: float  # tap by tap
    filter_mb: float
    rank: int
    conv_floor_ms: Ms
    filter_floor_ms: Ms


class PassedOver(Said):
    """An engine that did not run."""

    engine: str
    reason: str


class Step(Said):
    """One step of ours, on and off, in the same run."""

    step: str
    off: str  # the engine without it
    on: str
    gain: float  # the time without it over the time with it


class Rung(Said):
    """One step of ours on top of all before it."""

    step: str
    engine: str
    ms: Ms  # p50
    gain: float  # the first one's time over this one's


class Condition(Said):
    """Of the device; None where nobody tells."""

    sm_mhz: float | None
    memory_mhz: float | None
    celsius: float | None
    watts: float | None
    power_state: str | None


class GpuModel(Said):
    """A model's two-kernel floor on this machine; None and empty for StyleGAN2, whose kernels were not counted."""

    floor_ms: float | None
    floor_fp32_ms: float | None  # where filters are computed in float32, as ours are: told beside it, no target
    rates: Rates
    probes: tuple[Probe, ...]
    layers: tuple[Work, ...]
    passed_over: tuple[PassedOver, ...]
    steps: tuple[Step, ...]  # each alone, of those whose two engines ran
    ladder: tuple[Rung, ...] = ()  # each on top of those before
    before: Condition
    after: Condition


class GpuVersions(Said):
    """The device."""

    name: str
    capability: str
    memory_gb: float
    multiprocessors: int
    cuda: str | None
    cudnn: str | None
    driver: str | None
