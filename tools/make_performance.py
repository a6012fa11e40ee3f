"""Measures this machine with `latentd bench`, keeps what it said, and writes docs/PERFORMANCE.md from all that is kept.

python tools/make_performance.py            # about ten minutes on two cores: close what else is running
python tools/make_performance.py --gpu      # this machine's GPU instead, the official sizes, every step on and off
python tools/make_performance.py --quick    # two frames of the small models; the page goes to stdout, nothing kept
python tools/make_performance.py --page     # no measuring: the page again from what is kept
"""

import argparse
import re
import subprocess
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from daemon.bench.networks import GRID
from daemon.bench.report import Model, Report, Result
from tools import gpu_page
from tools.gpu_page import ms, named, table

DOCS = Path(__file__).parents[1] / "docs"
PAGE, KEPT = DOCS / "PERFORMANCE.md", DOCS / "performance"

SMALL_128, SMALL_256, MIDDLE_256 = "random:t128:2048:32:10", "random:t256:2048:32:10", "random:t256:4096:64:10"
HALF_256, WHOLE_256 = "random:t256:16384:512", "random:t256:32768:512"
# slow ones: four frames, two threads, and not the build for processors of before 2013
_SLOW = (
    "--frames",
    "4",
    "--threads",
    "2",
    "--engine",
    "zero-insertion",
    "torch",
    "prepared",
    "fused avx2",
    "fused avx512",
)
PLAN: tuple[tuple[str, tuple[str, ...]], ...] = (
    (SMALL_128, ()),
    (SMALL_256, ()),
    (MIDDLE_256, ("--layers",)),
    ("lumen", ()),
    (HALF_256, (*_SLOW, "--layers")),
    (WHOLE_256, _SLOW),
    ("random:r128:4096:64:10", ()),
    ("random:sg2-128:4096:64", ()),
    ("random:sg2-256", ("--frames", "8", "--threads", "2")),
)
QUICK = tuple((model, ("--frames", "2")) for model, extra in PLAN if "--frames" not in extra)
ON_GPU = tuple((model, ("--device", "cuda", "--ablation", "--layers", "--sustained", "10")) for model in GRID)
THREADS = 2  # what the targets are told for
KERNELS, TEXTBOOK, FOREIGN = "fused ", "zero-insertion", "baseline "


@dataclass(frozen=True, slots=True)
class Verdict:
    """A target of ours against what was measured; None where this run does not decide it."""

    target: str
    measured: str
    met: bool | None


