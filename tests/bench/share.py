# ruff: noqa: T201 - it prints tables
"""Where the daemon's time goes while it renders: CPU time by thread, one frame by stage, what a frame allocates.

Run it as `python tests/bench/share.py [--model lumen] [--fps 30] [--seconds 10] [--pairs 3]`: Markdown. Linux.

A real run with the bundled sound, OSC state going out to a client that reads it, and in every second slice an HTTP
client that watches the stream; both clients are processes of their own. CPU time is the kernel's, by thread.
"""

import argparse
import os
import socket
import statistics
import subprocess
import sys
import tempfile
import threading
import tracemalloc
import urllib.request
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from threading import Event
from time import thread_time

ROOT = Path(__file__).parent.parent.parent
sys.path.insert(0, str(ROOT))

from daemon.render.warm import warm_process  # noqa: E402

warm_process()

import numpy as np  # noqa: E402
import torch  # noqa: E402, F401 - its threads are there before the first count

from daemon import app, parts  # noqa: E402
from daemon.clock import WallClock  # noqa: E402
from daemon.config import Analysis, Config, Http, Osc, shipped_presets  # noqa: E402
from daemon.engine import Engine  # noqa: E402
from daemon.flow import F32, U8, Features, FrameFormat, Latents  # noqa: E402
from daemon.live import RenderLoop, Stage  # noqa: E402
from daemon.mailbox import Mailbox  # noqa: E402
from daemon.mapping.space import survey  # noqa: E402
from daemon.params import Fade  # noqa: E402
from daemon.preset import Bank  # noqa: E402
from daemon.render.renderer import NO_CLASSES, Means, Renderer  # noqa: E402
from daemon.slots import Outlet, SlotRing  # noqa: E402
from daemon.stats import FrameStats  # noqa: E402
from daemon.status import Report, Status  # noqa: E402
from daemon.stopping import StopSign  # noqa: E402

CLOCK = WallClock()
SETTLE = 3.0  # s before the first slice, and after a viewer comes or goes
NAMES = {
    "MainThread": "event loop: control, state, HTTP",
    "render": "rendering",
    "audio": "hearing",
    "model": "model changes",
    "bench": "this measurement",
}


@dataclass(frozen=True, slots=True)
class Slice:
    """CPU seconds by what they went to, over a stretch of the run."""

    seconds: float
    frames: int
    cpu: Counter[str]


def tasks() -> dict[int, float]:
    """CPU seconds of each thread of this process so far."""
    found = {}
    for task in Path("/proc/self/task").iterdir():
        try:
            found[int(task.name)] = int((task / "schedstat").read_text().split()[0]) / 1e9
        except FileNotFoundError:  # ended meanwhile
            continue
    return found


def since(before: dict[int, float], pools: set[int]) -> Counter[str]:
    """CPU seconds by part since `before`; `pools` are threads that libraries had before there was a daemon."""
    names = {thread.native_id: thread.name for thread in threading.enumerate()}
    spent: Counter[str] = Counter()
    for task, cpu in tasks().items():
        name = names.get(task, "pools of the libraries" if task in pools else "helpers of the engine")
        part = NAMES.get(name, f"sink {name}" if task in names and name != "asyncio_0" else name)
        spent[part] += cpu - before.get(task, 0.0)
    return spent


def frames(page: str) -> int:
    """Frames rendered so far."""
    with urllib.request.urlopen(f"{page}status.json", timeout=5) as answer:
        return Status.model_validate_json(answer.read()).frame_index + 1


def watch(page: str, osc: int) -> None:
    """Runs in a process of its own: a viewer, or whoever hears the state."""
    if osc:
        ear = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        ear.bind(("127.0.0.1", osc))
        print("ready", flush=True)
        while True:
            ear.recv(65536)
    with urllib.request.urlopen(f"{page}stream.mjpg", timeout=10) as stream:
        print("ready", flush=True)
        while stream.read1(65536):
            pass


def client(*flags: str) -> subprocess.Popen[str]:
    """Start one, and wait until it is at work."""
    made = subprocess.Popen([sys.executable, __file__, *flags], stdout=subprocess.PIPE, text=True)
    assert made.stdout is not None
    assert made.stdout.readline() == "ready\n"
    return made


def end(process: subprocess.Popen[str]) -> None:
    """Now."""
    process.kill()
    process.wait()
    if process.stdout is not None:
        process.stdout.close()


def port(kind: socket.SocketKind) -> int:
    """A free one."""
    with socket.socket(socket.AF_INET, kind) as taken:
        taken.bind(("127.0.0.1", 0))
        number: int = taken.getsockname()[1]
        return number


