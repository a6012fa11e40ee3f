"""Where everything on the card is, for a frame of any size."""

from dataclasses import dataclass
from itertools import pairwise

COUNTS = 65_536  # the counter begins again after so many
BITS = 16
CELLS = 2 + BITS + 2  # white, black, the counter from its highest bit on, and how many of them are 1, modulo 4
TURN = 60  # frames in which the hand goes round

CORNERS = (("RED", (255, 0, 0)), ("GREEN", (0, 255, 0)), ("BLUE", (0, 0, 255)), ("WHITE", (255, 255, 255)))
"""Top left, top right, bottom left, bottom right."""


@dataclass(frozen=True, slots=True)
class Box:
    """Pixels left <= x < right, top <= y < bottom."""

    left: int
    top: int
    right: int
    bottom: int

    @property
    def width(self) -> int:
        return self.right - self.left

    @property
    def height(self) -> int:
        return self.bottom - self.top

    @property
    def middle(self) -> tuple[float, float]:
        """(x, y)."""
        return (self.left + self.right) / 2, (self.top + self.bottom) / 2

    @property
    def area(self) -> tuple[slice, slice]:
        """Rows and columns of an array."""
        return slice(self.top, self.bottom), slice(self.left, self.right)

    def columns(self, count: int) -> tuple["Box", ...]:
        """Cut into so many, side by side, to the pixel as even as it goes."""
        at = [self.left + round(i * self.width / count) for i in range(count + 1)]
        return tuple(Box(a, self.top, b, self.bottom) for a, b in pairwise(at))


class Layout:
    """A card of `width` x `height` pixels."""

    def __init__(self, width: int, height: int) -> None:
        self.width, self.height = width, height
        self.unit = unit = min(width, height)
        self.gap = gap = 1 + max(1, unit // 128)  # the border and the black inside of it
        side = max(2, round(0.14 * unit))
        right, bottom = width - gap, height - gap
        self.corners = (
            Box(gap, gap, gap + side, gap + side),
            Box(right - side, gap, right, gap + side),
            Box(gap, bottom - side, gap + side, bottom),
            Box(right - side, bottom - side, right, bottom),
        )
        tall = max(1, round(0.55 * side))
        air = max(1, side // 8)  # beside the corners
        inner, outer = gap + side + air, width - gap - side - air
        self.counters = (Box(inner, gap, outer, gap + tall), Box(inner, bottom - tall, outer, bottom))

        radius = round(0.235 * unit)
        x, y = round(width / 2), round(0.47 * height) if height <= width else round(0.44 * height)
        self.dial = Box(x - radius, y - radius, x + radius, y + radius)
        self.letter = Box(gap, y - radius, self.dial.left, y + radius)  # the F, in the middle of it
        self.lines = Box(self.dial.right, y - radius, width - gap, y + radius)  # of one pixel, likewise
        self.title = Box(inner, gap + tall, outer, self.dial.top)  # TOP
        wide, margin = width - 2 * gap, round(0.05 * unit)
        low = max(bottom - side - air, 1)
        room = max(low - self.dial.bottom, 0)
        top = self.dial.bottom + round(0.22 * room)
        steps = [top + round(i * (low - top) / 3) for i in range(4)]
        left, end = gap + margin, gap + wide - margin
        self.colours, self.ramp, self.steps = (
            Box(left, a, end, max(b - max(1, room // 40), a)) for a, b in pairwise(steps)
        )
        self.footer = Box(inner, bottom - side, outer, bottom - tall)  # the size


def cells(count: int) -> tuple[bool, ...]:
    """The cells of a counter, white where True."""
    bits = tuple(bool(count % COUNTS >> i & 1) for i in reversed(range(BITS)))
    ones = sum(bits)
    return (True, False, *bits, bool(ones & 2), bool(ones & 1))


def counted(lit: tuple[bool, ...]) -> int | None:
    """The count that cells show; None where they cannot be a counter's."""
    count = sum(bit << i for i, bit in enumerate(reversed(lit[2 : 2 + BITS])))
    return count if lit == cells(count) else None
