"""Sound in, features on the hop grid out: block, hop, window, spectrum, descriptors, levels."""

import math

import numpy as np

from daemon.descriptors import DESCRIPTORS
from daemon.features.bank import FilterBank, mel_bank
from daemon.features.beat import BeatTracker
from daemon.features.embedder import Embedder
from daemon.features.envelope import Envelopes
from daemon.features.gate import Gate
from daemon.features.hops import Hop, Hops
from daemon.features.levels import BandLevels, Levels
from daemon.features.measure import Measure
from daemon.features.smooth import Smooth
from daemon.features.spectrum import Spectrum
from daemon.features.tempo import FLOOR_DB, MEL_BANDS, Tempo
from daemon.flow import F32, F64, SILENCE_DB, Block, Features, Tally, frozen
from daemon.mailbox import Mailbox
from daemon.params import Params

RANGE_DB = 60.0  # dB: a band of a full-scale sine is 1, one this far under it is 0

_SILENCE = 10.0 ** (SILENCE_DB / 10.0)  # power under which nothing is heard
_TINY = 1e-30  # power that keeps the logarithm finite
_FLOOR = 10.0 ** (FLOOR_DB / 10.0)


class Extractor:
    """A short-time spectrum with a hop's memory: the same sound gives the same features in blocks of any size.

    Sums run in one order in float64 and without BLAS, so results do not depend on threads either.

    Args:
        sr: sample rate of the blocks, Hz; BadInput for one that has no filter banks.
        hop: samples from one `Features` to the next.
        bands: mel bands from 20 Hz to 16 kHz, 1 to `descriptors.MOST_BANDS`.
        window: samples looked at, Hann-weighted, zero-padded to twice that.
        tempo: what finds the beat; without it the sound itself is followed.
        embedder: what listens along, while there is one.
    """

    def __init__(
        self,
        sr: int = 48_000,
        hop: int = 480,
        bands: int = 8,
        window: int = 1024,
        tempo: Tempo | None = None,
        embedder: Mailbox[Embedder | None] | None = None,
    ) -> None:
        self.sr, self.hop, self.bands, self.window = sr, hop, bands, window
        dt = hop / sr
        self._spectrum = Spectrum(window)
        n_fft, sine = self._spectrum.n_fft, self._spectrum.sine
        self._bank, self._mels = (FilterBank(mel_bank(sr, n_fft, n) / sine) for n in (bands, MEL_BANDS))
        self._measure = Measure(sr, window, sine)
        self._levels, self._band_levels, self._smooth = Levels(dt), BandLevels(bands, dt), Smooth(dt)
        self._envelopes, self._side_envelopes = Envelopes(bands + len(DESCRIPTORS), dt), Envelopes(2 * bands, dt)
        self._gate, self._tempo, self._embedder = Gate(dt), tempo or BeatTracker(dt), embedder
        self._hops = Hops(sr, hop, max(window, self._measure.pitch.frame))
        self._count = 0

    def push(self, block: Block, params: Params) -> list[Features]:
        """The features of each hop this block completes, under these params."""
        stereo = len(block.samples) == 2
        began = block.heard - (block.start + block.samples.shape[1]) / self.sr
        return [
            self._analyse(hop, block.heard - hop.late / self.sr, began, params, stereo)
            for hop in self._hops.push(block.samples)
        ]

    def _analyse(self, hop: Hop, heard: float, began: float, params: Params, stereo: bool) -> Features:
        self._count += 1
        windows = hop.recent[:, -self.window :]
        rms_db = _db(float(np.square(windows[0]).sum()) / self.window)
        gate, sounding = self._gate.step(rms_db, params), self._gate.sounding
        if stereo:
            power, each = self._spectrum.stereo(windows[1], windows[2])
        else:
            power, each = self._spectrum.mono(windows[0]), None
        log_mel: F64 = 10.0 * np.log10(np.maximum(self._mels.of(power), _FLOOR))
        raw = self._measure.step(windows[0], hop.recent[0], power, log_mel, sounding)

        absolute = self._absolute(power)
        self._band_levels.step(absolute, sounding, params.memory)
        bands = self._band_levels.of(absolute, params.auto) * gate
        levels = self._levels.step(raw, gate, sounding, params.memory)
        followed = self._envelopes.step(np.concatenate((bands, levels)), params.attack, params.release)
        embedder = self._embedder.latest() if self._embedder else None
        return Features(
            t=self._count * self.hop / self.sr,
            heard=heard,
            rms_db=rms_db,
            gate=gate,
            bands=_single(followed[: self.bands]),
            sides=self._sides(each, gate, params),
            raw=_single(raw),
            levels=_single(followed[self.bands :]),
            smooth=self._smooth.step(raw, sounding, params.smoothing),
            embedding=embedder.push(hop.samples) if embedder else Tally(),
            beat=self._tempo.step(log_mel, heard, gate, params.beat_ahead),
            began=began,
        )

    def _absolute(self, power: F64) -> F64:
        """The level of each band [..., bands], 0..1: its power in dB under a full-scale sine, over `RANGE_DB`."""
        level_db = 10.0 * np.log10(self._bank.of(power) + _TINY)
        levels: F64 = np.minimum(np.maximum(1.0 + level_db / RANGE_DB, 0.0), 1.0)
        return levels

    def _sides(self, each: F64 | None, gate: bool, params: Params) -> F32:
        """[2, window + 1] to the envelopes of left and right [2, bands], in the ranges of what both are together.

        Mono sound has none [2, 0]; meanwhile they fall, so that they are not where they were when there are two again.
        """
        if each is None:
            self._side_envelopes.step(np.zeros(2 * self.bands), params.attack, params.release)
            return _NO_SIDES
        target = self._band_levels.of(self._absolute(each), params.auto) * gate
        return _single(self._side_envelopes.step(target.ravel(), params.attack, params.release).reshape(2, -1))


def _single(x: F64) -> F32:
    found = x.astype(np.float32)
    frozen(found)
    return found


_NO_SIDES = _single(np.zeros((2, 0)))


def _db(power: float) -> float:
    return 10.0 * math.log10(power) if power > _SILENCE else SILENCE_DB
