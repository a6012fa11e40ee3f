"""What every renderer is."""

from dataclasses import dataclass
from typing import Protocol

import numpy as np

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
        """Write one picture into `pixels` [H, W, 4], alpha 255."""
        ...
