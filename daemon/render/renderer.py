"""What every renderer is."""

from typing import Protocol

from daemon.flow import F32, U8, Latents, ModelFacts


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

    def to_w(self, z: F32, psi: float) -> F32:
        """Z [N, z_dim] and truncation -> ws [N, num_ws, w_dim]."""
        ...

    def render(self, latents: Latents, pixels: U8) -> None:
        """Write one picture into `pixels` [H, W, 4], alpha 255."""
        ...
