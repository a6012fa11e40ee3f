"""The silence gate."""

from daemon.flow import SILENCE_DB
from daemon.params import Params


class Gate:
    """Open while there is sound: opens above the threshold, closes after `gate_hold` seconds well below it."""

    def __init__(self, dt: float) -> None:
        self._dt = dt  # s a step
        self._open = False
        self._quiet = 0  # steps since the sound fell below the lower threshold
        self.sounding = False  # whether it is open for what is heard now, not held open in a pause

    def step(self, rms_db: float, params: Params) -> bool:
        """One step of `dt` at this loudness, dBFS; whether the gate is open after it."""
        if not params.gate_enable or rms_db > params.gate:
            self._open, self._quiet = True, 0
        elif rms_db >= params.gate - params.gate_hysteresis:
            self._quiet = 0
        else:
            self._quiet += 1
            self._open = self._open and self._quiet * self._dt <= params.gate_hold
        self.sounding = self._open and self._quiet == 0 and rms_db > SILENCE_DB
        return self._open
