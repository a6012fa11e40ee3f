# ruff: noqa: N803 - G is what the paper and its users call a generator
"""What paints on a GPU, asked in one way: ws on the device in, a picture on the device out, nothing waited for."""

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from copy import deepcopy
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Protocol, runtime_checkable

import torch
from torch import Tensor

from daemon.bench.baseline import FAULTS, find, said
from daemon.errors import BadInput
from daemon.flow import F32
from stylegan3 import Generator, StyleGAN3Config
from stylegan3.gpu import chain
from stylegan3.gpu.banded import BandedFilters
from stylegan3.gpu.fir import firs
from stylegan3.gpu.frame import FilterFactory
from stylegan3.gpu.graph import CudaCapture, run_eagerly
from stylegan3.gpu.painter import GpuPainter
from stylegan3.inference import Way
from stylegan3.synthesis import SynthesisNetwork

EXACT, TF32, HALF = "torch cuda", "torch cuda tf32", "torch cuda float16"
"""The eager forms; ours is told against the first and the last."""
_FORMS: dict[str, Callable[[], FilterFactory]] = {"cuda banded": BandedFilters, "cuda fused": lambda: firs}


class Engine(Protocol):
    """One in the run."""

    engine: str
    precision: str

    def ready(self, numbers: F32) -> Tensor:
        """Ws or a transform as this engine takes them: from the device, or from the host where it sends them itself."""
        ...

    def place(self, transform: Tensor) -> None:
        """Where the picture lies: [3, 3], inverse; nothing for a network that cannot move."""
        ...

    def submit(self, ws: Tensor) -> Tensor:
        """Ws [num_ws, w_dim] float32 -> RGBA [H, W, 4] uint8, or float [channels, H, W], nominally -1..1; no waiting.

        It may be overwritten by the next.
        """
        ...

    def image(self, ws: Tensor) -> Tensor:
        """The same as float [channels, H, W], for holding it against the reference."""
        ...


@dataclass(frozen=True, slots=True)
class Builder:
    """An engine by name, and what makes it; that raises whatever keeps it from being built."""

    engine: str
    build: Callable[[], Engine]


class Eager:
    """The network as PyTorch runs it, operation by operation."""

    def __init__(self, G: Generator, where: torch.device, *, half: bool = False, tf32: bool = False) -> None:
        self.engine = HALF if half else TF32 if tf32 else EXACT
        self.precision = "float16" if half else "tf32" if tf32 else "float32"
        self._half, self._tf32, self._where = half, tf32, where
        self._synthesis = deepcopy(G.synthesis).to(where).eval().requires_grad_(requires_grad=False)
        if half and isinstance(self._synthesis, SynthesisNetwork):
            for layer in self._synthesis.layers:  # not the Fourier features: every pixel hangs on their phases
                layer.half()
        elif half:
            self._synthesis.half()

    def ready(self, numbers: F32) -> Tensor:
        return torch.from_numpy(numbers).to(self._where)

    def place(self, transform: Tensor) -> None:
        if isinstance(self._synthesis, SynthesisNetwork):
            self._synthesis.input.transform.copy_(transform)

    def submit(self, ws: Tensor) -> Tensor:
        return rgba(self.image(ws))

    @torch.inference_mode()
    def image(self, ws: Tensor) -> Tensor:
        with self._settings():
            if not self._half:
                made: Tensor = self._synthesis(ws[None], noise_mode="const")
            elif isinstance(self._synthesis, SynthesisNetwork):
                made = self._synthesis.input(ws[None, 0]).half()
                for layer, w in zip(self._synthesis.layers, ws[None, 1:].half().unbind(1), strict=True):
                    made = layer(made, w)
                made = made * self._synthesis.config.output_scale
            else:
                made = self._synthesis(ws[None].half(), noise_mode="const")
        return made[0].float()

    def _settings(self) -> AbstractContextManager[None]:
        flags: AbstractContextManager[None] = torch.backends.cudnn.flags(
            enabled=True, benchmark=True, deterministic=False, allow_tf32=self._tf32
        )
        return flags


class Baseline:
    """A callable from outside; BadInput says what is wrong with it, whenever that shows."""

    precision = "its own"

    def __init__(self, spec: str, model: str, where: torch.device, shape: Sequence[int]) -> None:
        self.engine, self._spec, self._shape, self._where = f"baseline {spec}", spec, torch.Size(shape), where
        factory = find(spec)
        try:
            self._call = factory(model, where.type)
        except FAULTS as e:
            raise BadInput("baseline", [f"{spec} does not take {Path(model).name!r} ({said(e)})"]) from e
        if not callable(self._call):
            raise BadInput("baseline", [f"{spec} returned a {type(self._call).__name__}, and a callable was wanted"])

    def ready(self, numbers: F32) -> Tensor:
        return torch.from_numpy(numbers).to(self._where)

    def place(self, transform: Tensor) -> None:
        """It has its own way."""

    @torch.inference_mode()
    def submit(self, ws: Tensor) -> Tensor:
        try:
            made = self._call(ws)
        except FAULTS as e:
            raise BadInput("baseline", [f"{self._spec} does not paint ({said(e)})"]) from e
        if not isinstance(made, Tensor) or made.device.type != ws.device.type:
            kind = f"on {made.device}" if isinstance(made, Tensor) else f"a {type(made).__name__}"
            raise BadInput("baseline", [f"{self._spec} painted {kind}, and a tensor on {ws.device.type} was wanted"])
        made = made[0] if made.ndim == 4 and len(made) == 1 else made
        wanted = (*self._shape[1:], 4) if made.dtype is torch.uint8 else self._shape
        if made.shape != wanted:
            raise BadInput("baseline", [f"{self._spec} painted {list(made.shape)}, not {list(wanted)}"])
        return made

    @torch.inference_mode()
    def image(self, ws: Tensor) -> Tensor:
        made = self.submit(ws)
        if made.dtype is not torch.uint8:
            return made.float()
        return made[..., : min(3, self._shape[0])].permute(2, 0, 1).float() / 127.5 - 1


