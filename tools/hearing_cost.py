"""What hearing costs, beside the librosa calls it stands in for.

    python tools/hearing_cost.py [--sr 44100] [--hop 512] [--seconds 20]

Both see the same sound in alternating slices of one run; times are of the thread's own processor, so what else runs on
the machine counts little. The last column is the share of one core that live sound takes.
"""

import argparse
import time
import warnings
from collections.abc import Callable

import numpy as np

from daemon.features.extractor import Extractor
from daemon.features.pitch import HIGHEST_HZ, LOWEST_HZ
from daemon.flow import F32, Block
from daemon.params import Params

WINDOW = 1024
SLICE = 20  # hops


def sound(sr: int, hop: int, seconds: float, channels: int) -> F32:
    """Notes over noise, [C, T]."""
    rng, n = np.random.default_rng(0), round(seconds * sr / hop) * hop
    t = np.arange(n) / sr
    note = 0.3 * np.sin(2 * np.pi * 220 * t) + 0.1 * np.sin(2 * np.pi * 3000 * t * (1 + 0.1 * np.sin(t)))
    found: F32 = (note * np.exp(-(t % 0.5) * 4) + 0.02 * rng.standard_normal((channels, n))).astype(np.float32)
    return found


def ours(sr: int, hop: int, stereo: bool) -> Callable[[F32], object]:
    """Everything: descriptors, levels, bands, beat."""
    extractor, params = Extractor(sr, hop), Params()
    return lambda x: extractor.push(Block(x if stereo else x[:1], 0, 0.0), params)


def librosas(sr: int, hop: int) -> Callable[[F32], object]:
    """The descriptors that librosa has, each by its own call on the newest window, as a plain program would."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        import librosa
    feature, recent = librosa.feature, np.zeros(4096, np.float32)

    def hear(x: F32) -> None:
        recent[:-hop], recent[-hop:] = recent[hop:], x.mean(axis=0)
        y = recent[-WINDOW:]
        look = {"n_fft": WINDOW, "hop_length": WINDOW, "center": False}
        at = {"y": y, "sr": sr, **look}
        feature.mfcc(**at, n_mfcc=14, n_mels=40, fmin=20, fmax=10_000)
        feature.chroma_stft(**at, tuning=0.0)
        for call in (feature.spectral_centroid, feature.spectral_bandwidth, feature.spectral_contrast):
            call(**at)
        feature.spectral_rolloff(**at, roll_percent=0.95)
        feature.spectral_flatness(y=y, **look)
        feature.rms(y=y, frame_length=WINDOW, hop_length=WINDOW, center=False)
        feature.zero_crossing_rate(y, frame_length=WINDOW, hop_length=WINDOW, center=False)
        mels = feature.melspectrogram(
            y=recent[-WINDOW - hop :], sr=sr, n_fft=WINDOW, hop_length=hop, n_mels=40, center=False
        )
        librosa.onset.onset_strength(S=librosa.power_to_db(mels), sr=sr, center=False)
        frame = 2048 if sr < 60_000 else 4096
        librosa.yin(recent[-frame:], fmin=LOWEST_HZ, fmax=HIGHEST_HZ, sr=sr, frame_length=frame, center=False)

    return hear


def measure(ways: dict[str, Callable[[F32], object]], x: F32, hop: int) -> dict[str, list[float]]:
    """Microseconds of each hop, by way; the first tenth, in which things warm up, is left out."""
    took: dict[str, list[float]] = {name: [] for name in ways}
    hops = x.shape[1] // hop
    for begin in range(0, hops, SLICE):
        for name, hear in ways.items():
            for i in range(begin, min(begin + SLICE, hops)):
                part = x[:, i * hop : (i + 1) * hop]
                start = time.thread_time_ns()
                hear(part)
                took[name].append((time.thread_time_ns() - start) / 1000)
    return {name: times[len(times) // 10 :] for name, times in took.items()}


def main() -> None:
    """Measure and print a table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sr", type=int, default=44_100)
    parser.add_argument("--hop", type=int, default=512)
    parser.add_argument("--seconds", type=float, default=20.0)
    asked = parser.parse_args()
    sr, hop = asked.sr, asked.hop
    ways = {"stereo, all": ours(sr, hop, True), "mono, all": ours(sr, hop, False), "librosa, mono": librosas(sr, hop)}
    took = measure(ways, sound(sr, hop, asked.seconds, 2), hop)
    print(f"{sr} Hz, hop {hop} ({hop / sr * 1000:.1f} ms), window {WINDOW}; microseconds of processor a hop")
    print(f"{'':15}{'least':>8}{'median':>8}{'p95':>8}{'most':>8}{'of a core':>11}")
    for name, times in took.items():
        low, mid, high, most = (float(np.percentile(times, q)) for q in (0, 50, 95, 100))
        share = mid / (hop / sr * 1e6)
        print(f"{name:15}{low:8.0f}{mid:8.0f}{high:8.0f}{most:8.0f}{share:11.1%}")


if __name__ == "__main__":
    main()
