"""How each mapper reacts to sound: how soon, how far, how still in silence, and never faster than the limit."""

from bisect import bisect_right
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Annotated

import numpy as np
from pydantic import Field

from daemon.bench.said import Ms, Said, digits
from daemon.engine import Engine, MakeMapper
from daemon.errors import BadInput
from daemon.features.extractor import Extractor
from daemon.flow import F32, F64, Block, Features, Hand
from daemon.mapping.space import Space
from daemon.params import MAPPERS, Fade, Params, Route

FPS = 30.0
_ONSETS = 5  # of the sound, at most
_BEFORE, _STILL, _AFTER = 2.0, 1.0, 0.6  # s of sound, of silence, and of the sound again from an onset on
_APART = 0.4  # s between two onsets
_CHANGED = 1e-3  # standard deviations of w: what is further from where it would be without the onset has moved
_AUDIBLE = 1e-3  # of full scale: where an onset begins
_SETTLED = 2.0  # s after which a run in silence counts
_LONGEST = 120.0  # s of a sound that are heard
_WINDOW = 0.5  # s over which loudness and motion are compared


@dataclass(frozen=True, slots=True)
class Rig:
    """What is measured: a latent space, its mappers, and ears."""

    space: Space
    make_mapper: MakeMapper
    ears: Callable[[str], Extractor]  # for a mapper, anew for every run; those of one before hear no more


@dataclass(frozen=True, slots=True, eq=False)
class Run:
    """What happened, tick by tick."""

    dt: float  # s
    ws: F32  # [N, num_ws, w_dim]
    rms_db: F64  # [N] dBFS, as heard

    def rates(self, space: Space) -> F64:
        """Standard deviations of w a second, from each tick to the next, [N - 1]."""
        return np.array([space.deviations(step) for step in np.diff(self.ws, axis=0)]) / self.dt


class Rates(Said):
    """Standard deviations of w a second."""

    p50: float
    p95: float
    max: float


class Reaction(Said):
    """One mapper on one sound. Correlations are Pearson's."""

    mapper: str
    onsets: Annotated[int, Field(ge=0)]
    first_ms: Ms | None  # from an onset out of silence to the first changed latent: the latest of all onsets
    half_ms: Ms | None  # to half the way it goes within 0.6 s: their median
    allowed_ms: Ms  # two hops and the smoothing
    reach: float | None  # correlation of loudness with how far the sound moves the latent
    motion: float | None  # and with how fast it moves
    sound: Rates
    silence: Rates
    changes: Rates  # while the gate opens, mapper, seed and numbers jump, routes are edited and a hand comes and goes
    limit: float  # standard deviations of w a second


class LeftOut(Said):
    """A mapper that cannot be had here."""

    mapper: str
    why: str


class ReactionReport(Said):
    """What `latentd bench --reaction --json` says."""

    sound: str
    model: str
    seconds: float
    fps: float
    hop_ms: float
    results: tuple[Reaction, ...]
    left_out: tuple[LeftOut, ...]


def look(mapper: str, space: Space) -> Params:
    """The params a mapper is measured with: everything as it is at start, clusters all alike."""
    return Params(mapper=mapper, clusters=tuple((name, 0.5) for name in space.facts.clusters))


def report(name: str, samples: F32, model: str, rig: Rig, mappers: Sequence[str] = MAPPERS) -> ReactionReport:
    """Measure mappers on a sound, samples [C, T]."""
    ears = rig.ears("")
    samples = samples[:, : int(_LONGEST * ears.sr)]
    results, left_out = list[Reaction](), list[LeftOut]()
    for mapper in mappers:
        try:
            rig.make_mapper(look(mapper, rig.space))
        except BadInput as e:
            left_out.append(LeftOut(mapper=mapper, why=str(e)))
        else:
            results.append(measure(mapper, samples, rig, mappers))
    return ReactionReport(
        sound=name,
        model=model,
        seconds=digits(samples.shape[1] / ears.sr),
        fps=FPS,
        hop_ms=digits(1e3 * ears.hop / ears.sr),
        results=tuple(results),
        left_out=tuple(left_out),
    )


def measure(mapper: str, samples: F32, rig: Rig, others: Sequence[str] = MAPPERS) -> Reaction:
    """One mapper on one sound."""
    params, ears = look(mapper, rig.space), rig.ears("")
    still = [(0.0, Fade.still(params))]
    heard, unheard = (play(rig, x, still, FPS) for x in (samples, np.zeros_like(samples)))
    delays = [_delays(at, samples, params, rig) for at in onsets(samples, ears)]
    moved = [d for d in delays if d is not None]
    reach = np.array([rig.space.deviations(a - b) for a, b in zip(heard.ws, unheard.ws, strict=True)])
    loud, rates = np.maximum(heard.rms_db, -60.0), heard.rates(rig.space)
    return Reaction(
        mapper=mapper,
        onsets=len(delays),
        first_ms=digits(1e3 * max(first for first, _ in moved)) if moved and len(moved) == len(delays) else None,
        half_ms=digits(1e3 * float(np.median([half for _, half in moved]))) if moved else None,
        allowed_ms=digits(1e3 * (2 * ears.hop / ears.sr + params.smoothing)),
        reach=_correlation(loud, reach),
        motion=_correlation(loud[1:], rates),
        sound=_rates(rates),
        silence=_rates(unheard.rates(rig.space)[int(_SETTLED * FPS) :]),
        changes=_rates(_unrest(params, samples, rig, others).rates(rig.space)),
        limit=params.limit,
    )


