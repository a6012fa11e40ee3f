"""EnCodec's embeddings of a live sound, each number against what it is in sounds of many kinds."""

import math
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import soxr

from daemon.errors import BadInput
from daemon.flow import F32, F64, Tally, frozen

if TYPE_CHECKING:
    from daemon.features.encodec.stream import Stream

PUBLISHED = "facebook/encodec_24khz"
SR, FRAME, DIMS = 24_000, 320, 128  # Hz, samples a frame, numbers a frame
RATE = SR / FRAME  # frames a second: 75

_LEAST = 1e-5  # standard deviation of a number that says nothing
_CALIBRATION = 6.0  # s


def why_not(weights: str | None) -> str | None:
    """Why there can be no embeddings, in one sentence; None when nothing speaks against it. Reads nothing."""
    if any(find_spec(name) is None for name in ("transformers", "torch")):
        return "EnCodec needs the transformers package: run pip install 'latentd[encodec]'"
    if weights is None:
        return f"EnCodec has no weights: name their folder in the config, or {PUBLISHED} to download them"
    if weights != PUBLISHED and not Path(weights).expanduser().exists():
        return f"EnCodec has no weights: there is no {weights}; put its config.json and model.safetensors there"
    return None


def load(weights: str | None, sr: int) -> "EncodecEmbedder":
    """What listens at `sr` Hz with these weights: a folder, a file, or `PUBLISHED` to download them; seconds of work.

    `BadInput` says what is wrong with them.
    """
    if (reason := why_not(weights)) is not None or weights is None:
        raise BadInput("encodec", [reason or ""])
    try:
        from daemon.features.encodec import weights as files
    except ImportError as e:
        raise BadInput("encodec", [f"transformers cannot be loaded ({e}); install a newer one"]) from None
    path = files.fetch(PUBLISHED) if weights == PUBLISHED else Path(weights).expanduser()
    return EncodecEmbedder(files.read(path), sr)


class EncodecEmbedder:
    """Hops of sound at `sr` Hz in; the sum of all embeddings and of their squares so far, [2 x DIMS], out.

    Embeddings have no scale of their own. Each number is put to mean 0 and variance 1 over a fixed sound of many
    kinds, so that they are comparable from the first one on; the mapper learns the rest from what is played.
    """

    def __init__(self, stream: "Stream", sr: int) -> None:
        self._stream, self._sr = stream, sr
        stream.reset()
        self._mean, self._std = _usual(stream.push(many_sounds(_CALIBRATION)))
        self.reset()

    def reset(self) -> None:
        """Begin anew, as if nothing had been heard."""
        self._stream.reset()
        self._resampler = soxr.ResampleStream(self._sr, SR, 1, dtype="float32", quality="HQ", vr=True)  # vr: no bursts
        self._waiting: F32 = np.zeros(0, np.float32)  # samples at SR
        self._least = self._stream.first * FRAME
        self._tally = Tally()

    def push(self, samples: F64) -> Tally:
        heard = self._resampler.resample_chunk(np.ascontiguousarray(samples, np.float32))
        self._waiting = np.concatenate((self._waiting, heard))
        if len(self._waiting) >= self._least:
            count = len(self._waiting) // FRAME * FRAME
            ready, self._waiting = self._waiting[:count], self._waiting[count:]
            self._least = FRAME
            self._add((self._stream.push(ready) - self._mean) / self._std)
        return self._tally

    def _add(self, embeddings: F64) -> None:
        sums = np.concatenate((embeddings.sum(0), np.square(embeddings).sum(0)))
        total = sums if self._tally.count == 0 else self._tally.total + sums
        frozen(total)
        self._tally = Tally(self._tally.count + len(embeddings), total)


def _usual(found: F64) -> tuple[F64, F64]:
    """Mean and standard deviation of each number, [DIMS] each, over embeddings [frames, DIMS]."""
    if not np.isfinite(found).all():
        raise BadInput("encodec", ["these weights give what is no number; get them anew"])
    return found.mean(0), np.maximum(found.std(0), _LEAST)


def many_sounds(seconds: float) -> F32:
    """Chords, noises and strokes at many levels, seeded, at SR: what calibration takes for music."""
    rng = np.random.default_rng(0)
    length = SR // 4
    t = np.arange(length) / SR
    pieces: list[F64] = []
    for n in range(math.ceil(seconds * SR / length)):
        level = 10.0 ** (rng.uniform(-40.0, -6.0) / 20.0)
        root = 55.0 * 2.0 ** rng.uniform(0.0, 4.0)
        match n % 4:
            case 0:  # a chord of bright tones
                notes = root * np.array([1.0, 1.26, 1.5])
                partials = np.arange(1, 9)[:, None, None]
                piece = (np.sin(2 * np.pi * partials * notes[None, :, None] * t) / partials).sum((0, 1)) / 4.0
            case 1:  # noise, darker and brighter
                colour = np.exp(-np.arange(64) / rng.uniform(0.3, 20.0))
                noise = np.convolve(rng.standard_normal(length), colour, "same")
                piece = noise / np.abs(noise).max()
            case 2:  # strokes on a drum
                piece = np.sin(2 * np.pi * root * np.exp(-t * 8.0) * t) * np.exp(-(t % 0.125) * rng.uniform(10.0, 60.0))
            case _:  # one soft tone
                piece = np.sin(2 * np.pi * root * t) * np.sin(np.pi * t * SR / length)
        pieces.append(level * piece)
    whole: F32 = np.concatenate(pieces).astype(np.float32)
    return whole[: len(whole) // FRAME * FRAME]
