"""Synthesizes the sound of `latentd demo`: silence, a pulse, a melody, noise and a crescendo, 31 s, all ours.

    python tools/make_demo_sound.py [daemon/assets/demo.ogg]

The sound is the same each time; only the serial number inside the Ogg file differs.
"""

import sys
from pathlib import Path

import numpy as np
import soundfile
from numpy.typing import NDArray

F64 = NDArray[np.float64]

SR = 48_000
SECTIONS = {
    "silence": (0.0, 3.0),
    "pulse": (3.0, 9.0),
    "melody": (9.0, 16.0),
    "noise": (16.0, 21.0),
    "crescendo": (21.0, 31.0),
}  # s
PEAK = 0.74  # Vorbis adds up to 1.7 dB at the kicks

A_MINOR = (0, 3, 5, 7, 10)  # pentatonic, in semitones
TUNE = (0, 2, 4, 2, 5, 4, 2, 1, 0, 3, 5, 7, 6, 4, 5, 2, 4, 1, 2, 0)  # steps of the scale


def main() -> None:
    """Write the file."""
    path = Path(sys.argv[1] if len(sys.argv) > 1 else "daemon/assets/demo.ogg")
    sound = demo_sound().T.astype(np.float32)
    with soundfile.SoundFile(path, "w", SR, 2, format="OGG", subtype="VORBIS") as file:
        for start in range(0, len(sound), 4800):  # libsndfile's Vorbis writer overflows its stack on long arrays
            file.write(sound[start : start + 4800])


