"""The StyleGAN3 generator as a renderer."""

import logging
from pathlib import Path

import numpy as np
import torch

import stylegan3
from daemon.clock import Clock, WallClock
from daemon.device import DeviceFull
from daemon.errors import DeviceLost, RenderError
from daemon.flow import F32, U8, Anchor, Framing, Latents, ModelFacts, Order, Traits, frozen
from daemon.render.cuda import CudaDevice, cuda_device, settle, watched
from daemon.render.dissolve import Over, Still
from daemon.render.host import HostFrames
from daemon.render.launch import GeneratorLauncher, Transform, Waiting
from daemon.render.renderer import NO_CLASSES, Launcher, Means
from stylegan3.choice import Choice, InForce, choose
from stylegan3.errors import EngineError
from stylegan3.generator import Generator
from stylegan3.kernels import fused
from stylegan3.noise import Noise
from stylegan3.order import swap_red_and_blue
from stylegan3.quick_mapping import QuickMapping
from stylegan3.trials import one_line

logger = logging.getLogger(__name__)

_WALL = WallClock()


class GeneratorRenderer:
    """A network, a device, and the engine that was found best for both.

    Args:
        path: a checkpoint.
        device: auto, cpu or cuda.
        framing: how its pictures become frames.
        means: what to render with.
        clock: what engines are timed by.

    Raises RenderError for a file that cannot be used, and for a device or an engine that is not there.
    """

    def __init__(
        self,
        path: Path,
        device: str = "auto",
        framing: Framing = Framing(),  # noqa: B008 - it cannot change
        means: Means = Means(),  # noqa: B008
        clock: Clock = _WALL,
    ) -> None:
        where = _device(device)
        try:
            network = stylegan3.load(path)
        except stylegan3.CheckpointError as e:
            raise RenderError(str(e)) from e
        if framing.order is Order.BGRA:
            swap_red_and_blue(network)
        self._transform = Transform(network.synthesis)
        # on the CPU wherever pictures are painted: a latent takes it no longer than asking a GPU for it and waiting
        self._mapping = QuickMapping(network.mapping)
        self._format = framing.format(network.img_resolution)
        self._facts = ModelFacts(
            network.name, network.img_resolution, network.z_dim, network.w_dim, network.num_ws,
            _numpy(network.mapping.w_avg),
            tuple(Anchor(name, _numpy(z)) for name, z in network.anchors.items()),
            Traits(network.variant, network.c_dim, bool(self._transform), getattr(network.config, "use_noise", False)),
        )  # fmt: skip
        self._moving = Noise("random", torch.Generator().manual_seed(0))
        self._launcher: GeneratorLauncher | None = None
        try:
            chosen = _chosen(network, where, means, clock)
            self._painter = chosen.painter
            if where.type == "cpu":
                torch.set_num_threads(chosen.threads)  # of what else PyTorch does here: to_w, other sizes
                self._frames: HostFrames | Waiting = HostFrames(
                    self._painter, network, self._transform, self._moving, framing
                )
            else:
                self._launcher = GeneratorLauncher(
                    self._painter, network.img_resolution, self._transform, cuda_device(), self._moving, framing
                )
                self._frames = Waiting(self._launcher, self._format.height, self._format.width, CudaDevice())
            self._rehearse()
        except EngineError as e:
            raise RenderError(f"{path.name}: {e}; auto takes the best") from e
        except DeviceFull as e:
            raise RenderError(f"{path.name}: {e}") from e
        except DeviceLost as e:
            raise DeviceLost(f"{e}; where {path.name} does that each time, take --engine torch") from e
        except (MemoryError, RuntimeError) as e:
            raise RenderError(f"{path.name} does not run on this machine's {where.type}: {one_line(e)}") from e
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
        c = self._class_weights(classes, len(z)) if self._facts.traits.classes else None
        return self._mapping(np.asarray(z, np.float32), c, psi)

    def _class_weights(self, given: F32, count: int) -> F32:
        c = np.zeros(self._facts.traits.classes, np.float32)
        c[: len(given)] = given[: len(c)]
        if not c.any():
            c[0] = 1.0
        return np.broadcast_to(c, (count, len(c)))

    def _rehearse(self) -> None:
        """The first pictures: they load code, take memory and fault it in; a GPU's are painted as live ones will be.

        PyTorch keeps memory that was given back for the stream it belonged to: what the streams of live pictures need
        is taken here, where too little of it is a model that cannot be had, and not on the render thread.
        """
        ws = self.to_w(np.zeros((1, self._facts.z_dim), np.float32), 1.0)[0]
        pixels = np.zeros((self._format.height, self._format.width, 4), np.uint8)
        if self._launcher is None:
            self.render(Latents(ws), pixels)
            return
        mixed = Over(self._launcher, Still(np.zeros_like(pixels)), 128)  # as when it takes the place of another
        live = Waiting(mixed, self._format.height, self._format.width, self._launcher.device)
        for frames in (self._frames, live):  # what takes long is over when live pictures have to wait their turn
            for latents in (Latents(None), Latents(ws)):
                frames.render(latents, pixels)

    @property
    def launcher(self) -> Launcher | None:
        """What paints on the GPU while the host goes on; None on a CPU."""
        return self._launcher

    def render(self, latents: Latents, pixels: U8) -> None:
        """Write one frame into `pixels` [H, W, 4]; ws None is black. Waits for a GPU."""
        self._frames.render(latents, pixels)


def _chosen(network: Generator, where: torch.device, means: Means, clock: Clock) -> Choice:
    """What paints the network; what was begun on a GPU on the way is done, and the GPU is still there."""
    try:
        with watched():
            return choose(
                network,
                where,
                now=clock.now,
                budget=means.budget,
                threads=means.threads,
                only=None if means.engine == "auto" else means.engine,
                after=InForce(means.after.engine, means.after.threads) if means.after else None,
            )
    finally:
        if where.type != "cpu":
            # the streams of pictures do not wait for this thread's, on which the engine was built; and each engine
            # that fails is passed over, even one that has taken the GPU with it
            settle()


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
