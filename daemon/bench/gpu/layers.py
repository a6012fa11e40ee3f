"""Which of a frame's kernels belong to which layer: the filter kernel of ours ends each of them."""

import re
from collections.abc import Sequence
from itertools import pairwise
from statistics import median

from daemon.bench.gpu.device import Kernel
from daemon.bench.layers import Phase

_FILTER = re.compile(r"fir(_\w+)?", re.ASCII)


def by_layer(frames: Sequence[Sequence[Kernel]], layers: int) -> tuple[Phase, ...]:
    """Median ms of every layer's convolution and filter over some frames of a network of so many layers, ToRGB last.

    Empty where the kernels do not tell. Layers that are painted once are those that no filter ran for, at the front. Of
    what runs before the first filter the last few are its convolution if they are called as the second's are; else the
    longest is. The rest are styles and Fourier features.
    """
    counts = {sum(map(_is_filter, frame)) for frame in frames}
    if len(counts) != 1 or not 0 < (count := counts.pop()) < layers:
        return ()
    told = [_split(frame) for frame in frames]
    once = layers - 1 - count

    found = [Phase("styles", None, median(frame[2] for frame in told) / 1e3)]
    for i in range(count):
        found += [
            Phase("conv", once + i, median(frame[0][i] for frame in told) / 1e3),
            Phase("filter", once + i, median(frame[1][i] for frame in told) / 1e3),
        ]
    return (*found, Phase("rgb", layers - 1, median(frame[3] for frame in told) / 1e3))


def _is_filter(kernel: Kernel) -> bool:
    return _FILTER.fullmatch(kernel.name) is not None


def _split(frame: Sequence[Kernel]) -> tuple[list[float], list[float], float, float]:
    """Convolutions, filters, what goes before the first layer and what follows the last one; us."""
    ends = [i for i, kernel in enumerate(frame) if _is_filter(kernel)]
    runs = [frame[a + 1 : b] for a, b in pairwise([-1, *ends, len(frame)])]
    alike = runs[0][-len(runs[1]) :] if len(runs) > 2 else []
    same = bool(alike) and [kernel.name for kernel in alike] == [kernel.name for kernel in runs[1]]
    first = sum(kernel.us for kernel in alike) if same else max((kernel.us for kernel in runs[0]), default=0.0)
    convs = [first, *(sum(kernel.us for kernel in run) for run in runs[1:-1])]
    before = sum(kernel.us for kernel in runs[0]) - first
    return convs, [frame[i].us for i in ends], before, sum(kernel.us for kernel in runs[-1])
