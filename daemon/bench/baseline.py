"""Somebody else's generator as one more engine: `--baseline module:factory`.

`factory(model, device)` is called once with a path and a device's name, and returns a callable that takes ws
[num_ws, w_dim] (float32, numpy) and returns the picture [channels, H, W] (or [1, channels, H, W]), nominally -1..1,
as anything numpy or PyTorch can take. Its time runs from the call to RGBA bytes in memory, as for every engine. On a
GPU it is given tensors and gives tensors: bench/gpu/engines.py.
"""

import importlib
import re
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from daemon.errors import BadInput
from stylegan3.inference import to_rgba
from stylegan3.noise import STILL, Noise

_SPEC = re.compile(r"[A-Za-z_][\w.]*:[A-Za-z_]\w*", re.ASCII)
FAULTS = (
    ArithmeticError, AssertionError, AttributeError, ImportError, LookupError, MemoryError, NameError, OSError,
    RuntimeError, SyntaxError, TypeError, ValueError,
)  # fmt: skip
"""What foreign code raises when it does not work."""


class BaselinePainter:
    """A callable from outside; BadInput says what is wrong with it, whenever that shows."""

    precision = "its own"

    def __init__(self, spec: str, model: str, device: str, shape: Sequence[int], threads: int) -> None:
        self.engine, self.threads = f"baseline {spec}", threads
        self._spec, self._shape = spec, torch.Size(shape)
        factory = find(spec)
        torch.set_num_threads(threads)
        try:
            self._call = factory(model, device)
        except FAULTS as e:
            raise BadInput("baseline", [f"{spec} does not take {Path(model).name!r} ({said(e)})"]) from e
        if not callable(self._call):
            raise BadInput("baseline", [f"{spec} returned a {type(self._call).__name__}, and a callable was wanted"])

    @torch.inference_mode()
    def image(self, ws: NDArray[np.float32], noise: Noise = STILL) -> Tensor:  # noqa: ARG002 - it has its own way
        """Ws [num_ws, w_dim] -> [channels, H, W] float32 on the CPU."""
        try:
            made = self._call(ws)
            image = (made if isinstance(made, Tensor) else torch.from_numpy(np.asarray(made))).to("cpu", torch.float32)
        except FAULTS as e:
            raise BadInput("baseline", [f"{self._spec} does not paint ({said(e)})"]) from e
        image = image[0] if image.ndim == 4 and len(image) == 1 else image
        if image.shape != self._shape:
            raise BadInput("baseline", [f"{self._spec} painted {list(image.shape)}, not {list(self._shape)}"])
        return image

    def paint(self, ws: NDArray[np.float32], pixels: NDArray[np.uint8], noise: Noise = STILL) -> None:
        """The same as RGBA [H, W, 4] into `pixels`."""
        to_rgba(self.image(ws, noise), pixels)


def find(spec: str) -> Callable[[str, str], Callable[[Any], object]]:
    """The factory, from a module that can be imported or lies in the folder we are in."""
    if not _SPEC.fullmatch(spec):
        raise BadInput("baseline", [f"{spec[:80]!r} is none; write module:factory, such as my_generator:make"])
    module, _, name = spec.partition(":")
    here = str(Path.cwd())
    sys.path.insert(0, here)
    try:
        found: Callable[[str, str], Callable[[Any], object]] = getattr(importlib.import_module(module), name)
    except FAULTS as e:
        raise BadInput("baseline", [f"{spec} cannot be imported ({said(e)})"]) from e
    finally:
        sys.path.remove(here)
    if not callable(found):
        raise BadInput("baseline", [f"{spec} is a {type(found).__name__}, and a function was wanted"])
    return found


def said(e: BaseException) -> str:
    """In one line."""
    return f"{type(e).__name__}: {' '.join(str(e).split())[:200]}"
