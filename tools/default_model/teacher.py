"""The teacher: z -> picture, from code alone. Families blend in the height field, never between pictures.

height = sum of fields; colour = a palette of six stops, linear between them, read at contrast * height + phase; then
light from the slope, a shine where it is strongest, fine lines where the family's line field comes round, and shade.
Every step is piecewise linear in the fields and linear in what z says.
"""

from dataclasses import dataclass

import torch
from torch import Tensor

from tools.default_model import fields
from tools.default_model.recipe import STOPS, Recipe, read

SLOPE = 20.0  # of the height, per picture half: full light
LINE_PERIOD = 1.0  # of the line field, standard deviations
LINE_WIDTH = 0.15  # of half a period
LINES, LIGHT, SHINE, SHADE = 0.95, 0.34, 0.7, 0.4
_STEP = 2  # pixels to each side over which a slope is taken


@dataclass(frozen=True, slots=True)
class Buffers:
    """What lies behind a picture; each [N, channels, H, W]."""

    height: Tensor  # palette angle, periods
    line: Tensor  # the line field
    slope: Tensor  # 2: x and y, full light is 1


class Teacher:
    """Paints [N, 3, size, size] in -1..1."""

    def __init__(self, size: int, device: str | torch.device = "cpu") -> None:
        self.size = size
        made = fields.make(size, _STEP).to(device)
        self._heights, self._lines = made[:, : fields.HEIGHTS].flatten(0, 1), made[:, fields.HEIGHTS]

    def __call__(self, z: Tensor) -> Tensor:
        with torch.no_grad():
            return self.paint(read(z))

    def paint(self, recipe: Recipe, top: int = 0, left: int = 0, size: int | None = None) -> Tensor:
        """The picture, or a square of it."""
        return paint(recipe, self.buffers(recipe, top, left, size))

    def buffers(self, recipe: Recipe, top: int = 0, left: int = 0, size: int | None = None) -> Buffers:
        """What lies behind a square of the picture."""
        n, d = size or self.size, _STEP
        here = slice(d, n + d)
        crop = self._heights[:, top : top + n + 2 * d, left : left + n + 2 * d]
        raw = torch.einsum("nf,fyx->nyx", recipe.heights, crop)
        line = torch.einsum("nf,fyx->nyx", recipe.lines, self._lines[:, top : top + n + 2 * d, left : left + n + 2 * d])
        unit = self.size / (4 * d) / SLOPE / recipe.heights.norm(dim=1)[:, None, None]
        dx, dy = raw[:, here, 2 * d :] - raw[:, here, : -2 * d], raw[:, 2 * d :, here] - raw[:, : -2 * d, here]
        height = raw[:, here, here] + recipe.phase[:, :, None]
        return Buffers(height[:, None], line[:, None, here, here], torch.stack([dx * unit, dy * unit], 1))


def hats(height: Tensor) -> Tensor:
    """[N, 1, H, W] -> [N, 6, H, W]: how much of each stop; they sum to 1."""
    at = torch.arange(STOPS, device=height.device)[:, None, None]
    away = ((height * STOPS - at + STOPS / 2) % STOPS - STOPS / 2).abs()
    return (1 - away).clamp(min=0)


def line_marks(line: Tensor) -> Tensor:
    """1 on the fine lines, 0 beside them."""
    away = ((line / LINE_PERIOD) % 1 - 0.5).abs() * 2  # 0 on a line, 1 between two
    return (1 - away / LINE_WIDTH).clamp(min=0)


def paint(recipe: Recipe, buffers: Buffers) -> Tensor:
    """[N, 3, H, W] in -1..1."""
    colours = recipe.colours.view(-1, STOPS, 3)
    rgb = torch.einsum("nkc,nkyx->ncyx", colours, hats(buffers.height))
    light = torch.einsum("nd,ndyx->nyx", recipe.light, buffers.slope)[:, None]
    lines, shine, shade = (recipe.inks[:, i, None, None, None] for i in range(3))
    rgb = rgb + LIGHT * light.clamp(-1, 1) + SHINE * shine * (light - 0.6).clamp(0, 1)
    rgb = rgb + LINES * lines * line_marks(buffers.line)
    rgb = rgb - SHADE * shade * (-buffers.line - 0.2).clamp(0, 2)
    return rgb.clamp(-1, 1)
