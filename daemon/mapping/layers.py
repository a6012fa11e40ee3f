"""What each third of the layers takes of the motion: large forms, what lies between, and detail."""

import numpy as np

from daemon.flow import F32, F64
from daemon.mapping.walk import approach
from daemon.params import Params


def thirds(num_ws: int) -> "np.ndarray[tuple[int], np.dtype[np.intp]]":
    """Which third each layer belongs to, [num_ws]: 0 the large forms, 1 between, 2 detail."""
    return np.arange(num_ws) * 3 // num_ws


def spread(amounts: tuple[float, float, float], num_ws: int) -> F32:
    """The amounts of the coarse, middle and fine thirds of the layers, one for each of ws: [num_ws, 1]."""
    return np.array(amounts, np.float32)[thirds(num_ws), None]


def amounts(params: Params) -> tuple[float, float, float]:
    """How much of the motion each third takes; all 1 is the motion as it is."""
    return params.layers_coarse, params.layers_mid, params.layers_fine


class LayerSmoothing:
    """One-pole smoothing of ws with a time constant of its own for each third of the layers.

    The engine puts the ws of every mapper through one, so no mapper has to.
    """

    def __init__(self) -> None:
        self._at: F32 | F64 | None = None  # [num_ws, w_dim]

    def settle(self) -> None:
        """Begin anew at whatever comes next."""
        self._at = None

    def advance(self, dt: float, ws: F32, params: Params) -> F32:
        """Move on by `dt` seconds towards `ws` [num_ws, w_dim]; where it is now."""
        taus = (params.layers_coarse_smoothing, params.layers_mid_smoothing, params.layers_fine_smoothing)
        if self._at is None or not any(taus):
            self._at = ws
            return ws
        parts = np.array([approach(dt, tau) for tau in taus])
        self._at = self._at + parts[thirds(len(ws)), None] * (ws - self._at)
        return self._at.astype(np.float32)
