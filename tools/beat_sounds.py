"""Synthetic rhythms whose beats are known: click tracks and drum patterns, all made from seeds."""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache

import numpy as np

from daemon.flow import F64

SR = 48_000
SECONDS = 24.0
LEAD_IN = 0.4  # s before the first beat

TEMPOS = (60, 80, 100, 120, 140, 160, 180)


@dataclass(frozen=True, eq=False)
class Pattern:
    """A bar of drums: for each instrument, (step, loudness); fractions of a step swing."""

    name: str
    beats: int  # in the bar
    steps: int  # in the bar
    hits: dict[str, tuple[tuple[float, float], ...]]


def _every(first: float, step: float, bar: int, loudness: float = 1.0) -> tuple[tuple[float, float], ...]:
    return tuple((float(at), loudness) for at in np.arange(first, bar, step))


def _at(*steps: float, loudness: float = 1.0) -> tuple[tuple[float, float], ...]:
    return tuple((step, loudness) for step in steps)


PATTERNS = (
    Pattern(
        "four on the floor",
        4,
        16,
        {
            "kick": _every(0, 4, 16),
            "snare": _at(4, 12, loudness=0.7),
            "hat": _every(0, 2, 16, 0.5),
            "bass": _at(0, 6, 8, 14),
        },
    ),
    Pattern(
        "backbeat rock",
        4,
        16,
        {"kick": _at(0, 8, 10), "snare": _at(4, 12), "hat": _every(0, 2, 16, 0.7), "bass": _every(0, 2, 16, 0.6)},
    ),
    Pattern(
        "breakbeat",
        4,
        16,
        {
            "kick": _at(0, 2, 10, 11),
            "snare": (*_at(4, 12), *_at(7, 9, 15, loudness=0.35)),
            "hat": _every(0, 2, 16, 0.6),
            "bass": _at(0, 3, 10),
        },
    ),
    Pattern(
        "loud off-beat hats",
        4,
        16,
        {
            "kick": _every(0, 4, 16),
            "hat": _every(2, 4, 16, 1.6),
            "snare": _at(4, 12, loudness=0.5),
            "bass": _every(2, 4, 16),
        },
    ),
    Pattern(
        "waltz",
        3,
        12,
        {"kick": _at(0), "snare": _at(4, 8, loudness=0.6), "hat": _at(0, 4, 8, loudness=0.5), "bass": _at(0)},
    ),
    Pattern(
        "half-time",
        4,
        16,
        {"kick": _at(0, 6), "snare": _at(8), "hat": _every(0, 2, 16, 0.6), "bass": _at(0, 6, 11)},
    ),
    Pattern(
        "dembow",
        4,
        16,
        {"kick": _every(0, 4, 16), "snare": _at(3, 6, 11, 14), "hat": _every(0, 2, 16, 0.4), "bass": _at(0, 3, 8, 11)},
    ),
    Pattern(
        "swung",
        4,
        12,
        {
            "kick": _at(0, 6),
            "snare": _at(3, 9, loudness=0.8),
            "hat": (*_every(0, 3, 12, 0.7), *_every(2, 3, 12, 0.5)),
            "bass": _at(0, 3, 6, 9),
        },
    ),
)
CONDITIONS = ("dry", "pad and melody", "noise at -20 dB")


@dataclass(frozen=True, eq=False)
class Track:
    """A sound and where its beats are."""

    name: str
    samples: F64  # [T] at SR
    beats: F64  # s
    bpm: float
    waltz: bool = False
    settled: tuple[tuple[float, float], ...] = ((8.0, SECONDS - 0.5),)  # s: the spans that count


def click(bpm: float) -> Track:
    """A click on each beat."""
    beats = grid(bpm, SECONDS)
    return Track(f"click {bpm:g}", mix(SECONDS, [(t, "click", 1.0) for t in beats]), beats, bpm)


def pattern_track(pattern: Pattern, bpm: float, condition: str = "dry", seconds: float = SECONDS) -> Track:
    """A pattern at an even tempo."""
    return played(pattern, grid(bpm, seconds), bpm, condition, seconds)


