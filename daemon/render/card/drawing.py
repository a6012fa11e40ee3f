"""The card, painted: all that stays still once, what moves anew for each count."""

from functools import lru_cache

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

from daemon.flow import F32, U8, Order, frozen
from daemon.render.card.layout import CORNERS, COUNTS, TURN, Box, Layout, cells

_GROUND, _GRID, _TEXT = 16, 40, 235  # grey levels
_BARS = ((255, 255, 0), (0, 255, 255), (0, 255, 0), (255, 0, 255), (255, 0, 0), (0, 0, 255))
_STEPS = 11
_LEGIBLE = 6  # px: smaller letters are left out


class Card:
    """A card of one size and byte order; `paint` is all that is done for a frame."""

    def __init__(self, width: int, height: int, order: Order = Order.RGBA) -> None:
        self.layout = layout = Layout(width, height)
        self._still: U8 = np.full((height, width, 4), 255, np.uint8)
        rgb = np.asarray(_still(layout))
        self._still[..., :3] = rgb[..., ::-1] if order is Order.BGRA else rgb
        frozen(self._still)
        box = layout.dial
        at = np.arange(box.width, dtype=np.float32) + np.float32(0.5 - box.width / 2)
        x, y = at[None, :], at[:, None]
        far = np.hypot(x, y)
        self._turn: F32 = np.arctan2(x, -y) / np.float32(2 * np.pi) % np.float32(1.0)  # 0..1, clockwise from the top
        self._around = 2 * np.float32(np.pi) * far  # px: the circle through a pixel
        radius, thick = box.width / 2, max(1.0, box.width / 90)
        self._face, self._rim = _edge(radius - far), _edge(far - np.float32(0.82 * radius))
        self._ring = _edge(thick - np.abs(far - radius + thick)) + 0.35 * _edge(
            0.5 * thick - np.abs(far - 0.82 * radius)
        )
        self._ground: F32 = self._still[box.area][..., 1].astype(np.float32)
        self._digits = _digits(round(0.25 * box.width))

    def paint(self, count: int, pixels: U8) -> None:
        """Write the card that shows `count`, modulo 65,536, into `pixels` [H, W, 4]; all but alpha 255 is painted."""
        np.copyto(pixels, self._still)
        for row in self.layout.counters:
            for box, lit in zip(row.columns(len(cells(0))), cells(count), strict=True):
                pixels[box.area][..., :3] = 255 if lit else 0
        dial = self.layout.dial
        if dial.width > 1:
            pixels[dial.area][..., :3] = self._dial(count)[..., None]

    def _dial(self, count: int) -> U8:
        """[d, d] grey: a hand that goes round and leaves the face lighter, then darker; the count in digits on it."""
        rounds, at = divmod(count % COUNTS, TURN)
        ahead = (np.float32(at / TURN) - self._turn) * self._around  # px
        done = _edge(ahead)
        light, dark = (92.0, 52.0) if rounds % 2 == 0 else (52.0, 92.0)
        face = dark + (light - dark) * done
        hand = _edge(np.float32(max(1.0, len(face) / 160)) - np.abs(ahead)) * self._rim
        face += (_TEXT - face) * np.minimum(hand + self._ring, 1)
        picture = self._ground + (face - self._ground) * self._face
        shown = [self._digits[int(digit)] for digit in f"{count % COUNTS:05d}"]
        high, wide = shown[0].shape
        top, left = (len(picture) - high) // 2, (len(picture) - wide * len(shown)) // 2
        if high and left >= 0:
            number = np.concatenate(shown, axis=1)
            patch = picture[top : top + high, left : left + number.shape[1]]
            patch += (255 - patch) * number
        return np.rint(picture).astype(np.uint8)


def draw(width: int, height: int, count: int, order: Order = Order.RGBA) -> U8:
    """A card [H, W, 4], top row first, sRGB, alpha 255."""
    pixels = np.empty((height, width, 4), np.uint8)
    _card(width, height, order).paint(count, pixels)
    return pixels


@lru_cache(4)
def _card(width: int, height: int, order: Order) -> Card:
    return Card(width, height, order)


def _edge(inside: NDArray[np.float32]) -> F32:
    """How much of a pixel is inside, 0..1, from its distance to the edge, px."""
    cover: F32 = np.clip(inside + np.float32(0.5), 0, 1).astype(np.float32)
    return cover


def _digits(height: int) -> tuple[F32, ...]:
    """0 to 9, all as wide, [h, w] coverage 0..1; without height where they would not be legible."""
    if height < _LEGIBLE:
        return (np.zeros((0, 0), np.float32),) * 10
    font = ImageFont.load_default(height)
    wide = max(int(np.ceil(font.getlength(digit))) for digit in "0123456789")
    masks: list[F32] = []
    for digit in "0123456789":
        mask = Image.new("L", (wide, round(0.9 * height)))
        ImageDraw.Draw(mask).text((wide / 2, mask.height / 2), digit, 255, font, anchor="mm")
        masks.append(np.asarray(mask, np.float32) / np.float32(255))
    return tuple(masks)


