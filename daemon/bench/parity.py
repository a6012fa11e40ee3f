"""How far pictures may be off, as numbers and as the bytes that are shown."""

from dataclasses import dataclass

import numpy as np

from daemon.flow import F64, U8

EXACT, HALF = 1e-4, 5e-3  # rms, of the picture's standard deviation: of float32 arithmetic, of anything coarser
_MOST_WITHIN_1, _MOST_WITHIN_3 = 0.99, 0.9999


@dataclass(frozen=True, slots=True)
class Bytes:
    """How far 8-bit pictures are apart; alpha does not count."""

    within_1: float  # the part of all bytes that are off by one at most
    within_3: float
    max: int

    @property
    def met(self) -> bool:
        """99 % within one, 99.99 % within three."""
        return self.within_1 >= _MOST_WITHIN_1 and self.within_3 >= _MOST_WITHIN_3


def apart(got: U8, want: U8) -> Bytes:
    """Of RGBA pictures [..., 4]."""
    off = np.abs(got[..., :3].astype(np.int16) - want[..., :3])
    return Bytes(float((off <= 1).mean()), float((off <= 3).mean()), int(off.max()))


def shown(picture: F64) -> U8:
    """RGBA [H, W, 4] of a picture [channels, H, W], nominally -1..1, rounded once from float64."""
    rgb = picture if len(picture) == 3 else np.repeat(picture[:1], 3, axis=0)
    if len(picture) == 4:  # its own alpha, over black
        rgb = (picture[:3] + 1) * np.clip(picture[3:] * 0.5 + 0.5, 0, 1) - 1
    found = np.full((*picture.shape[1:], 4), 255, np.uint8)
    found[..., :3] = np.clip(np.rint(rgb * 127.5 + 127.5), 0, 255).astype(np.uint8).transpose(1, 2, 0)
    return found


def met(rms: float, precision: str, of_bytes: Bytes) -> bool:
    """Whether an engine of this precision may call itself right."""
    return rms <= (EXACT if precision == "float32" else HALF) and of_bytes.met
