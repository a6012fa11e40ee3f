"""Which way a GPU paints a network: the fastest that draws the plain network's picture, tried at start.

In order: our fused kernel, float16, as a graph; ATen alone, float16, as a graph; the plain network, float32. (Triton
would stand between them and is not here: it asks for a compiler of its own, and for what ATen cannot do the kernel
can.) A step that is missing, raises, cannot be recorded, runs out of memory, draws no numbers or other pictures falls
out with its reason in a line; the chain ends in the plain network, which the others are held against.
"""

import ctypes
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
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
from stylegan3.trials import AS_GOOD, FAILURES, TOLERANCE, Trial, one_line

HALF_RMS = 5e-3  # of the picture's standard deviation; PERF.md 5.3, where no other half precision was measured
_NEAR, _FAR = (1, 0.99), (3, 0.9999)  # bytes apart, and of how many numbers at the least
_PATIENCE = 2.0  # s; when it is over, what need not be tried is not
_FRAMES, _ENOUGH = 9, 0.15  # timed: so many pictures, or those that fit into so many seconds
_FALLS = (*FAILURES, EngineError, ctypes.ArgumentError, AssertionError)  # the last: a PyTorch without CUDA


@dataclass(frozen=True, slots=True, eq=False)
class Chosen:
    """What paints, and every trial in the order they were made."""

    painter: Painter
    trials: tuple[Trial, ...]


@dataclass(frozen=True, slots=True, eq=False)
class _Held:
    """A way that was built and has agreed."""

    way: Way
    painter: Painter
    ms: float


def ways(G: Generator, device: torch.device) -> tuple[Way, ...]:
    """The chain for G on a CUDA device, the likely fastest first; StyleGAN2 is painted by the plain network only."""
    known = isinstance(G.synthesis, SynthesisNetwork)
    return (
        *([Way("cuda fused", partial(_fused, G, device)), Way("cuda banded", partial(_banded, G, device))] * known),
        Way("torch cuda", lambda _: TorchPainter(G, device)),
    )


def asked_for(G: Generator, device: torch.device) -> tuple[Way, ...]:
    """Ways that are taken by name only: float32; and 1x1 convolutions, which are R's, that sum in float16 (GeForce)."""
    if not isinstance(G.synthesis, SynthesisNetwork):
        return ()
    return (
        Way("cuda fused float32", partial(_fused, G, device, dtype=torch.float32)),
        Way("cuda banded float32", partial(_banded, G, device, dtype=torch.float32)),
        Way("cuda fused fast", partial(_fused, G, device, accumulate=True)),
    )


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

    Raises EngineError when `only` is not among them, and when nothing paints.
    """
    plain, trial = field[-1], _Trials(ws, now, wait, timed=timed)
    if only == "torch":
        only = plain.name
    if only not in {None, *(way.name for way in (*field, *extras))}:
        names = ", ".join(way.name for way in (*field, *extras))
        raise EngineError(f"there is no engine {only!r} for this model on this device; there are {names}")
    entered = [way for way in (*field[:-1], *(extras if only is not None else ())) if only in (None, way.name)]
    entered.sort(key=lambda way: way.name != first)
    exact, slow = trial.plain(plain, alone=only == plain.name)
    tidy()
    best: _Held | None = None
    for way in entered:
        held = trial.hold(way, exact, best)
        if held is not None and (best is None or AS_GOOD * held.ms < best.ms):
            best = held
        if best is not None and not timed:
            break
    if slow is not None and only in (None, plain.name) and (best is None or AS_GOOD * slow.ms < best.ms):
        best = slow
    if best is None:
        raise EngineError(f"no engine paints this model here: {'; '.join(trial.reasons())}")
    return Chosen(best.painter, trial.verdict(best))


class _Trials:
    """Each way built, held against the plain picture and timed; what became of it is remembered."""

    def __init__(
        self, ws: NDArray[np.float32], now: Callable[[], float], wait: Callable[[], None], *, timed: bool
    ) -> None:
        self._ws, self._now, self._wait, self._timed = ws, now, wait, timed
        self._trials: list[Trial] = []
        self._began = now()

    def plain(self, way: Way, *, alone: bool) -> tuple[Tensor | None, _Held | None]:
        """The plain network's picture, and itself; neither where it does not run."""
        try:
            painter = way.build(1)
            exact = self._paint(painter).clone()
            if not bool(exact.isfinite().all()):
                raise ArithmeticError("its picture is not of numbers")
            ms = self._median(painter) if self._timed and not alone else 0.0
        except _FALLS as e:
            self._add(way, None, None, one_line(e))
            return None, None
        self._add(way, ms if self._timed and not alone else None, 0.0, None)
        return exact, _Held(way, painter, ms)

    def hold(self, way: Way, exact: Tensor | None, best: _Held | None) -> _Held | None:
        """The way, if it draws what it should; where the plain network does not run, a picture that is not flat."""
        if best is not None and self._now() - self._began > _PATIENCE:
            return self._out(way, None, "not tried, for start-up has taken long enough")
        try:
            painter = way.build(1)
            error, reason = refusal(self._paint(painter), exact, painter.precision)
            if reason is not None:
                return self._out(way, error, reason)
            ms = self._median(painter) if self._timed else 0.0
        except _FALLS as e:
            return self._out(way, None, one_line(e))
        self._add(way, ms if self._timed else None, error, None)
        return _Held(way, painter, ms)

    def verdict(self, best: _Held) -> tuple[Trial, ...]:
        """Every trial, each but the best with its reason."""
        return tuple(
            t
            if t.reason is not None or t.engine == best.way.name
            else replace(t, reason="not needed" if t.ms is None else f"{t.ms:.1f} ms")
            for t in self._trials
        )

    def reasons(self) -> list[str]:
        """Why each was passed over."""
        return [f"{t.engine}: {t.reason}" for t in self._trials]

    def _add(self, way: Way, ms: float | None, error: float | None, reason: str | None) -> None:
        self._trials.append(Trial(way.name, 1, ms, error, reason))

    def _out(self, way: Way, error: float | None, reason: str) -> _Held | None:
        self._add(way, None, error, reason)
        return None

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