def live(options: argparse.Namespace) -> tuple[list[Slice], list[Slice], Report]:
    """A real run, without a viewer and with one in turn."""
    pools = set(tasks())
    http, reply = port(socket.SOCK_STREAM), port(socket.SOCK_DGRAM)
    page, stop, without, with_viewer = f"http://127.0.0.1:{http}/", Event(), [], []

    def one() -> Slice:
        before, first, began = tasks(), frames(page), CLOCK.now()
        CLOCK.wait_until(began + options.seconds, stop)
        return Slice(CLOCK.now() - began, frames(page) - first, since(before, pools))

    def measure() -> None:
        ear = client("--hear", str(reply))
        try:
            started.wait()
            CLOCK.wait_until(CLOCK.now() + SETTLE, stop)
            for _ in range(options.pairs):
                without.append(one())
                viewer = client("--watch", page)
                try:
                    CLOCK.wait_until(CLOCK.now() + SETTLE, stop)
                    with_viewer.append(one())
                finally:
                    end(viewer)
                CLOCK.wait_until(CLOCK.now() + 1.0, stop)
        finally:
            end(ear)
            sign._ask(0, None)

    started, sign = Event(), StopSign()
    config = Config(
        version=1, source=f"file:{parts.DEMO_SOUND}", sinks=("null",), model=options.model, preset="hearth",
        fps=options.fps, engine=options.engine, threads=options.threads, size=options.size,
        osc=Osc(port=0, reply_port=reply), http=Http(port=http),
    )  # fmt: skip
    bench = threading.Thread(target=measure, name="bench")
    with tempfile.TemporaryDirectory() as folder:
        os.environ["LATENTD_HOME"] = folder
        report = Path(folder) / "report.json"
        bench.start()
        wishes = app.Wishes(remember=False, report=report, on_status=lambda *_: started.set())
        app.run(config, wishes, sign)
        bench.join()
        return without, with_viewer, Report.model_validate_json(report.read_text())


def by_thread(without: list[Slice], with_viewer: list[Slice]) -> None:
    """Per cent of a core and milliseconds a frame."""
    print("| part | % of a core | ms a frame | with a viewer: % of a core | ms a frame |\n|---|---|---|---|---|")
    sides = []
    for side in (without, with_viewer):
        cpu: Counter[str] = sum((s.cpu for s in side), Counter())
        sides.append((cpu, sum(s.seconds for s in side), sum(s.frames for s in side)))
    parts_ = sorted(sides[0][0] | sides[1][0], key=lambda part: -sides[0][0][part])
    for part in (*parts_, "all"):
        cells = []
        for cpu, seconds, count in sides:
            spent = sum(cpu.values()) if part == "all" else cpu[part]
            cells.append(f"{100 * spent / seconds:.1f} | {1e3 * spent / max(count, 1):.2f}")
        print(f"| {part} | {' | '.join(cells)} |")
    rates = [f"{count / seconds:.2f}" for _, seconds, count in sides]
    print(f"\nFrames a second: {rates[0]} without a viewer, {rates[1]} with one.")


class Timed:
    """A renderer whose calls are timed."""

    def __init__(self, renderer: Renderer) -> None:
        self._of = renderer
        self.to_w_s: list[float] = []
        self.render_s: list[float] = []
        self.facts, self.engine, self.precision = renderer.facts, renderer.engine, renderer.precision
        self.threads = renderer.threads

    def to_w(self, z: F32, psi: float, classes: F32 = NO_CLASSES) -> F32:
        began = thread_time()
        ws = self._of.to_w(z, psi, classes)
        self.to_w_s.append(thread_time() - began)
        return ws

    def render(self, latents: Latents, pixels: U8) -> None:
        began = thread_time()
        self._of.render(latents, pixels)
        self.render_s.append(thread_time() - began)


class Bench:
    """The render loop as in a run, ticked by hand; sound and params as the demo's."""

    def __init__(self, renderer: Renderer, fps: float) -> None:
        self.fps, self.n = fps, 0
        size = FrameFormat(renderer.facts.resolution, renderer.facts.resolution)
        self.params = Bank(shipped_presets(), Path()).get("hearth").params
        self.heard = self._sound()
        self.features = Mailbox(self.heard[0])
        outlets = [Outlet(), Outlet()]
        for outlet in outlets:
            outlet.open()
        space = survey(renderer.facts, renderer.to_w)
        stage = Stage(renderer, parts.mapper_maker(space), space)
        self.engine = Engine(stage.make_mapper, stage.space)
        self.loop = RenderLoop(
            self.engine, Mailbox(stage), SlotRing(len(outlets), size), outlets, self.features,
            Mailbox(Fade.still(self.params)), FrameStats(), CLOCK, fps,
        )  # fmt: skip

    def _sound(self) -> list[Features]:
        extractor = parts.extractor(Analysis())
        source = parts.open_file(parts.DEMO_SOUND, Analysis().sr, loop=False)
        blocks = [block for _ in range(600) if (block := source.read(Analysis().hop)) is not None]
        source.close()
        return [features for block in blocks for features in extractor.push(block, self.params)]

    def tick(self) -> None:
        self.features.put(self.heard[self.n % len(self.heard)])
        self.loop.tick(self.n / self.fps)
        self.n += 1


