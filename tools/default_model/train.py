# ruff: noqa: N803 - G is what the paper and its users call a generator
"""Train the default model from nothing: python -m tools.default_model.train --out FOLDER [--minutes 60].

Three parts, each a fixed number of steps with random numbers of its own: the mapping network and the fields, side by
side, a thread each, for neither needs the other; then the upper layers, set by regression and polished on pictures.
Stop it whenever you like; the same command goes on where it was, and ends with the same weights as one long run (same
machine, same number of threads).
"""

import argparse
import json
import signal
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

import torch
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
from torch import Tensor

from stylegan3 import Generator
from tools.default_model import colour, compose, network, stages, state
from tools.default_model.recipe import Z_DIM
from tools.default_model.steps import Adam, Muon
from tools.default_model.teacher import Teacher

EMA_STEPS = 500
SAVE_EVERY = 120.0  # seconds
CORNERS, EACH, CROP = 4, 2, 128  # of a step on pictures


@dataclass(slots=True)
class Part:
    """A stretch of training: what it minimises, and how."""

    name: str
    steps: int
    peak: float  # learning rate
    loss: Callable[[torch.Generator], Tensor]
    optimizer: Muon | Adam
    look_every: int  # steps between points of the curve
    at: int = 0
    seconds: float = 0.0
    running: float | None = None
    stepping: threading.Lock = field(default_factory=threading.Lock)  # held during a step: a save falls between two

    @property
    def done(self) -> bool:
        return self.at == self.steps

    def step(self, seed: int) -> None:
        """One step; what it draws depends on the part and the step alone."""
        loss = self.loss(state.draw(seed, PARTS.index(self.name), self.at))
        self.optimizer.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        self.optimizer.step(stages.cosine(self.peak)(self.at / self.steps))
        self.at += 1
        value = loss.item()
        self.running = value if self.running is None else 0.98 * self.running + 0.02 * value


PARTS = ("mapping", "fields", "pictures")
STEPS = {"mapping": 12000, "fields": 7000, "pictures": 6000}


