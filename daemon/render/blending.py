"""Two frames mixed in host memory, as bytes: in place, a band at a time, so that what is in between stays in the cache.

sRGB values are what is mixed, as vision mixers do. Where alpha says how much of a pixel is seen, a colour counts as far
as it is seen (premultiplied and back): the colours of what cannot be seen show nowhere.
"""

from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from daemon.flow import U8, Alpha

WHOLE = 256  # shares are of this

U16: TypeAlias = NDArray[np.uint16]
_Shares: TypeAlias = tuple[U16 | np.uint16, U16 | np.uint16]

_BAND = 64 << 10  # pixels at a time
_LOW, _HIGH, _BYTE, _HALF = (np.uint16(n) for n in (0x00FF, 0xFF00, 8, WHOLE // 2))


def blend(still: U8, pixels: U8, share: int, alpha: Alpha) -> None:
    """Lay `share` of 256 of a still over a frame of its size [H, W, 4]; 0 and 256 give one of them, to the bit."""
    height, width = pixels.shape[:2]
    rows = min(max(_BAND // width, 1), height)
    room: U16 = np.empty((3, rows, width, 2), np.uint16)
    if alpha is Alpha.OPAQUE:
        one, other = np.uint16(share), np.uint16(WHOLE - share)
        for top in range(0, height, rows):
            _mix(still[top : top + rows], pixels[top : top + rows], (one, one), (other, other), room)
        return
    tables, which = _shares(share), np.empty((rows, width), np.uint16)
    parts: U16 = np.empty((2, rows, width, 2), np.uint16)
    rests: U16 = np.empty_like(parts)
    for top in range(0, height, rows):
        over, under = still[top : top + rows], pixels[top : top + rows]
        part, rest, alphas = parts[:, : len(under)], rests[:, : len(under)], which[: len(under)]
        np.bitwise_and(over.view(np.uint16)[..., 1], _HIGH, out=alphas)
        alphas |= under[..., 3]
        for table, into in zip(tables, part, strict=True):
            np.take(table, alphas, out=into.view(np.uint32)[..., 0], mode="clip")
        np.subtract(np.uint16(WHOLE), part, out=rest)
        _mix(over, under, (part[0], part[1]), (rest[0], rest[1]), room)


def scaled(frame: U8, height: int, width: int) -> U8:
    """A frame of another size; bicubic, and what cannot be seen lends no colour to what can. A few ms, once."""
    if frame.shape[:2] == (height, width):
        return frame
    from PIL import Image

    return np.asarray(Image.fromarray(frame).resize((width, height), Image.Resampling.BICUBIC))


def _mix(over: U8, under: U8, part: _Shares, rest: _Shares, room: U16) -> None:
    """`part` of 256 of one and the `rest` of the other in its place, for the even bytes of each and for the odd ones.

    Two bytes to a number: no sum of theirs overflows. `room`: [3, at least their rows, W, 2], for what is in between.
    """
    a, b = over.view(np.uint16), under.view(np.uint16)
    low, high, more = room[:, : len(b)]
    np.bitwise_and(b, _LOW, out=low)
    low *= rest[0]
    low += np.multiply(np.bitwise_and(a, _LOW, out=more), part[0], out=more)
    low += _HALF
    low >>= _BYTE
    np.right_shift(b, _BYTE, out=high)
    high *= rest[1]
    high += np.multiply(np.right_shift(a, _BYTE, out=more), part[1], out=more)
    high += _HALF
    high &= _HIGH
    np.bitwise_or(low, high, out=b)


def _shares(share: int) -> tuple[NDArray[np.uint32], NDArray[np.uint32]]:
    """The still's share in each byte of a pixel by 256 x its alpha + the other's: of the even bytes, and of the odd."""
    alpha = np.arange(256, dtype=np.float32)
    part = alpha[:, None] * np.float32(share)
    whole = part + alpha * np.float32(WHOLE - share)
    colour = np.full_like(whole, share)  # where neither can be seen
    np.divide(part * np.float32(WHOLE), whole, out=colour, where=whole > 0)
    even = np.repeat(np.rint(colour).astype(np.uint16).reshape(-1, 1), 2, axis=1)
    odd = even.copy()
    odd[:, 1] = share  # alpha itself
    return even.view(np.uint32)[:, 0], odd.view(np.uint32)[:, 0]
