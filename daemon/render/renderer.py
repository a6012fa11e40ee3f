"""What every renderer is."""

from dataclasses import dataclass
from typing import Protocol, runtime_checkable

import numpy as np

from daemon.device import Device
from daemon.flow import F32, U8, Latents, ModelFacts, frozen

NO_CLASSES: F32 = np.zeros(0, np.float32)
"""Nothing chosen: a conditional model shows its first class."""
frozen(NO_CLASSES)


@dataclass(frozen=True, slots=True)
class Means:
    """What a network is to be rendered with, where there is a choice."""

    engine: str = "auto"
    threads: int | None = None  # None: as many as serve best
    budget: float | None = None  # s a frame may take; None: nothing is timed, and every run computes alike
    after: "Renderer | None" = None  # what renders meanwhile


class Renderer(Protocol):
    """Latents to pixels, on the render thread alone."""

    @property
    def facts(self) -> ModelFacts: ...

    @property
    def engine(self) -> str:
        """How it computes, in a word."""
        ...

    @property
    def precision(self) -> str: ...

    @property
    def threads(self) -> int:
        """How many it computes with."""
        ...

    def to_w(self, z: F32, psi: float, classes: F32 = NO_CLASSES) -> F32:
        """Z [N, z_dim], truncation and class weights [<= classes] -> ws [N, num_ws, w_dim]."""
        ...

    def render(self, latents: Latents, pixels: U8) -> None:
        """Write one frame into `pixels` [H, W, 4]: sRGB, the top row first, order and alpha as it was made for."""
        ...


class Launcher(Protocol):
    """Paints on a device while the host goes on."""

    @property
    def device(self) -> Device:
        """Whose canvases it paints."""
        ...

    def launch(self, latents: Latents, canvas: object) -> None:
        """Have one frame, as `Renderer.render` writes it, painted on a canvas [H, W, 4]; returns before it is."""
        ...


@runtime_checkable
class Blending(Launcher, Protocol):
    """A launcher that can lay a still over what it has painted, in the order of the device's work, as it paints."""

    def still(self, shown: object, canvas: object) -> object:
        """A copy of a picture, on a canvas of the device's or in host memory [H, W, 4], of the size of this canvas."""
        ...

    def blend(self, still: object, canvas: object, share: int) -> None:
        """Lay `share` of 256 of a still over a canvas; returns before it is done."""
        ...


@runtime_checkable
class Launching(Protocol):
    """A renderer that may have a launcher, beside `render`, which waits for its picture."""

    @property
    def launcher(self) -> Launcher | None:
        """None: it paints in host memory."""
        ...


def launcher_of(renderer: Renderer) -> Launcher | None:
    """What paints for it on a device; None where it paints in host memory."""
    return renderer.launcher if isinstance(renderer, Launching) else None
