"""What docs/PERFORMANCE.md says of GPUs: runs there were, and what was predicted before any of them."""

import re
from collections.abc import Iterator, Sequence

from daemon.bench.networks import GRID, parse
from daemon.bench.report import Model, Report, Result
from daemon.bench.work import Rates, floor_ms, work
from stylegan3 import StyleGAN2Config, StyleGAN3Config
from stylegan3.gpu.packed import lanes

# as their makers say, the H200's tensor cores and memory as measured once, elsewhere; 10^12 operations, 10^9 bytes a s
MACHINES = {
    "H200": Rates(790, 67, 4300, 134),
    "RTX 5090": Rates(209.5, 104.8, 1790),
    "RTX 4090": Rates(165.2, 82.6, 1008),
    "RTX 4060": Rates(30.2, 15.1, 272),
}
FORETOLD = ("H200", "RTX 4090", "RTX 4060")
# ms a frame by all steps but S5, on these: predictions, made before there was code
PREDICTED = {
    "random:t256:16384": ("0.8 to 0.9", "2.4", "11"),
    "random:t512": ("1.7 to 2.0", "6.2", "29"),
    "random:t1024": ("2.0 to 2.4", "7.3", "33"),
    "random:r256:32768": ("0.8 to 0.9", "1.6", "7"),
    "random:r512": ("1.9 to 2.3", "4.6", "21"),
    "random:r1024": ("3.0 to 3.5", "7.0", "31"),
}
# the same with S5, which is for GeForce
PREDICTED_FAST = {
    "random:t256:16384": ("1.8", "7"),
    "random:t512": ("4.8", "20"),
    "random:t1024": ("6.0", "25"),
    "random:r256:32768": ("1.4", "5.5"),
    "random:r512": ("4.0", "17"),
    "random:r1024": ("6.6", "28"),
}
# of each step, in words: predictions
GAINS = {
    "S1": "over a form that derives weights from w for every frame, which alone moves 0.5 to 1.3 GB: 1.3 to 1.5 times "
    "as fast where the GPU is the limit, twice where launches are",
    "S2": "4 to 9 ms of the host a frame less: at 256 pixels alone 4 to 6 times as fast",
    "S3": "the fine grid stays out of memory: 1.2 ms a frame of T-1024 on an H200, 5 ms on an RTX 4090",
    "S4": "the least the filters of R-1024 take, from 2.9 to 1.0 ms on an H200, from 2.7 to 2.1 ms on an RTX 4090",
    "S5": "GeForce only, where tensor cores that sum in float16 are twice as fast: R's convolutions are matrix "
    "products, and PyTorch has a flag for these; T's are made of nine products each where both sides have 160 "
    "channels or more, which is 0.6, 1.4, 1.3 ms of T-256, T-512, T-1024 on an RTX 4090 and 3.9, 8.6, 7.9 on an "
    "RTX 4060 by their arithmetic less the bytes that the sums move",
}


def section(reports: Sequence[Report]) -> str:
    """Every run, the newest first, or the words that there is none; then the predictions."""
    lines = ["## GPUs", ""]
    if not reports:
        lines += [NEVER, ""]
    lines += [HOW, ""]
    for report in reports:
        lines += list(run(report))
    return "\n".join([*lines, *predictions(reports), ""])


