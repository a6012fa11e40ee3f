"""The card as a model: a renderer that shows nothing else."""

from dataclasses import replace

from daemon.flow import F32, U8, Framing, Latents, ModelFacts
from daemon.render.card.drawing import Card
from daemon.render.placing import clear, key_of
from daemon.render.renderer import NO_CLASSES
from daemon.render.swatch import SwatchRenderer

SIZE = 512  # px: where none is asked for


class CardRenderer:
    """Counts its frames, which it draws at their own size; latents move nothing, but black is black."""

    engine = "card"
    precision = "uint8"
    threads = 1

    def __init__(self, framing: Framing = Framing()) -> None:  # noqa: B008 - it cannot change
        self._format, self._key = framing.format(SIZE), key_of(framing)
        width, height = self._format.width, self._format.height
        self._card = Card(width, height, framing.order)
        self._latents, self._count = SwatchRenderer(16), 0
        self._facts = replace(self._latents.facts, name="card", resolution=SIZE, anchors=())

    @property
    def facts(self) -> ModelFacts:
        return self._facts

    def to_w(self, z: F32, psi: float, classes: F32 = NO_CLASSES) -> F32:
        """Z [N, z_dim] and truncation -> ws [N, num_ws, w_dim], which nobody looks at."""
        return self._latents.to_w(z, psi, classes)

    def render(self, latents: Latents, pixels: U8) -> None:
        """Write the next card into `pixels` [H, W, 4]; ws None is black, and counts too."""
        if latents.ws is None:
            clear(pixels, self._format)
        else:
            self._card.paint(self._count, pixels)
            if self._key is not None:
                self._key.apply(pixels)
        self._count += 1
