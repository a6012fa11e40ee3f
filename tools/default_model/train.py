# ruff: noqa: N803 - G is what the paper and its users call a generator
"""Train the default model from nothing: python -m tools.default_model.train --out FOLDER [--minutes 60].

Stages, each a fixed number of steps with random numbers of its own: the mapping network, the fields, then (once) the
upper layers set by regression, then pictures. Stop it whenever you like; the same command goes on where it was, and
ends with the same weights as one long run (same machine, same number of threads).
"""

import argparse
import json
import signal
import time
from dataclasses import dataclass
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
SAVE_EVERY, LOOK_EVERY = 120.0, 250  # seconds, steps


@dataclass(frozen=True, slots=True)
class Stage:
    """A stretch of training."""

    name: str
    steps: int
    peak: float  # learning rate


STAGES = (Stage("mapping", 8000, 0.015), Stage("fields", 12000, 0.03), Stage("pictures", 11000, 0.0007))
CORNERS, EACH, CROP = 4, 2, 128  # of a step of the last stage


class Training:
    """Everything that learns, and where it is."""

    def __init__(self, resolution: int, seed: int, effort: float, threads: int = 1) -> None:
        torch.manual_seed(seed)
        self.threads = threads
        self.seed = seed
        self.stages = [Stage(s.name, max(2, round(s.steps * effort)), s.peak) for s in STAGES]
        self.G = Generator(network.config(resolution), f"lumen-{resolution}")
        stages.start_fields(self.G)
        self.readout = stages.Readout(self.G.w_dim)
        self.teacher = Teacher(resolution)
        self.targets = stages.field_targets(resolution)
        self.ema = {name: value.clone() for name, value in self.G.state_dict().items()}
        self.at = state.Progress()
        self.running: float | None = None
        self._begin()

    @property
    def done(self) -> bool:
        return self.at.stage == len(self.stages)

    def step(self) -> float:
        """One step of the present stage; returns its loss."""
        at, stage = self.at, self.stages[self.at.stage]
        generator = state.draw(self.seed, at.stage, at.step)
        loss = self._loss(generator)
        self.optimizer.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        self.optimizer.step(stages.cosine(stage.peak)(at.step / stage.steps))
        at.step += 1
        if stage.name == "pictures":
            keep = min(1 - 1 / EMA_STEPS, at.step / (at.step + 10))
            state.average(self.ema, self.G.state_dict(), keep)
        value = loss.item()
        self.running = value if self.running is None else 0.98 * self.running + 0.02 * value
        if at.step == stage.steps:
            self._next()
        return value

    def _loss(self, generator: torch.Generator) -> Tensor:
        match self.stages[self.at.stage].name:
            case "mapping":
                return stages.mapping_step(self.G, self.readout, generator, 256)
            case "fields":
                return stages.field_loss(stages.field_errors(self.G, self.targets))
            case _:
                small = min(CROP, self.teacher.size)
                return colour.colour_step(
                    self.G, self.teacher, self.targets, generator, corners=CORNERS, each=EACH, size=small
                )

    def _next(self) -> None:
        self.at.stage, self.at.step, self.running = self.at.stage + 1, 0, None
        if not self.done and self.stages[self.at.stage].name == "pictures":
            with torch.no_grad():
                z = torch.randn(20000, Z_DIM, generator=state.draw(self.seed, self.at.stage, -1))
                self.G.mapping.w_avg.copy_(stages.one_w(self.G, z).mean(0))
                compose.start(self.G, self.readout, network.draw_fields(self.G), self.teacher, self.seed)
            self.ema = {name: value.clone() for name, value in self.G.state_dict().items()}
        if not self.done:
            self._begin()

    def _begin(self) -> None:
        """The optimiser of the present stage."""
        self.optimizer: Muon | Adam
        name = self.stages[self.at.stage].name
        torch.set_num_threads(
            1 if name == "mapping" else self.threads
        )  # its matrices are small: two threads are slower
        match name:
            case "mapping":
                self.optimizer = Muon([*self.G.mapping.parameters(), *self.readout.parameters()])
            case "fields":
                self.optimizer = Muon(stages.field_parameters(self.G))
            case _:
                self.optimizer = Adam(colour.parameters(self.G))

    def save(self, path: Path) -> None:
        parts: dict[str, Any] = {"G": self.G.state_dict(), "readout": self.readout.state_dict(), "ema": self.ema}
        parts["resolution"] = self.teacher.size
        if not self.done:
            parts["optimizer"], parts["running"] = self.optimizer.state_dict(), self.running
        state.save(path, self.at, parts)

    def resume(self, path: Path) -> None:
        self.at, parts = state.load(path)
        self.G.load_state_dict(parts["G"])
        self.readout.load_state_dict(parts["readout"])
        self.ema = parts["ema"]
        if not self.done:
            self._begin()
            self.optimizer.load_state_dict(parts["optimizer"])
            self.running = parts["running"]


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


