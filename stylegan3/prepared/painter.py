"""Ws of one picture in, the picture out."""

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from stylegan3.generator import Generator
from stylegan3.noise import STILL, Noise
from stylegan3.prepared import alias_free
from stylegan3.prepared.alias_free import AliasFree
from stylegan3.prepared.stylegan2 import StyleGAN2
from stylegan3.synthesis import SynthesisNetwork


class PreparedPainter:
    """One network with its constants and the memory it works in."""

    engine = "prepared"
    precision = "float32"

    def __init__(self, network: AliasFree | StyleGAN2, G: Generator, threads: int) -> None:
        self.threads = threads
        self._network, self._ws = network, (G.num_ws, G.w_dim)
        self.layers_once = network.layers_once if isinstance(network, AliasFree) else 0
        n = G.img_resolution
        self._image, self._pixels = torch.empty(G.img_channels, n, n), (n, n, 4)

    @torch.inference_mode()
    def image(self, ws: NDArray[np.float32], noise: Noise = STILL) -> Tensor:
        """Ws [num_ws, w_dim] -> [channels, H, W] float32; the next call overwrites it."""
        return self._image.copy_(self._render(ws, noise).permute(2, 0, 1))

    @torch.inference_mode()
    def paint(self, ws: NDArray[np.float32], pixels: NDArray[np.uint8], noise: Noise = STILL) -> None:
        """RGBA [H, W, 4] into `pixels`: v becomes round(127.5 v + 127.5), halves to even."""
        if pixels.shape != self._pixels or pixels.dtype != np.uint8:
            raise ValueError(f"pixels must be uint8 {list(self._pixels)}, not {pixels.dtype} {list(pixels.shape)}")
        image = self._render(ws, noise)
        if image.shape[2] == 4:  # the picture's own alpha, laid over black
            alpha = (image[..., 3:] * 0.5 + 0.5).clamp_(0, 1)
            image = (image[..., :3] + 1) * alpha - 1
        rgba = torch.from_numpy(pixels)
        rgba[..., :3] = image.mul_(127.5).add_(127.5).round_().clamp_(0, 255)
        rgba[..., 3] = 255

    def _render(self, ws: NDArray[np.float32], noise: Noise) -> Tensor:
        if ws.shape != self._ws:
            raise ValueError(f"ws must be {list(self._ws)}, not {list(ws.shape)}")
        if torch.get_num_threads() != self.threads:  # each calling thread has a number of its own
            torch.set_num_threads(self.threads)
        return self._network(torch.from_numpy(np.ascontiguousarray(ws, np.float32)), noise)


@torch.inference_mode()
def prepare(G: Generator, threads: int) -> PreparedPainter | None:
    """The network made ready to work with so many threads of a CPU; None where its kind is not known."""
    synthesis = G.synthesis
    if isinstance(synthesis, SynthesisNetwork):
        return PreparedPainter(AliasFree(synthesis), G, threads) if alias_free.supports(synthesis.config) else None
    return PreparedPainter(StyleGAN2(synthesis), G, threads)