class Training:
    """Everything that learns, and where it is."""

    def __init__(self, resolution: int, seed: int, effort: float, threads: int = 1) -> None:
        torch.manual_seed(seed)
        self.seed, self.threads = seed, threads
        self.G = Generator(network.config(resolution), f"lumen-{resolution}")
        stages.start_fields(self.G)
        torch.manual_seed(seed + 1)  # so that the mapping network comes out the same at every resolution
        for parameter in self.G.mapping.parameters():
            if parameter.ndim > 1:
                torch.nn.init.normal_(parameter)
        self.readout = stages.Readout(self.G.w_dim)
        self.teacher = Teacher(resolution)
        self.targets = stages.field_targets(resolution)
        self.ema = {name: value.clone() for name, value in self.G.state_dict().items()}
        self.curve: list[state.Point] = []
        self._saved, self._saving = time.monotonic(), threading.Lock()
        few = (resolution / 256) ** 2  # the smaller the picture the less there is to polish
        steps = {name: max(2, round(n * effort * (few if name == "pictures" else 1))) for name, n in STEPS.items()}
        learning = [*self.G.mapping.parameters(), *self.readout.parameters()]
        self.mapping = Part("mapping", steps["mapping"], 0.015, self._mapping, Muon(learning), 1000)
        painting = Muon(stages.field_parameters(self.G))
        self.fields = Part("fields", steps["fields"], 0.04, self._fields, painting, 500)
        upper = Adam(colour.parameters(self.G))
        self.pictures = Part("pictures", steps["pictures"], 0.0007, self._pictures, upper, 250)

    @property
    def parts(self) -> tuple[Part, Part, Part]:
        return self.mapping, self.fields, self.pictures

    @property
    def ready(self) -> bool:
        """Whether the pictures may begin, or have."""
        return self.mapping.done and self.fields.done

    @property
    def done(self) -> bool:
        return self.pictures.done

    @cached_property
    def _drawn(self) -> Tensor:
        """The fields as L4 draws them, now that they stay."""
        with torch.no_grad():
            return network.draw_fields(self.G)

    def _mapping(self, generator: torch.Generator) -> Tensor:
        return stages.mapping_step(self.G, self.readout, generator, 256)

    def _fields(self, _: torch.Generator) -> Tensor:
        return stages.field_loss(stages.field_errors(self.G, self.targets))

    def _pictures(self, generator: torch.Generator) -> Tensor:
        size = min(CROP, self.teacher.size)
        return colour.colour_step(self.G, self.teacher, self._drawn, generator, corners=CORNERS, each=EACH, size=size)

    def step(self, part: Part) -> None:
        """One step of a part; the pictures only once the others are done."""
        if part is self.pictures and not part.at:
            self._compose()
        part.step(self.seed)
        if part is self.pictures:
            keep = min(1 - 1 / EMA_STEPS, part.at / (part.at + 10))
            state.average(self.ema, self.G.state_dict(), keep)

    def _compose(self) -> None:
        assert self.ready
        with torch.no_grad():
            z = torch.randn(20000, Z_DIM, generator=state.draw(self.seed, len(PARTS), 0))
            self.G.mapping.w_avg.copy_(stages.one_w(self.G, z).mean(0))
            compose.start(self.G, self.readout, self._drawn, self.teacher, self.seed)
        self.ema = {name: value.clone() for name, value in self.G.state_dict().items()}

    def save_now_and_then(self, path: Path) -> None:
        """Whichever thread comes first when it is time."""
        if time.monotonic() - self._saved > SAVE_EVERY and self._saving.acquire(blocking=False):
            with ExitStack() as stack:
                stack.callback(self._saving.release)
                for part in self.parts:
                    stack.enter_context(part.stepping)
                self.save(path)
                self._saved = time.monotonic()

    def save(self, path: Path) -> None:
        """Where everything is, whole; between steps."""
        saved: dict[str, Any] = {"G": self.G.state_dict(), "readout": self.readout.state_dict(), "ema": self.ema}
        saved["resolution"] = self.teacher.size
        saved["running"] = {part.name: part.running for part in self.parts}
        saved["optimizers"] = {p.name: p.optimizer.state_dict() for p in self.parts if p.at and not p.done}
        progress = state.Progress(
            {part.name: part.at for part in self.parts}, {part.name: part.seconds for part in self.parts}, self.curve
        )
        state.save(path, progress, saved)

    def borrow(self, path: Path) -> None:
        """The mapping network of another resolution's state, when it is done: ours would come out the same."""
        progress, saved = state.load(path)
        if progress.steps["mapping"] != self.mapping.steps:
            return
        mapping = {name[8:]: value for name, value in saved["G"].items() if name.startswith("mapping.")}
        self.G.mapping.load_state_dict(mapping)
        self.readout.load_state_dict(saved["readout"])
        self.mapping.at, self.mapping.seconds = self.mapping.steps, progress.seconds["mapping"]
        self.mapping.running = saved["running"]["mapping"]
        self.curve.extend(point for point in progress.curve if point["part"] == "mapping")

    def resume(self, path: Path) -> None:
        progress, saved = state.load(path)
        self.G.load_state_dict(saved["G"])
        self.readout.load_state_dict(saved["readout"])
        self.ema, self.curve = saved["ema"], progress.curve
        for part in self.parts:
            part.at, part.seconds = progress.steps[part.name], progress.seconds[part.name]
            part.running = saved["running"][part.name]
            if part.name in saved["optimizers"]:
                part.optimizer.load_state_dict(saved["optimizers"][part.name])

    def look(self, part: Part, z: Tensor) -> state.Point:
        """A point of the curve."""
        point: state.Point = {"part": part.name, "step": part.at, "seconds": round(part.seconds)}
        if part.running is not None:
            point["loss"] = round(part.running, 5)
        if part is self.pictures:
            own = {name: value.clone() for name, value in self.G.state_dict().items()}
            self.G.load_state_dict(self.ema)
            point |= {name: round(value, 4) for name, value in quality(self.G, self.teacher, z).items()}
            self.G.load_state_dict(own)
        return point


