"""Model files, from the outside: what one is, into our own format, and whether this machine computes it right."""

import os
import statistics
import tempfile
from copy import deepcopy
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch

import stylegan3
from daemon.clock import Clock
from daemon.errors import BadInput, RenderError
from stylegan3 import Generator, TrainingSet
from stylegan3.inference import every_painter

TOLERANCE = 1e-4  # of the picture's standard deviation: float32 forms that sum in another order differ by 1e-6 to 2e-5
_LATENTS, _TIMED, _SEED = 2, 3, 0


@dataclass(frozen=True, slots=True)
class ModelInfo:
    """What a file holds."""

    path: Path
    size: int  # bytes
    name: str
    variant: str  # such as StyleGAN3-R
    resolution: int
    channels: int  # 1 grey, 3 colour, 4 colour and alpha
    parameters: int
    z_dim: int
    w_dim: int
    num_ws: int
    classes: int  # 0: not conditional
    anchors: tuple[str, ...]
    training_set: TrainingSet | None


@dataclass(frozen=True, slots=True)
class Check:
    """One engine against the reference."""

    engine: str
    precision: str
    error: float  # largest of any number of any picture, of the picture's standard deviation
    frame_ms: float  # median, one picture at a time

    @property
    def passed(self) -> bool:
        """Not for NaN either."""
        return self.error <= TOLERANCE


@dataclass(frozen=True, slots=True)
class Verification:
    """Every engine this machine has."""

    path: Path
    checks: tuple[Check, ...]

    @property
    def passed(self) -> bool:
        """All of them."""
        return all(check.passed for check in self.checks)

    @property
    def verdict(self) -> str:
        """One sentence."""
        worst = max(self.checks, key=lambda check: check.error if check.error == check.error else float("inf"))
        if self.passed:
            most = f"at most {worst.error:.0e} of the picture off ({worst.engine})"
            return f"{self.path.name} is computed right here: {most}"
        failed = ", ".join(f"{check.engine} by {check.error:.0e}" for check in self.checks if not check.passed)
        return f"{self.path.name} is computed wrong here: off by more than {TOLERANCE:.0e} of the picture are {failed}"


def info(path: Path) -> ModelInfo:
    """What the file holds. RenderError for one that cannot be used."""
    network = _load(path)
    return ModelInfo(
        path=path,
        size=path.stat().st_size,
        name=network.name,
        variant=network.variant,
        resolution=network.img_resolution,
        channels=network.img_channels,
        parameters=sum(p.numel() for p in network.parameters()),
        z_dim=network.z_dim,
        w_dim=network.w_dim,
        num_ws=network.num_ws,
        classes=network.c_dim,
        anchors=tuple(network.anchors),
        training_set=network.training_set,
    )


def convert(source: Path, target: Path, name: str | None = None, *, overwrite: bool = False) -> None:
    """Write `source` as a .safetensors in one step: a crash leaves what was there.

    BadInput for a target that cannot be, RenderError for a source that cannot be used.
    """
    faults = []
    if target.suffix != ".safetensors":
        faults.append("its name must end in .safetensors")
    if target.exists() and not overwrite:
        faults.append("it is there already: name another, or add --overwrite")
    if not target.parent.is_dir():
        faults.append(f"the folder {target.parent} is not there: make it first")
    if name is not None and not (0 < len(name) <= 80 and name.isprintable()):
        faults.append("a model's name is 1 to 80 printable characters")
    if faults:
        raise BadInput(f"target {target}", faults)
    network = _load(source)
    network.name = network.name if name is None else name
    try:
        handle, written = tempfile.mkstemp(dir=target.parent, prefix=f".{target.name}.")
        os.close(handle)
        try:
            stylegan3.save(network, written)
            with Path(written).open("rb+") as file:
                os.fsync(file.fileno())
            Path(written).chmod(0o666 & ~_umask())
            Path(written).replace(target)
        finally:
            Path(written).unlink(missing_ok=True)
    except OSError as e:
        raise BadInput(f"target {target}", [f"it cannot be written ({e.strerror or e})"]) from e


def verify(path: Path, clock: Clock, threads: int | None = None) -> Verification:
    """Two pictures by every engine of this machine against plain PyTorch in float64. RenderError as `info`."""
    network = _load(path)
    rng = np.random.default_rng(_SEED)
    with torch.inference_mode():
        c = torch.zeros(_LATENTS, network.c_dim)
        for i in range(_LATENTS if network.c_dim else 0):
            c[i, i % network.c_dim] = 1
        ws = network.mapping(torch.from_numpy(rng.standard_normal((_LATENTS, network.z_dim)).astype(np.float32)), c)
        exact = deepcopy(network).double()
        want = np.stack([exact.synthesis(w[None].double())[0].numpy() for w in ws])
        del exact
    checks = []
    for painter in every_painter(network, threads or os.cpu_count() or 1):
        error = 0.0
        for w, picture in zip(ws.numpy(), want, strict=True):
            off = np.abs(painter.image(w).cpu().numpy() - picture).max() / max(float(picture.std()), 1e-12)
            error = float(np.maximum(error, off))  # keeps a NaN
        times = []
        for _ in range(_TIMED):
            start = clock.now()
            painter.image(ws[0].numpy()).cpu()
            times.append(clock.now() - start)
        checks.append(Check(painter.engine, painter.precision, error, 1e3 * statistics.median(times)))
    return Verification(path, tuple(checks))


def _load(path: Path) -> Generator:
    try:
        return stylegan3.load(path)
    except stylegan3.CheckpointError as e:
        raise RenderError(str(e)) from e


def _umask() -> int:
    mask = os.umask(0o077)
    os.umask(mask)
    return mask
