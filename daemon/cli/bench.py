"""The command that measures speed."""

from typing import TYPE_CHECKING, Annotated, Literal

from cyclopts import Parameter, validators

from daemon.cli.out import print_json, print_table
from daemon.errors import BadInput, RenderError

if TYPE_CHECKING:  # it brings torch
    from daemon.bench.report import Report, Result

_Many = Annotated[tuple[str, ...], Parameter(negative=(), consume_multiple=True)]
_Threads = Annotated[
    tuple[Annotated[int, Parameter(validator=validators.Number(gte=1, lte=1024))], ...],
    Parameter(negative=(), consume_multiple=True),
]
_Frames = Annotated[int | None, Parameter(validator=validators.Number(gte=1, lte=100_000))]


def bench(
    *,
    model: _Many = (),
    device: Literal["auto", "cpu", "cuda"] = "auto",
    threads: _Threads = (),
    frames: _Frames = None,
    engine: _Many = (),
    baseline: str | None = None,
    layers: bool = False,
    json: bool = False,
) -> None:
    """How fast this machine paints: whole frames by every engine, side by side in alternating slices of one run.

    Beside the engines run the zero-insertion form, as textbooks write StyleGAN3, and the convolutions alone, which is
    about as fast as a frame can be. Errors are told against 64-bit arithmetic. Close what else is running first.

    Every frame is of another w, and the picture moves. Where a model's first layers are deaf to w, engines that paint
    them once while the picture stands still are timed with one that does; beside it stands what a moving one takes.

    Parameters
    ----------
    model
        A bundled name, a .safetensors, an official .pkl, or a network with random weights: random:KIND and its pixels,
        then channel_base, channel_max and, for t and r, num_layers, as in random:t256:4096:64:10, random:r128 or
        random:sg2-256. Several may follow. The bundled model if not given.
    device
        What paints: the CPU, for now.
    threads
        Numbers of threads, such as 1 2; 1 to all cores if not given (above four cores: powers of two, and all).
    frames
        Timed frames of every engine; as many as fit into about half a minute a model if not given, 8 to 120.
    engine
        Only engines of this name or beginning with this word, such as fused; several may follow.
    baseline
        module:factory, somebody else's generator measured as one more engine. The module is imported, also from the
        folder you are in; factory(model, device) is called with the model's path (of a random network: a .safetensors
        of its weights) and "cpu", and returns what takes ws [num_ws, w_dim] as numpy float32 and returns the picture
        [channels, H, W], nominally -1..1, as numpy or PyTorch has it.
    layers
        Also how long each layer takes, for engines that can tell.
    json
        Print data only. memory_mb is what building an engine and painting one picture adds to the memory of the process
        at its highest; kernels_per_frame is null on a CPU; layers_once says how many layers are painted once, and
        moving_ms is p50 while the picture moves.
    """
    from daemon.render.warm import warm_process

    warm_process()
    from daemon.bench import machine
    from daemon.bench.measure import Wishes, measure
    from daemon.bench.networks import open_network
    from daemon.bench.report import report
    from daemon.bench.slices import WallStopwatch
    from daemon.clock import WallClock
    from daemon.log import console
    from daemon.parts import DEFAULT_MODEL
    from stylegan3 import choice

    if device == "cuda":
        raise RenderError("bench knows only the CPU so far: leave --device out")
    cores = choice.cores()
    if any(n > cores for n in threads):
        raise BadInput("threads", [f"{max(threads)} are more than the {cores} cores this process may use"])
    now = WallClock().now
    wishes = Wishes(tuple(sorted(set(threads))) or choice.ladder(cores), frames, engine, baseline, layers=layers)
    made_on, runs = machine.versions(cores), []
    for name in dict.fromkeys(model or (DEFAULT_MODEL,)):
        with console.status(f"measuring {name}"):
            runs.append(measure(open_network(name), wishes, now, WallStopwatch(now)))
    made = report(runs, made_on)
    if json:
        print_json(made.model_dump(mode="json"))
    else:
        _show(made, layers=layers)


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
            (*heads, *(("once", "moving") if once else ())),
            [_row(r, told=bool(once)) for r in sorted(mine, key=lambda r: (r.threads, r.frame_ms.p50))],
            "",
        )
        if layers:
            for threads in sorted({r.threads for r in mine}):
                print(f"\nmedian ms of each layer with {_count(threads)}")  # noqa: T201
                print_table(*_layers(made, of.model, threads), "")


def _row(r: "Result", *, told: bool) -> tuple[str, ...]:
    moving = r.frame_ms.p50 if r.moving_ms is None else r.moving_ms
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
        *((str(r.layers_once), f"{moving:.4g}") if told else ()),
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
