"""What `bench` says of a GPU to a person."""

from typing import TYPE_CHECKING

from daemon.cli.out import print_table

if TYPE_CHECKING:  # it brings torch
    from daemon.bench.gpu.said import Condition, GpuModel
    from daemon.bench.report import Model, Report, Result


def show(made: "Report", *, layers: bool) -> None:
    """Every model: what the machine can do, the engines, and each layer if asked."""
    gpu = made.versions.gpu
    if gpu is None:
        raise TypeError("it was measured on a CPU")
    driver = "unknown" if gpu.driver is None else gpu.driver
    print(  # noqa: T201
        f"{gpu.name} (compute {gpu.capability}, {gpu.memory_gb:g} GB), driver {driver}, CUDA {gpu.cuda}, "
        f"cuDNN {gpu.cudnn}; torch {made.versions.torch}, {made.versions.date}"
    )
    for model in made.models:
        if model.gpu is not None:
            _model(model, model.gpu, [r for r in made.results if r.model == model.model], layers=layers)


def _model(model: "Model", gpu: "GpuModel", mine: "list[Result]", *, layers: bool) -> None:
    rates, frames = gpu.rates, mine[0].frames if mine else 0
    print(f"\n{model.model}: {model.variant}, {model.size} px, {model.gmac:g} GMAC of convolutions, {frames} frames")  # noqa: T201
    half2 = "" if rates.half2_tflops is None else f", float16 without them {rates.half2_tflops:g}"
    print(  # noqa: T201
        f"measured: tensor cores {rates.tensor_tflops:g} TFLOP/s, float32 without them {rates.fma_tflops:g}{half2}, "
        f"memory {rates.memory_gb:g} GB/s; {_condition(gpu.before)} before, {_condition(gpu.after)} after"
    )
    if gpu.floor_ms is not None:
        fp32 = "" if gpu.floor_fp32_ms == gpu.floor_ms else f" (with float32 filters {gpu.floor_fp32_ms:.3g})"
        print(f"floor of two kernels a layer: {gpu.floor_ms:.3g} ms{fp32}")  # noqa: T201
    print(f"z to ws: {model.mapping_ms[0].ms:.3g} ms")  # noqa: T201
    for other in gpu.passed_over:
        print(f"not measured: {other.engine}: {other.reason}")  # noqa: T201
    once = max((r.layers_once for r in mine), default=0)
    if once:
        print(  # noqa: T201
            f"layers painted once while the picture stands still, for they are deaf to w: {once}, "
            f"with {model.gmac_once:g} of the GMAC; moving: p50 ms of a frame that paints them too"
        )
    heads = (
        "engine", "precision", "p50 ms", "p95", "p99", "max", "fps", "delivered", "sustained", "x fp32", "x fp16",
        "floor", "target", "error", "rms", "right", "kernels", "MB",
    )  # fmt: skip
    rows = [_row(r, told=bool(once)) for r in sorted(mine, key=lambda r: r.frame_ms.p50)]
    print_table((*heads, *(("once", "moving") if once else ())), rows, "no engine paints this model on this GPU")
    if gpu.steps:
        print("\neach step alone, off and on")  # noqa: T201
        print_table(
            ("step", "off", "on", "times as fast"), [(s.step, s.off, s.on, f"{s.gain:.2f}") for s in gpu.steps], ""
        )
    if gpu.ladder:
        print("\neach step on top of those before")  # noqa: T201
        print_table(
            ("step", "engine", "p50 ms", "times as fast"),
            [(r.step, r.engine, f"{r.ms:.3g}", f"{r.gain:.2f}") for r in gpu.ladder],
            "",
        )
    if layers:
        _layers(mine)


def _row(r: "Result", *, told: bool) -> tuple[str, ...]:
    gpu = r.gpu
    if gpu is None:
        raise TypeError("it was measured on a CPU")
    moving = r.frame_ms.p50 if r.moving_ms is None else r.moving_ms
    return (
        r.engine,
        r.precision,
        *(f"{x:.3g}" for x in (r.frame_ms.p50, r.frame_ms.p95, r.frame_ms.p99, r.frame_ms.max)),
        f"{r.fps:.1f}",
        f"{gpu.delivered_ms.p50:.3g}",
        "-" if gpu.sustained_fps is None else f"{gpu.sustained_fps:.1f}",
        "-" if gpu.over_float32 is None else f"{gpu.over_float32:.2f}",
        "-" if gpu.over_float16 is None else f"{gpu.over_float16:.2f}",
        "-" if r.floor_fraction is None else f"{r.floor_fraction:.2f}",
        "-" if gpu.met is None else f"{gpu.target:g} {'met' if gpu.met else 'missed'}",
        f"{r.error.max:.1e}",
        f"{r.error.rms:.1e}",
        "yes" if gpu.right else "NO",
        "-" if r.kernels_per_frame is None else str(r.kernels_per_frame),
        "-" if r.memory_mb is None else f"{r.memory_mb:.0f}",
        *((str(r.layers_once), f"{moving:.3g}") if told else ()),
    )


def _layers(mine: "list[Result]") -> None:
    """Of every engine whose kernels tell: what the two take beside the least they could."""
    for r in mine:
        if r.gpu is None or not r.gpu.layer_fractions:
            continue
        print(f"\n{r.engine}: median ms of each layer's kernels, and the least they could take")  # noqa: T201
        rows = [
            (f.layer, *(f"{x:.4f}" for x in (f.conv_ms, f.conv_floor_ms, f.filter_ms, f.filter_floor_ms)),
             f"{f.fraction:.2f}")
            for f in r.gpu.layer_fractions
        ]  # fmt: skip
        print_table(("layer", "convolution", "least", "filter", "least", "floor"), rows, "")


def _condition(of: "Condition") -> str:
    told = [
        f"{value:g} {unit}"
        for value, unit in ((of.sm_mhz, "MHz"), (of.celsius, "degrees"), (of.watts, "W"))
        if value is not None
    ]
    if of.power_state is not None:
        told.append(of.power_state)
    return " ".join(told) if told else "clocks unknown"
