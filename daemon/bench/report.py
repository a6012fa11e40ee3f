# ruff: noqa: N803 - G is what the paper and its users call a generator
"""What `latentd bench --json` says: the shape that scripts and the performance page hold on to."""

from collections.abc import Sequence
from typing import Annotated, Any

from pydantic import Field

from daemon.bench.engines import TEXTBOOK
from daemon.bench.gpu.said import GpuModel, GpuResult, GpuVersions
from daemon.bench.layers import Phase as Part
from daemon.bench.measure import EngineRun, Floor, ModelRun
from daemon.bench.said import FrameMs, Ms, Said, digits, frame_ms
from stylegan3 import Generator
from stylegan3.deaf import deaf_layers
from stylegan3.inference import layers_once
from stylegan3.synthesis import SynthesisNetwork

_Threads = Annotated[int, Field(ge=1)]


class Error(Said):
    """How far pictures are from float64, of their standard deviation."""

    max: float
    rms: float


class Phase(Said):
    """Part of a picture, median ms."""

    kind: str
    layer: int | None
    ms: Ms


class Result(Said):
    """One engine on one model with so many threads."""

    model: str
    device: str
    engine: str
    precision: str
    size: int  # pixels
    threads: _Threads
    frames: Annotated[int, Field(ge=1)]  # timed
    frame_ms: FrameMs
    best_ms: Ms  # the fastest frame: what other load disturbs least
    fps: float  # 1000 / p50
    memory_mb: float | None  # None where the system does not tell
    kernels_per_frame: int | None  # None on a CPU and where no profiler is to be had
    error: Error
    floor_fraction: float | None  # of the whole frame's time: that of its convolutions; on a GPU the two-kernel floor's
    speedup: float | None  # the zero-insertion form's p50 over this one's, same run and threads
    layers: tuple[Phase, ...] | None  # with --layers, where the engine can tell
    conv_ms: float | None  # its own convolutions, from `layers`
    layers_once: Annotated[int, Field(ge=0)] = 0  # these are deaf to w: painted once while the picture stands still
    moving_ms: float | None = None  # p50 while it moves, and they are painted too; None: frame_ms is of moving pictures
    gpu: GpuResult | None = None  # None on a CPU


class ConvFloor(Said):
    """One convolution by itself."""

    layer: str
    in_channels: int
    out_channels: int
    size: int  # of its input
    kernel: int
    gmac: float
    layout: str
    ms: Ms


class FloorMs(Said):
    """All convolutions of a model, one after another."""

    threads: _Threads
    ms: Ms
    layers: tuple[ConvFloor, ...]


class MappingMs(Said):
    """Z to ws, which no frame time contains: median."""

    threads: _Threads
    ms: Ms


class Model(Said):
    """What was painted."""

    model: str
    variant: str
    size: int
    parameters: int
    gmac: float  # of its convolutions, 10^9
    gmac_once: float = 0.0  # of these, what layers take that are deaf to w
    mapping_ms: tuple[MappingMs, ...]
    floor: tuple[FloorMs, ...]  # none on a GPU
    gpu: GpuModel | None = None


class Versions(Said):
    """What it was measured on."""

    latentd: str
    python: str
    torch: str
    numpy: str
    cpu: str
    isa: str
    cores: int
    memory_gb: float | None
    os: str
    date: str
    load: tuple[float, float, float] | None  # averages of 1, 5 and 15 min when it began
    gpu: GpuVersions | None = None


class Report(Said):
    """A whole run."""

    results: tuple[Result, ...]
    models: tuple[Model, ...]
    versions: Versions


def report(runs: Sequence[ModelRun], made_on: Versions) -> Report:
    """From what was measured."""
    return Report(
        results=tuple(_result(run, engine) for run in runs for engine in run.runs),
        models=tuple(map(_model, runs)),
        versions=made_on,
    )


def _result(run: ModelRun, engine: EngineRun) -> Result:
    painter, p50 = engine.entry.painter, frame_ms(engine.ms).p50
    alike = {(r.entry.painter.engine, r.entry.painter.threads): r for r in run.runs}
    textbook = alike.get((TEXTBOOK, painter.threads))
    once = layers_once(painter)
    floor = next((f.without(once) for f in run.floors if f.threads == painter.threads), None)
    memory = engine.entry.memory_mb
    return Result(
        model=run.subject.name,
        device=run.device,
        engine=painter.engine,
        precision=painter.precision,
        size=run.subject.G.img_resolution,
        threads=painter.threads,
        memory_mb=None if memory is None else round(memory, 1),
        kernels_per_frame=None,
        error=Error(max=digits(engine.entry.error.max), rms=digits(engine.entry.error.rms)),
        floor_fraction=None if floor is None else digits(floor / p50),
        speedup=None if textbook is None else digits(frame_ms(textbook.ms).p50 / p50),
        layers_once=once,
        **times(engine.ms, engine.moving_ms, engine.phases),
    )


def times(ms: Sequence[float], moving_ms: Sequence[float], phases: Sequence[Part]) -> dict[str, Any]:
    """What is said of an engine's frames and parts, wherever it painted."""
    told, own = frame_ms(ms), [phase.ms for phase in phases if phase.kind == "conv"]
    return {
        "frames": len(ms),
        "frame_ms": told,
        "best_ms": round(min(ms), 4),
        "fps": digits(1000 / told.p50),
        "moving_ms": frame_ms(moving_ms).p50 if moving_ms else None,
        "layers": tuple(Phase(kind=p.kind, layer=p.layer, ms=digits(p.ms)) for p in phases) or None,
        "conv_ms": digits(sum(own)) if own else None,
    }


def _model(run: ModelRun) -> Model:
    return Model(
        model=run.subject.name,
        mapping_ms=tuple(MappingMs(threads=threads, ms=digits(ms)) for threads, ms in run.mapping_ms),
        floor=tuple(map(_floor, run.floors)),
        **network(run.subject.G, [layer.conv.gmac for layer in run.floors[0].layers]),
    )


def network(G: Generator, convs: Sequence[float]) -> dict[str, Any]:
    """What is said of a network, wherever it was painted; `convs` are its convolutions' GMAC."""
    deaf = deaf_layers(G.synthesis) if isinstance(G.synthesis, SynthesisNetwork) else 0
    return {
        "variant": G.variant,
        "size": G.img_resolution,
        "parameters": sum(p.numel() for p in G.parameters()),
        "gmac": digits(sum(convs)),
        "gmac_once": digits(sum(convs[:deaf])),
    }


def _floor(floor: Floor) -> FloorMs:
    return FloorMs(
        threads=floor.threads,
        ms=digits(floor.ms),
        layers=tuple(
            ConvFloor(
                layer=layer.conv.name,
                in_channels=layer.conv.in_channels,
                out_channels=layer.conv.out_channels,
                size=layer.conv.size,
                kernel=layer.conv.kernel,
                gmac=digits(layer.conv.gmac),
                layout=layer.layout,
                ms=digits(layer.ms),
            )
            for layer in floor.layers
        ),
    )
