"""How well the beat is found: synthetic sounds with known beats through the extractor, and the figures of docs/BEAT.md.

    python -m tools.beat_report [docs/BEAT.md]

All is made from seeds, so the same figures come out each time. Beats are read where the phase told wraps, with nothing
ahead. `hear` takes of the extractor only what the tracker needs; a test holds that both tell the same.
"""

import math
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from daemon.features.bank import FilterBank, mel_bank
from daemon.features.beat import BeatTracker
from daemon.features.gate import Gate
from daemon.features.hops import Hops
from daemon.features.spectrum import Spectrum
from daemon.features.tempo import FLOOR_DB, MEL_BANDS
from daemon.flow import F64, Beat
from daemon.params import Params
from tools import beat_sounds as sounds
from tools.beat_sounds import CONDITIONS, PATTERNS, SR, TEMPOS, Track

WINDOW = 1024  # samples, the extractor's
NEAR = 0.07  # s: a beat told this near is right
ENOUGH = 0.9  # of the beats
DRAWN = 60  # bars
BEGIN, END = "<!-- figures -->\n", "<!-- end of figures -->\n"
KINDS = ("on the beat", "octave", "off-beat", "missed")


@dataclass(frozen=True)
class Heard:
    """What was told of a sound."""

    beats: F64  # s
    bpm: float  # at the end
    confidence: float  # mean of the last 4 s


@dataclass(frozen=True)
class Verdict:
    """How good that is: the best level of metre, and what share of its beats was told."""

    level: str  # x1, x2, x1/2, x3, x1/3, off, off x1/2
    share: float

    @property
    def kind(self) -> str:
        if self.share < ENOUGH:
            return "missed"
        return "off-beat" if self.level.startswith("off") else "on the beat" if self.level == "x1" else "octave"

    def __str__(self) -> str:
        return f"**{self.share:.0%}**" if self.kind == "missed" else self.level


class Ear:
    """The part of the extractor that the tracker hears through."""

    def __init__(self, sr: int, hop: int) -> None:
        self._spectrum = Spectrum(WINDOW)
        self._bank = FilterBank(mel_bank(sr, self._spectrum.n_fft, MEL_BANDS) / self._spectrum.sine)
        self._hops, self._gate, self._dt = Hops(sr, hop, WINDOW), Gate(hop / sr), hop / sr
        self._tempo = BeatTracker(self._dt)

    def push(self, samples: F64, params: Params) -> list[Beat]:
        """The beat at each hop of mono sound [T]."""
        beats = []
        for hop in self._hops.push(samples[None].astype(np.float32)):
            x = hop.recent[0]
            rms_db = 10.0 * math.log10(max(float(np.square(x).sum()) / WINDOW, 1e-12))
            log_mel = 10.0 * np.log10(np.maximum(self._bank.of(self._spectrum.mono(x)), 10.0 ** (FLOOR_DB / 10.0)))
            beats.append(self._tempo.step(log_mel, 0.0, self._gate.step(rms_db, params), 0.0))
        return beats


def hear(samples: F64, sr: int = SR, hop: int = 480) -> Heard:
    """Mono sound [T] as the daemon hears it."""
    told = Ear(sr, hop).push(samples, Params())
    return heard(told, hop / sr)


def heard(told: list[Beat], dt: float) -> Heard:
    """What was told, of a beat a hop."""
    phase = np.array([beat.phase for beat in told])
    wraps = np.flatnonzero((phase[1:] < phase[:-1] - 0.5) & (np.array([beat.bpm for beat in told[:-1]]) > 0)) + 1
    sure = [beat.confidence for beat in told[-round(4.0 / dt) :]]
    return Heard((wraps + 1) * dt, told[-1].bpm, float(np.mean(sure)))


def judge(beats: F64, track: Track) -> Verdict:
    """The worst of the track's settled spans, each at the level that suits it best."""
    return min((_judge(beats, track, span) for span in track.settled), key=lambda verdict: verdict.share)


def _judge(beats: F64, track: Track, span: tuple[float, float]) -> Verdict:
    found = Verdict("x1", _share(beats, track.beats, span))
    if found.share >= ENOUGH:
        return found
    for level, grid in _levels(track):
        verdict = Verdict(level, _share(beats, grid, span))
        found = max(found, verdict, key=lambda v: v.share)
    return found


def _levels(track: Track) -> Iterator[tuple[str, F64]]:
    count = len(track.beats)

    def every(step: float, first: float = 0.0) -> F64:
        grid: F64 = np.interp(np.arange(first, count - 0.99, step), np.arange(count), track.beats)
        return grid

    yield "x2", every(0.5)
    yield "x1/2", every(2)
    yield "x1/2", every(2, 1)
    if track.waltz:
        yield "x3", every(1 / 3)
        yield from (("x1/3", every(3, first)) for first in range(3))
    yield "off", every(1, 0.5)
    yield "off x1/2", every(2, 0.5)
    yield "off x1/2", every(2, 1.5)


def _share(told: F64, true: F64, span: tuple[float, float]) -> float:
    """Beats told within `NEAR` over the larger number, of those that are and those told: too many is no better."""
    begin, end = span
    wanted = true[(true >= begin) & (true < end)]
    said = int(np.sum((told >= begin) & (told < end)))
    if not len(wanted) or not said:
        return 0.0
    distance = np.abs(told[None] - wanted[:, None]).min(axis=1)
    # one beat more than there are is the edge of the span, not a mistake
    return float(np.sum(distance <= NEAR)) / max(len(wanted), said - 1)


