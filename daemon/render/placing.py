"""Where a square picture goes in a frame, and what of the frame is seen through."""

from dataclasses import dataclass

import numpy as np

from daemon.flow import U8, Alpha, Fit, FrameFormat, Framing, Order, frozen

_WEIGHTS = (54, 183, 19)  # of red, green and blue in luma, of 256: Rec. ITU-R BT.709
_MOST = 255 * sum(_WEIGHTS)
_OPAQUE_BLACK = np.array([0, 0, 0, 255], np.uint8).view(np.uint32)[0]
_BAND = 64 << 10  # pixels keyed at a time: what is in between stays in the cache


@dataclass(frozen=True, slots=True)
class Placement:
    """A picture is scaled to `height` x `width`; of that `shown` is seen `at` a part of the frame: rows and columns."""

    height: int
    width: int
    shown: tuple[slice, slice]
    at: tuple[slice, slice]
    frame: tuple[int, int]  # height, width

    @property
    def whole(self) -> bool:
        """Whether it is the frame: nothing is cut off, nothing is beside it."""
        return (self.height, self.width) == self.frame

    @property
    def beside(self) -> tuple[tuple[slice, slice], ...]:
        """The parts of the frame that are not the picture."""
        (rows, columns), (height, width) = self.at, self.frame
        parts = (
            (slice(0, rows.start), slice(0, width)),
            (slice(rows.stop, height), slice(0, width)),
            (rows, slice(0, columns.start)),
            (rows, slice(columns.stop, width)),
        )
        return tuple((r, c) for r, c in parts if r.start < r.stop and c.start < c.stop)


def placed(fit: Fit, width: int, height: int) -> Placement:
    """Where a square picture goes in a frame of this size; where that is between two pixels, up and to the left."""
    match fit:
        case Fit.STRETCH:
            scaled = height, width
        case Fit.LETTERBOX:
            scaled = (min(height, width),) * 2
        case Fit.COVER:
            scaled = (max(height, width),) * 2
    (shown_rows, rows), (shown_columns, columns) = map(_overlap, scaled, (height, width))
    return Placement(*scaled, (shown_rows, shown_columns), (rows, columns), (height, width))


def _overlap(scaled: int, room: int) -> tuple[slice, slice]:
    """Of something scaled, in the middle of its room: the part that is seen, and where."""
    length = min(scaled, room)
    cut, free = (scaled - length) // 2, (room - length) // 2
    return slice(cut, cut + length), slice(free, free + length)


def clear(pixels: U8, format: FrameFormat, parts: tuple[tuple[slice, slice], ...] = ((slice(None),) * 2,)) -> None:  # noqa: A002
    """Make parts of a frame black; transparent where its alpha says how much of it is seen."""
    whole = pixels.view(np.uint32)[..., 0]  # a pixel at a time is five times as fast as a byte
    for part in parts:
        whole[part] = _OPAQUE_BLACK if format.alpha == Alpha.OPAQUE else 0


class LumaKey:
    """Alpha by luma: smoothstep(low, high) of the sRGB picture's, as whole numbers, so that every device agrees."""

    def __init__(self, framing: Framing) -> None:
        low, high = framing.key
        t = np.clip((np.arange(_MOST + 1) / _MOST - low) / (high - low), 0, 1)
        self.table: U8 = np.rint(255 * t * t * (3 - 2 * t)).astype(np.uint8)  # alpha of each weighted sum
        self.weights = _WEIGHTS if framing.order is Order.RGBA else _WEIGHTS[::-1]
        frozen(self.table)

    def apply(self, pixels: U8) -> None:
        """Set the alpha of a frame [H, W, 4]; its colours stay."""
        rows = max(_BAND // pixels.shape[1], 1)
        first, second, third = (np.uint16(weight) for weight in self.weights)
        luma, part = (np.empty((rows, pixels.shape[1]), np.uint16) for _ in range(2))
        alpha = np.empty(luma.shape, np.uint8)
        for top in range(0, len(pixels), rows):
            band = pixels[top : top + rows]
            total, other, through = luma[: len(band)], part[: len(band)], alpha[: len(band)]
            np.multiply(band[..., 0], first, out=total)
            total += np.multiply(band[..., 1], second, out=other)
            total += np.multiply(band[..., 2], third, out=other)
            band[..., 3] = np.take(self.table, total, out=through, mode="clip")


def key_of(framing: Framing) -> LumaKey | None:
    """What sets the alpha of its frames; None where that is not luma's."""
    return LumaKey(framing) if framing.transparency == "luma" else None
