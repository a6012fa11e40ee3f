# ruff: noqa: N803, N806 - G is what the paper and its users call a generator
"""One model measured on a GPU: every engine in the others' company, beside what the machine can do at all."""

import ctypes
import itertools
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from copy import deepcopy
from dataclasses import dataclass
from pathlib import Path
from statistics import median

import numpy as np
import torch

import stylegan3
from daemon.bench import parity, slices
from daemon.bench.engines import Error, Reference, error, reference
from daemon.bench.gpu import engines, rates
from daemon.bench.gpu.device import Condition, Device, Gpu, Kernel, Memory
from daemon.bench.gpu.engines import Engine, Ours
from daemon.bench.gpu.events import EventStopwatch, WarmUp, settle, sustained
from daemon.bench.gpu.layers import by_layer
from daemon.bench.layers import Phase, Profiled
from daemon.bench.networks import Subject
from daemon.bench.slices import Task
from daemon.bench.walk import Walk, walk
from daemon.bench.work import LayerWork, Rates, work
from daemon.errors import RenderError
from stylegan3 import Generator
from stylegan3.errors import EngineError
from stylegan3.synthesis import SynthesisNetwork
from stylegan3.trials import FAILURES, one_line

_LONGEST, _MOST, _SECONDS = 240, 500, 30.0  # frames of a walk, of an engine; s of a model's timed frames, about
_PROFILED = 10  # frames
_FAULTS = (*FAILURES, EngineError, RenderError, ctypes.ArgumentError)  # what keeps an engine out, and no more


@dataclass(frozen=True, slots=True)
class Wishes:
    """What a run is asked for."""

    frames: int | None = None  # of each engine; None: as many as fit into half a minute, 8 to 500
    only: tuple[str, ...] = ()  # engines; all if empty
    baselines: tuple[str, ...] = ()
    layers: bool = False
    ablation: bool = False  # every step of ours on and off
    sustained: float = 0.0  # s
    scale: int = 1  # of what rates are measured by; more is smaller, for tests


@dataclass(frozen=True, slots=True, eq=False)
class Entry:
    """An engine that was built, holds, and is warm."""

    engine: Engine
    memory: Memory  # peak: added while it was built and painted
    error: Error
    apart: parity.Bytes
    once: int  # layers it paints once while the picture stands still
    warm_up: WarmUp


@dataclass(frozen=True, slots=True)
class PassedOver:
    """An engine that is not in the run."""

    engine: str
    reason: str


@dataclass(frozen=True, slots=True, eq=False)
class EngineRun:
    """An engine's frames; ms."""

    entry: Entry
    ms: tuple[float, ...]  # on the device
    moving_ms: tuple[float, ...]  # the same of a moving picture, for an engine that keeps layers while it stands still
    delivered_ms: tuple[float, ...]  # from ws in host memory to RGBA in pinned host memory
    fps: float | None  # sustained
    kernels: tuple[Kernel, ...] | None  # of one frame
    layers: tuple[Phase, ...]


@dataclass(frozen=True, slots=True, eq=False)
class ModelRun:
    """Everything about one model."""

    subject: Subject
    gpu: Gpu
    runs: tuple[EngineRun, ...]
    passed_over: tuple[PassedOver, ...]
    work: tuple[LayerWork, ...]
    probes: tuple[rates.Measured, ...]
    rates: Rates
    mapping_ms: float
    before: Condition
    after: Condition


def measure(subject: Subject, wishes: Wishes, now: Callable[[], float], device: Device) -> ModelRun:
    """All engines of one model in one run; BadInput, RenderError for what cannot be measured at all."""
    G, where, before = subject.G, device.where, device.condition()
    stopwatch = EventStopwatch(device, now)
    with _left_as_it_was(G), tempfile.TemporaryDirectory() as folder:
        path = subject.path
        if path is None and wishes.baselines:  # somebody else's code gets the same weights
            path = Path(folder) / "random.safetensors"
            stylegan3.save(G, path)
        found = engines.builders(G, where, wishes.only, wishes.baselines, str(path), ablation=wishes.ablation)
        way = walk(G, wishes.frames or _LONGEST)
        against = _reference(subject, way, now, where)
        first = rates.measured(device, stopwatch, wishes.scale)
        entries, passed_over = [], []
        for builder in found:
            try:
                entries.append(_enter(builder, way, against, device, stopwatch, now))
            except _FAULTS as e:
                passed_over.append(PassedOver(builder.engine, f"{type(e).__name__}: {one_line(e)}"))
        runs, mapping_ms = _timed(G, entries, way, wishes, now, device, stopwatch)
    probes = rates.better(first, rates.measured(device, stopwatch, wishes.scale))
    gpu = device.describe()
    return ModelRun(
        subject, gpu, runs, tuple(passed_over), work(G.config), probes, rates.rates(probes, gpu), mapping_ms,
        before, device.condition(),
    )  # fmt: skip


@contextmanager
def _left_as_it_was(G: Generator) -> Iterator[None]:
    """Painters of ours look up where the picture lies in the network itself."""
    transform = G.synthesis.input.transform if isinstance(G.synthesis, SynthesisNetwork) else torch.zeros(0)
    before = transform.clone()
    try:
        yield
    finally:
        transform.copy_(before)


@torch.inference_mode()
def _reference(subject: Subject, way: Walk, now: Callable[[], float], where: torch.device) -> Reference:
    """In float64, the picture where the walk begins, on the device or, where that has no room, on the host."""
    still = deepcopy(subject.G)
    if isinstance(still.synthesis, SynthesisNetwork):
        still.synthesis.input.transform.copy_(torch.from_numpy(way.transforms[0]))
    try:
        return reference(still, way.ws, now, where)
    except torch.OutOfMemoryError:
        return reference(still, way.ws, now)


