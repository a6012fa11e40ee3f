"""Process-wide settings that make frames even; they work only before torch is imported."""

import ctypes
import os
import sys
from collections.abc import MutableMapping

_M_TRIM_THRESHOLD, _M_TOP_PAD, _M_MMAP_MAX = -1, -2, -4  # malloc.h


def warm_process(environment: MutableMapping[str, str] = os.environ) -> None:
    """Call first thing in a process that renders. What the user has set stays.

    OpenMP threads that spin while they wait turn one busy neighbour into frames many times as long: they sleep instead.
    glibc hands every large block back to the kernel and faults it in again, which costs plain PyTorch up to half its
    time: freed blocks are kept instead.
    """
    environment.setdefault("OMP_WAIT_POLICY", "PASSIVE")
    environment.setdefault("GOMP_SPINCOUNT", "2000")
    if sys.platform == "linux":
        try:
            mallopt = ctypes.CDLL(None).mallopt
        except (OSError, AttributeError):  # another C library: no such thing to set
            return
        mallopt(_M_MMAP_MAX, 0)
        mallopt(_M_TRIM_THRESHOLD, 2**31 - 1)
        mallopt(_M_TOP_PAD, 64 << 20)
