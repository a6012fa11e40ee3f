# ruff: noqa: N803, N806 - G is what the paper and its users call a generator
"""One model measured: what is timed, in which order, and what it gives."""

import itertools
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from statistics import median

import numpy as np
import torch

import stylegan3
from daemon.bench import engines, floor, layers, slices
from daemon.bench.engines import Entry
from daemon.bench.floor import Convolution, Layout
from daemon.bench.layers import Phase
from daemon.bench.networks import Subject
from daemon.bench.slices import Stopwatch, Task
from daemon.bench.walk import Walk, walk
from daemon.flow import F32
from stylegan3 import Generator
from stylegan3.inference import Painter, layers_once

_LONGEST = 240  # frames of a walk
_SECONDS = 30.0  # a model's timed frames take about so long, where their number is not given
_PROFILED = 10  # frames of a profile at most
_HERE: F32 = np.eye(3, dtype=np.float32)  # a picture that is not moved


@dataclass(frozen=True, slots=True)
class Wishes:
    """What a run is asked for."""

    threads: tuple[int, ...]
    frames: int | None = None  # of each engine; None: as many as fit into half a minute, 8 to 120
    only: tuple[str, ...] = ()  # engines; all if empty
    baselines: tuple[str, ...] = ()
    device: str = "cpu"
    layers: bool = False


@dataclass(frozen=True, slots=True, eq=False)
class EngineRun:
    """An engine's frames."""

    entry: Entry
    ms: tuple[float, ...]
    phases: tuple[Phase, ...]
    moving_ms: tuple[float, ...] = ()  # while the picture moves, for an engine that keeps layers while it stands still


@dataclass(frozen=True, slots=True)
class LayerFloor:
    """A convolution's time, in its faster layout."""

    conv: Convolution
    layout: Layout
    ms: float  # median


@dataclass(frozen=True, slots=True)
class Floor:
    """The convolutions alone, on so many threads."""

    threads: int
    layers: tuple[LayerFloor, ...]

    @property
    def ms(self) -> float:
        """Of all of them."""
        return self.without(0)

    def without(self, first: int) -> float:
        """Of all but the first so many."""
        return sum(layer.ms for layer in self.layers[first:])


@dataclass(frozen=True, slots=True, eq=False)
class ModelRun:
    """Everything about one model."""

    subject: Subject
    device: str
    runs: tuple[EngineRun, ...]
    floors: tuple[Floor, ...]
    mapping_ms: tuple[tuple[int, float], ...]  # threads, median


def measure(subject: Subject, wishes: Wishes, now: Callable[[], float], stopwatch: Stopwatch) -> ModelRun:
    """All engines and numbers of threads of one model in one run; BadInput, RenderError for what cannot run."""
    with tempfile.TemporaryDirectory() as folder:
        path = subject.path
        if path is None and wishes.baselines:  # somebody else's code gets the same weights
            path = Path(folder) / "random.safetensors"
            stylegan3.save(subject.G, path)
        found = engines.builders(subject.G, wishes.only, wishes.baselines, str(path), wishes.device)
        way = walk(subject.G, wishes.frames or _LONGEST)
        against = engines.reference(subject.G, way.ws, now)
        entries = [entry for threads in wishes.threads for entry in engines.build(found, threads, against)]
    return _timed(subject, entries, way, wishes, now, stopwatch)


def _timed(
    subject: Subject, entries: Sequence[Entry], way: Walk, wishes: Wishes, now: Callable[[], float],
    stopwatch: Stopwatch,
) -> ModelRun:  # fmt: skip
    G = subject.G
    convs = floor.convolutions(G.config)
    alone = [[floor.ready(conv, layout) for layout in floor.LAYOUTS] for conv in convs]
    keeping = [entry for entry in entries if layers_once(entry.painter)]
    tasks = [painting(entry.painter, G, way, still=entry in keeping) for entry in entries]
    tasks += [painting(entry.painter, G, way) for entry in keeping]
    _place(G, _HERE)
    for entry in keeping * 2:  # a second picture in the same place is kept; what moves takes nothing from it
        entry.painter.image(way.ws[0])
    for threads in wishes.threads:
        tasks.append(Task("mapping", threads, partial(_map, G, way)))
        tasks += [Task(conv.name, threads, act) for conv, acts in zip(convs, alone, strict=True) for act in acts]
    frames = wishes.frames or slices.affordable(tasks, _SECONDS, stopwatch, torch.set_num_threads)
    taken = iter(slices.alternate(tasks, frames, stopwatch, torch.set_num_threads))
    painted = [next(taken) for _ in entries]
    moved = {id(entry): tuple(next(taken)) for entry in keeping}
    mapping_ms, floors = [], []
    for threads in wishes.threads:
        mapping_ms.append((threads, median(next(taken))))
        floors.append(
            Floor(threads, tuple(_faster(conv, [median(next(taken)) for _ in floor.LAYOUTS]) for conv in convs))
        )
    _place(G, _HERE)
    runs = []
    for entry, ms in zip(entries, painted, strict=True):
        torch.set_num_threads(entry.painter.threads)
        phases = layers.profile(entry.painter, way.ws[0], min(frames, _PROFILED), now) if wishes.layers else ()
        runs.append(EngineRun(entry, tuple(ms), phases, moved.get(id(entry), ())))
    return ModelRun(subject, wishes.device, tuple(runs), tuple(floors), tuple(mapping_ms))


def painting(painter: Painter, G: Generator, way: Walk, *, still: bool = False) -> Task:
    """A whole frame: ws to RGBA bytes in a slot made beforehand; the picture moves with each, or stands still."""
    slot = np.zeros((G.img_resolution, G.img_resolution, 4), np.uint8)
    places = itertools.cycle([_HERE] if still else way.transforms)

    def act(i: int) -> None:
        painter.paint(way.ws[i % len(way.ws)], slot)

    return Task(painter.engine, painter.threads, act, lambda _: _place(G, next(places)))


@torch.inference_mode()
def _map(G: Generator, way: Walk, i: int) -> None:
    G.mapping(torch.from_numpy(way.z[i % len(way.z)][None]), way.c)


def _place(G: Generator, transform: F32) -> None:
    first = getattr(G.synthesis, "input", None)  # StyleGAN3 has one
    if first is not None:
        first.transform.copy_(torch.from_numpy(transform))


def _faster(conv: Convolution, ms: Sequence[float]) -> LayerFloor:
    best = min(range(len(ms)), key=lambda i: ms[i])
    return LayerFloor(conv, floor.LAYOUTS[best], ms[best])
