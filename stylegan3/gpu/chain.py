"""Which way a GPU paints a network: the fastest that draws the plain network's picture, tried at start.

In order: our fused kernel, float16, as a graph; on a GeForce the same with sums in float16, which its tensor cores do
at twice the rate; ATen alone, float16, as a graph; the plain network, float32. (Triton
would stand between them and is not here: it asks for a compiler of its own, and for what ATen cannot do the kernel
can.) A step that is missing, raises, cannot be recorded, runs out of memory, draws no numbers or other pictures falls
out with its reason in a line; the chain ends in the plain network, which the others are held against.
"""

import ctypes
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from statistics import median

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from stylegan3.errors import EngineError
from stylegan3.generator import Generator
from stylegan3.gpu.banded import BandedFilters
from stylegan3.gpu.fir import firs
from stylegan3.gpu.graph import CudaCapture
from stylegan3.gpu.painter import GpuPainter
from stylegan3.inference import Painter, TorchPainter, Way
from stylegan3.synthesis import SynthesisNetwork
from stylegan3.trials import FAILURES, TOLERANCE, Run, Trial, Trials, better, entered, one_line

HALF_RMS = 5e-3  # of the picture's standard deviation; PERF.md 5.3, where no other half precision was measured
_NEAR, _FAR = (1, 0.99), (3, 0.9999)  # bytes apart, and of how many numbers at the least
_PATIENCE = 2.0  # s from the first that agreed, however long it was compiled; then what need not be tried is not
_FRAMES, _ENOUGH = 9, 0.15  # timed: so many pictures, or those that fit into so many seconds
_GEFORCE = {(7, 5), (8, 6), (8, 9), (12, 0)}  # compute capabilities; 8.0, 9.0 and 10.0 are of data centres only
_FALLS = (*FAILURES, EngineError, ctypes.ArgumentError, AssertionError)  # the last: a PyTorch without CUDA


@dataclass(frozen=True, slots=True, eq=False)
class Chosen:
    """What paints, and every trial in the order they were made."""

    painter: Painter
    trials: tuple[Trial, ...]


def ways(G: Generator, device: torch.device) -> tuple[Way, ...]:
    """The chain for G on a CUDA device, the likely fastest first; StyleGAN2 is painted by the plain network only."""
    plain = Way("torch cuda", lambda _: TorchPainter(G, device))
    if not isinstance(G.synthesis, SynthesisNetwork):
        return (plain,)
    fast = [_fast(G, device)] if _halves(device) else []
    return (
        Way("cuda fused", partial(_fused, G, device)),
        *fast,
        Way("cuda banded", partial(_banded, G, device)),
        plain,
    )


def asked_for(G: Generator, device: torch.device) -> tuple[Way, ...]:
    """Ways that are taken by name only: float32; and sums in float16 where they should gain nothing."""
    if not isinstance(G.synthesis, SynthesisNetwork):
        return ()
    return (
        Way("cuda fused float32", partial(_fused, G, device, dtype=torch.float32)),
        Way("cuda banded float32", partial(_banded, G, device, dtype=torch.float32)),
        *([] if _halves(device) else [_fast(G, device)]),
    )


def _fast(G: Generator, device: torch.device) -> Way:
    return Way("cuda fused fast", partial(_fused, G, device, accumulate=True))


def _halves(device: torch.device) -> bool:
    """Whether its tensor cores may be of the kind that sums in float32 at half its rate; the race knows."""
    return device.type == "cuda" and torch.cuda.is_available() and torch.cuda.get_device_capability(device) in _GEFORCE


def _name(form: str, dtype: torch.dtype, *, accumulate: bool) -> str:
    return f"cuda {form}" + " float32" * (dtype == torch.float32) + " fast" * accumulate


def _fused(
    G: Generator, device: torch.device, _: int, dtype: torch.dtype = torch.float16, *, accumulate: bool = False
) -> Painter:
    engine = _name("fused", dtype, accumulate=accumulate)
    return GpuPainter(G, firs, CudaCapture(device), engine=engine, dtype=dtype, device=device, accumulate=accumulate)


def _banded(G: Generator, device: torch.device, _: int, dtype: torch.dtype = torch.float16) -> Painter:
    engine = _name("banded", dtype, accumulate=False)
    return GpuPainter(G, BandedFilters(), CudaCapture(device), engine=engine, dtype=dtype, device=device)