def predictions(reports: Sequence[Report]) -> list[str]:
    """What was expected, kept beside what was found."""
    heads = (
        "",
        *(f"{name}: floor" for name in MACHINES),
        "H200: predicted",
        "RTX 4090: predicted",
        "RTX 4060: predicted",
    )
    rows = []
    for model in GRID:
        layers = work(parse(model))
        floors = [ms(floor_ms(layers, rates)) for rates in MACHINES.values()]
        rows.append((named(model), *floors, *PREDICTED[model]))
    shares = []
    for model in GRID:
        layers = work(parse(model))
        row = [
            share(floor_ms(layers, MACHINES[name]), told) for name, told in zip(FORETOLD, PREDICTED[model], strict=True)
        ]
        row += [f"{told} ({share(floor_ms(layers, MACHINES[name]), told)})"
                for name, told in zip(FORETOLD[1:], PREDICTED_FAST[model], strict=True)]  # fmt: skip
        shares.append((named(model), *row, *(f"{mb:.0f}" for mb in memory_mb(parse(model)))))
    seen = "" if reports else ", none of them measured"
    return [
        f"### Predictions{seen}",
        "",
        "Milliseconds a frame. The floor is counted from the layers and the rates that each GPU's maker states (the "
        "H200's tensor cores and memory as they were once measured, apart from latentd); the other columns are what we "
        "expect of all steps but S5, from assumptions about how near to their peak convolutions and filters come (55 "
        "to 60 %, 50 %). Both are arithmetic, not observation.",
        "",
        *table(heads, rows),
        "",
        "The share of the floor is the floor over the predicted time. With S5 the time is the plan's for R and, for T, "
        "the one without it less what the table of steps says; its share is of the same floor, whose sums are in "
        "float32. Memory is counted, in MB: what one of our networks holds for good (weights, styles, the largest "
        "layer's input and convolution, features, picture), and the fine grid of the plain network's largest layer in "
        "float32, three times over, which is what start-up needs for a moment beside it; CUDA's own some hundred MB, "
        "cuDNN's workspaces and pictures in flight come on top.",
        "",
        *table(
            (
                "",
                *(f"{name}: of the floor" for name in FORETOLD),
                *(f"{name} with S5: ms" for name in FORETOLD[1:]),
                "held, MB",
                "at start, MB",
            ),
            shares,
        ),
        "",
        *DOUBTS,
        "",
        *table(("step", "predicted gain"), list(GAINS.items())),
        "",
        "Wanted: at least 0.45 of the floor, by rates measured in the same run, at 512 and 1024 pixels and 0.3 at 256, "
        "where launches count. The ratio to other implementations is for whoever has them: `--baseline`.",
    ]


def share(floor: float, predicted: str) -> str:
    """Of the floor, for a time or a range of times."""
    found = sorted({f"{floor / float(part):.2f}" for part in predicted.split(" to ")})
    return " to ".join(found)


def memory_mb(config: StyleGAN3Config | StyleGAN2Config) -> tuple[float, float]:
    """What a recorded float16 network holds, and the plain one's peak; 10^6 bytes."""
    if not isinstance(config, StyleGAN3Config):
        raise TypeError("StyleGAN2 is painted by the plain network")
    layers, n = config.layers, config.img_resolution
    pairs = [(lanes(layer.in_channels), lanes(layer.out_channels), layer) for layer in layers]
    weights = sum(2 * i * o * layer.kernel**2 for i, o, layer in pairs)
    styles = sum(4 * i * (config.w_dim + o) for i, o, layer in pairs)
    sides = max(2 * i * layer.in_size**2 for i, _, layer in pairs)
    convs = max(2 * o * (layer.in_size + layer.kernel - 1) ** 2 for _, o, layer in pairs[:-1])
    first = layers[0].in_size ** 2 * 4 * (layers[0].in_channels + pairs[0][0])
    fine = max(4 * layer.out_channels * layer.act_size**2 for layer in layers)
    return (weights + styles + sides + convs + first + n * n * 44) / 1e6, 3 * fine / 1e6


def run(report: Report) -> Iterator[str]:
    """One run: the machine, the targets, every model."""
    on, gpu = report.versions, report.versions.gpu
    if gpu is None:
        raise ValueError("it was measured on a CPU")
    yield f"### {on.date[:16].replace('T', ' ')}, {gpu.name}"
    yield ""
    yield (
        f"Compute capability {gpu.capability}, {gpu.memory_gb:g} GB, {gpu.multiprocessors} multiprocessors; driver "
        f"{gpu.driver or 'unknown'}, CUDA {gpu.cuda}, cuDNN {gpu.cudnn}; {on.os}; latentd {on.latentd}, Python "
        f"{on.python}, torch {on.torch}; begun {on.date}."
    )
    yield ""
    yield from table(("target", "measured", ""), [target(report, model) for model in report.models])
    yield ""
    for model in report.models:
        yield from about(report, model)