def changes() -> Iterator[Track]:
    """Sounds whose beat does not go on evenly."""
    for pattern in PATTERNS[:3]:
        for first, second in ((120, 137), (90, 128), (140, 100)):
            yield sounds.changing(first, second, pattern)
    for make in (sounds.pausing, sounds.drifting, sounds.jittered):
        for bpm in (80, 120, 160):
            yield make(bpm)


def _offline(track: Track) -> Verdict:
    """What librosa's beat tracker finds, which hears the whole sound at once: a yardstick."""
    import librosa
    import soxr

    sound = soxr.resample(track.samples, SR, 22_050)
    _, beats = librosa.beat.beat_track(y=sound, sr=22_050, units="time")
    return judge(np.asarray(beats), track)


def _at_44100(track: Track) -> Verdict:
    import soxr

    return judge(hear(soxr.resample(track.samples, SR, 44_100), 44_100, 512).beats, track)


def _tally(name: str, verdicts: list[Verdict]) -> str:
    kinds = [verdict.kind for verdict in verdicts]
    return f"| {name} | {len(kinds)} | " + " | ".join(str(kinds.count(kind)) for kind in KINDS) + " |"


def report() -> str:
    """The tables, as Markdown."""
    clicks = [(track, hear(track.samples)) for track in sounds.clicks()]
    click_shares = [_share(found.beats, track.beats, track.settled[0]) for track, found in clicks]
    uneven = [(track, judge(hear(track.samples).beats, track), _offline(track)) for track in changes()]
    tallies = {
        "click tracks, 48 kHz / 480": [judge(found.beats, track) for track, found in clicks],
        "click tracks, 44.1 kHz / 512": [_at_44100(track) for track, _ in clicks],
        "click tracks, librosa offline": [_offline(track) for track, _ in clicks],
    }
    rows, ours, others, at_44100 = [], [], [], []
    for pattern in PATTERNS:
        for condition in CONDITIONS:
            tracks = [sounds.pattern_track(pattern, bpm, condition) for bpm in TEMPOS]
            verdicts = [judge(hear(track.samples).beats, track) for track in tracks]
            rows.append(f"| {pattern.name}, {condition} | " + " | ".join(map(str, verdicts)) + " |")
            ours += verdicts
            others += [_offline(track) for track in tracks]
            if condition == CONDITIONS[0]:
                at_44100 += [_at_44100(track) for track in tracks]
    tallies["patterns, 48 kHz / 480"] = ours
    tallies["patterns, dry, 44.1 kHz / 512"] = at_44100
    tallies["patterns, librosa offline"] = others
    chance = list(sounds.drawn(DRAWN))
    drawn = [judge(hear(track.samples).beats, track) for track in chance]
    tallies["bars drawn by chance, 48 kHz / 480"] = drawn
    tallies["bars drawn by chance, librosa offline"] = [_offline(track) for track in chance]
    tallies["changes, silence, drift, jitter"] = [verdict for _, verdict, _ in uneven]
    tallies["changes and so on, librosa offline"] = [verdict for _, _, verdict in uneven]
    lines = [
        "| sounds | how many | " + " | ".join(KINDS) + " |",
        "|---|---|" + "---|" * len(KINDS),
        *(_tally(name, verdicts) for name, verdicts in tallies.items()),
        "",
        "Click tracks, no allowance:",
        "",
        "| bpm | " + " | ".join(f"{track.bpm:g}" for track, _ in clicks) + " |",
        "|---|" + "---|" * len(clicks),
        "| told | " + " | ".join(f"{found.bpm:.2f}" for _, found in clicks) + " |",
        "| beats within 70 ms | " + " | ".join(f"{share:.0%}" for share in click_shares) + " |",
        "| confidence | " + " | ".join(f"{found.confidence:.2f}" for _, found in clicks) + " |",
        "",
        "Patterns (the level of metre that was told; a share in bold is a miss):",
        "",
        "| pattern | " + " | ".join(f"{bpm} bpm" for bpm in TEMPOS) + " |",
        "|---|" + "---|" * len(TEMPOS),
        *rows,
        "",
        "Bars drawn by chance that were missed: "
        + (
            "; ".join(f"{t.name} ({v.share:.0%})" for t, v in zip(chance, drawn, strict=True) if v.kind == "missed")
            or "none"
        )
        + ".",
        "",
        "Beats that do not go on evenly (the worse of the spans before and after):",
        "",
        "| sound | ours | librosa offline |",
        "|---|---|---|",
        *(f"| {track.name} | {verdict} | {other} |" for track, verdict, other in uneven),
    ]
    return "\n".join(lines) + "\n"


def cost(hops: int = 6000) -> tuple[float, float]:
    """(median, 99th percentile) of a hop's time on a core of this machine, us: the tracker alone."""
    rng, tracker = np.random.default_rng(1), BeatTracker(0.01)
    spectra = -60.0 + 20.0 * rng.standard_normal((hops, 40)) + 25.0 * (np.arange(hops) % 50 < 3)[:, None]
    took = np.empty(hops)
    for i, log_mel in enumerate(spectra):
        begun = time.thread_time()
        tracker.step(log_mel, i * 0.01, True, 0.0)
        took[i] = time.thread_time() - begun
    return float(np.median(took) * 1e6), float(np.percentile(took, 99) * 1e6)


def main() -> None:
    """Write the figures into the page."""
    page = Path(sys.argv[1] if len(sys.argv) > 1 else "docs/BEAT.md")
    text = page.read_text()
    before, rest = text.split(BEGIN)
    after = rest.split(END)[1]
    page.write_text(before + BEGIN + report() + END + after)
    median, worst = cost()
    print(f"{page} written; the tracker took {median:.0f} us a hop in the median here, 99 % under {worst:.0f} us")


if __name__ == "__main__":
    main()
