"""Slots to image files in memory."""

from io import BytesIO

from PIL import Image

from daemon.flow import Alpha
from daemon.slots import Slot


def image(slot: Slot) -> Image.Image:
    """A copy of a slot's picture: RGBA where its alpha says something, else RGB."""
    form = slot.format
    mode, raw = ("RGB", form.order.replace("A", "X")) if form.alpha == Alpha.OPAQUE else ("RGBA", str(form.order))
    return Image.frombytes(mode, (form.width, form.height), slot.pixels.data, "raw", raw)


def over_black(picture: Image.Image) -> Image.Image:
    """What is seen of a picture where nothing lies under it, as RGB."""
    if picture.mode == "RGB":
        return picture
    return Image.alpha_composite(Image.new("RGBA", picture.size, (0, 0, 0, 255)), picture).convert("RGB")


def png(picture: Image.Image) -> bytes:
    """A PNG, packed fast rather than small; with straight alpha, where the picture has one."""
    out = BytesIO()
    picture.save(out, "PNG", compress_level=1)
    return out.getvalue()


def jpeg(picture: Image.Image, quality: int) -> bytes:
    """A JPEG of `quality` 1..95; what has an alpha lies over black."""
    out = BytesIO()
    over_black(picture).save(out, "JPEG", quality=quality)
    return out.getvalue()
