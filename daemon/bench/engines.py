# ruff: noqa: N803 - G is what the paper and its users call a generator
"""The engines of a run, built one after another, each with what it adds to memory and how far it is off."""

from collections.abc import Callable, Iterator, Sequence
from copy import deepcopy
from dataclasses import dataclass
from functools import partial

import numpy as np
import torch

from daemon.bench.baseline import BaselinePainter
from daemon.bench.memory import added
from daemon.errors import BadInput, RenderError
from daemon.flow import F32, F64
from stylegan3 import Generator
from stylegan3.inference import Painter, ways
from stylegan3.textbook import TextbookPainter

TEXTBOOK = TextbookPainter.engine
_PICTURES = 3  # held against the reference
_CPU = torch.device("cpu")
_PATIENCE = 2.0  # s of a picture in float64, over which one has to do


@dataclass(frozen=True, slots=True)
class Error:
    """How far pictures are from float64, of the standard deviation of those pictures."""

    max: float
    rms: float


@dataclass(frozen=True, slots=True, eq=False)
class Entry:
    """A painter in the run."""

    painter: Painter
    memory_mb: float | None
    error: Error


@dataclass(frozen=True, slots=True, eq=False)
class Reference:
    """A few ws and their pictures in float64, the network untransformed."""

    ws: F32  # [n, num_ws, w_dim]
    pictures: F64  # [n, channels, H, W]


@dataclass(frozen=True, slots=True)
class Builder:
    """An engine by name, and what makes its painter for a number of threads."""

    engine: str
    build: Callable[[int], Painter]


@torch.inference_mode()
def reference(G: Generator, ws: F32, now: Callable[[], float], where: torch.device = _CPU) -> Reference:
    """By a copy of the network in float64: three of these ws, or one where a picture takes long."""
    exact = deepcopy(G.synthesis).double().to(where)

    def picture(w: F32) -> F64:
        made: F64 = exact(torch.from_numpy(w[None]).double().to(where))[0].cpu().numpy()
        return made

    some = ws[np.linspace(0, len(ws) - 1, min(_PICTURES, len(ws))).round().astype(int)]
    start = now()
    pictures = [picture(some[0])]
    if now() - start < _PATIENCE:
        pictures += [picture(w) for w in some[1:]]
    return Reference(some[: len(pictures)], np.stack(pictures))


def off(painter: Painter, from_: Reference) -> Error:
    """The largest and the root mean square error; RenderError for a picture with numbers that are none."""
    got = np.stack([painter.image(w).cpu().numpy().astype(np.float64) for w in from_.ws])
    return error(painter.engine, got, from_)


def error(engine: str, got: F64, from_: Reference) -> Error:
    """Of these pictures [n, channels, H, W]; RenderError for numbers that are none."""
    apart = (got - from_.pictures) / max(float(from_.pictures.std()), 1e-12)
    if not np.isfinite(apart).all():
        raise RenderError(f"{engine} paints numbers that are not finite: it cannot be measured on this model")
    return Error(float(np.abs(apart).max()), float(np.sqrt(np.square(apart).mean())))


def builders(
    G: Generator, only: Sequence[str], baselines: Sequence[str], model: str, device: str
) -> tuple[Builder, ...]:
    """The textbook form, every engine of this machine and the baselines; `only` picks by name or its first words."""
    found = [Builder(TEXTBOOK, partial(TextbookPainter, G))]
    found += [Builder(way.name, way.build) for way in reversed(ways(G))]
    picked = [b for b in found if not only or any(f"{b.engine} ".startswith(f"{name} ") for name in only)]
    if only and not picked:
        names = ", ".join(b.engine for b in found)
        raise BadInput("engine", [f"none here paints this model under the name {only[0][:80]!r}; there are {names}"])
    shape = (G.img_channels, G.img_resolution, G.img_resolution)
    picked += [Builder(f"baseline {spec}", partial(BaselinePainter, spec, model, device, shape)) for spec in baselines]
    return tuple(picked)


def build(found: Sequence[Builder], threads: int, against: Reference) -> Iterator[Entry]:
    """Each painter, with its memory (built, one picture painted) and its error."""
    for builder in found:
        torch.set_num_threads(threads)
        painter, memory_mb = added(partial(_first_picture, builder, threads, against.ws[0]))
        yield Entry(painter, memory_mb, off(painter, against))


def _first_picture(builder: Builder, threads: int, ws: F32) -> Painter:
    try:
        painter = builder.build(threads)
        painter.image(ws)
    except (MemoryError, RuntimeError) as e:  # torch's out-of-memory is a RuntimeError
        raise RenderError(f"{builder.engine} does not run here with {threads} threads: {e}") from e
    return painter
