"""Ws in, a frame out, begun on the device and not waited for."""

from collections.abc import Callable
from contextlib import AbstractContextManager
from functools import partial
from statistics import median
from typing import Any, Protocol

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from stylegan3.generator import Generator
from stylegan3.gpu.flags import exactly, quickly
from stylegan3.gpu.frame import FilterFactory, Frame, Part
from stylegan3.gpu.graph import Capture
from stylegan3.gpu.packed import Packed
from stylegan3.kernels.fused import PhaseTime
from stylegan3.noise import STILL, Noise
from stylegan3.synthesis import SynthesisNetwork

_SEATS = 4  # of what is on its way to the device: two more than frames may be in flight


class Event(Protocol):
    """A mark in the stream, as `torch.cuda.Event`."""

    def record(self) -> None: ...
    def query(self) -> bool: ...
    def synchronize(self) -> None: ...
    def elapsed_time(self, end_event: Any, /) -> float: ...


class GpuPainter:
    """One network on one GPU: two lists of launches, each recorded as a graph where `capture` records.

    The input's transform is read from the network it was made of, at each frame, as the other painters do. While
    neither it nor anything else that layers deaf to w hear changes, those layers are not painted again.
    """

    threads = 1

    def __init__(
        self,
        G: Generator,
        filters: FilterFactory,
        capture: Capture,
        *,
        engine: str,
        dtype: torch.dtype,
        device: torch.device,
        accumulate: bool = False,
        whole: bool = False,
        mark: Callable[[], Event] | None = None,
    ) -> None:
        """G stays where it is.

        Args:
            G: a StyleGAN3 network; ValueError for others.
            filters: what runs its filtered leaky ReLUs.
            capture: what records, or `run_eagerly`.
            engine: what it is called.
            dtype: of layers; styles, Fourier features and the picture are float32 where it is less.
            device: where.
            accumulate: convolutions sum in float16 where they can gain by it.
            whole: radial filters are not reduced to the two or three products that float16 can tell from all.
            mark: a new mark for the device's stream; None: CUDA's, or none on a CPU.
        """
        if not isinstance(G.synthesis, SynthesisNetwork):
            raise ValueError(f"the graph knows StyleGAN3 only, not {G.variant}")
        self.engine, self.precision = engine, str(dtype).removeprefix("torch.")
        self._input, self._ws = G.synthesis.input, (G.num_ws, G.w_dim)
        full = dtype in (torch.float32, torch.float64)
        self._flags = exactly if full else partial(quickly, accumulate=accumulate)
        pinned = device.type == "cuda"
        self._mark = mark or (_cuda_mark if pinned else None)
        with torch.inference_mode(), self._flags():
            packed = Packed(G.synthesis, dtype, device, whole=whole)
            self.layers_once = packed.once
            self._frame = Frame(packed, filters, products=accumulate)
            self._seats = [_Seat(self._ws, self._mark, pinned=pinned) for _ in range(_SEATS)]
            self._next = 0
            self._begin = capture(_all(self._frame.begin, self._flags)) if self._frame.begin else None
            self._finish = capture(_all(self._frame.finish, self._flags))
        self._begun: bytes | None = None  # of the transform that what is kept was drawn with

    @torch.inference_mode()
    def image(self, ws: NDArray[np.float32], noise: Noise = STILL) -> Tensor:  # noqa: ARG002 - StyleGAN3 has none
        """Ws [num_ws, w_dim] -> [channels, H, W] float32 on the device, not waited for."""
        self._draw(ws)
        return self._frame.image()

    @torch.inference_mode()
    def paint_into(self, ws: NDArray[np.float32], out: Tensor) -> None:
        """RGBA [H, W, 4] uint8 into `out`, on the current stream; returns at once.

        `ws` may change as soon as this returns, and frames before may still be under way on the same stream.
        """
        if out.shape != self._frame.rgba.shape or out.dtype != torch.uint8:
            raise ValueError(f"out must be uint8 {list(self._frame.rgba.shape)}, not {out.dtype} {list(out.shape)}")
        self._draw(ws)
        out.copy_(self._frame.rgba, non_blocking=True)

    @torch.inference_mode()
    def paint(self, ws: NDArray[np.float32], pixels: NDArray[np.uint8], noise: Noise = STILL) -> None:  # noqa: ARG002
        """The same into `pixels` of the host, which is waited for."""
        if pixels.shape != tuple(self._frame.rgba.shape) or pixels.dtype != np.uint8:
            raise ValueError(f"pixels must be uint8 {list(self._frame.rgba.shape)}, not {list(pixels.shape)}")
        self._draw(ws)
        pixels[:] = self._frame.rgba.cpu().numpy()

    @torch.inference_mode()
    def profile(self, ws: NDArray[np.float32], frames: int) -> tuple[PhaseTime, ...]:
        """Median device time of each part over `frames`, launched one by one; "kept" where layers are painted once.

        Parts are marked in the stream, so their sum holds gaps that a graph does not have.
        """
        if self._mark is None:
            return ()
        self._draw(ws)  # what is kept is there
        parts = self._frame.finish
        taken: list[list[float]] = [[] for _ in parts]
        with self._flags():
            for _ in range(frames):
                marks = [self._mark() for _ in range(len(parts) + 1)]
                marks[0].record()
                for part, mark in zip(parts, marks[1:], strict=True):
                    part.run()
                    mark.record()
                marks[-1].synchronize()
                for row, a, b in zip(taken, marks, marks[1:], strict=False):
                    row.append(a.elapsed_time(b))
        return tuple(PhaseTime(p.kind, p.layer, median(t)) for p, t in zip(parts, taken, strict=True))

    def _draw(self, ws: NDArray[np.float32]) -> None:
        """Send what the frame hears, then replay."""
        if ws.shape != self._ws:
            raise ValueError(f"ws must be {list(self._ws)}, not {list(ws.shape)}")
        frame, here = self._frame, self._input.transform
        seat = self._seats[self._next]
        self._next = (self._next + 1) % len(self._seats)
        seat.free()
        seat.ws.copy_(torch.from_numpy(ws))
        frame.w.copy_(seat.ws, non_blocking=True)
        fed: bytes | None = None
        if here.device.type == "cpu":
            seat.transform.copy_(here)
            fed = seat.transform.numpy().tobytes()
            frame.transform.copy_(seat.transform, non_blocking=True)
        else:  # someone has moved the network: what the transform is cannot be seen without waiting for the device
            frame.transform.copy_(here)
        seat.taken()
        if self._begin is not None and (fed is None or fed != self._begun):
            self._begun = None  # until it is drawn
            self._begin()
            self._begun = fed
        self._finish()


class _Seat:
    """Memory of the host that a frame's numbers leave from, and the mark after which it is free again."""

    def __init__(self, ws: tuple[int, int], mark: Callable[[], Event] | None, *, pinned: bool) -> None:
        self.ws = torch.zeros(ws, dtype=torch.float32, pin_memory=pinned)
        self.transform = torch.zeros(3, 3, dtype=torch.float64, pin_memory=pinned)
        self._mark = None if mark is None else mark()
        self._waiting = False

    def free(self) -> None:
        """Wait until the device has read it; with no more frames in flight than there are seats it has."""
        if self._waiting and self._mark is not None and not self._mark.query():
            self._mark.synchronize()

    def taken(self) -> None:
        """From here on in the stream it has been read."""
        if self._mark is not None:
            self._mark.record()
            self._waiting = True


def _all(parts: tuple[Part, ...], flags: Callable[[], AbstractContextManager[None]]) -> Callable[[], None]:
    """One after another; what is replayed without a recording keeps to the flags as well."""

    def work() -> None:
        with flags():
            for part in parts:
                part.run()

    return work


def _cuda_mark() -> Event:
    event: Event = torch.cuda.Event(enable_timing=True)  # type: ignore[no-untyped-call]
    return event
