"""Slots to image files in memory. Alpha is always opaque, so it is left out."""

from io import BytesIO

from PIL import Image

from daemon.slots import Slot


def image(slot: Slot) -> Image.Image:
    """A copy of a slot's picture, RGB."""
    size = (slot.format.width, slot.format.height)
    return Image.frombytes("RGB", size, slot.pixels.data, "raw", slot.format.order.replace("A", "X"))


def png(picture: Image.Image) -> bytes:
    """A PNG, packed fast rather than small."""
    out = BytesIO()
    picture.save(out, "PNG", compress_level=1)
    return out.getvalue()


def jpeg(picture: Image.Image, quality: int) -> bytes:
    """A JPEG of `quality` 1..95."""
    out = BytesIO()
    picture.save(out, "JPEG", quality=quality)
    return out.getvalue()
