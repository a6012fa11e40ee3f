"""A list of launches recorded once as a CUDA graph, then replayed with one call of the driver.

What is recorded is addresses: whatever comes in or goes out lies in memory that stays where it is. Nothing in the list
may ask the device for a value, wait for it, or bring data from the host.
"""

from collections.abc import Callable
from typing import Protocol

import torch

WARM_UPS = 3  # before a capture: libraries load, choose algorithms and take their workspaces
Replay = Callable[[], None]


class Capture(Protocol):
    """Something that records."""

    def __call__(self, work: Callable[[], None]) -> Replay:
        """Run `work` a few times, record it once more; what comes back repeats it on the current stream.

        Raises what `work` raises, and RuntimeError where it cannot be recorded. The recording itself does not run:
        memory holds what the last warm-up left there.
        """
        ...


class CudaCapture:
    """Records on a side stream of its own, with a pool of memory of its own."""

    def __init__(self, device: torch.device) -> None:
        self._device = device

    def __call__(self, work: Callable[[], None]) -> Replay:
        """Other threads may go on with the device meanwhile; theirs is not recorded and does not end it.

        `torch.cuda.graph` is not used, for it waits for the whole device and returns all cached memory to the driver,
        which would stop what renders while another network is made ready.
        """
        with torch.cuda.device(self._device):
            caller, side = torch.cuda.current_stream(), torch.cuda.Stream()  # type: ignore[no-untyped-call]
            side.wait_stream(caller)
            with torch.cuda.stream(side):
                for _ in range(WARM_UPS):
                    work()
                side.synchronize()
                graph = torch.cuda.CUDAGraph()
                graph.capture_begin(capture_error_mode="thread_local")
                try:
                    work()
                except BaseException:
                    _abandon(graph)
                    raise
                graph.capture_end()
            caller.wait_stream(side)
        return graph.replay


def _abandon(graph: torch.cuda.CUDAGraph) -> None:
    """End a capture that has failed, so that the stream can be used again."""
    try:
        graph.capture_end()
    except RuntimeError:  # it was invalid already: what made it so is on its way
        return


def run_eagerly(work: Callable[[], None]) -> Replay:
    """No recording: each replay is the list anew."""
    return work
