"""The generator prepared for pictures one at a time, as a live show needs them: constants made once, memory reused."""

from typing import Protocol

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from stylegan3.generator import Generator
from stylegan3.kernels import fused


class Painter(Protocol):
    """Ws of one picture in, the picture out. What it returns is overwritten by the next call."""

    engine: str
    precision: str

    def image(self, ws: NDArray[np.float32]) -> Tensor:
        """Ws [num_ws, w_dim] -> [3, H, W] float32, nominally -1..1, not clipped."""
        ...

    def paint(self, ws: NDArray[np.float32], pixels: NDArray[np.uint8]) -> None:
        """The same as RGBA [H, W, 4], alpha 255, rounded and clipped, into `pixels`."""
        ...


def painter(G: Generator, device: torch.device, threads: int) -> Painter:
    """The fastest way this machine has: the fused kernel on a CPU, plain PyTorch where that cannot run."""
    if device.type == "cpu" and (found := fused.prepare(G, threads)) is not None:
        return found
    return TorchPainter(G, device)


class TorchPainter:
    """The network itself, on a CPU or a GPU."""

    engine = "torch"
    precision = "float32"

    def __init__(self, G: Generator, device: torch.device) -> None:
        self._G = G.to(device)
        self._device = device

    @torch.inference_mode()
    def image(self, ws: NDArray[np.float32]) -> Tensor:
        image: Tensor = self._G.synthesis(torch.from_numpy(ws)[None].to(self._device))[0]
        return image

    def paint(self, ws: NDArray[np.float32], pixels: NDArray[np.uint8]) -> None:
        to_rgba(self.image(ws), pixels)


@torch.inference_mode()
def to_rgba(image: Tensor, pixels: NDArray[np.uint8]) -> None:
    """[3, H, W] in -1..1 -> RGBA [H, W, 4], alpha 255: value v becomes round(127.5 v + 127.5), halves to even."""
    rgb = (image * 127.5 + 127.5).round_().clamp_(0, 255).to(torch.uint8).permute(1, 2, 0)
    pixels[..., :3] = rgb.cpu().numpy()
    pixels[..., 3] = 255
