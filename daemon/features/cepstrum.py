"""What the mel spectrum says: how much it grew, and its cepstrum."""

import numpy as np

from daemon.features.bank import FilterBank, cosines, mel_bank
from daemon.features.shape import SHAPE_HIGH_HZ, SHAPE_LOW_HZ
from daemon.flow import F64

MELS = 40
ONSET_FLOOR_DB = -80.0  # re a full-scale sine: growth under it is nothing

_LEAST_POWER, _RANGE_DB = 1e-10, 80.0  # librosa's amin and top_db


class Onset:
    """Onset strength: the mean over bands of how much each grew since the last hop, as librosa's with lag 1."""

    def __init__(self) -> None:
        self._before: F64 = np.full(MELS, ONSET_FLOOR_DB)

    def step(self, log_mel: F64) -> float:
        """[MELS] dB of this hop; the mean growth in dB."""
        here = np.maximum(log_mel, ONSET_FLOOR_DB)
        grown = float(np.maximum(here - self._before, 0.0).sum()) / MELS
        self._before = here
        return grown


class Cepstrum:
    """librosa's mel-frequency cepstral coefficients 1 to 13 of one frame: 40 bands, 20 Hz to 10 kHz."""

    def __init__(self, sr: int, n_fft: int) -> None:
        self._bank = FilterBank(mel_bank(sr, n_fft, MELS, SHAPE_LOW_HZ, SHAPE_HIGH_HZ, unit=True))
        self._cosines = cosines()

    def of(self, power: F64) -> F64:
        """[bins] to [13]."""
        log_mel: F64 = 10.0 * np.log10(np.maximum(self._bank.of(power), _LEAST_POWER))
        log_mel = np.maximum(log_mel, float(log_mel.max()) - _RANGE_DB)
        found: F64 = (self._cosines * log_mel).sum(axis=1)
        return found