def played(pattern: Pattern, beats: F64, bpm: float, condition: str, seconds: float, jitter: float = 0.0) -> Track:
    """A pattern on given beats; `jitter`: s of standard deviation, each hit its own."""
    rng = np.random.default_rng(7)
    per_beat = pattern.steps // pattern.beats
    at = np.arange(len(beats), dtype=float)
    notes: list[tuple[float, str, float]] = []
    for name, hits in pattern.hits.items():
        for step, loudness in hits:
            for beat in np.arange(step / per_beat, len(beats) - 1, pattern.beats):
                t = float(np.interp(beat, at, beats)) + jitter * float(np.clip(rng.standard_normal(), -2.5, 2.5))
                notes.append((t, name, loudness * float(rng.uniform(0.9, 1.1))))
    samples = mix(seconds, notes)
    if condition == "pad and melody":
        samples = samples + _pad(seconds, beats, rng)
    if condition.startswith("noise"):
        samples = samples + 0.1 * np.sqrt(np.mean(samples**2)) * rng.standard_normal(len(samples))
    waltz = pattern.beats == 3
    spans = ((8.0, seconds - 0.5),)
    return Track(f"{pattern.name} {bpm:g} {condition}", samples, beats, bpm, waltz, spans)


def grid(bpm: float, seconds: float, start: float = LEAD_IN) -> F64:
    """Even beats, s."""
    beats: F64 = np.arange(start, seconds - 0.05, 60.0 / bpm)
    return beats


def changing(first: float, second: float, pattern: Pattern = PATTERNS[1]) -> Track:
    """A tempo that changes at once, at 14 s of 32."""
    before = grid(first, 14.0)
    after = np.arange(before[-1] + 60.0 / first, 31.9, 60.0 / second)
    track = played(pattern, np.concatenate([before, after]), second, "dry", 32.0)
    spans = ((8.0, 14.0), (float(after[0]) + 8.0, 31.5))
    return Track(f"{pattern.name} {first:g} to {second:g}", track.samples, track.beats, second, settled=spans)


def pausing(bpm: float, pattern: Pattern = PATTERNS[1]) -> Track:
    """4 s of silence from 12 s on, the beat unbroken."""
    track = pattern_track(pattern, bpm)
    samples = track.samples.copy()
    samples[12 * SR : 16 * SR] = 0.0
    spans = ((8.0, 12.0), (17.0, SECONDS - 0.5))
    return Track(f"{pattern.name} {bpm:g}, silent for 4 s", samples, track.beats, bpm, settled=spans)


def drifting(bpm: float, pattern: Pattern = PATTERNS[1]) -> Track:
    """A tempo that goes 2 % up and down over 16 s."""
    t = np.arange(0.0, SECONDS, 0.001)
    beat = np.cumsum(bpm / 60.0 * (1.0 + 0.02 * np.sin(2.0 * np.pi * t / 16.0))) * 0.001
    beats = LEAD_IN + np.interp(np.arange(int(beat[-1]) + 1), beat, t)
    track = played(pattern, beats[beats < SECONDS - 0.05], bpm, "dry", SECONDS)
    return Track(f"{pattern.name} {bpm:g}, drifting 2 %", track.samples, track.beats, bpm)


def jittered(bpm: float, pattern: Pattern = PATTERNS[1]) -> Track:
    """Each hit 10 ms off, as a drummer may be."""
    track = played(pattern, grid(bpm, SECONDS), bpm, "dry", SECONDS, 0.010)
    return Track(f"{pattern.name} {bpm:g}, 10 ms jitter", track.samples, track.beats, bpm)