def play(
    rig: Rig,
    samples: F32,
    score: Sequence[tuple[float, Fade]],
    fps: float,
    hand: Callable[[float], Hand] = lambda _: Hand(),
) -> Run:
    """Every tick of a sound, samples [C, T], as `offline.render` has them, without pictures."""
    ears, engine = rig.ears(score[0][1].end.mapper), Engine(rig.make_mapper, rig.space)
    times, fades = [time for time, _ in score], [fade for _, fade in score]
    ahead, features, at = list[Features](), Features.silence(ears.bands), 0
    ws, rms_db = list[F32](), list[float]()
    for n in range(int(samples.shape[1] / ears.sr * fps)):
        t = n / fps
        fade = fades[max(bisect_right(times, t) - 1, 0)]
        while at / ears.sr < t and (not ahead or ahead[-1].t <= t):
            block = Block(samples[:, at : at + ears.hop], at, (at + ears.hop) / ears.sr)
            ahead.extend(ears.push(block, fade.at(block.heard)))
            at += ears.hop
        while ahead and ahead[0].t <= t + 1e-9:
            features = ahead.pop(0)
        latents = engine.tick(t, features, fade, hand(t))
        assert latents.ws is not None, "nothing here is blacked out"
        ws.append(latents.ws)
        rms_db.append(features.rms_db)
    return Run(1 / fps, np.stack(ws), np.array(rms_db))


def onsets(samples: F32, ears: Extractor) -> list[int]:
    """Where the level jumps up most, at most so many, as indices of samples."""
    hop, mono = ears.hop, samples.mean(axis=0)
    power = np.square(mono[: len(mono) // hop * hop].reshape(-1, hop)).mean(axis=1) + 1e-8
    before = np.convolve(power, np.full(8, 1 / 8))[: len(power)]
    jump = np.log(power[8:] / before[7:-1])
    found: list[int] = []
    for i in np.argsort(jump)[::-1]:
        at = int(i + 8) * hop
        if jump[i] < 1.0 or len(found) == _ONSETS:
            break
        if all(abs(at - other) > _APART * ears.sr for other in found) and at + _AFTER * ears.sr <= len(mono):
            found.append(at)
    return sorted(found)


def _delays(at: int, samples: F32, params: Params, rig: Rig) -> tuple[float, float] | None:
    """Seconds from an onset out of silence to the first changed latent, and to half the way; None when none changes.

    The same run twice, once without the onset: whatever differs is its doing. Ticks come with hops.
    """
    ears = rig.ears("")
    sr, fade = ears.sr, [(0.0, Fade.still(params))]
    before = samples[:, max(at - int(_BEFORE * sr), 0) : at]
    before = before[:, before.shape[1] % ears.hop :]  # whole hops
    rest, after = np.zeros((len(samples), int(_STILL * sr) // ears.hop * ears.hop), np.float32), int(_AFTER * sr)
    fresh = samples[:, at : at + after]
    audible = np.flatnonzero(np.abs(fresh).max(axis=0) > _AUDIBLE)
    if not len(audible):
        return None
    begins = (before.shape[1] + rest.shape[1] + int(audible[0])) / sr
    with_it, without = (
        play(rig, np.concatenate([before, rest, x], axis=1), fade, sr / ears.hop) for x in (fresh, np.zeros_like(fresh))
    )
    apart = np.array([rig.space.deviations(a - b) for a, b in zip(with_it.ws, without.ws, strict=True)])
    if apart.max() <= _CHANGED:
        return None
    first, half = (int(np.argmax(apart > far)) * ears.hop / sr - begins for far in (_CHANGED, apart.max() / 2))
    return max(first, 0.0), max(half, 0.0)


def _unrest(params: Params, samples: F32, rig: Rig, others: Sequence[str]) -> Run:
    """All that can make a picture jump, a second each: while the gate opens, then in the middle of the sound."""
    sr, facts = rig.ears("").sr, rig.space.facts
    asked = [
        params,
        params,
        *(replace(params, mapper=other) for other in others),
        replace(params, seed=params.seed + 1),
        replace(params, psi=0.0),
        replace(params, gain=4.0, drift=1.0),
        replace(params, routes=(Route("gate", "direction/0", -3.0, 3.0), Route("gate", "psi", -1.0, -1.0))),
        replace(params, freeze=True),
        replace(params, seed=params.seed + 2),
        params,
        params,
    ]
    quiet = np.zeros((len(samples), sr), np.float32)
    score = [(float(i), Fade.still(replace(p, smoothing=0.0))) for i, p in enumerate(asked)]
    last, far = float(len(asked) - 2), np.tile(rig.space.mean + 4 * rig.space.std, (facts.num_ws, 1))
    hand = Hand(ws=(far.astype(np.float32), last - 0.5))
    sound = np.concatenate([quiet, np.tile(samples, 1 + len(asked) * sr // samples.shape[1])], axis=1)
    return play(rig, sound[:, : len(asked) * sr], score, FPS, lambda t: hand if t >= last else Hand())


def _rates(rates: F64) -> Rates:
    p50, p95, most = (digits(float(q)) for q in np.quantile(rates, (0.5, 0.95, 1.0))) if len(rates) else (0.0,) * 3
    return Rates(p50=p50, p95=p95, max=most)


def _correlation(a: F64, b: F64) -> float | None:
    """Of means over windows; None where one of the two never changes."""
    width = max(int(_WINDOW * FPS), 1)
    count = len(b) // width
    x, y = (v[: count * width].reshape(count, width).mean(axis=1) for v in (a, b))
    if count < 3 or np.ptp(x) == 0 or np.ptp(y) == 0:
        return None
    return digits(float(np.corrcoef(x, y)[0, 1]))