def quality(G: Generator, teacher: Teacher, z: Tensor) -> dict[str, float]:
    """PSNR over z (mean of the pictures'), and sharpness as a share of the teacher's."""
    with torch.no_grad():
        fields = network.draw_fields(G)
        n = teacher.size
        made = torch.cat([network.paint_crops(G, fields, stages.one_w(G, q), [(0, 0)], n) for q in z.split(4)]).clamp(
            -1, 1
        )
        wanted = torch.cat([teacher(q) for q in z.split(8)])
        error = (made - wanted).square().mean((1, 2, 3))
        slope = [sum((a.diff(dim=d)).abs().mean().item() for d in (2, 3)) for a in (made, wanted)]
    return {"psnr": (10 * (4 / error).log10()).mean().item(), "sharp": slope[0] / slope[1]}


@contextmanager
def _told() -> Iterator[threading.Event]:
    """Set when a signal asks us to leave."""
    leave = threading.Event()
    before = {number: signal.signal(number, lambda *_: leave.set()) for number in (signal.SIGTERM, signal.SIGINT)}
    try:
        yield leave
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def sitting(training: Training, path: Path, minutes: float) -> None:
    """Train until done, told to leave, or out of time: mapping and fields side by side, then the pictures."""
    until, z = time.monotonic() + minutes * 60, torch.randn(24, Z_DIM, generator=torch.Generator().manual_seed(99))
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        TextColumn("{task.fields[told]}"),
    )
    with _told() as leave, Progress(*columns) as bar:
        tasks = {p.name: bar.add_task(p.name, total=p.steps, completed=p.at, told="") for p in training.parts}

        def work(part: Part, threads: int) -> None:
            torch.set_num_threads(threads)
            torch.set_flush_denormal(True)  # of this thread; small gradients would take many times as long
            last = time.monotonic()
            while not part.done and not leave.is_set() and last < until:
                with part.stepping:
                    training.step(part)
                    now = time.monotonic()
                    part.seconds, last = part.seconds + now - last, now
                bar.update(tasks[part.name], completed=part.at, told=f"{part.running or 0:.4f}")
                if part.at % part.look_every == 0 or part.done:
                    point = training.look(part, z)
                    training.curve.append(point)
                    bar.console.print(json.dumps(point), highlight=False, soft_wrap=True)
                training.save_now_and_then(path)
                last = time.monotonic()

        for jobs in ([(training.mapping, 1), (training.fields, 1)], [(training.pictures, training.threads)]):
            if jobs[0][0] is training.pictures and not training.ready:
                break
            workers = [threading.Thread(target=work, args=job) for job in jobs]
            for worker in workers:
                worker.start()
            for worker in workers:
                worker.join()
    training.save(path)


def main(told: Sequence[str] | None = None) -> None:
    """One sitting."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--out", type=Path, required=True, help="a folder; state.pt in it is what a sitting leaves")
    parser.add_argument("--minutes", type=float, default=1e9, help="of this sitting")
    parser.add_argument("--resolution", type=int, choices=(128, 256), default=256)
    parser.add_argument("--effort", type=float, default=1.0, help="times the steps of every part")
    parser.add_argument("--threads", type=int, default=torch.get_num_threads(), help="of the parts on pictures")
    parser.add_argument("--mapping", type=Path, help="another resolution's state.pt: its mapping network is the same")
    parser.add_argument("--seed", type=int, default=1)
    args = parser.parse_args(told)
    torch.set_num_threads(args.threads)
    training = Training(args.resolution, args.seed, args.effort, args.threads)
    path = args.out / "state.pt"
    if path.exists():
        training.resume(path)
    if args.mapping and not training.mapping.at:
        training.borrow(args.mapping)
    sitting(training, path, args.minutes)
    print("done" if training.done else "not done: run the same command again")


if __name__ == "__main__":
    main()