def drawn(count: int) -> Iterator[Track]:
    """Rhythms, tempos and conditions drawn by chance, which nobody listened to before: bars with no name."""
    rng = np.random.default_rng(2024)
    strength = np.array([1.0, 0.1, 0.35, 0.15, 0.55, 0.1, 0.35, 0.15, 0.75, 0.1, 0.35, 0.15, 0.55, 0.1, 0.35, 0.2])
    for number in range(count):
        low = [(float(at), float(rng.uniform(0.7, 1.1))) for at in range(16) if rng.random() < 0.8 * strength[at]]
        back = (4, 12) if rng.random() < 0.8 else (8,)
        high = [(float(at), 1.0) for at in back]
        high += [(float(at), 0.3) for at in range(16) if at not in back and rng.random() < 0.12]
        hats = _every(0, float(rng.choice([1, 2, 2, 4])), 16, float(rng.uniform(0.3, 1.0)))
        bass = [hit for hit in low if rng.random() < 0.6] + [(float(rng.integers(16)), 0.8)]
        hits = {"kick": tuple(low or [(0.0, 1.0)]), "snare": tuple(high), "hat": hats, "bass": tuple(bass)}
        bpm, condition = float(rng.uniform(60, 180)), CONDITIONS[int(rng.integers(3))]
        yield pattern_track(Pattern(f"drawn {number}", 4, 16, hits), round(bpm, 1), condition)


def clicks() -> Iterator[Track]:
    """60 to 180 in steps of 10."""
    for bpm in range(60, 181, 10):
        yield click(bpm)


def mix(seconds: float, notes: list[tuple[float, str, float]]) -> F64:
    """[T] of hits (s, instrument, loudness) laid over one another."""
    samples: F64 = np.zeros(int(seconds * SR))
    for t, name, loudness in notes:
        sound = _instrument(name)
        begin = round(t * SR)
        if 0 <= begin < len(samples):
            end = min(begin + len(sound), len(samples))
            samples[begin:end] += loudness * sound[: end - begin]
    return samples


@cache
def _instrument(name: str) -> F64:
    rng = np.random.default_rng(sum(map(ord, name)))
    t = np.arange(int(0.3 * SR)) / SR
    noise = rng.standard_normal(len(t))
    bright = np.diff(noise, prepend=0.0)
    sweep = np.sin(2 * np.pi * (50.0 * t + 8.0 * (1.0 - np.exp(-t / 0.02))))
    sounds = {
        "click": 0.5 * np.sin(2 * np.pi * 1500.0 * t) * np.exp(-t / 0.008),
        "kick": 0.5 * sweep * np.exp(-t / 0.09),
        "snare": (0.14 * noise + 0.15 * np.sin(2 * np.pi * 190.0 * t)) * np.exp(-t / 0.05),
        "hat": 0.06 * bright * np.exp(-t / 0.015),
        "bass": 0.22 * np.tanh(2.0 * np.sin(2 * np.pi * 55.0 * t)) * np.minimum(t / 0.01, 1.0) * np.exp(-t / 0.15),
    }
    return sounds[name]


def _pad(seconds: float, beats: F64, rng: np.random.Generator) -> F64:
    """Held chords that change each four beats, and a melody of half, one and two beats, soft at their begin."""
    samples: F64 = np.zeros(int(seconds * SR))
    chords = ((57, 60, 64), (53, 57, 60), (48, 52, 55), (55, 59, 62))
    for k in range(0, len(beats) - 1, 4):
        end = beats[min(k + 4, len(beats) - 1)]
        for note in chords[k // 4 % 4]:
            _tone(samples, float(beats[k]), float(end - beats[k]), note, 0.04, 0.15)
    at = 0.0
    while at < len(beats) - 1:
        length = float(rng.choice([0.5, 0.5, 1.0, 1.0, 1.5, 2.0]))
        t = np.interp([at, at + length], np.arange(len(beats)), beats)
        _tone(samples, float(t[0]), float(t[1] - t[0]), 69 + int(rng.choice([0, 3, 5, 7, 10, 12])), 0.08, 0.02)
        at += length
    return samples


def _tone(samples: F64, start: float, length: float, note: int, loudness: float, attack: float) -> None:
    hz = 440.0 * 2.0 ** ((note - 69) / 12)
    t = np.arange(int(length * SR)) / SR
    envelope = np.minimum(np.minimum(t / attack, 1.0), np.maximum((length - t) / 0.03, 0.0).clip(0.0, 1.0))
    wave = sum(np.sin(2 * np.pi * hz * k * t) / k for k in (1, 2, 3, 4))
    begin = round(start * SR)
    end = min(begin + len(t), len(samples))
    samples[begin:end] += (loudness * envelope * wave)[: end - begin]