@runtime_checkable
class Painting(Protocol):
    """A painter of ours: it sends its w and transform itself and begins a frame without waiting for it."""

    engine: str
    precision: str
    layers_once: int

    def image(self, ws: F32) -> Tensor: ...

    def paint_into(self, ws: F32, out: Tensor) -> None: ...


class Ours:
    """One of our painters; it looks up its network's transform at each frame, which lies in host memory."""

    def __init__(self, painter: Painting, G: Generator, where: torch.device) -> None:
        self.engine, self.precision, self.layers_once = painter.engine, painter.precision, painter.layers_once
        self.painter, self._synthesis = painter, G.synthesis
        self._out = torch.zeros(G.img_resolution, G.img_resolution, 4, dtype=torch.uint8, device=where)

    def ready(self, numbers: F32) -> Tensor:
        return torch.from_numpy(numbers)

    def place(self, transform: Tensor) -> None:
        if isinstance(self._synthesis, SynthesisNetwork):
            self._synthesis.input.transform.copy_(transform)

    def submit(self, ws: Tensor) -> Tensor:
        self.painter.paint_into(ws.numpy(), self._out)
        return self._out

    def image(self, ws: Tensor) -> Tensor:
        return self.painter.image(ws.numpy())


def builders(
    G: Generator, where: torch.device, only: Sequence[str], baselines: Sequence[str], model: str, *, ablation: bool
) -> tuple[Builder, ...]:
    """The eager forms, every form of ours and the baselines; `only` picks by name or its first words."""
    found = [
        Builder(EXACT, partial(Eager, G, where)),
        Builder(TF32, partial(Eager, G, where, tf32=True)),
        Builder(HALF, partial(Eager, G, where, half=True)),
        *ours(G, where, ablation=ablation),
    ]
    picked = [b for b in found if not only or any(f"{b.engine} ".startswith(f"{name} ") for name in only)]
    if only and not picked:
        names = ", ".join(b.engine for b in found)
        raise BadInput("engine", [f"none here paints this model under the name {only[0][:80]!r}; there are {names}"])
    shape = (G.img_channels, G.img_resolution, G.img_resolution)
    picked += [Builder(f"baseline {spec}", partial(Baseline, spec, model, where, shape)) for spec in baselines]
    return tuple(picked)


def ours(G: Generator, where: torch.device, *, ablation: bool) -> tuple[Builder, ...]:
    """Every form that is made for a GPU; for an ablation also those that nobody gets unasked, and without a graph."""
    made = [Builder(way.name, partial(_painter, way, G, where)) for way in chain.ways(G, where)[:-1]]
    if ablation and made:
        made += [Builder(way.name, partial(_painter, way, G, where)) for way in chain.asked_for(G, where)]
        made += [_without(form, G, where, recorded=False) for form in _FORMS]
        if isinstance(G.config, StyleGAN3Config) and G.config.use_radial_filters:
            made += [_without(form, G, where, recorded=True, whole=True) for form in _FORMS]
            made.append(_without("cuda banded", G, where, recorded=False, whole=True))
    return tuple(made)


def _painter(way: Way, G: Generator, where: torch.device) -> Ours:
    painter = way.build(1)
    if not isinstance(painter, Painting):
        raise TypeError(f"{way.name} does not paint into memory of the device")
    return Ours(painter, G, where)


def _without(form: str, G: Generator, where: torch.device, *, recorded: bool, whole: bool = False) -> Builder:
    """A form of ours less a step: its launches asked for one by one, or radial filters that are not reduced."""
    name = form + " unreduced" * whole + " unrecorded" * (not recorded)

    def build() -> Ours:
        capture = CudaCapture(where) if recorded else run_eagerly
        return Ours(
            GpuPainter(G, _FORMS[form](), capture, engine=name, dtype=torch.float16, device=where, whole=whole),
            G,
            where,
        )

    return Builder(name, build)


@torch.inference_mode()
def rgba(image: Tensor) -> Tensor:
    """[channels, H, W] in -1..1 -> RGBA [H, W, 4] uint8 where it is: v becomes round(127.5 v + 127.5).

    RGBA already: as it is. One channel is grey; a fourth is the picture's own alpha, laid over black.
    """
    if image.dtype is torch.uint8:
        return image
    if len(image) == 4:
        image = (image[:3] + 1) * (image[3:] * 0.5 + 0.5).clamp(0, 1) - 1
    rgb = (image * 127.5 + 127.5).round_().clamp_(0, 255).to(torch.uint8).permute(1, 2, 0)
    whole = torch.full((*rgb.shape[:2], 4), 255, dtype=torch.uint8, device=image.device)
    whole[..., :3] = rgb
    return whole
