"""Every descriptor of one window of sound."""

import numpy as np

from daemon.descriptors import DESCRIPTORS, INDEX
from daemon.features.bank import chroma_bank
from daemon.features.cepstrum import Cepstrum, Onset
from daemon.features.loudness import Loudness
from daemon.features.pitch import Pitch
from daemon.features.shape import Shape
from daemon.flow import F64

_NEVER = 1e-10  # librosa's: smaller samples are 0 and cross nothing
_TINY = 1e-300
_MFCC, _CHROMA = INDEX["mfcc/1"], INDEX["chroma/0"]


class Measure:
    """Descriptors hop by hop; the onset and the pitch remember the hop before."""

    def __init__(self, sr: int, window: int, sine: float) -> None:
        n_fft = 2 * window
        self._loudness = Loudness(sr, n_fft, sine)
        self._onset, self.pitch = Onset(), Pitch(sr)
        self._shape, self._cepstrum = Shape(sr, window), Cepstrum(sr, window)
        self._chroma = chroma_bank(sr, n_fft)

    def step(self, window: F64, frame: F64, power: F64, log_mel: F64, sounding: bool) -> F64:
        """The descriptors [D] in the order of `descriptors.NAMES`.

        Args:
            window: [window] samples.
            frame: [pitch.frame] samples that end with them.
            power: [window + 1], the spectrum of `window` zero-padded to twice its length.
            log_mel: [40] dB re a full-scale sine.
            sounding: whether there is sound to measure a pitch of.
        """
        plain = power[::2]  # the spectrum without the padding
        chroma = (self._chroma * power).sum(axis=1)
        chroma /= max(float(chroma.max()), _TINY)
        raw: F64 = np.empty(len(DESCRIPTORS))
        raw[:_MFCC] = (
            self._loudness.of(power),
            self._onset.step(log_mel),
            *self._shape.of(plain),
            zero_crossings(window),
            *self.pitch.step(frame, sounding),
            float(np.square(chroma - chroma.sum() / len(chroma)).sum()) / len(chroma),
        )
        raw[_MFCC:_CHROMA] = self._cepstrum.of(plain)
        raw[_CHROMA:] = chroma
        return raw


def zero_crossings(x: F64) -> float:
    """The share of samples whose sign differs from the one before, as librosa counts them."""
    below = x < -_NEVER
    return float(np.count_nonzero(below[1:] != below[:-1])) / len(x)