def _still(layout: Layout) -> Image.Image:
    """All that does not move, RGB."""
    width, height, unit = layout.width, layout.height, layout.unit
    picture = Image.new("RGB", (width, height), (_GROUND,) * 3)
    pen = ImageDraw.Draw(picture)
    for n in range(-64, 65):  # squares, counted from the middle
        x, y = width / 2 + n * unit / 8, height / 2 + n * unit / 8
        pen.line([(x, 0), (x, height)], (_GRID,) * 3, max(1, unit // 540))
        pen.line([(0, y), (width, y)], (_GRID,) * 3, max(1, unit // 540))
    for box, (name, colour) in zip(layout.corners, CORNERS, strict=True):
        _fill(pen, box, colour)
        ink = (0, 0, 0) if sum(colour[:2]) > 250 and name != "RED" else (255, 255, 255)
        _write(pen, box, name, 0.22 * box.height, ink)
    _write(pen, layout.title, "TOP", min(0.62 * layout.title.height, 0.12 * unit))
    _letters(pen, layout)
    _lines(picture, layout)
    for box, colour in zip(layout.colours.columns(len(_BARS)), _BARS, strict=True):
        _fill(pen, box, colour)
    for i, box in enumerate(layout.ramp.columns(max(layout.ramp.width, 1))):
        _fill(pen, box, (round(255 * i / max(layout.ramp.width - 1, 1)),) * 3)
    for i, box in enumerate(layout.steps.columns(_STEPS)):
        _fill(pen, box, (round(255 * i / (_STEPS - 1)),) * 3)
    _write(pen, layout.footer, f"{width} x {height}", 0.8 * layout.footer.height)
    for n, colour in ((layout.gap - 1, (0, 0, 0)), (0, (255, 255, 255))):
        pen.rectangle((0, 0, width - 1, height - 1), None, colour, n or 1)
    return picture


def _letters(pen: ImageDraw.ImageDraw, layout: Layout) -> None:
    """The F, which no flip or turn leaves as it is, and LEFT over it."""
    box = layout.letter
    x, y = box.middle
    side = min(0.62 * box.width, 0.5 * box.height)
    stem = side / 4
    left, top = x - 0.42 * side, y - 0.42 * side
    for shape in (
        (left, top, left + stem, top + 1.3 * side),
        (left, top, left + 0.9 * side, top + stem),
        (left, top + 1.7 * stem, left + 0.7 * side, top + 2.6 * stem),
    ):
        if shape[2] - shape[0] >= 1:
            pen.rectangle(shape, (255, 210, 80))
    _write(pen, Box(box.left, box.top, box.right, round(top)), "LEFT", 0.26 * side)


def _lines(picture: Image.Image, layout: Layout) -> None:
    """Upright and level lines of one pixel: they stay even where no pixel was scaled."""
    box, pen = layout.lines, ImageDraw.Draw(picture)
    x, y = box.middle
    side = round(min(0.56 * box.width, 0.36 * box.height))
    if side < 8:
        return
    left, top = round(x - side / 2), round(y - 1.2 * side)
    for upright in (True, False):
        at = np.arange(side)
        level = np.broadcast_to(np.where(at % 2 == 0, 255, 0).astype(np.uint8), (side, side))
        picture.paste(Image.fromarray(np.ascontiguousarray(level if upright else level.T)).convert("RGB"), (left, top))
        top += round(1.12 * side)
    _write(pen, Box(left, top, left + side, top + round(0.3 * side)), "1 PX", 0.2 * side)


def _fill(pen: ImageDraw.ImageDraw, box: Box, colour: tuple[int, ...]) -> None:
    if box.width > 0 and box.height > 0:
        pen.rectangle((box.left, box.top, box.right - 1, box.bottom - 1), colour)


def _write(
    pen: ImageDraw.ImageDraw, box: Box, text: str, size: float, ink: tuple[int, int, int] = (_TEXT,) * 3
) -> None:
    """In the middle of a box, as large as asked for or as its width lets it; not at all where nobody could read it."""
    if size < _LEGIBLE:
        return
    font = ImageFont.load_default(size)
    if (wide := font.getlength(text)) > 0.92 * box.width:
        size *= 0.92 * box.width / wide
        if size < _LEGIBLE:
            return
        font = ImageFont.load_default(size)
    pen.text(box.middle, text, ink, font, anchor="mm")
