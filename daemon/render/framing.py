"""A network's picture put into a frame where it lies, on any device of PyTorch's; nothing is waited for."""

import torch
from torch import Tensor
from torch.nn import functional

from daemon.flow import Alpha, Framing
from daemon.render.blending import WHOLE
from daemon.render.placing import LumaKey, placed


def framed(image: Tensor, canvas: Tensor, framing: Framing) -> None:
    """[channels, h, w] in -1..1 onto a canvas [H, W, 4] uint8, whose colours lie as the picture's do.

    One channel is grey; a fourth is the picture's own alpha: laid over black, unless it is asked for. Bytes are what is
    scaled, as in host memory, so that both are the same picture.
    """
    place = placed(framing.fit, canvas.shape[1], canvas.shape[0])
    own = framing.transparency == "own" and len(image) == 4
    if len(image) == 4 and not own:
        image = (image[:3] + 1) * (image[3:] * 0.5 + 0.5).clamp(0, 1) - 1
    levels = _whole(image * 127.5 + 127.5)
    if levels.shape[1:] != (place.height, place.width):
        levels = (_scaled_through if own else _scaled)(levels, place.height, place.width)
    if not place.whole:
        blank(canvas, framing)
    rows, columns = place.shown
    part = canvas[place.at]
    part[..., 3] = 255
    colours = part if own else part[..., :3]
    colours.copy_(levels[:, rows, columns].permute(1, 2, 0))


def blank(canvas: Tensor, framing: Framing) -> None:
    """Black; transparent where alpha says how much is seen."""
    canvas.zero_()
    if framing.alpha == Alpha.OPAQUE:
        canvas[..., 3] = 255


def copied(picture: Tensor, canvas: Tensor, framing: Framing) -> Tensor:
    """A copy of a frame [h, w, 4], where a canvas is and of its size."""
    if picture.shape == canvas.shape:
        return picture.to(canvas.device, copy=True)
    levels = picture.to(canvas.device).permute(2, 0, 1).float()
    scale = _scaled if framing.alpha == Alpha.OPAQUE else _scaled_through
    return scale(levels, canvas.shape[0], canvas.shape[1]).permute(1, 2, 0).to(torch.uint8)


def mix(still: Tensor, canvas: Tensor, share: int, framing: Framing) -> None:
    """Lay `share` of 256 of a frame over one of its size, in place; to the bit as blending.py does in host memory."""
    own = WHOLE - share
    if framing.alpha == Alpha.OPAQUE:
        mixed = canvas.to(torch.int32).mul_(own).add_(still, alpha=share)
        canvas.copy_(mixed.add_(WHOLE // 2).bitwise_right_shift_(8))
        return
    part, rest = still[..., 3:].float() * share, canvas[..., 3:].float() * own
    seen = part + rest
    of_still = torch.where(seen > 0, (part * WHOLE / seen).round(), share).to(torch.int32)  # as far as it is seen
    colours = canvas[..., :3] * (WHOLE - of_still) + still[..., :3] * of_still
    canvas[..., :3] = (colours + WHOLE // 2) >> 8
    canvas[..., 3:] = (seen.to(torch.int32) + WHOLE // 2) >> 8


def resized(image: Tensor, height: int, width: int) -> Tensor:
    """[channels, h, w] as [channels, height, width], bicubic, without aliases; as it is where it fits."""
    if image.shape[1:] == (height, width):
        return image
    return functional.interpolate(image[None], [height, width], mode="bicubic", antialias=True)[0]


def _whole(levels: Tensor) -> Tensor:
    """As bytes have them, halves to even."""
    return levels.round_().clamp_(0, 255)


def _scaled(levels: Tensor, height: int, width: int) -> Tensor:
    """As PyTorch scales bytes: along the rows first, and what is in between are bytes."""
    return _whole(resized(_whole(resized(levels, levels.shape[1], width)), height, width))


def _scaled_through(levels: Tensor, height: int, width: int) -> Tensor:
    """The same with an alpha of its own: what cannot be seen lends no colour to what can."""
    seen = levels[3:] / 255
    scaled = resized(torch.cat([levels[:3] * seen, levels[3:]]), height, width)
    scaled[:3] *= 255 / scaled[3:].clamp(min=1)
    return _whole(scaled)


class DeviceKey:
    """A luma key on a device, to the bit as in host memory."""

    def __init__(self, framing: Framing) -> None:
        self._key, self._table = LumaKey(framing), torch.empty(0)

    def apply(self, canvas: Tensor) -> None:
        """Set the alpha of a canvas [H, W, 4]."""
        if self._table.device != canvas.device or not len(self._table):
            self._table = torch.tensor(self._key.table, device=canvas.device)
        luma = torch.zeros(canvas.shape[:2], dtype=torch.int32, device=canvas.device)
        for channel, weight in enumerate(self._key.weights):
            luma.add_(canvas[..., channel], alpha=weight)
        canvas[..., 3] = self._table[luma]