def by_stage(renderer: Renderer, count: int, fps: float) -> None:
    """CPU time of the render thread in each part of a tick; with one thread that is all of it."""
    timed = Timed(renderer)
    bench, ticks, moves = Bench(timed, fps), [], []
    move: Callable[..., Latents] = bench.engine.tick

    def moved(*args: object) -> Latents:
        began = thread_time()
        latents = move(*args)
        moves.append(thread_time() - began)
        return latents

    bench.engine.tick = moved  # type: ignore[method-assign]
    for _ in range(count):
        began = thread_time()
        bench.tick()
        ticks.append(thread_time() - began)
    rest = np.array(ticks) - np.array(moves) - np.array(timed.render_s[-count:])
    rows = (
        ("engine: features and params to a place in z", np.array(moves) - np.array(timed.to_w_s[-count:])),
        ("to_w: z to ws by the mapping network", np.array(timed.to_w_s[-count:])),
        ("paint: ws to pixels in the slot", np.array(timed.render_s[-count:])),
        ("slot taken, stamped, offered to two sinks", rest),
        ("the whole tick", np.array(ticks)),
    )
    print("| stage | median, ms of CPU | p95, ms | share |\n|---|---|---|---|")
    whole = statistics.median(ticks)
    for name, seconds in rows:
        middle, late = np.quantile(seconds, [0.5, 0.95])
        print(f"| {name} | {1e3 * middle:.3f} | {1e3 * late:.3f} | {100 * middle / whole:.1f} % |")


def by_allocation(renderer: Renderer, count: int, fps: float) -> None:
    """What Python and numpy allocate in a steady tick."""
    bench = Bench(renderer, fps)
    for _ in range(50):
        bench.tick()
    tracemalloc.start()
    for n in range(2100):  # until the statistics of recent frames are full
        bench.loop._stats.frame(0.0, n / fps)
    for _ in range(50):
        bench.tick()
    peaks = np.zeros(count)
    first = tracemalloc.take_snapshot()
    start = tracemalloc.get_traced_memory()[0]
    for n in range(count):
        before = tracemalloc.get_traced_memory()[0]
        tracemalloc.reset_peak()
        bench.tick()
        peaks[n] = tracemalloc.get_traced_memory()[1] - before
    kept = tracemalloc.get_traced_memory()[0] - start
    last = tracemalloc.take_snapshot()
    tracemalloc.stop()
    print(f"Over {count} frames: {kept / count:.1f} bytes a frame survive; a frame needs {np.median(peaks):.0f} bytes")
    print(f"at its height (largest {peaks.max():.0f}).\n")
    print("| alive after a frame, by line | bytes | blocks |\n|---|---|---|")
    ours = [tracemalloc.Filter(inclusive=True, filename_pattern=f"{ROOT / part}/*") for part in ("daemon", "stylegan3")]
    newest = last.filter_traces(ours).compare_to(first.filter_traces(ours), "lineno")
    for line in sorted(newest, key=lambda line: -line.size)[:10]:
        frame = line.traceback[0]
        place = Path(frame.filename).relative_to(ROOT)
        print(f"| {place}:{frame.lineno} | {line.size} | {line.count} |")


def main() -> None:
    """Every table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--model", default="lumen")
    parser.add_argument("--fps", type=float, default=30)
    parser.add_argument("--size", type=int)
    parser.add_argument("--engine", default="auto")
    parser.add_argument("--threads", type=int)
    parser.add_argument("--seconds", type=float, default=10, help="of a slice")
    parser.add_argument("--pairs", type=int, default=3, help="of slices, without a viewer and with one")
    parser.add_argument("--frames", type=int, default=300, help="of the tables of a single frame")
    parser.add_argument("--hear", type=int, default=0, help=argparse.SUPPRESS)
    parser.add_argument("--watch", default="", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.hear or options.watch:
        watch(options.watch, options.hear)
        return
    if options.seconds:
        without, with_viewer, report = live(options)
        model, times = report.model, report.frame_ms
        print(f"\n{model.name}, {model.resolution} px, {model.engine}, threads {model.threads}, {options.fps:g} asked")
        print(f"Load of the machine {os.getloadavg()[0]:.1f}; frame time {times}; skipped {report.ticks_skipped}\n")
        by_thread(without, with_viewer)
    threads = options.threads or 1
    renderer = parts.open_renderer(options.model, "cpu", means=Means(options.engine, threads))
    print(f"\n{renderer.facts.name}, {renderer.engine}, threads {renderer.threads}\n")
    by_stage(renderer, options.frames, options.fps)
    print()
    by_allocation(renderer, options.frames, options.fps)


if __name__ == "__main__":
    main()
