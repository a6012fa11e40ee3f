"""What came back of a card, judged."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from daemon.flow import F32, U8, Order
from daemon.render.card.drawing import draw
from daemon.render.card.layout import CELLS, CORNERS, Box, Layout, counted

_WAYS = {
    "": "TL TR BL BR",
    "mirrored": "TR TL BR BL",
    "upside down": "BL BR TL TR",
    "turned by 180 degrees": "BR BL TR TL",
    "turned by 90 degrees": "BL TL BR TR",
    "turned by 270 degrees": "TR BR TL BL",
    "mirrored and turned by 90 degrees": "TL BL TR BR",
    "mirrored and turned by 270 degrees": "BR TR BL TL",
}
"""What is seen top left, top right, bottom left, bottom right; of the corners of the card."""
_COLOURS = {
    "RED": (255, 0, 0), "GREEN": (0, 255, 0), "BLUE": (0, 0, 255), "WHITE": (255, 255, 255), "BLACK": (0, 0, 0),
    "YELLOW": (255, 255, 0), "CYAN": (0, 255, 255), "MAGENTA": (255, 0, 255), "GREY": (128, 128, 128),
}  # fmt: skip
_SWAPPED = {"RED": "BLUE", "BLUE": "RED"}
_PLACES = ("top left", "top right", "bottom left", "bottom right")
_WEIGHTS = np.array([0.2126, 0.7152, 0.0722], np.float32)  # Rec. ITU-R BT.709
_SMALLEST = 40  # px: a cell of the counter has at least one
_BLACK, _WHITE = 14, 240  # levels beyond which the range was changed; video's own 16..235 is
_FAR = 60.0  # levels by which a part may differ from the card as it was drawn
_PARTS, _PART = 16, 8  # along the short side; px at least
_COLOURED = 16  # px: of smaller parts only luma is compared, since codecs spread colours over two pixels and more


@dataclass(frozen=True, slots=True)
class Reading:
    """What a picture of the card shows."""

    count: int | None  # modulo 65,536; None where it cannot be read
    faults: tuple[str, ...]  # in words; none where the card came through
    error: float = float("nan")  # mean absolute difference to the card as it was drawn, levels of 255; 0: to the bit

    @property
    def fine(self) -> bool:
        return not self.faults


def read(pixels: U8, order: Order = Order.RGBA) -> Reading:
    """Judge a picture [H, W, 3 or 4] with its bytes in this order, top row first, that should be a card of its size.

    It may have been through a codec that loses some of it (JPEG, h264, NDI) where it is 96 x 96 or more. Alpha is not
    looked at.
    """
    rgb = pixels[..., 2::-1] if order is Order.BGRA else pixels[..., :3]
    height, width = rgb.shape[:2]
    if min(width, height) < _SMALLEST:
        return Reading(None, (f"{width} x {height} is too small to be read: {_SMALLEST} x {_SMALLEST} at least",))
    way, swapped = _seen(rgb)
    if way is None:
        names = ", ".join(f"{name} {place}" for name, place in zip(_corners(rgb), _PLACES, strict=True))
        return Reading(None, (f"no card: its corners are {names.lower()}",))
    faults = [way] if way else []
    if swapped:
        faults.append("red and blue are swapped")
        rgb = rgb[..., ::-1]
    rgb = _back(rgb, way)
    height, width = rgb.shape[:2]
    layout, luma = Layout(width, height), rgb @ _WEIGHTS
    if missing := _missing(luma, layout):
        faults.append(f"cropped, or scaled: the border is missing {missing}")
    top, bottom = (_count(luma, box) for box in layout.counters)
    if top is None and bottom is None:
        return Reading(None, (*faults, "the counter cannot be read"))
    if top != bottom:
        return Reading(None, (*faults, f"torn: the counter says {top} at the top and {bottom} at the bottom"))
    assert top is not None
    if level := _levels(luma, layout):
        faults.append(level)
    off = draw(width, height, top)[..., :3].astype(np.int16) - rgb
    if not faults and (where := _worst(off)):
        faults.append(where)
    return Reading(top, tuple(faults), float(np.abs(off).mean()))


def _corners(rgb: U8) -> tuple[str, ...]:
    layout = Layout(rgb.shape[1], rgb.shape[0])
    return tuple(_named(np.median(rgb[box.area], axis=(0, 1))) for box in layout.corners)


def _named(colour: F32) -> str:
    far = {name: float(np.abs(colour - np.array(known)).max()) for name, known in _COLOURS.items()}
    return min(far, key=lambda name: far[name])


def _seen(rgb: U8) -> tuple[str | None, bool]:
    """Which way it was turned, and whether red and blue were swapped; None for what is no card."""
    seen, names = _corners(rgb), dict(zip(("TL", "TR", "BL", "BR"), (name for name, _ in CORNERS), strict=True))
    for way, corners in _WAYS.items():
        want = tuple(names[corner] for corner in corners.split())
        if seen == want:
            return way, False
        if seen == tuple(_SWAPPED.get(name, name) for name in want):
            return way, True
    return None, False


def _back(rgb: U8, way: str) -> U8:
    """As it was before."""
    match way:
        case "mirrored":
            return rgb[:, ::-1]
        case "upside down":
            return rgb[::-1]
        case "turned by 180 degrees":
            return rgb[::-1, ::-1]
        case "turned by 90 degrees":  # clockwise
            return np.rot90(rgb)
        case "turned by 270 degrees":
            return np.rot90(rgb, -1)
        case "mirrored and turned by 90 degrees":
            return rgb.transpose(1, 0, 2)
        case "mirrored and turned by 270 degrees":
            return rgb[::-1, ::-1].transpose(1, 0, 2)
        case _:
            return rgb


def _missing(luma: F32, layout: Layout) -> str:
    """The sides without their border: a white line, and a black one inside of it."""
    inside = layout.corners[0].right
    rows, columns = luma[:, inside:-inside], luma[inside:-inside]
    sides = {"above": rows[:2], "below": rows[:-3:-1], "left": columns[:, :2].T, "right": columns[:, :-3:-1].T}
    lost = [side for side, (line, gap) in sides.items() if np.median(line) - np.median(gap) < 64]
    return " and ".join((", ".join(lost[:-1]), lost[-1]) if len(lost) > 1 else lost)


def _count(luma: F32, row: Box) -> int | None:
    """The counter in a row of cells; each is looked at in its middle."""
    means = [float(np.mean(luma[_core(box).area])) for box in row.columns(CELLS)]
    half = (means[0] + means[1]) / 2
    return counted(tuple(mean > half for mean in means)) if means[0] - means[1] > 64 else None


def _core(box: Box) -> Box:
    """The middle of a box."""
    x, y = max((box.width - 1) // 4, 0), max((box.height - 1) // 4, 0)
    return Box(box.left + x, box.top + y, box.right - x, box.bottom - y)


def _levels(luma: F32, layout: Layout) -> str:
    row = layout.counters[0].columns(CELLS)
    white, black = (float(np.median(luma[_core(box).area])) for box in row[:2])
    if black > _BLACK or white < _WHITE:
        return f"washed out: black is shown as {black:.0f}, white as {white:.0f}"
    return ""


def _worst(off: NDArray[np.int16]) -> str:
    """Where a part of the picture is not as it was drawn, from its differences [H, W, 3]."""
    side = max(min(off.shape[:2]) // _PARTS, _PART)
    far = np.abs(off if side >= _COLOURED else (off @ _WEIGHTS)[..., None])
    high, wide = far.shape[0] // side, far.shape[1] // side
    parts = far[: high * side, : wide * side].reshape(high, side, wide, side, -1).mean((1, 3))
    y, x, _ = np.unravel_index(int(parts.argmax()), parts.shape)
    if parts.max() < _FAR:
        return ""
    return f"not as it was drawn around x {(x + 0.5) * side:.0f}, y {(y + 0.5) * side:.0f}"
