"""Blocks of any size in, features on the hop grid out."""

import math

import numpy as np

from daemon.features.bank import hann, mel_bank, sine_power
from daemon.features.envelope import Envelopes
from daemon.features.gate import Gate
from daemon.flow import F32, F64, SILENCE_DB, Block, Features, frozen
from daemon.params import Params

RANGE_DB = 60.0  # dB: a band of a full-scale sine is 1, one this far under it is 0
CEILING = 8.0  # samples beyond this (+18 dBFS) are no sound
DC_SECONDS = 1.0  # time constant of the estimate of a constant offset, as cheap inputs have

_SILENCE = 10.0 ** (SILENCE_DB / 10.0)  # power under which nothing is heard
_TINY = 1e-30  # power that keeps the logarithm finite


class Extractor:
    """A short-time spectrum with a hop's memory: the same sound gives the same features in blocks of any size.

    Sums run in one order in float64 and without BLAS, so results do not depend on threads either.

    Args:
        sr: sample rate of the blocks, Hz.
        hop: samples from one `Features` to the next.
        bands: mel bands from 40 Hz to 16 kHz (or half of `sr`).
        window: samples looked at, Hann-weighted, zero-padded to twice that.
    """

    def __init__(self, sr: int = 48_000, hop: int = 480, bands: int = 8, window: int = 1024) -> None:
        self.sr, self.hop, self.bands, self.window = sr, hop, bands, window
        n_fft = 2 * window
        self._hann = hann(window)
        self._weights = mel_bank(sr, n_fft, bands) / sine_power(self._hann, n_fft)  # [bands, window + 1]
        self._products = np.empty_like(self._weights)
        self._padded: F64 = np.zeros(n_fft)
        self._recent: F64 = np.zeros(window + hop)  # the last window, then the hop being filled
        self._filled = 0  # samples in that hop
        self._hops = 0
        self._offset = 0.0  # estimate of a constant offset
        self._offset_share = 1.0 - math.exp(-hop / sr / DC_SECONDS)
        self._envelopes = Envelopes(bands, hop / sr)
        self._gate = Gate(hop / sr)

    def push(self, block: Block, params: Params) -> list[Features]:
        """The features of each hop this block completes, under these params."""
        x = _mono(block.samples)
        done: list[Features] = []
        at, total = 0, len(x)
        while at < total:
            take = min(self.hop - self._filled, total - at)
            begin = self.window + self._filled
            self._recent[begin : begin + take] = x[at : at + take]
            at += take
            self._filled += take
            if self._filled == self.hop:
                self._filled = 0
                self._hops += 1
                done.append(self._analyse(block.heard - (total - at) / self.sr, params))
                self._recent[: self.window] = self._recent[self.hop :]
        return done

    def _analyse(self, heard: float, params: Params) -> Features:
        x = self._recent[self.hop :]
        mean = float(np.sum(self._recent[self.window :])) / self.hop
        self._offset += self._offset_share * (mean - self._offset)
        x = x - self._offset
        rms_db = _db(float(np.sum(np.square(x))) / self.window)
        gate = self._gate.step(rms_db, params)
        target = self._levels(x) if gate else np.zeros(self.bands)
        bands: F32 = self._envelopes.step(target, params.attack, params.release).astype(np.float32)
        frozen(bands)
        return Features(self._hops * self.hop / self.sr, heard, rms_db, gate, bands)

    def _levels(self, x: F64) -> F64:
        """[bands] 0..1: the power in each band, in dB under a full-scale sine, over `RANGE_DB`."""
        np.multiply(x, self._hann, out=self._padded[: self.window])
        spectrum = np.fft.rfft(self._padded)
        power = np.square(spectrum.real) + np.square(spectrum.imag)
        np.multiply(self._weights, power, out=self._products)
        level_db = 10.0 * np.log10(np.sum(self._products, axis=1) + _TINY)
        levels: F64 = np.clip(1.0 + level_db / RANGE_DB, 0.0, 1.0)
        return levels


def _mono(samples: F32) -> F64:
    """[C, T] to [T]: the mean of the channels; what is no number becomes silence."""
    x = np.asarray(samples, np.float64)
    if not np.isfinite(x).all():
        x = np.nan_to_num(x, nan=0.0, posinf=0.0, neginf=0.0)
    mixed: F64 = np.clip(x[0] if len(x) == 1 else np.mean(x, axis=0), -CEILING, CEILING)
    return mixed


def _db(power: float) -> float:
    return 10.0 * math.log10(power) if power > _SILENCE else SILENCE_DB
