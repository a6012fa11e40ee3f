"""The command that measures speed."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

from cyclopts import Parameter, validators

from daemon.cli.bench_gpu import show
from daemon.cli.bench_handover import hand_over
from daemon.cli.bench_osc import attack
from daemon.cli.bench_reaction import react
from daemon.cli.out import print_json, print_table
from daemon.errors import BadInput, RenderError

if TYPE_CHECKING:  # it brings torch
    from daemon.bench.report import Report, Result

_Many = Annotated[tuple[str, ...], Parameter(negative=(), consume_multiple=True)]
_Threads = Annotated[
    tuple[Annotated[int, Parameter(validator=validators.Number(gte=1, lte=1024))], ...],
    Parameter(negative=(), consume_multiple=True),
]
_Seconds = Annotated[float, Parameter(validator=validators.Number(gte=0, lte=3600))]
_Datagrams = Annotated[int, Parameter(validator=validators.Number(gte=1000, lte=100_000_000))]
_Fps = Annotated[float, Parameter(validator=validators.Number(gte=1, lte=240))]
_Pairs = Annotated[int, Parameter(validator=validators.Number(gte=1, lte=1000))]
_Frames = Annotated[int | None, Parameter(validator=validators.Number(gte=1, lte=100_000))]


def bench(
    *,
    model: _Many = (),
    device: Literal["auto", "cpu", "cuda"] = "auto",
    threads: _Threads = (),
    frames: _Frames = None,
    engine: _Many = (),
    baseline: _Many = (),
    layers: bool = False,
    grid: bool = False,
    ablation: bool = False,
    sustained: _Seconds = 0.0,
    reaction: bool = False,
    sound: Path | None = None,
    handover: bool = False,
    osc: bool = False,
    seconds: _Seconds | None = None,
    datagrams: _Datagrams | None = None,
    fps: _Fps | None = None,
    pairs: _Pairs | None = None,
    json: bool = False,
) -> None:
    """How fast this machine paints: whole frames by every engine, side by side in alternating slices of one run.

    On a CPU, beside the engines run the zero-insertion form, as textbooks write StyleGAN3, and the convolutions alone,
    which is about as fast as a frame can be. On a GPU run PyTorch's own forms, every form of ours, and what the machine
    can do at all: from its rates, measured in the same run, follows the least time that two kernels a layer could take,
    the floor. Errors are told against 64-bit arithmetic. Close what else is running first.

    Every frame is of another w, and the picture moves. Where a model's first layers are deaf to w, engines that paint
    them once while the picture stands still are timed with one that does; beside it stands what a moving one takes.

    Parameters
    ----------
    model
        A bundled name, a .safetensors, an official .pkl, or a network with random weights: random:KIND and its pixels,
        then channel_base, channel_max and, for t and r, num_layers, as in random:t256:4096:64:10, random:r128 or
        random:sg2-256. Several may follow. The bundled model if not given.
    device
        What paints: cpu, cuda, or auto, which is a GPU where there is one.
    threads
        Numbers of threads, such as 1 2; 1 to all cores if not given (above four cores: powers of two, and all). On a
        GPU one thread asks for frames.
    frames
        Timed frames of every engine; as many as fit into about half a minute a model if not given, 8 to 120, on a GPU
        to 500.
    engine
        Only engines of this name or beginning with this word, such as fused; several may follow.
    baseline
        module:factory, somebody else's generator measured as one more engine; several may follow. The module is
        imported, also from the folder you are in; factory(model, device) is called with the model's path (of a random
        network: a .safetensors of its weights) and "cpu" or "cuda". On a CPU it returns what takes ws [num_ws, w_dim]
        as numpy float32 and returns the picture [channels, H, W], nominally -1..1, as numpy or PyTorch has it; timed
        from the call to RGBA bytes. On a GPU it takes ws as a float32 tensor there and returns a tensor there: that
        picture, or RGBA [H, W, 4] as uint8. frame_ms is then the device's time from the call to that tensor, to which
        nothing is added; our own engines end in RGBA. delivered_ms begins with ws in host memory and ends with RGBA
        in pinned host memory, for which we convert a picture and copy it, in the same way for all. It must work on
        PyTorch's current stream; it may record a graph before, in its factory. It is never told to move the picture.
    layers
        Also how long each layer takes, for engines that can tell.
    grid
        Measure T and R at 256, 512 and 1024 pixels as published, with random weights, instead of a model.
    ablation
        On a GPU also the forms of ours that nobody gets unasked, and each step of ours on and off.
    sustained
        Also frames a second over so many seconds for every engine, two frames under way; on a GPU.
    reaction
        Instead of speed: how each mapper reacts to sound. Milliseconds from an onset out of silence to the first
        changed latent (two hops and the smoothing are allowed) and to half the way; how loudness goes with how far
        and how fast the latent moves; how fast it moves with sound, in silence, and while everything is changed.
    sound
        With --reaction: the sound file; the bundled one if not given.
    handover
        Instead of speed: what handing pictures over costs the render thread, with no sinks and with one and three that
        are fast, slow, stuck and failing, at 60 frames a second. Of --model, or of swatch, which needs no network;
        --frames of each set, 200 if not given.
    osc
        Instead of speed: what OSC traffic does to a running daemon. Random and mutated datagrams in slices with and
        without, 200 addresses 60 times a second, time tags an hour off; exit code 1 if it does not stand that.
    seconds
        With --osc: of the 200 addresses; 600 if not given.
    datagrams
        With --osc: random and mutated ones; 1000000 if not given.
    fps
        With --osc: pictures a second; 60 if not given.
    pairs
        With --osc: of slices with and without, 600 pictures each; as many as the datagrams fill if not given.
    json
        Print data only. memory_mb is what building an engine and painting one picture adds to the memory of the process
        (of the GPU) at its highest; kernels_per_frame is null on a CPU; layers_once says how many layers are painted
        once, and moving_ms is p50 while the picture moves.
    """
    from daemon.render.warm import warm_process

    warm_process()
    if reaction:
        if len(model) > 1:
            raise BadInput("model", ["--reaction takes one"])
        react(next(iter(model), None), sound, json=json)
        return
    if sound is not None:
        raise BadInput("sound", ["it goes with --reaction"])
    if handover:
        if len(model) > 1:
            raise BadInput("model", ["--handover takes one"])
        hand_over(next(iter(model), None), device, frames, json=json)
        return
    if osc:
        if len(model) > 1:
            raise BadInput("model", ["--osc takes one"])
        attack(next(iter(model), None), seconds, datagrams, fps, pairs, json=json)
        return
    if (seconds, datagrams, fps, pairs) != (None,) * 4:
        raise BadInput("seconds, datagrams, fps and pairs", ["they go with --osc"])
    import torch

    from daemon.bench.networks import GRID
    from daemon.parts import DEFAULT_MODEL

    if grid and model:
        raise BadInput("grid", ["it names its own networks: leave --model or --grid out"])
    names = tuple(dict.fromkeys(GRID if grid else model or (DEFAULT_MODEL,)))
    if device == "cuda" or (device == "auto" and torch.cuda.is_available()):
        made = _on_gpu(names, frames, engine, baseline, layers=layers, ablation=ablation, sustained=sustained)
    else:
        made = _on_cpu(names, threads, frames, engine, baseline, layers=layers)
    if json:
        print_json(made.model_dump(mode="json"))
    elif made.versions.gpu is not None:
        show(made, layers=layers)
    else:
        _show(made, layers=layers)


def _on_cpu(
    names: tuple[str, ...], threads: tuple[int, ...], frames: int | None, engine: tuple[str, ...],
    baselines: tuple[str, ...], *, layers: bool,
) -> "Report":  # fmt: skip
    from daemon.bench import machine
    from daemon.bench.measure import Wishes, measure
    from daemon.bench.networks import open_network
    from daemon.bench.report import report
    from daemon.bench.slices import WallStopwatch
    from daemon.clock import WallClock
    from daemon.log import console
    from stylegan3 import choice

    cores = choice.cores()
    if any(n > cores for n in threads):
        raise BadInput("threads", [f"{max(threads)} are more than the {cores} cores this process may use"])
    now = WallClock().now
    wishes = Wishes(tuple(sorted(set(threads))) or choice.ladder(cores), frames, engine, baselines, layers=layers)
    made_on, runs = machine.versions(cores), []
    for name in names:
        with console.status(f"measuring {name}"):
            runs.append(measure(open_network(name), wishes, now, WallStopwatch(now)))
    return report(runs, made_on)


def _on_gpu(
    names: tuple[str, ...], frames: int | None, engine: tuple[str, ...], baselines: tuple[str, ...], *, layers: bool,
    ablation: bool, sustained: float,
) -> "Report":  # fmt: skip
    from daemon.bench import machine
    from daemon.bench.gpu.cuda import Cuda
    from daemon.bench.gpu.measure import Wishes, measure
    from daemon.bench.gpu.report import report
    from daemon.bench.networks import open_network
    from daemon.clock import WallClock
    from daemon.log import console
    from stylegan3 import choice

    gpu, wishes = Cuda(), Wishes(frames, engine, baselines, layers=layers, ablation=ablation, sustained=sustained)
    made_on, runs = machine.versions(choice.cores()), []
    for name in names:
        with console.status(f"measuring {name}"):
            try:
                runs.append(measure(open_network(name), wishes, WallClock().now, gpu))
            except RuntimeError as e:  # torch's, of a device that has no room left or is lost
                said = " ".join(str(e).split())[:300]
                raise RenderError(f"{name} cannot be measured on this GPU ({said}): name fewer with --engine") from e
    return report(runs, made_on)


def _show(made: "Report", *, layers: bool) -> None:
    on = made.versions
    print(f"{on.cpu}, {on.isa}, {on.cores} cores; torch {on.torch}, {on.date}")  # noqa: T201
    for of in made.models:
        mine = [r for r in made.results if r.model == of.model]
        mapping = ", ".join(f"{m.ms:.2f} ms with {_count(m.threads)}" for m in of.mapping_ms)
        floor = ", ".join(f"{f.ms:.2f} ms with {_count(f.threads)}" for f in of.floor)
        print(f"\n{of.model}: {of.variant}, {of.size} px, {of.gmac:g} GMAC of convolutions, {mine[0].frames} frames")  # noqa: T201
        print(f"its convolutions alone: {floor}\nz to ws: {mapping}")  # noqa: T201
        once = max((r.layers_once for r in mine), default=0)
        if once:
            print(  # noqa: T201
                f"layers painted once while the picture stands still, for they are deaf to w: {once}, "
                f"with {of.gmac_once:g} of the GMAC; moving: p50 ms of a frame that paints them too"
            )
        heads = ("engine", "threads", "p50 ms", "p95 ms", "fps", "x zero", "floor", "error", "rms", "MB")
        print_table(
            (*heads, *(("once", "moving", "x zero moving") if once else ())),
            [_row(r, told=bool(once)) for r in sorted(mine, key=lambda r: (r.threads, r.frame_ms.p50))],
            "",
        )
        if layers:
            for threads in sorted({r.threads for r in mine}):
                print(f"\nmedian ms of each layer with {_count(threads)}")  # noqa: T201
                print_table(*_layers(made, of.model, threads), "")


def _row(r: "Result", *, told: bool) -> tuple[str, ...]:
    moving = r.frame_ms.p50 if r.moving_ms is None else r.moving_ms
    times = "-" if r.speedup is None else f"{r.speedup * r.frame_ms.p50 / moving:.2f}"
    return (
        r.engine,
        str(r.threads),
        f"{r.frame_ms.p50:.4g}",
        f"{r.frame_ms.p95:.4g}",
        f"{r.fps:.1f}",
        "-" if r.speedup is None else f"{r.speedup:.2f}",
        "-" if r.floor_fraction is None else f"{100 * r.floor_fraction:.0f} %",
        f"{r.error.max:.1e}",
        f"{r.error.rms:.1e}",
        "-" if r.memory_mb is None else f"{r.memory_mb:.0f}",
        *((str(r.layers_once), f"{moving:.4g}", times) if told else ()),
    )


def _layers(made: "Report", model: str, threads: int) -> tuple[tuple[str, ...], list[tuple[str, ...]]]:
    """A row for each convolution, then one for what belongs to no layer; a column for each engine that tells."""
    floor = next(f for m in made.models if m.model == model for f in m.floor if f.threads == threads)
    told = [r for r in made.results if (r.model, r.threads) == (model, threads) and r.layers]

    def head(r: "Result") -> str:
        return f"{r.engine}\n{' + '.join(p.kind for p in r.layers or () if p.layer == 0)}"

    def times(r: "Result", layer: int) -> str:
        return " + ".join(f"{p.ms:.2f}" for p in r.layers or () if p.layer == layer)

    rows = [
        (c.layer, f"{c.in_channels}-{c.out_channels}", str(c.size), f"{c.ms:.2f}", *(times(r, i) for r in told))
        for i, c in enumerate(floor.layers)
    ]
    for kind in dict.fromkeys(p.kind for r in told for p in r.layers or () if p.layer is None):
        row = (" + ".join(f"{p.ms:.2f}" for p in r.layers or () if p.kind == kind) for r in told)
        rows.append((kind, "", "", "", *row))
    return ("layer", "channels", "size", "alone", *map(head, told)), rows


def _count(threads: int) -> str:
    return "1 thread" if threads == 1 else f"{threads} threads"