def main() -> None:
    """Measure, keep, write."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="try it: two frames, small models, nothing kept")
    parser.add_argument("--gpu", action="store_true", help="measure the GPU")
    parser.add_argument("--page", action="store_true", help="measure nothing: write the page from what is kept")
    args = parser.parse_args()
    if args.quick:
        sys.stdout.write(page([measured(QUICK)]))
        return
    if not args.page:
        keep(measured(ON_GPU if args.gpu else PLAN))
    PAGE.write_text(page(kept()), newline="\n")


def measured(plan: Sequence[tuple[str, tuple[str, ...]]]) -> Report:
    """One report of all models, each measured by a process of its own."""
    parts = []
    for model, extra in plan:
        print(f"{model} ...", file=sys.stderr)
        command = [sys.executable, "-m", "daemon", "bench", "--json", "--device", "cpu", "--model", model, *extra]
        parts.append(Report.model_validate_json(subprocess.run(command, check=True, stdout=subprocess.PIPE).stdout))
    return joined(parts)


def joined(parts: Sequence[Report]) -> Report:
    """As one; the date and the load are those of the beginning."""
    results = tuple(result for part in parts for result in part.results)
    return Report(
        results=results, models=tuple(model for part in parts for model in part.models), versions=parts[0].versions
    )


def keep(report: Report) -> Path:
    """As docs/performance/DATE-HHMM-CPU.json, or GPU.json; nothing is replaced, the worse run stays too."""
    on = report.versions
    machine = re.sub(r"[^a-z0-9]+", "-", (on.gpu.name if on.gpu else on.cpu).lower()).strip("-")
    path = KEPT / f"{on.date[:16].replace('T', '-').replace(':', '')}-{machine}.json"
    KEPT.mkdir(parents=True, exist_ok=True)
    path.write_text(report.model_dump_json() + "\n", newline="\n")
    return path


def kept() -> list[Report]:
    """All there are, the newest first."""
    reports = [Report.model_validate_json(path.read_bytes()) for path in sorted(KEPT.glob("*.json"))]
    return sorted(reports, key=lambda report: report.versions.date, reverse=True)


def page(reports: Sequence[Report]) -> str:
    """The whole of docs/PERFORMANCE.md."""
    on_cpu = [report for report in reports if report.versions.gpu is None]
    on_gpu = [report for report in reports if report.versions.gpu is not None]
    parts = [HEAD, gpu_page.section(on_gpu), *(run(report) for report in on_cpu), FOOT]
    return "\n".join(parts)


def run(report: Report) -> str:
    """One run: the machine, the targets, every model."""
    on = report.versions
    load = "unknown" if on.load is None else f"{on.load[0]:.2f}"
    memory = "" if on.memory_gb is None else f"{on.memory_gb:g} GB, "
    lines = [
        f"## {on.date[:16].replace('T', ' ')}, {on.cpu}",
        "",
        f"{on.cores} cores, {on.isa}, {memory}{on.os}; latentd {on.latentd}, Python {on.python}, "
        f"torch {on.torch}, numpy {on.numpy}; begun {on.date}, load average then {load}.",
        "",
        *table(
            ("target", "measured", ""),
            [
                (v.target, v.measured, {True: "met", False: "**missed**", None: "not decided here"}[v.met])
                for v in verdicts(report)
            ],
        ),
        "",
    ]
    for model in report.models:
        lines += [*about(report, model), ""]
    return "\n".join(lines)


def verdicts(report: Report) -> Iterator[Verdict]:
    """The targets that were set before anything was measured (two threads, float32)."""
    for model in (SMALL_128, MIDDLE_256):
        if (best := fastest(report, model)) and best.speedup is not None:
            said = f"{best.speedup:.1f}x ({best.engine}, {ms(best.frame_ms.p50)} ms)"
            yield Verdict(f"{named(model)}: 6x the zero-insertion form", said, best.speedup >= 6)
    for model in (HALF_256, WHOLE_256):
        if (best := fastest(report, model)) and best.floor_fraction:
            said = f"{1 / best.floor_fraction:.2f}x ({best.engine}, {ms(best.frame_ms.p50)} ms)"
            yield Verdict(f"{named(model)}: within 1.25x of its convolutions", said, best.floor_fraction >= 0.8)
    if best := fastest(report, SMALL_256):
        said = f"painting alone: {best.fps:.0f} ({best.engine}); the daemon's figure is in measurements.md"
        yield Verdict(f"{named(SMALL_256)}: 30 frames a second in the daemon", said, None if best.fps >= 30 else False)
    if best := fastest(report, SMALL_128, compiled=False):
        said = f"{best.fps:.0f} ({best.engine})"
        yield Verdict(f"{named(SMALL_128)}: 24 frames a second without a compiler", said, best.fps >= 24)
    ours = [r for r in report.results if r.precision == "float32" and not r.engine.startswith(FOREIGN)]
    if ours:
        worst = max(ours, key=lambda r: r.error.max)
        rms = max(r.error.rms for r in ours)
        said = (
            f"largest of any number {worst.error.max:.1e} ({worst.engine}, {named(worst.model)}), rms at most {rms:.1e}"
        )
        yield Verdict("every engine within 1e-5 of the picture's standard deviation", said, worst.error.max <= 1e-5)
    for other in (m for m in report.models if m.variant != "StyleGAN3-T"):
        if (best := fastest(report, other.model)) and best.speedup is not None:
            said = f"{best.speedup:.1f}x ({best.engine}, {ms(best.frame_ms.p50)} ms)"
            yield Verdict(f"{named(other.model)}, {other.variant}: profits too", said, best.speedup > 1.05)


def fastest(report: Report, model: str, *, compiled: bool = True) -> Result | None:
    """Of our engines on two threads (or all, where there are fewer); without compiled ones if told."""
    of = [r for r in report.results if r.model == model and not r.engine.startswith((TEXTBOOK, FOREIGN))]
    threads = min(THREADS, max((r.threads for r in of), default=0))
    of = [r for r in of if r.threads == threads and (compiled or not r.engine.startswith(KERNELS))]
    return min(of, key=lambda r: r.frame_ms.p50, default=None)


def about(report: Report, model: Model) -> list[str]:
    """A model's section."""
    mine = [r for r in report.results if r.model == model.model]
    floors = ", ".join(f"{ms(f.ms)} ms with {count(f.threads)}" for f in model.floor)
    mapping = ", ".join(f"{ms(m.ms)} ms with {count(m.threads)}" for m in model.mapping_ms)
    keeping = any(r.layers_once for r in mine)
    lines = [
        f"### {named(model.model)}",
        "",
        f"{model.variant}, {model.size} px, {model.parameters / 1e6:.1f} M parameters, {model.gmac:g} GMAC of "
        f"convolutions, which take {floors} by themselves; z to ws {mapping}. {mine[0].frames} timed frames each.",
        "",
        *_once(model, mine),
        *table(
            (
                "engine",
                "threads",
                "p50 ms",
                "p95",
                "best",
                "fps",
                "x zero-insertion",
                "convolutions' share",
                "error max",
                "rms",
                "MB",
                *(("moving p50", "x zero-insertion, moving") if keeping else ()),
            ),
            [row(r, told=keeping) for r in sorted(mine, key=lambda r: (r.threads, r.frame_ms.p50))],
        ),
    ]
    told = [r for r in mine if r.layers]
    if told:
        threads = min(THREADS, max(r.threads for r in told))
        best = min((r for r in told if r.threads == threads), key=lambda r: r.frame_ms.p50)
        lines += ["", *layers(model, best)]
    return lines


