"""The generator prepared for pictures one at a time, as a live show needs them: constants made once, memory reused."""

from collections.abc import Callable, Iterator
from copy import deepcopy
from dataclasses import dataclass, replace
from functools import partial
from typing import Protocol, runtime_checkable

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from stylegan3.config import StyleGAN3Config
from stylegan3.generator import Generator
from stylegan3.gpu.flags import exactly
from stylegan3.kernels import fused
from stylegan3.noise import STILL, Noise
from stylegan3.prepared import alias_free, prepare
from stylegan3.stylegan2 import StyleGAN2Config
from stylegan3.synthesis import SynthesisNetwork


class Painter(Protocol):
    """Ws of one picture in, the picture out. What it returns is overwritten by the next call."""

    engine: str
    precision: str
    threads: int  # how many it works with

    def image(self, ws: NDArray[np.float32], noise: Noise = STILL) -> Tensor:
        """Ws [num_ws, w_dim] -> [channels, H, W] float32, nominally -1..1, not clipped; a GPU is not waited for."""
        ...

    def paint(self, ws: NDArray[np.float32], pixels: NDArray[np.uint8], noise: Noise = STILL) -> None:
        """The same as RGBA [H, W, 4], alpha 255, rounded and clipped, into `pixels`."""
        ...


@runtime_checkable
class Keeping(Protocol):
    """A painter that keeps what its first layers drew while the picture stands still."""

    layers_once: int  # which these are: the first so many, deaf to w; 0: it paints them all for every picture


def layers_once(painter: Painter) -> int:
    """How many layers it does not paint again while the picture stands still."""
    return painter.layers_once if isinstance(painter, Keeping) else 0


@dataclass(frozen=True, slots=True, eq=False)
class Way:
    """One way to paint a network on a CPU."""

    name: str  # of the engine
    build: Callable[[int], Painter]  # with so many threads; raises whatever keeps it from being built
    small_error: Callable[[], float] | None = None  # on a small network of this kind; None: held before it got here


def ways(G: Generator) -> tuple[Way, ...]:
    """The ways this machine has to paint G on a CPU, the likely fastest first, plain PyTorch last."""
    fast = fused.builds() if fused.knows(G) else ()
    return (
        *(Way(f"fused {build}", partial(_fused, build, G)) for build in fast),
        *([Way("prepared", partial(_prepared, G), partial(_small_error, G.config))] if _preparable(G.config) else ()),
        Way("torch", partial(TorchPainter, G, torch.device("cpu"))),
    )


def every_painter(G: Generator, threads: int) -> Iterator[Painter]:
    """All ways this machine has, plain PyTorch first, one at a time; G itself stays where it is."""
    for way in reversed(ways(G)):
        yield way.build(threads)
    if torch.cuda.is_available():
        yield TorchPainter(G, torch.device("cuda"))


def _preparable(config: StyleGAN3Config | StyleGAN2Config) -> bool:
    return isinstance(config, StyleGAN2Config) or alias_free.supports(config)


def _prepared(G: Generator, threads: int) -> Painter:
    if (made := prepare(G, threads)) is None:
        raise ValueError(f"it does not know {G.variant}")
    return made


def _small_error(config: StyleGAN3Config | StyleGAN2Config) -> float:
    """Of the prepared form on a small network of this kind: largest error, of the picture's standard deviation."""
    with torch.random.fork_rng(devices=[]), torch.inference_mode():
        torch.manual_seed(0)
        G = Generator(_small(config)).eval()
        ws = torch.randn(1, G.num_ws, G.w_dim)
        want = G.synthesis(ws, noise_mode="const")[0]
        got = _prepared(G, 1).image(ws[0].numpy())
        return float((got - want).abs().max() / want.std())


def _small(config: StyleGAN3Config | StyleGAN2Config) -> StyleGAN3Config | StyleGAN2Config:
    """The same kind of network, a few thousand times less work."""
    if isinstance(config, StyleGAN2Config):
        return replace(config, img_resolution=16, z_dim=8, w_dim=20, c_dim=0, channel_base=320, channel_max=20)
    small = replace(config, img_resolution=32, z_dim=8, w_dim=20, c_dim=0, channel_base=640, channel_max=20)
    try:
        _ = small.layers
    except ValueError:  # its bands fit its own resolution only
        kernel, radial = config.conv_kernel, config.use_radial_filters
        few = {"z_dim": 8, "w_dim": 20, "channel_base": 640, "channel_max": 20, "num_layers": 5}
        return StyleGAN3Config(32, conv_kernel=kernel, use_radial_filters=radial, **few)
    return small


def _fused(build: str, G: Generator, threads: int) -> Painter:
    return fused.FusedPainter(build, G, threads)


class TorchPainter:
    """The network itself, on a CPU; or a copy of it on a GPU, where float32 is never TF32.

    With PyTorch's own number of threads if none is given.
    """

    precision = "float32"

    def __init__(self, G: Generator, device: torch.device, threads: int | None = None) -> None:
        self.engine = "torch" if device.type == "cpu" else f"torch {device.type}"
        self.threads = threads or torch.get_num_threads()
        self._own_threads = threads is not None
        own = device.type == "cpu"
        self.network = G if own else deepcopy(G).to(device)
        self._device = device
        # the user's transform is put into G, wherever its copy is
        self._source = None if own or not isinstance(G.synthesis, SynthesisNetwork) else G.synthesis.input

    @torch.inference_mode()
    def image(self, ws: NDArray[np.float32], noise: Noise = STILL) -> Tensor:
        if self._own_threads and torch.get_num_threads() != self.threads:  # each calling thread has a number of its own
            torch.set_num_threads(self.threads)
        ws_here = torch.from_numpy(ws)[None].to(self._device, non_blocking=True)
        synthesis = self.network.synthesis
        if self._source is not None and isinstance(synthesis, SynthesisNetwork):
            synthesis.input.transform.copy_(self._source.transform, non_blocking=True)
        with exactly():
            image: Tensor = synthesis(ws_here, noise_mode=noise.mode, generator=noise.generator)[0]
        return image

    def paint(self, ws: NDArray[np.float32], pixels: NDArray[np.uint8], noise: Noise = STILL) -> None:
        to_rgba(self.image(ws, noise), pixels)


@torch.inference_mode()
def to_rgba(image: Tensor, pixels: NDArray[np.uint8]) -> None:
    """[channels, H, W] in -1..1 -> RGBA [H, W, 4], alpha 255: v becomes round(127.5 v + 127.5), halves to even.

    One channel is grey; a fourth is the picture's own alpha, laid over black.
    """
    if len(image) == 4:
        image = (image[:3] + 1) * (image[3:] * 0.5 + 0.5).clamp(0, 1) - 1
    rgb = (image * 127.5 + 127.5).round_().clamp_(0, 255).to(torch.uint8).permute(1, 2, 0)
    pixels[..., :3] = rgb.cpu().numpy()
    pixels[..., 3] = 255
