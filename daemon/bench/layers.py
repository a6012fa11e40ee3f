"""Where the time of a picture goes, for the engines that can tell."""

from collections.abc import Callable
from dataclasses import dataclass
from statistics import median
from typing import Protocol, runtime_checkable

import torch
from torch import nn

from daemon.flow import F32
from stylegan3.inference import Painter, TorchPainter
from stylegan3.kernels.fused import PhaseTime
from stylegan3.synthesis import SynthesisNetwork


@runtime_checkable
class Profiled(Protocol):
    """A painter that times its own phases."""

    def profile(self, ws: F32, frames: int) -> tuple[PhaseTime, ...]: ...


@dataclass(frozen=True, slots=True)
class Phase:
    """Part of a picture and its median milliseconds."""

    kind: str  # styles, fourier, conv, filter, rgb; or layer, all of one at once
    layer: int | None  # None: of no layer
    ms: float


def profile(painter: Painter, ws: F32, frames: int, now: Callable[[], float]) -> tuple[Phase, ...]:
    """Medians over so many pictures, apart from the timed run; empty for an engine that cannot tell.

    `now` is the host's clock, so the plain network tells on a CPU only.
    """
    if isinstance(painter, Profiled):
        return tuple(Phase(p.kind, p.layer, p.ms) for p in painter.profile(ws, frames))
    if isinstance(painter, TorchPainter) and next(painter.network.parameters()).device.type == "cpu":
        return _hooked(painter, ws, frames, now)
    return ()


def _hooked(painter: TorchPainter, ws: F32, frames: int, now: Callable[[], float]) -> tuple[Phase, ...]:
    """Layers (StyleGAN2: blocks) of the network that paints, by hooks around each."""
    synthesis = painter.network.synthesis
    layers = [*(synthesis.layers if isinstance(synthesis, SynthesisNetwork) else synthesis.children())]
    begun = [0.0] * len(layers)
    taken: list[list[float]] = [[] for _ in layers]

    def hook(i: int, layer: nn.Module) -> tuple[torch.utils.hooks.RemovableHandle, ...]:
        def before(*_: object) -> None:
            begun[i] = now()

        def after(*_: object) -> None:
            taken[i].append(1e3 * (now() - begun[i]))

        return layer.register_forward_pre_hook(before), layer.register_forward_hook(after)

    hooks = [handle for i, layer in enumerate(layers) for handle in hook(i, layer)]
    try:
        for _ in range(frames + 1):
            painter.image(ws)
    finally:
        for handle in hooks:
            handle.remove()
    return tuple(Phase("layer", i, median(ms[1:])) for i, ms in enumerate(taken))
