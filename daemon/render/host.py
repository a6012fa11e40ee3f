"""A network's pictures put into frames in host memory, as `framing` does on a device."""

from dataclasses import dataclass
from math import ceil, floor, gcd

import numpy as np
import torch
from torch import Tensor

from daemon.flow import U8, Framing, Latents
from daemon.render.framing import framed
from daemon.render.launch import Transform, noise_of
from daemon.render.placing import clear, key_of, placed
from stylegan3.generator import Generator
from stylegan3.inference import Painter
from stylegan3.noise import Noise


class HostFrames:
    """A painter's pictures as frames of one size, done when `render` returns; memory is taken here, not for each.

    A picture of another size is painted as bytes and these are scaled, by PyTorch's own bicubic for bytes: 256 to 1080
    lines in 1 ms on one core, where floats take 50.
    """

    def __init__(
        self, painter: Painter, network: Generator, transform: Transform, moving: Noise, framing: Framing
    ) -> None:
        """`transform`, `moving`, `framing`: as of a GeneratorLauncher."""
        own = network.img_resolution
        self._painter, self._transform, self._moving = painter, transform, moving
        self._framing, self._format, self._key = framing, framing.format(own), key_of(framing)
        self._place = place = placed(framing.fit, self._format.width, self._format.height)
        self._as_it_is = place.frame == (own, own)
        self._own_alpha = framing.transparency == "own" and network.img_channels == 4
        self._picture: U8 = np.zeros((own, own, 4), np.uint8)
        rows, columns = (needed(own, n, s) for n, s in zip((place.height, place.width), place.shown, strict=True))
        self._source, self._seen = self._picture[rows.source, columns.source], (rows.seen, columns.seen)
        # where the frame is not all picture that is scaled in a place of its own: PyTorch would take one each time
        scaled, same = (rows.length, columns.length, 4), (place.height, place.width) == (own, own)
        self._scaled: U8 = self._source if same or place.whole else np.zeros(scaled, np.uint8)

    @torch.inference_mode()
    def render(self, latents: Latents, frame: U8) -> None:
        """Write one frame [H, W, 4]; ws None is black, which is transparent where alpha says how much is seen."""
        ws, noise = latents.ws, noise_of(latents, self._moving)
        if ws is None:
            clear(frame, self._format)
            return
        self._transform.set(latents)
        if self._own_alpha:
            framed(self._painter.image(ws, noise), torch.from_numpy(frame), self._framing)
            return
        place, seen = self._place, frame
        if self._as_it_is:
            self._painter.paint(ws, frame, noise)
        else:
            self._painter.paint(ws, self._picture, noise)
            scaled = frame if place.whole else self._scaled
            if scaled is not self._source:
                _scale(self._source, scaled)
            seen = scaled if place.whole else scaled[self._seen]
        if self._key is not None:
            self._key.apply(seen)
        if seen is not frame:
            clear(frame, self._format, place.beside)
            frame[place.at] = seen


@dataclass(frozen=True, slots=True)
class Needed:
    """What of a side of a picture has to be scaled."""

    source: slice  # of the picture
    length: int  # of that, scaled
    seen: slice  # of that, scaled


def needed(own: int, scaled: int, shown: slice) -> Needed:
    """Of a side of `own` pixels that would be `scaled`, for what is shown of it: the same to the bit as the whole side.

    It begins and ends where the edge of a pixel stays one, and beyond what the kernel sees of it.
    """
    step = own // gcd(own, scaled)
    margin = 2 * max(own / scaled, 1) + 1
    first = max(floor((shown.start * own / scaled - margin) / step) * step, 0)
    last = min(ceil((shown.stop * own / scaled + margin) / step) * step, own)
    before = first * scaled // own
    return Needed(slice(first, last), (last - first) * scaled // own, slice(shown.start - before, shown.stop - before))


def _scale(picture: U8, into: U8) -> None:
    """Bicubic (Keys 1981, a = -0.5), without aliases where it becomes smaller."""
    size = list(into.shape[:2])
    torch.ops.aten._upsample_bicubic2d_aa.out(_planes(picture), size, False, None, None, out=_planes(into))  # noqa: SLF001


def _planes(pixels: U8) -> Tensor:
    """[H, W, 4] as [1, 4, H, W] in the same memory."""
    return torch.from_numpy(pixels).permute(2, 0, 1)[None]
