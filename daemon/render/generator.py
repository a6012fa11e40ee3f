"""The StyleGAN3 generator as a renderer."""

import logging
from pathlib import Path

import numpy as np
import torch
from torch.nn import functional

import stylegan3
from daemon.clock import Clock, WallClock
from daemon.errors import RenderError
from daemon.flow import F32, U8, Anchor, Latents, ModelFacts, Traits, frozen
from daemon.render.renderer import NO_CLASSES, Means
from stylegan3.choice import InForce, choose
from stylegan3.errors import EngineError
from stylegan3.inference import to_rgba
from stylegan3.kernels import fused
from stylegan3.noise import Noise
from stylegan3.quick_mapping import QuickMapping

logger = logging.getLogger(__name__)

_WALL = WallClock()
_STILL = {"fixed": Noise("const"), "off": Noise("none")}


class GeneratorRenderer:
    """A network, a device, and the engine that was found best for both.

    Args:
        path: a checkpoint.
        device: auto, cpu or cuda.
        size: pixels of the pictures; the network's own if None.
        means: what to render with.
        clock: what engines are timed by.

    Raises RenderError for a file that cannot be used, and for a device or an engine that is not there.
    """

    def __init__(
        self,
        path: Path,
        device: str = "auto",
        size: int | None = None,
        means: Means = Means(),  # noqa: B008 - it cannot change
        clock: Clock = _WALL,
    ) -> None:
        where = _device(device)
        try:
            network = stylegan3.load(path)
        except stylegan3.CheckpointError as e:
            raise RenderError(str(e)) from e
        first = getattr(network.synthesis, "input", None)  # StyleGAN3 has one, StyleGAN2 has noise in its place
        self._mapping, self._where = QuickMapping(network.mapping, where), where
        self._own, self._size = network.img_resolution, size or network.img_resolution
        self._facts = ModelFacts(
            network.name, network.img_resolution, network.z_dim, network.w_dim, network.num_ws,
            _numpy(network.mapping.w_avg),
            tuple(Anchor(name, _numpy(z)) for name, z in network.anchors.items()),
            Traits(network.variant, network.c_dim, first is not None, getattr(network.config, "use_noise", False)),
        )  # fmt: skip
        self._transform: torch.Tensor | None = None if first is None else first.transform
        self._moving = Noise("random", torch.Generator().manual_seed(0))
        try:
            chosen = choose(
                network,
                where,
                now=clock.now,
                budget=means.budget,
                threads=means.threads,
                only=None if means.engine == "auto" else means.engine,
                after=InForce(means.after.engine, means.after.threads) if means.after else None,
            )
            self._painter = chosen.painter
            if where.type == "cpu":
                torch.set_num_threads(chosen.threads)  # of what else PyTorch does here: to_w, other sizes
            ws = self.to_w(np.zeros((1, network.z_dim), np.float32), 1.0)[0]
            # the first frame allocates and faults memory in
            self.render(Latents(ws), np.zeros((self._size, self._size, 4), np.uint8))
        except EngineError as e:
            raise RenderError(f"{path.name}: {e}; auto takes the best") from e
        except (MemoryError, RuntimeError) as e:  # torch's out-of-memory is a RuntimeError
            raise RenderError(f"{path.name} does not run on this machine's {where.type}: {e}") from e
        frame = "" if means.budget is None else f" (a frame is {1e3 * means.budget:.1f} ms)"
        logger.info("%s%s: %s", network.name, frame, chosen)

    @property
    def facts(self) -> ModelFacts:
        return self._facts

    @property
    def engine(self) -> str:
        return self._painter.engine

    @property
    def precision(self) -> str:
        return self._painter.precision

    @property
    def threads(self) -> int:
        return self._painter.threads

    def to_w(self, z: F32, psi: float, classes: F32 = NO_CLASSES) -> F32:
        """Z [N, z_dim], truncation and class weights [<= classes] -> ws [N, num_ws, w_dim]; no weight is class 0."""
        zs = torch.tensor(z, dtype=torch.float32, device=self._where)
        c = self._class_weights(classes, len(z)) if self._facts.traits.classes else None
        ws: F32 = self._mapping(zs, c, psi).cpu().numpy()
        return ws

    def _class_weights(self, given: F32, count: int) -> torch.Tensor:
        c = np.zeros(self._facts.traits.classes, np.float32)
        c[: len(given)] = given[: len(c)]
        if not c.any():
            c[0] = 1.0
        return torch.from_numpy(c).to(self._where).expand(count, -1)

    def render(self, latents: Latents, pixels: U8) -> None:
        """Write one picture into `pixels` [H, W, 4], alpha 255; ws None is black."""
        if latents.ws is None:
            pixels[..., :3] = 0
            pixels[..., 3] = 255
            return
        if self._transform is not None and latents.transform is not None:
            self._transform.copy_(torch.from_numpy(latents.transform))
        noise = _STILL.get(latents.noise, self._moving)
        if self._size == self._own:
            self._painter.paint(latents.ws, pixels, noise)
        else:
            to_rgba(self._resize(self._painter.image(latents.ws, noise)), pixels)

    @torch.inference_mode()
    def _resize(self, image: torch.Tensor) -> torch.Tensor:
        sides = [self._size, self._size]
        return functional.interpolate(image[None], sides, mode="bicubic", antialias=self._size < self._own)[0]


def has_kernel(device: str, engine: str = "auto") -> bool:
    """Whether a GPU paints, or the CPU's own kernel; nothing else paints the larger bundled model live."""
    if device == "cuda" or (device == "auto" and torch.cuda.is_available()):
        return True
    return (engine == "auto" or engine.startswith("fused")) and bool(fused.builds())


def _device(name: str) -> torch.device:
    if name == "auto":
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    if name == "cuda" and not torch.cuda.is_available():
        raise RenderError("this PyTorch finds no CUDA device: install its CUDA build and a driver, or use --device cpu")
    if name not in ("cpu", "cuda"):
        raise RenderError(f"there is no device {name!r}: use auto, cpu or cuda")
    return torch.device(name)


def _numpy(t: torch.Tensor) -> F32:
    array: F32 = t.detach().cpu().numpy().astype(np.float32)
    frozen(array)
    return array
