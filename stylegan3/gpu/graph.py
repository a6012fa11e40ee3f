"""A list of launches recorded once as a CUDA graph, then replayed with one call of the driver.

What is recorded is addresses: whatever comes in or goes out lies in memory that stays where it is. Nothing in the list
may ask the device for a value, wait for it, or bring data from the host.
"""

import weakref
from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Protocol

import torch

WARM_UPS = 3  # before a capture: libraries load, choose algorithms and take their workspaces
Replay = Callable[[], None]

# PyTorch deals its 32 streams of a priority out in turns, again and again; live frames are painted on those of -2,
# all else on those of 0
_APART = -1
_FREE: defaultdict[str, list[Any]] = defaultdict(list)  # streams that nothing is recorded on any more, by device
_SPOILT: list[Any] = []  # PyTorch's allocator goes on asking a graph whose capture the driver broke off


class Capture(Protocol):
    """Something that records."""

    def __call__(self, work: Callable[[], None]) -> Replay:
        """Run `work` a few times, record it once more; what comes back repeats it on the current stream.

        Raises what `work` raises, and RuntimeError where it cannot be recorded. The recording itself does not run:
        memory holds what the last warm-up left there.
        """
        ...


class _Side:
    """A stream that is nobody else's for as long as anything that was recorded on it lives.

    A capture takes in whatever any thread launches on its stream, so it must not be one that frames are painted on.
    And what cuBLAS works in belongs to the stream: recordings of one stream would write into each other's.
    """

    def __init__(self, device: torch.device, lib: Any) -> None:
        free = _FREE[str(device)]
        self.stream = free.pop() if free else lib.cuda.Stream(priority=_APART)
        weakref.finalize(self, free.append, self.stream)


@dataclass(frozen=True, slots=True, eq=False)
class _Recording:
    """A graph, and the stream it was recorded on."""

    graph: Any
    side: _Side

    def __call__(self) -> None:
        self.graph.replay()


class CudaCapture:
    """Records on a side stream of its own, with a pool of memory of its own; `lib` stands in for PyTorch."""

    def __init__(self, device: torch.device, lib: Any = torch) -> None:
        self._device, self._lib = device, lib
        self._side: _Side | None = None

    def __call__(self, work: Callable[[], None]) -> Replay:
        """Other threads may go on with the device meanwhile; theirs is not recorded and does not end it.

        `torch.cuda.graph` is not used, for it waits for the whole device and returns all cached memory to the driver,
        which would stop what renders while another network is made ready.
        """
        lib = self._lib
        with lib.cuda.device(self._device):
            if self._side is None:
                self._side = _Side(self._device, lib)
            caller, side = lib.cuda.current_stream(), self._side.stream
            side.wait_stream(caller)
            with lib.cuda.stream(side):
                for _ in range(WARM_UPS):
                    work()
                side.synchronize()
                graph = lib.cuda.CUDAGraph()
                # the first capture of a process makes PyTorch's own counters of random numbers, which those of others
                # write to as well: they must not be inference's
                with lib.inference_mode(mode=False):
                    graph.capture_begin(capture_error_mode="thread_local")
                try:
                    work()
                except BaseException:
                    _abandon(graph)
                    raise
                _end(graph)
            caller.wait_stream(side)
        return _Recording(graph, self._side)


def _end(graph: Any) -> None:
    try:
        graph.capture_end()
    except RuntimeError:
        _SPOILT.append(graph)
        raise


def _abandon(graph: Any) -> None:
    """End a capture that has failed, so that the stream can be used again."""
    try:
        _end(graph)
    except RuntimeError:  # it was invalid already: what made it so is on its way
        return


def run_eagerly(work: Callable[[], None]) -> Replay:
    """No recording: each replay is the list anew."""
    return work
