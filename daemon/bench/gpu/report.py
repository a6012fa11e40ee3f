"""From what was measured on a GPU to what is said of it."""

from collections.abc import Sequence
from dataclasses import asdict, replace

from daemon.bench import parity
from daemon.bench.floor import convolutions
from daemon.bench.gpu import said
from daemon.bench.gpu.engines import EXACT, HALF
from daemon.bench.gpu.measure import EngineRun, ModelRun
from daemon.bench.report import Error, MappingMs, Model, Report, Result, Versions, network, times
from daemon.bench.said import digits, frame_ms
from daemon.bench.work import LayerWork, floor_ms

TARGET, TARGET_SMALL = 0.45, 0.3  # of the two-kernel floor: from 512 pixels on; below, where launches count
_LARGE = 512  # pixels
STEPS = (
    ("S1 constant packed weights, folded modulation", HALF, "cuda banded unrecorded"),
    ("S2 one graph a frame, without the kernel", "cuda banded unrecorded", "cuda banded"),
    ("S2 one graph a frame, with the kernel", "cuda fused unrecorded", "cuda fused"),
    ("S3 the fused filter kernel", "cuda banded", "cuda fused"),
    ("S4 radial filters of two or three products, not all six", "cuda fused unreduced", "cuda fused"),
    ("S5 convolutions summed in float16", "cuda fused", "cuda fused fast"),
)
"""What, the engine without it, the engine with it: all others are on."""
LADDER = (
    ("S0 PyTorch's own, float16", (HALF,)),
    ("S1 constant packed weights, folded modulation", ("cuda banded unreduced unrecorded", "cuda banded unrecorded")),
    ("S2 one graph a frame", ("cuda banded unreduced", "cuda banded")),
    ("S3 the fused filter kernel", ("cuda fused unreduced", "cuda fused")),
    ("S4 radial filters of two or three products, not all six", ("cuda fused",)),
    ("S5 convolutions summed in float16", ("cuda fused fast",)),
)
"""What comes on top of all before it, and the engine that has it: the first of these that ran."""


def report(runs: Sequence[ModelRun], made_on: Versions) -> Report:
    """Of all models."""
    gpu = runs[0].gpu
    named = said.GpuVersions(
        name=gpu.name, capability=".".join(map(str, gpu.capability)), memory_gb=gpu.memory_gb,
        multiprocessors=gpu.multiprocessors, cuda=gpu.cuda, cudnn=gpu.cudnn, driver=gpu.driver,
    )  # fmt: skip
    return Report(
        results=tuple(_result(run, engine) for run in runs for engine in run.runs),
        models=tuple(map(_model, runs)),
        versions=made_on.model_copy(update={"gpu": named}),
    )


def target(pixels: int) -> float:
    """The fraction of the floor that is wanted."""
    return TARGET if pixels >= _LARGE else TARGET_SMALL


def _result(run: ModelRun, engine: EngineRun) -> Result:
    entry, p50, size = engine.entry, frame_ms(engine.ms).p50, run.subject.G.img_resolution
    least = floor_ms(run.work[entry.once :], run.rates)
    fraction = digits(least / p50) if run.work else None
    wanted, fractions = target(size), _fractions(run, engine)
    return Result(
        model=run.subject.name,
        device="cuda",
        engine=entry.engine.engine,
        precision=entry.engine.precision,
        size=size,
        threads=1,
        memory_mb=round(entry.memory.peak, 1),
        kernels_per_frame=None if engine.kernels is None else len(engine.kernels),
        error=Error(max=digits(entry.error.max), rms=digits(entry.error.rms)),
        floor_fraction=fraction,
        speedup=None,
        layers_once=entry.once,
        **times(engine.ms, engine.moving_ms, engine.layers),
        gpu=said.GpuResult(
            delivered_ms=frame_ms(engine.delivered_ms),
            sustained_fps=None if engine.fps is None else digits(engine.fps),
            reserved_mb=round(entry.memory.reserved, 1),
            warm_up=said.WarmUp(**asdict(replace(entry.warm_up, seconds=digits(entry.warm_up.seconds)))),
            u8=said.Bytes(**asdict(entry.apart)),
            right=parity.met(entry.error.rms, entry.engine.precision, entry.apart),
            target=wanted,
            met=None if fraction is None else fraction >= wanted,
            over_float32=_over(run, EXACT, p50),
            over_float16=_over(run, HALF, p50),
            kernel_ms=None if engine.kernels is None else digits(sum(k.us for k in engine.kernels) / 1e3),
            layer_fractions=fractions or None,
        ),
    )