def _enter(
    builder: engines.Builder, way: Walk, against: Reference, device: Device, stopwatch: EventStopwatch,
    now: Callable[[], float],
) -> Entry:  # fmt: skip
    """Built, its memory counted, held against the reference, and warmed up as it will run."""
    device.finish()
    device.forget_peak()
    already = device.memory().allocated
    engine = builder.build()
    some = [engine.ready(ws) for ws in against.ws]
    engine.place(engine.ready(way.transforms[0]))
    pictures = [engine.image(ws).cpu().numpy().astype(np.float64) for ws in some]
    shown = [engines.rgba(engine.submit(ws)).cpu().numpy() for ws in some]
    memory = device.memory()
    off = error(engine.engine, np.stack(pictures), against)
    apart = parity.apart(np.stack(shown), np.stack([parity.shown(p) for p in against.pictures]))
    warm_up = settle(painting(engine, way), stopwatch, now)
    added = Memory(max(0.0, memory.peak - already), memory.allocated, memory.reserved)
    return Entry(engine, added, off, apart, getattr(engine, "layers_once", 0), warm_up)


def _timed(
    G: Generator, entries: Sequence[Entry], way: Walk, wishes: Wishes, now: Callable[[], float], device: Device,
    stopwatch: EventStopwatch,
) -> tuple[tuple[EngineRun, ...], float]:  # fmt: skip
    keeping = [entry for entry in entries if entry.once]
    tasks = [painting(entry.engine, way, still=entry in keeping) for entry in entries]
    tasks += [painting(entry.engine, way) for entry in keeping]
    tasks += [delivering(entry.engine, device, way, G.img_resolution) for entry in entries]
    tasks.append(_mapping(G, device, way))
    frames = wishes.frames or slices.affordable(tasks, _SECONDS, stopwatch, torch.set_num_threads, _MOST)
    taken = iter(slices.alternate(tasks, frames, stopwatch, torch.set_num_threads))
    painted = [next(taken) for _ in entries]
    moved = {id(entry): tuple(next(taken)) for entry in keeping}
    delivered = [next(taken) for _ in entries]
    mapping_ms = median(next(taken))
    runs = []
    for entry, ms, host_ms in zip(entries, painted, delivered, strict=True):
        task = painting(entry.engine, way, still=entry in keeping)
        fps = sustained(task, device, now, wishes.sustained) if wishes.sustained else None
        kernels, layers = profiled(task, device, G, told=wishes.layers)
        layers = layers or (_own(entry.engine, way) if wishes.layers else ())
        runs.append(EngineRun(entry, tuple(ms), moved.get(id(entry), ()), tuple(host_ms), fps, kernels, layers))
    return tuple(runs), mapping_ms


def painting(engine: Engine, way: Walk, *, still: bool = False) -> Task:
    """A frame on the device, from a new w ready as the engine takes it; it moves with each frame or stands still."""
    ws = [engine.ready(w) for w in way.ws]
    places = itertools.cycle([engine.ready(place) for place in (way.transforms[:1] if still else way.transforms)])

    def act(i: int) -> None:
        engine.submit(ws[i % len(ws)])

    return Task(engine.engine, 1, act, lambda _: engine.place(next(places)))


def delivering(engine: Engine, device: Device, way: Walk, size: int) -> Task:
    """A frame as a show needs it: ws from host memory, RGBA to pinned host memory, and it has arrived."""
    pinned = device.pinned((size, size, 4))
    places = itertools.cycle([engine.ready(place) for place in way.transforms])
    arrived = device.event()

    def act(i: int) -> None:
        shown = engines.rgba(engine.submit(engine.ready(way.ws[i % len(way.ws)])))
        pinned.copy_(shown, non_blocking=True)
        arrived.record()
        arrived.wait()

    return Task(engine.engine, 1, act, lambda _: engine.place(next(places)), delivered=True)


def profiled(
    task: Task, device: Device, G: Generator, *, told: bool
) -> tuple[tuple[Kernel, ...] | None, tuple[Phase, ...]]:
    """One frame's kernels, and the median ms of each layer where they can be told from one another."""

    def frame() -> None:
        if task.prepare is not None:
            task.prepare(0)
        task.act(0)

    frame()
    found = [device.kernels(lambda: task.act(0)) for _ in range(1 + (_PROFILED if told else 1))]
    frames = [kernels for kernels in found[1:] if kernels]  # while the first is told the profiler itself wakes up
    if not frames:
        return None, ()
    return frames[0], by_layer(frames, len(work(G.config))) if told else ()


def _own(engine: Engine, way: Walk) -> tuple[Phase, ...]:
    """As one of our painters tells them, launched one by one: there may be gaps in them."""
    if not isinstance(engine, Ours) or not isinstance(engine.painter, Profiled):
        return ()
    return tuple(Phase(p.kind, p.layer, p.ms) for p in engine.painter.profile(way.ws[0], _PROFILED))


def _mapping(G: Generator, device: Device, way: Walk) -> Task:
    mapping, c = deepcopy(G.mapping).to(device.where), way.c.to(device.where)
    z = torch.from_numpy(way.z).to(device.where)

    @torch.inference_mode()
    def act(i: int) -> None:
        mapping(z[i % len(z)][None], c)

    return Task("mapping", 1, act)