def try_out(
    field: Sequence[Way],
    ws: NDArray[np.float32],
    *,
    now: Callable[[], float],
    wait: Callable[[], None],
    timed: bool,
    first: str | None = None,
    only: str | None = None,
    extras: Sequence[Way] = (),
    tidy: Callable[[], None] = lambda: None,
) -> Chosen:
    """The way of the chain to take.

    Args:
        field: the chain, the plain network last.
        ws: [num_ws, w_dim], what is painted.
        now: a clock, s.
        wait: until the device has done what it was given.
        timed: the fastest is taken; else the first that agrees.
        first: the one that is looked at first.
        only: the one that may be taken.
        extras: what may be asked for by `only`, and is not tried otherwise.
        tidy: gives memory back that nobody holds.

    Raises EngineError when `only` is not among them, and when nothing paints; what `wait` raises once the device is
    lost, which ends the trial.
    """
    plain, judge = field[-1], _Judge(ws, now, wait, timed=timed)
    only = plain.name if only == "torch" else only
    trying = entered(field, only, first, extras)
    exact, slow = judge.plain(plain, alone=only == plain.name)
    tidy()
    best: Run | None = None
    for way in trying:
        if way is not plain:
            best = better(judge.hold(way, exact, best), best)
        if best is not None and not timed:
            break
    if plain in trying:
        best = better(slow, best)
    if best is None:
        raise judge.trials.nothing_paints()
    return Chosen(best.painter, judge.trials.verdict(best))


class _Judge:
    """Each way built, held against the plain picture and timed; what became of it is remembered."""

    def __init__(
        self, ws: NDArray[np.float32], now: Callable[[], float], wait: Callable[[], None], *, timed: bool
    ) -> None:
        self._ws, self._now, self._wait, self._timed = ws, now, wait, timed
        self.trials = Trials()
        self._agreed: float | None = None  # s on the clock, when one first did

    def plain(self, way: Way, *, alone: bool) -> tuple[Tensor | None, Run | None]:
        """The plain network's picture, and itself; neither where it does not run."""
        timed = self._timed and not alone
        try:
            painter = way.build(1)
            exact = self._paint(painter).clone()
            if not bool(exact.isfinite().all()):
                raise ArithmeticError("its picture is not of numbers")
            ms = self._median(painter) if timed else 0.0
        except _FALLS as e:
            return None, self._fallen(way, e)
        self.trials.add(way.name, 1, ms if timed else None, 0.0)
        return exact, Run(way, painter, 1, ms)

    def hold(self, way: Way, exact: Tensor | None, best: Run | None) -> Run | None:
        """The way, if it draws what it should; where the plain network does not run, a picture that is not flat."""
        if self._agreed is not None and self._now() - self._agreed > _PATIENCE:
            return self.trials.pass_over(way.name, 1, "not tried, for start-up has taken long enough")
        try:
            painter = way.build(1)
            error, reason = refusal(self._paint(painter), exact, painter.precision)
            if reason is not None:
                return self.trials.pass_over(way.name, 1, reason, error)
            ms = self._median(painter) if self._timed else 0.0
        except _FALLS as e:
            return self._fallen(way, e)
        self.trials.add(way.name, 1, ms if self._timed else None, error)
        if best is None:
            self._agreed = self._now()
        return Run(way, painter, 1, ms)

    def _fallen(self, way: Way, error: Exception) -> Run | None:
        """The way passed over; where it took the GPU with it, that says so again, and so it would to all the others."""
        if isinstance(error, RuntimeError):
            self._wait()
        return self.trials.pass_over(way.name, 1, one_line(error))

    def _paint(self, painter: Painter) -> Tensor:
        image = painter.image(self._ws)
        self._wait()  # what a launch did wrong is seen here
        return image

    def _median(self, painter: Painter) -> float:
        """Milliseconds of a picture, the first left out."""
        times: list[float] = []
        while len(times) < _FRAMES and (len(times) < 2 or sum(times) < _ENOUGH):
            began = self._now()
            self._paint(painter)
            times.append(self._now() - began)
        return 1e3 * median(times)


def refusal(image: Tensor, exact: Tensor | None, precision: str) -> tuple[float | None, str | None]:
    """Its largest error, of the picture's standard deviation, and why the gates of PERF.md 5.3 do not let it through.

    Float32 must be within 1e-4. Half precision may be off by 5e-3 (root mean square) and by a byte here and there.
    """
    if not bool(image.isfinite().all()):
        return None, "its picture is not of numbers"
    if exact is None:
        return None, None if float(image.std()) > 0 else "its picture is flat"
    if image.shape != exact.shape:
        return None, f"its picture is {list(image.shape)}, not {list(exact.shape)}"
    off = image.double() - exact.double()
    spread = float(exact.double().std())
    largest, rms = float(off.abs().max()) / spread, float(off.square().mean().sqrt()) / spread
    if precision in ("float32", "float64"):
        return largest, None if largest <= TOLERANCE else f"it is off by {largest:.0e} of the picture"
    if not rms <= HALF_RMS:
        return largest, f"it is off by {rms:.0e} of the picture on average"
    apart = (_bytes(image) - _bytes(exact)).abs()
    for most, share in (_NEAR, _FAR):
        found = float((apart <= most).double().mean())
        if found < share:
            return largest, f"{1 - found:.2%} of its bytes are off by more than {most}"
    return largest, None


def _bytes(image: Tensor) -> Tensor:
    return (image.double() * 127.5 + 127.5).round().clamp(0, 255)