def _over(run: ModelRun, engine: str, p50: float) -> float | None:
    """How many times as long the other one takes."""
    other = next((r.ms for r in run.runs if r.entry.engine.engine == engine), None)
    return None if other is None else digits(frame_ms(other).p50 / p50)


def _steps(run: ModelRun) -> tuple[said.Step, ...]:
    p50 = {r.entry.engine.engine: frame_ms(r.ms).p50 for r in run.runs}
    return tuple(
        said.Step(step=step, off=off, on=on, gain=digits(p50[off] / p50[on]))
        for step, off, on in STEPS
        if off in p50 and on in p50
    )


def _ladder(run: ModelRun) -> tuple[said.Rung, ...]:
    """Each engine once, however many steps of a network it has."""
    p50 = {r.entry.engine.engine: frame_ms(r.ms).p50 for r in run.runs}
    ran = [(step, next((name for name in names if name in p50), None)) for step, names in LADDER]
    found = [(step, name) for i, (step, name) in enumerate(ran) if name and name not in [n for _, n in ran[:i]]]
    return tuple(
        said.Rung(step=step, engine=name, ms=p50[name], gain=digits(p50[found[0][1]] / p50[name]))
        for step, name in found
    )


def _fractions(run: ModelRun, engine: EngineRun) -> tuple[said.LayerFraction, ...]:
    """Of every layer with a convolution and a filter of its own."""
    times = {(p.kind, p.layer): p.ms for p in engine.layers}
    found = []
    for i, layer in enumerate(run.work):
        conv, fir = times.get(("conv", i)), times.get(("filter", i))
        if conv is None or fir is None or not conv + fir > 0:
            continue
        found.append(
            said.LayerFraction(
                layer=layer.name,
                conv_ms=digits(conv),
                conv_floor_ms=digits(layer.conv_ms(run.rates)),
                filter_ms=digits(fir),
                filter_floor_ms=digits(layer.fir_ms(run.rates)),
                fraction=digits(layer.floor_ms(run.rates) / (conv + fir)),
            )
        )
    return tuple(found)


def _model(run: ModelRun) -> Model:
    rates = run.rates
    return Model(
        model=run.subject.name,
        mapping_ms=(MappingMs(threads=1, ms=digits(run.mapping_ms)),),
        floor=(),
        gpu=said.GpuModel(
            floor_ms=digits(floor_ms(run.work, rates)) if run.work else None,
            floor_fp32_ms=digits(floor_ms(run.work, replace(rates, half2_tflops=None))) if run.work else None,
            rates=said.Rates(
                tensor_tflops=digits(rates.tensor_tflops), fma_tflops=digits(rates.fma_tflops),
                half2_tflops=None if rates.half2_tflops is None else digits(rates.half2_tflops),
                memory_gb=digits(rates.gb),
            ),
            probes=tuple(
                said.Probe(name=p.name, kind=p.kind, ms=digits(p.ms), rate=digits(p.rate)) for p in run.probes
            ),
            layers=tuple(_work(layer, run) for layer in run.work),
            passed_over=tuple(said.PassedOver(engine=p.engine, reason=p.reason) for p in run.passed_over),
            steps=_steps(run),
            ladder=_ladder(run),
            before=said.Condition(**asdict(run.before)),
            after=said.Condition(**asdict(run.after)),
        ),
        **network(run.subject.G, [conv.gmac for conv in convolutions(run.subject.G.config)]),
    )  # fmt: skip


def _work(layer: LayerWork, run: ModelRun) -> said.Work:
    return said.Work(
        layer=layer.name,
        conv_gflop=digits(layer.conv_flop / 1e9),
        conv_mb=digits(layer.conv_bytes / 1e6),
        filter_gflop=digits(layer.fir_flop / 1e9),
        filter_gflop_whole=digits(layer.fir_flop_whole / 1e9),
        filter_mb=digits(layer.fir_bytes / 1e6),
        rank=layer.rank,
        conv_floor_ms=digits(layer.conv_ms(run.rates)),
        filter_floor_ms=digits(layer.fir_ms(run.rates)),
    )