def _once(model: Model, mine: Sequence[Result]) -> list[str]:
    """What is to be known where some engines paint some layers once, so that nobody is flattered."""
    once = max(r.layers_once for r in mine)
    if not once:
        return []
    return [
        f"**Its first {count_of(once, 'layer')} {'is' if once == 1 else 'are'} deaf to w**, with "
        f"{model.gmac_once:g} of the {model.gmac:g} GMAC. Engines that know it paint them once while the picture "
        "stands still, and their p50, frames a second, ratio and share are of that, the share without those layers' "
        "convolutions; zero-insertion and torch paint every layer of every frame. The last two columns are of a "
        "picture that moves, where all paint all layers: that is the ratio between the engines.",
        "",
    ]


def layers(model: Model, best: Result) -> list[str]:
    """Where the time of the fastest engine's picture goes, beside the convolutions alone."""
    told, floor = best.layers or (), next(f for f in model.floor if f.threads == best.threads)
    kinds = list(dict.fromkeys(p.kind for p in told if p.layer is not None))
    rows = [
        (
            conv.layer,
            f"{conv.in_channels} to {conv.out_channels}",
            str(conv.size),
            f"{conv.gmac:.3g}",
            ms(conv.ms),
            *(" + ".join(ms(p.ms) for p in told if (p.kind, p.layer) == (kind, i)) for kind in kinds),
        )
        for i, conv in enumerate(floor.layers)
    ]
    sums = [ms(sum(p.ms for p in told if p.kind == kind)) for kind in kinds]
    rows.append(("all", "", "", f"{model.gmac:.3g}", ms(floor.ms), *sums))
    rest = ", ".join(f"{p.kind} {ms(p.ms)}" for p in told if p.layer is None)
    return [
        f"{best.engine}, {count(best.threads)}, ms of each layer (profiled in frames of their own)"
        + (f"; besides: {rest}:" if rest else ":"),
        "",
        *table(("layer", "channels", "input px", "GMAC", "convolution alone", *kinds), rows),
    ]


