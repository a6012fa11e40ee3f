"""The `encodec` mapper: what a neural codec hears, put through seeded random projections into w.

After J. Jung, D. Jeong, "LAV: Audio-Driven Dynamic Visual Generation with Neural Compression and StyleGAN2" (2025):
one random linear layer from the 128 numbers of EnCodec to w, a leaky tanh, the mean and standard deviation of sampled
w; onsets weight two such layers, chroma twelve means. Beside the original: it is seeded, it runs live, embeddings are
standardised by what was heard of late instead of by the whole file, silence rests, and w keeps its main correlations.
"""

import math
from dataclasses import replace

import numpy as np

from daemon.descriptors import INDEX, places
from daemon.flow import F32, F64, Features, Tally
from daemon.mapping.plane import Plane
from daemon.mapping.running import Running
from daemon.mapping.space import Space
from daemon.mapping.sphere import gaussian, shell
from daemon.mapping.walk import approach
from daemon.params import Params

DIMS = 128  # numbers of an embedding
RATE = 75.0  # embeddings a second
NOTES = 12

_CHROMA = places(tuple(f"chroma/{i}" for i in range(NOTES)))
_ONSET = INDEX["onset"]
_OF_A_CLASS = 32  # latents whose mean tells where a class lies


class EncodecMapper:
    """Embeddings, standardised and smoothed, through two projections, about a middle that the pitch classes choose.

    w = rest + gain * presence * (middle + spread * deviation of w * leaky(embedding @ P) - rest), then the walk and
    psi. `rest` is the seed's own place; `presence` is 1 while there is sound and embeddings of it, 0 in silence. All
    that sound gives is smoothed before anything bends it, so the path does not hang on the frame rate.
    """

    def __init__(self, seed: int, space: Space) -> None:
        self._plane = Plane(seed, space)
        self._running = Running(DIMS, RATE)
        self._places = _Places(seed, space)
        drawn = np.random.default_rng([seed, 1]).standard_normal((2, DIMS, len(space.directions) + space.facts.w_dim))
        self._projections: F64 = drawn / math.sqrt(DIMS)  # of numbers of variance 1: variance 1 again
        self._directions = space.directions.astype(np.float64)
        beside = np.square(space.std.astype(np.float64)) - np.square(self._directions).sum(axis=0)
        self._beside = np.sqrt(np.maximum(beside, 0.0))  # [w_dim] the deviation that the main directions leave
        self._embedded: Tally | None = None  # at the last tick
        self._described: Tally | None = None
        self._heard: F64 = np.zeros(DIMS)  # the last embedding, standardised
        self._shares: F64 = np.full(NOTES, 1 / NOTES)  # of the pitch classes
        self._presence = 0.0
        self._state: F64 | None = None  # smoothed: embedding, shares, onset, presence
        self._at: F64 | None = None  # smoothed: the places

    def advance(self, dt: float, features: Features, params: Params) -> F32:
        part = approach(dt, params.smoothing)
        there, lie = self._listen(dt, features, params), self._places.lie(params.classes)
        self._state = there if self._state is None else self._state + part * (there - self._state)
        self._at = lie if self._at is None else self._at + part * (lie - self._at)
        heard, shares, (onset, presence) = np.split(self._state, (DIMS, DIMS + NOTES))
        turn = params.encodec_onset * onset * math.pi / 2  # a turn keeps the variance, a mean of two would not
        first, second = (heard @ projection for projection in self._projections)
        bent = leaky(math.cos(turn) * first + math.sin(turn) * second, params.encodec_leak)
        rest, mean, notes = self._at[0], self._at[1], self._at[2:]
        middle = mean + params.encodec_chroma * (np.tensordot(shares, notes, 1) - mean)
        sound = params.encodec_spread * self._spread(bent)
        return self._plane.advance(dt, rest, presence * (middle + sound - rest), replace(params, smoothing=0.0))

    def _listen(self, dt: float, features: Features, params: Params) -> F64:
        """Embedding, shares of the pitch classes, onset and presence as of this tick, [DIMS + NOTES + 2]."""
        embedding, before = features.embedding, self._embedded
        self._embedded = embedding
        if before is not None and (mean := embedding.mean_since(before)) is not None:
            count = embedding.count - before.count
            self._heard = self._running.step(mean, count, params.memory, learn=features.gate)
        described, self._described = self._described, features.smooth
        if described is not None and (raw := features.smooth.mean_since(described)) is not None:
            power = np.square(np.maximum(raw[_CHROMA], 0.0))
            self._shares = power / power.sum() if power.sum() > 0 else self._shares
        wanted = float(features.gate and embedding.count > 0)
        envelope = params.attack if wanted > self._presence else params.release
        self._presence += approach(dt, envelope) * (wanted - self._presence)
        return np.concatenate((self._heard, self._shares, (features.levels[_ONSET], self._presence)))

    def _spread(self, bent: F64) -> F64:
        """Numbers of variance 1 -> a step in w that has its deviations, and along the main directions theirs."""
        count = len(self._directions)
        step: F64 = bent[:count] @ self._directions + bent[count:] * self._beside
        return step


class _Places:
    """Where w lies: the seed's own place, the mean of all, and twelve drawn for the pitch classes."""

    def __init__(self, seed: int, space: Space) -> None:
        facts, self._space = space.facts, space
        notes = [shell(z) for z in np.random.default_rng([seed, 2]).standard_normal((NOTES, facts.z_dim))]
        self._z = np.stack([gaussian(seed, facts.z_dim), *notes]).astype(np.float32)
        self._many = np.random.default_rng([seed, 3]).standard_normal((_OF_A_CLASS, facts.z_dim)).astype(np.float32)
        self._classes: tuple[float, ...] | None = None
        self._made: F64 = np.zeros(0)

    def lie(self, classes: tuple[float, ...]) -> F64:
        """Rest, mean, notes of these classes, [2 + NOTES, num_ws, w_dim]."""
        if classes != self._classes:
            self._classes = classes
            made = self._to_w(self._z, classes)
            mean = np.broadcast_to(self._space.mean, made.shape[1:]) + self._apart(classes)
            self._made = np.concatenate((made[:1], mean[None], made[1:]))
        return self._made

    def _apart(self, classes: tuple[float, ...]) -> F64 | float:
        """How far the mean of these classes lies from that of the first, which the space was measured by."""
        if not (classes and self._space.facts.traits.classes):
            return 0.0
        apart: F64 = (self._to_w(self._many, classes) - self._to_w(self._many, ())).mean(axis=0)
        return apart

    def _to_w(self, z: F32, classes: tuple[float, ...]) -> F64:
        made: F64 = self._space.to_w(z, 1.0, np.array(classes or (1.0,), np.float32)).astype(np.float64)
        return made


def leaky(x: F64, slope: float) -> F64:
    """A tanh that keeps outliers: slope 1 in the middle, `slope` far out; numbers of variance 1 keep it."""
    tanh = 0.39429  # variance of tanh(x), x standard normal
    variance = (1 - slope) ** 2 * tanh + 2 * slope * (1 - slope) * (1 - tanh) + slope**2  # E[x tanh x] = E[1 - tanh² x]
    bent: F64 = ((1 - slope) * np.tanh(x) + slope * x) / math.sqrt(variance)
    return bent