def target(report: Report, model: Model) -> tuple[str, str, str]:
    """Of the fastest of our engines that is right, and that one gets unasked; misses stay."""
    ours = [r for r in mine(report, model) if r.engine in UNASKED and r.gpu is not None and r.gpu.right]
    best = min(ours, key=lambda r: r.frame_ms.p50, default=None)
    if best is None or best.gpu is None or best.floor_fraction is None:
        return f"{named(model.model)}: the floor", "none of ours is right here, or there is no floor", "**missed**"
    wanted = f"{named(model.model)}: {best.gpu.target:g} of the floor"
    return (
        wanted,
        f"{best.floor_fraction:.2f} ({best.engine}, {ms(best.frame_ms.p50)} ms)",
        ("met" if best.gpu.met else "**missed**"),
    )


def about(report: Report, model: Model) -> Iterator[str]:
    """A model: rates and floor, engines, steps, layers of the fastest."""
    gpu = model.gpu
    if gpu is None:
        return
    rates = gpu.rates
    half2 = "" if rates.half2_tflops is None else f", float16 without them {rates.half2_tflops:g}"
    floor = "unknown" if gpu.floor_ms is None else f"{ms(gpu.floor_ms)} ms"
    yield f"#### {named(model.model)}"
    yield ""
    yield (
        f"{model.variant}, {model.size} px, {model.gmac:g} GMAC of convolutions. Measured beside it: tensor cores "
        f"{rates.tensor_tflops:g} TFLOP/s, float32 without them {rates.fma_tflops:g}{half2}, memory "
        f"{rates.memory_gb:g} GB/s; by that the floor is {floor}."
    )
    for other in gpu.passed_over:
        yield f"Not measured: {other.engine} ({other.reason})."
    yield ""
    of = sorted(mine(report, model), key=lambda r: r.frame_ms.p50)
    once = any(r.layers_once for r in of)
    if once:
        yield (
            f"**Its first layers are deaf to w**, with {model.gmac_once:g} of the GMAC: p50, floor and ratios of "
            "engines that paint them once are of a picture that stands still; the last column is of one that moves."
        )
        yield ""
    heads = ("engine", "p50 ms", "p95", "p99", "max", "fps", "delivered ms", "sustained fps", "x float32", "x float16",
             "of the floor", "error max", "rms", "bytes within 1", "right", "kernels", "MB")  # fmt: skip
    yield from table((*heads, *(("moving p50",) if once else ())), [row(r, told=once) for r in of])
    yield ""
    if gpu.steps:
        yield from table(("step alone", "without", "with", "times as fast"),
                         [(s.step, s.off, s.on, f"{s.gain:.2f}") for s in gpu.steps])  # fmt: skip
        yield ""
    if gpu.ladder:
        yield from table(("step, on top of those before", "engine", "p50 ms", "times as fast"),
                         [(r.step, r.engine, ms(r.ms), f"{r.gain:.2f}") for r in gpu.ladder])  # fmt: skip
        yield ""
    told = next((r for r in of if r.gpu is not None and r.gpu.layer_fractions and r.engine in UNASKED), None)
    if told is not None and told.gpu is not None:
        yield f"{told.engine}, ms of the kernels of each layer and the least they could take:"
        yield ""
        yield from table(
            ("layer", "convolution", "least", "filter", "least", "of the floor"),
            [
                (f.layer, *(f"{x:.4f}" for x in (f.conv_ms, f.conv_floor_ms, f.filter_ms, f.filter_floor_ms)),
                 f"{f.fraction:.2f}")
                for f in told.gpu.layer_fractions or ()
            ],
        )  # fmt: skip
        yield ""


