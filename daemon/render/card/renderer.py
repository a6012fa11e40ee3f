"""The card as a model: a renderer that shows nothing else."""

from dataclasses import replace

from daemon.flow import F32, U8, FrameFormat, Latents, ModelFacts
from daemon.render.card.drawing import Card
from daemon.render.renderer import NO_CLASSES
from daemon.render.swatch import SwatchRenderer


class CardRenderer:
    """Counts its pictures; latents move nothing, but black is black."""

    engine = "card"
    precision = "uint8"
    threads = 1

    def __init__(self, format: FrameFormat) -> None:  # noqa: A002 - the field's own word
        self._card = Card(format.width, format.height, format.order)
        self._latents, self._count = SwatchRenderer(16), 0
        self._facts = replace(self._latents.facts, name="card", resolution=min(format.width, format.height), anchors=())

    @property
    def facts(self) -> ModelFacts:
        return self._facts

    def to_w(self, z: F32, psi: float, classes: F32 = NO_CLASSES) -> F32:
        """Z [N, z_dim] and truncation -> ws [N, num_ws, w_dim], which nobody looks at."""
        return self._latents.to_w(z, psi, classes)

    def render(self, latents: Latents, pixels: U8) -> None:
        """Write the next card into `pixels` [H, W, 4], alpha 255."""
        if latents.ws is None:
            pixels[..., :3], pixels[..., 3] = 0, 255
        else:
            self._card.paint(self._count, pixels)
        self._count += 1
