"""The test card: a picture that tells whoever looks at it, and a program too, what was done to it on its way.

Red, green, blue and white corners (from the left, top row first), an F, TOP and LEFT tell which way is up and whether
it was mirrored; a border of one pixel whether all of it is there; the counter, in digits and twice as a row of cells,
which frame it is and whether it is all of one frame. `draw` makes one, `read` judges what came back.
"""

from daemon.render.card.drawing import Card, draw
from daemon.render.card.reading import Reading, read
from daemon.render.card.renderer import CardRenderer

__all__ = ["Card", "CardRenderer", "Reading", "draw", "read"]