def row(r: Result, *, told: bool = False) -> tuple[str, ...]:
    """An engine's; with what it takes while the picture moves, if that is told."""
    moving = r.frame_ms.p50 if r.moving_ms is None else r.moving_ms
    times = "" if r.speedup is None else f"{r.speedup * r.frame_ms.p50 / moving:.1f}"
    return (
        r.engine,
        str(r.threads),
        ms(r.frame_ms.p50),
        ms(r.frame_ms.p95),
        ms(r.best_ms),
        f"{r.fps:.1f}",
        "" if r.speedup is None else f"{r.speedup:.1f}",
        "" if r.floor_fraction is None else f"{100 * r.floor_fraction:.0f} %",
        f"{r.error.max:.1e}",
        f"{r.error.rms:.1e}",
        "" if r.memory_mb is None else f"{r.memory_mb:.0f}",
        *((ms(moving), times) if told else ()),
    )


def count(threads: int) -> str:
    """In words."""
    return count_of(threads, "thread")


def count_of(number: int, of: str) -> str:
    """In words."""
    return f"{number} {of}{'s' * (number != 1)}"


HEAD = """\
# Performance

Written by `tools/make_performance.py` from what `latentd bench --json` said, which is kept in
[performance/](performance/); not by hand. The newest run comes first; what was missed stays in. To measure your own
machine: `latentd bench`, or the whole of this page with `python tools/make_performance.py`.

## How each figure is made

* **A frame** is ws to RGBA bytes in memory that was there before: a new w every frame (a walk around a great circle of
  z), the picture turning and drifting where the network can. z to ws is measured apart. p50, p95 and the best of all
  timed frames, nearest rank; frames a second are 1000 / p50.
* **All engines, all numbers of threads and the convolutions run side by side** in slices of a few frames that take
  turns, another one first in each round, each slice after a frame that is not timed (but once, where a frame takes over
  half a second): what else the machine does hits all alike. A figure of one run is comparable with others of that run;
  absolute times move from run to run.
* **Zero-insertion** is the form of the papers, `stylegan3/textbook.py`: weights modulated and demodulated for every
  picture, zeros inserted, padded, filtered at the full rate, samples thrown away. Ours, plain PyTorch, with the same
  warm allocator and threads as everything else.
* **Its convolutions alone**: PyTorch's own convolution (oneDNN) at each size of the model, both memory layouts,
  medians, the faster one of each layer, summed. The share is that time of the whole frame's; an engine whose own
  convolutions are faster than PyTorch's can have more than 100 %.
* **Errors** are against the same network in float64 on up to three ws, of those pictures' standard deviation: the
  largest of any number, and the root mean square.
* **MB** is what building an engine and painting one picture adds to the process at its highest (Linux).
* `random:` networks, here by kind, pixels, channel_base/channel_max and layers, have the weights a training begins
  with: speed does not depend on them.

`--baseline module:factory` measures any other generator in the same slices: `factory(model, device)` gets the model's
path and returns what takes ws [num_ws, w_dim] (numpy, float32) and returns the picture [channels, H, W], nominally
-1..1, as numpy or PyTorch has it; on a GPU tensors there, both (`latentd bench --help` says what is timed).
"""

FOOT = """\
## What is not here

Windows and macOS; ARM; the daemon as a whole (sound, mapping, sinks and viewers beside the painting), which is in
[measurements.md](measurements.md).
"""

if __name__ == "__main__":
    main()