def row(r: Result, *, told: bool) -> tuple[str, ...]:
    """An engine's."""
    gpu = r.gpu
    if gpu is None:
        raise ValueError("it was measured on a CPU")
    moving = r.frame_ms.p50 if r.moving_ms is None else r.moving_ms
    return (
        r.engine,
        *(ms(x) for x in (r.frame_ms.p50, r.frame_ms.p95, r.frame_ms.p99, r.frame_ms.max)),
        f"{r.fps:.1f}",
        ms(gpu.delivered_ms.p50),
        "" if gpu.sustained_fps is None else f"{gpu.sustained_fps:.1f}",
        "" if gpu.over_float32 is None else f"{gpu.over_float32:.1f}",
        "" if gpu.over_float16 is None else f"{gpu.over_float16:.1f}",
        "" if r.floor_fraction is None else f"{r.floor_fraction:.2f}",
        f"{r.error.max:.1e}",
        f"{r.error.rms:.1e}",
        f"{100 * gpu.u8.within_1:.2f} %",
        "yes" if gpu.right else "**no**",
        "" if r.kernels_per_frame is None else str(r.kernels_per_frame),
        "" if r.memory_mb is None else f"{r.memory_mb:.0f}",
        *((ms(moving),) if told else ()),
    )


def mine(report: Report, model: Model) -> list[Result]:
    """A model's results."""
    return [r for r in report.results if r.model == model.model]


def table(heads: Sequence[str], rows: Sequence[Sequence[str]]) -> list[str]:
    """In Markdown."""
    return [f"| {' | '.join(line)} |" for line in (heads, ["---"] * len(heads), *rows)]


def named(model: str) -> str:
    """For people: random:t256:4096:64:10 is T-256 4096/64, 10 layers."""
    if not model.startswith("random:"):
        return model
    size, *given = model.removeprefix("random:").split(":")
    kind, pixels = re.fullmatch(r"(t|r|sg2-)(\d+)", size).groups()  # type: ignore[union-attr]
    said = f"{ {'t': 'T-', 'r': 'R-', 'sg2-': 'StyleGAN2-'}[kind] }{pixels}"
    if given:
        said += f" {'/'.join(given[:2])}"
    return said + (f", {given[2]} layers" if len(given) > 2 else "")


def ms(value: float) -> str:
    """Three digits that count."""
    return f"{value:.0f}" if value >= 100 else f"{value:.1f}" if value >= 10 else f"{value:.2f}"


DOUBTS = [
    "What may be missed. The filter kernel computes in float32, while the floor counts pairs of float16 where those "
    "are faster (H200, 0.30 ms for T-1024's filters): by the instructions it compiles to, these filters may take 1.5 "
    "to 1.7 ms there, T-1024 2.6 to 3 ms, and 0.45 of the floor would be missed. cuDNN's share of its peak in the "
    "small layers (36 to 84 pixels) is assumed, not known. Whether S5 passes the gates of half precision on a GPU's "
    "own sums is found out at every start, on the network at hand: it is taken only if it does and is the fastest.",
]
UNASKED = ("cuda fused", "cuda fused fast", "cuda banded")  # what a user of a GPU gets: of these the fastest
NEVER = """\
**No run of latentd has ever seen a GPU.** All that is for GPUs, the filter kernel, the recorded frame, the loop and the
benchmark itself, was written and tested without one: the kernel's source compiled for the host and held against
float64, the recording, the loop and the timing on strict stand-ins. Every figure below is counted or predicted, none
observed. The first `python tools/make_performance.py --gpu` puts what it finds here, misses included."""
HOW = """\
* **A frame** on a GPU is timed by the GPU's own events around each frame: ws (for our engines in host memory, 32 kB
  that they send themselves; for the others on the device) to RGBA bytes on the device. Frames follow one another
  without the host waiting inside a slice; a gap in which the GPU waited to be told what to do counts. Engines take
  turns in slices, after a warm-up that ends when times stay. **Delivered** is by the host's clock, from ws in host
  memory to RGBA in pinned host memory, one frame at a time; **sustained** is frames a second with two under way.
* **The floor** is the least that two kernels a layer, a convolution and a filter, could take: each the longer of its
  arithmetic and its bytes by rates measured in the same run, the better of before and after: tensor cores by float16
  products and a convolution, arithmetic without them by float32 products with TF32 off and by multiply-adds in
  registers (a kernel of ours, in float32 and in pairs of float16), memory by a large copy. Filters are held to the
  faster of the two arithmetics, though ours compute in float32.
* **x float32, x float16** are PyTorch's own forms of the same network in the same run, operation by operation, over
  the engine. **Right** is within 1e-4 (float32) or 5e-3 (others) rms of the picture in float64, with 99 % of the bytes
  within one and 99.99 % within three."""