def look(training: Training, z: Tensor) -> dict[str, float | str]:
    """A point of the curve."""
    at, stage = training.at, training.stages[training.at.stage]
    point: dict[str, float | str] = {"stage": stage.name, "step": at.step, "seconds": round(at.seconds)}
    if training.running is not None:
        point["loss"] = round(training.running, 5)
    if stage.name == "pictures":
        own = {name: value.clone() for name, value in training.G.state_dict().items()}
        training.G.load_state_dict(training.ema)
        point |= {name: round(value, 4) for name, value in quality(training.G, training.teacher, z).items()}
        training.G.load_state_dict(own)
    return point


def sitting(training: Training, path: Path, minutes: float) -> None:
    """Train until done, told to stop, or out of time."""
    stop = False

    def leave(*_: object) -> None:
        nonlocal stop
        stop = True

    before = {number: signal.signal(number, leave) for number in (signal.SIGTERM, signal.SIGINT)}
    z = torch.randn(24, Z_DIM, generator=torch.Generator().manual_seed(99))
    began = saved = last = time.monotonic()
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        TextColumn("{task.fields[told]}"),
    )
    with Progress(*columns) as bar:
        tasks = [bar.add_task(s.name, total=s.steps, told="") for s in training.stages]
        while not training.done and not stop and last - began < minutes * 60:
            index = training.at.stage
            training.step()
            now = time.monotonic()
            training.at.seconds, last = training.at.seconds + now - last, now
            step = training.at.step if training.at.stage == index else training.stages[index].steps
            bar.update(tasks[index], completed=step, told=f"{training.running or 0:.4f}")
            if (
                not training.done
                and training.at.step % LOOK_EVERY == 0
                and (index == 2 or training.at.step % 1000 == 0)
            ):
                point = look(training, z)
                training.at.curve.append(point)
                bar.console.print(json.dumps(point), highlight=False)
                last = time.monotonic()
            if now - saved > SAVE_EVERY:
                training.save(path)
                saved = now
    training.save(path)
    for number, handler in before.items():
        signal.signal(number, handler)


def main() -> None:
    """One sitting."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--out", type=Path, required=True, help="a folder; state.pt in it is what a sitting leaves")
    parser.add_argument("--minutes", type=float, default=1e9, help="of this sitting")
    parser.add_argument("--resolution", type=int, choices=(128, 256), default=256)
    parser.add_argument("--effort", type=float, default=1.0, help="times the steps of every stage")
    parser.add_argument("--threads", type=int, default=torch.get_num_threads())
    parser.add_argument("--seed", type=int, default=1)
    args = parser.parse_args()
    torch.set_flush_denormal(True)  # small gradients would take many times as long
    training = Training(args.resolution, args.seed, args.effort, args.threads)
    path = args.out / "state.pt"
    if path.exists():
        training.resume(path)
    sitting(training, path, args.minutes)
    print("done" if training.done else "not done: run the same command again")


if __name__ == "__main__":
    main()