def demo_sound() -> F64:
    """[2, 31 s] stereo; begins and ends in silence, so that it loops without a seam."""
    sound = np.zeros((2, round(SECTIONS["crescendo"][1] * SR)))
    rng = np.random.default_rng(1)
    for name, make in (("pulse", pulse), ("melody", melody), ("noise", noise), ("crescendo", crescendo)):
        begin, end = SECTIONS[name]
        part = make(end - begin, rng)
        start = round(begin * SR)
        stop = min(start + part.shape[1], sound.shape[1])  # tails ring on into the next section
        sound[:, start:stop] += part[:, : stop - start]
    sound[:, -SR // 10 :] *= np.linspace(1, 0, SR // 10)
    return np.tanh(sound) * (PEAK / np.tanh(np.abs(sound).max()))


def pulse(seconds: float, rng: np.random.Generator) -> F64:
    """A kick twice a second, a soft hat in between from the third second on."""
    out = np.zeros((2, round(seconds * SR)))
    for beat in np.arange(0, seconds, 0.5):
        add(out, beat, centre(0.95 * kick()))
        if beat >= 2.0:
            add(out, beat + 0.25, hat(rng, pan=0.7 if beat % 1 else 0.3))
    return out


def melody(seconds: float, rng: np.random.Generator) -> F64:
    """Plucked bells that wander through the scale over two long low notes, with an echo."""
    del rng
    out = np.zeros((2, round((seconds + 0.4) * SR)))
    for i, step in enumerate(TUNE):
        octave, degree = divmod(step, len(A_MINOR))
        hz = 440.0 * 2 ** (octave + A_MINOR[degree] / 12)
        at, left = 0.35 * i, 0.5 + 0.35 * np.sin(i)
        for echo, level in ((0.0, 0.42), (0.26, 0.14), (0.52, 0.05)):
            left = 1 - left
            add(out, at + echo, placed(level * bell(hz, 1.1), left))
    for at, hz in ((0.0, 110.0), (3.5, 87.31)):
        t = seconds_of(3.5)
        swell = np.sin(np.pi * np.minimum(t / 3.5, 1.0)) ** 0.7
        add(out, at, centre(0.16 * swell * (np.sin(2 * np.pi * hz * t) + 0.3 * np.sin(4 * np.pi * hz * t))))
    return out


def noise(seconds: float, rng: np.random.Generator) -> F64:
    """Bursts, 0.25 s on and 0.25 s off, each a wider band than the last."""
    out = np.zeros((2, round(seconds * SR)))
    length = round(0.25 * SR)
    edge = np.minimum(1.0, np.minimum(np.arange(length), np.arange(length)[::-1]) / (0.004 * SR))
    starts = np.arange(0, seconds, 0.5)
    for i, at in enumerate(starts):
        top = 1500.0 * (12_000.0 / 1500.0) ** (i / (len(starts) - 1))
        hiss = np.stack([coloured(rng, length, 120.0, top) for _ in range(2)])
        add(out, at, 0.22 * edge * hiss)
    return out


def crescendo(seconds: float, rng: np.random.Generator) -> F64:
    """A chord that grows louder, brighter and more urgent, a last hit, and what rings on."""
    rise = seconds - 1.8
    t = seconds_of(rise)
    x = t / rise
    out = np.zeros((2, round(seconds * SR)))
    beating = 1 - (0.15 + 0.35 * x) * (0.5 - 0.5 * np.cos(2 * np.pi * (2 * t + t**2 / rise)))
    loud = 10 ** (-28 * (1 - x) / 20)
    for i, hz in enumerate((55.0, 110.0, 164.81, 220.0, 261.63, 329.63, 493.88)):
        for side, detune in enumerate((0.999, 1.001)):
            phase = 2 * np.pi * hz * detune * t
            voice = sum(np.sin(k * phase) / k * x ** (0.5 * (k - 1)) for k in range(1, 9) if k * hz < 6000)
            out[side, : len(t)] += 0.075 * loud * beating * voice * (1.0 if i else 1.6)
    out[:, : len(t)] += 0.10 * loud * x**2 * np.stack([coloured(rng, len(t), 2000.0, 14_000.0) for _ in range(2)])
    at = rise / 2
    while at < rise - 0.05:  # kicks that close up
        add(out, at, centre((0.4 + 0.5 * at / rise) * kick()))
        at += 0.5 if at < 0.75 * rise else 0.25
    ring = seconds_of(1.8)
    last = sum(
        np.sin(2 * np.pi * hz * ring) * np.exp(-ring * (2.0 + hz / 300)) for hz in (55.0, 110.0, 220.0, 329.63, 440.0)
    )
    add(out, rise, centre(0.3 * last))
    add(out, rise, centre(kick()))
    add(
        out, rise, 0.25 * np.exp(-ring / 0.25) * np.stack([coloured(rng, len(ring), 300.0, 10_000.0) for _ in range(2)])
    )
    fade = np.minimum(1.0, np.arange(round(0.02 * SR)) / (0.02 * SR))
    out[:, : len(fade)] *= fade
    return out


def kick() -> F64:
    """A drum: a sine that falls from 170 to 48 Hz, and the knock of its beater."""
    t = seconds_of(0.45)
    phase = 2 * np.pi * (48 * t + (170 - 48) * 0.035 * (1 - np.exp(-t / 0.035)))
    knock = 0.35 * np.sin(2 * np.pi * 1900 * t) * np.exp(-t / 0.004)
    return (np.sin(phase) * np.exp(-t / 0.13) + knock) * np.minimum(1, t / 0.001) * np.minimum(1, (0.45 - t) / 0.02)


def hat(rng: np.random.Generator, pan: float) -> F64:
    """A short bright hiss."""
    t = seconds_of(0.08)
    return placed(0.16 * coloured(rng, len(t), 6000.0, 15_000.0) * np.exp(-t / 0.018) * np.minimum(1, t / 0.001), pan)


def bell(hz: float, seconds: float) -> F64:
    """A pluck by frequency modulation (Chowning 1973): the brightness dies before the tone."""
    t = seconds_of(seconds)
    index = 2.2 * np.exp(-t / 0.12)
    tone = np.sin(2 * np.pi * hz * t + index * np.sin(2 * np.pi * 2 * hz * t))
    return tone * np.exp(-t / 0.32) * np.minimum(1, t / 0.003) * np.minimum(1, (seconds - t) / 0.05)


def coloured(rng: np.random.Generator, length: int, low_hz: float, high_hz: float) -> F64:
    """Noise of unit power between two frequencies, with soft edges."""
    hz = np.fft.rfftfreq(length, 1 / SR)
    shape = 1 / (1 + (low_hz / np.maximum(hz, 1)) ** 4) / (1 + (hz / high_hz) ** 6)
    x = np.fft.irfft(np.fft.rfft(rng.standard_normal(length)) * shape, length)
    scaled: F64 = x / np.sqrt(np.mean(x**2))
    return scaled


def seconds_of(length: float) -> F64:
    """The times of the samples of so many seconds."""
    return np.arange(round(length * SR)) / SR


def centre(mono: F64) -> F64:
    """[T] to both sides alike."""
    return np.stack([mono, mono])


def placed(mono: F64, left: float) -> F64:
    """[T] to [2, T] at equal power; `left` 0..1."""
    return np.stack([np.sqrt(left) * mono, np.sqrt(1 - left) * mono])


def add(out: F64, at: float, part: F64) -> None:
    """Mix [2, T] in at `at` seconds; what does not fit is cut."""
    start = round(at * SR)
    stop = min(start + part.shape[1], out.shape[1])
    out[:, start:stop] += part[:, : stop - start]


if __name__ == "__main__":
    main()
