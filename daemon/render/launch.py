"""A StyleGAN generator's pictures, begun on a GPU and not waited for."""

from typing import Protocol, runtime_checkable

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from daemon.device import Device
from daemon.flow import U8, Framing, Latents
from daemon.render.framing import DeviceKey, blank, copied, framed, mix
from daemon.render.renderer import Launcher
from stylegan3.inference import Painter
from stylegan3.noise import STILL, Noise

_STILL = {"fixed": STILL, "off": Noise("none")}


@runtime_checkable
class Asynchronous(Protocol):
    """A painter that begins a picture and returns."""

    def paint_into(self, ws: NDArray[np.float32], out: Tensor) -> None:
        """Ws [num_ws, w_dim] -> RGBA [H, W, 4] uint8, alpha 255, on the current stream; nothing is waited for.

        `ws` may change as soon as it returns, and the picture before may still be under way.
        """
        ...


class Transform:
    """A network's input transform, wherever it lies; of a network that has none, nothing."""

    def __init__(self, network: torch.nn.Module) -> None:
        self._input = getattr(network, "input", None)  # StyleGAN3 has one, StyleGAN2 has noise in its place

    def __bool__(self) -> bool:
        return self._input is not None

    def set(self, latents: Latents) -> None:
        """As these latents ask; nothing is waited for: CUDA takes over what is not pinned before the call returns."""
        if self._input is not None and latents.transform is not None:
            # asked for anew: moving a network to a GPU puts another tensor in its place
            self._input.transform.copy_(torch.from_numpy(latents.transform), non_blocking=True)


class GeneratorLauncher:
    """Begins what a painter draws, put into frames of the size of the canvas it is given.

    Args:
        painter: of the network; one that is not `Asynchronous` is begun by its `image`, which should not wait either.
        size: pixels of what it paints.
        transform: of the network.
        device: whose canvases these are.
        moving: the noise of latents that ask for moving noise.
        framing: how pictures become frames; the painter paints in its order.
    """

    def __init__(
        self,
        painter: Painter,
        size: int,
        transform: Transform,
        device: Device,
        moving: Noise,
        framing: Framing = Framing(),  # noqa: B008 - it cannot change
    ) -> None:
        self.device = device
        self._painter, self._size, self._transform, self._moving = painter, size, transform, moving
        self._framing = framing
        self._key = DeviceKey(framing) if framing.transparency == "luma" else None

    @torch.inference_mode()
    def launch(self, latents: Latents, canvas: object) -> None:
        """Begin one frame on a canvas [H, W, 4] uint8; ws None is black."""
        assert isinstance(canvas, Tensor)
        if latents.ws is None:
            blank(canvas, self._framing)
            return
        self._transform.set(latents)
        noise = noise_of(latents, self._moving)
        # a network with a transform has no noise
        as_it_is = self._framing.transparency != "own" and canvas.shape[:2] == (self._size, self._size)
        if as_it_is and (noise is STILL or self._transform) and isinstance(self._painter, Asynchronous):
            self._painter.paint_into(latents.ws, canvas)
        else:
            framed(self._painter.image(latents.ws, noise), canvas, self._framing)
        if self._key is not None:
            self._key.apply(canvas)

    @torch.inference_mode()
    def still(self, shown: object, canvas: object) -> Tensor:
        """A copy of a picture [H, W, 4] where this canvas is, of its size. What is not pinned may be waited for."""
        assert isinstance(canvas, Tensor)
        picture = torch.from_numpy(shown) if isinstance(shown, np.ndarray) else shown
        assert isinstance(picture, Tensor)
        return copied(picture, canvas, self._framing)

    @torch.inference_mode()
    def blend(self, still: object, canvas: object, share: int) -> None:
        """Lay `share` of 256 of it over a canvas."""
        assert isinstance(still, Tensor)
        assert isinstance(canvas, Tensor)
        mix(still, canvas, share, self._framing)


class Waiting:
    """The same pictures, waited for: for offline, and to warm a network beside a live one."""

    def __init__(self, launcher: Launcher, height: int, width: int, device: Device) -> None:
        """`device`: streams of its own, unless it is no matter that live frames' turn comes after these."""
        self._launcher, self._page = launcher, device.page(height, width)

    def render(self, latents: Latents, pixels: U8) -> None:
        """Write one picture into `pixels` [H, W, 4]."""
        with self._page.painting():
            self._launcher.launch(latents, self._page.canvas)
        self._page.fetch()
        self._page.wait()
        pixels[:] = self._page.pixels


def noise_of(latents: Latents, moving: Noise) -> Noise:
    """What a picture's noise inputs are given."""
    return _STILL.get(latents.noise, moving)
