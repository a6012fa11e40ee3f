"""The `encodec` mapper on embeddings made up here: no network is needed to know how it moves."""

import math
import sys
from dataclasses import replace

import numpy as np
import pytest

from daemon.config import Encodec
from daemon.descriptors import INDEX, NAMES
from daemon.errors import BadInput
from daemon.flow import Features, ModelFacts, Tally, Traits
from daemon.mapping.encodec import DIMS, RATE, EncodecMapper, leaky
from daemon.mapping.running import Running
from daemon.mapping.space import Space, survey
from daemon.mapping.sphere import gaussian
from daemon.params import Params
from daemon.parts import mapper_maker

Z, W, LAYERS = 24, 24, 6
STILL = Params(mapper="encodec", drift=0.0)


def to_w(z, psi, classes):
    """A model whose w is a curve of z, wider in some dimensions, and that has three classes."""
    w = np.tanh(z * 0.7) * np.linspace(0.2, 2.0, W, dtype=np.float32) + 0.3
    shift = np.zeros(W, np.float32)
    for i, weight in enumerate(classes):
        shift[i] += 5.0 * i * weight
    return np.repeat((psi * (w + shift))[:, None].astype(np.float32), LAYERS, axis=1)


@pytest.fixture(scope="module")
def space():
    facts = ModelFacts("curve", 64, Z, W, LAYERS, np.full(W, 0.3, np.float32), traits=Traits(classes=3))
    return survey(facts, to_w)


class Sound:
    """Features at any time of a made-up sound: slow embeddings at 75 Hz, chroma and onsets, with a gate."""

    def __init__(self, seed=0, gate=lambda t: True, note=None, level=1.0, bias=0.0, onset=None):
        rng = np.random.default_rng(seed)
        self._hz, self._phase = rng.uniform(0.2, 1.5, DIMS), rng.uniform(0, 2 * math.pi, DIMS)
        self._level, self._bias, self._gate, self._note, self._onset = level, bias, gate, note, onset
        self._sums, self._raw = [np.zeros(2 * DIMS)], [np.zeros(len(NAMES))]

    def at(self, t):
        while (n := len(self._sums)) <= t * RATE + 1e-6:
            wave = math.sqrt(2) * np.sin(2 * math.pi * self._hz * n / RATE + self._phase)
            e = self._bias + self._level * wave
            self._sums.append(self._sums[-1] + np.concatenate((e, e**2)))
        while (n := len(self._raw)) <= t * 100 + 1e-6:
            raw = np.zeros(len(NAMES))
            if self._note is not None:
                raw[INDEX[f"chroma/{self._note}"]] = 1.0
            self._raw.append(self._raw[-1] + raw)
        frames, hops = int(t * RATE + 1e-6), int(t * 100 + 1e-6)
        levels = np.zeros(len(NAMES), np.float32)
        levels[INDEX["onset"]] = 0.5 + 0.5 * math.sin(2 * math.pi * 0.7 * t) if self._onset is None else self._onset
        return replace(
            Features.silence(8),
            t=t,
            heard=t,
            gate=self._gate(t),
            levels=levels,
            smooth=Tally(hops, self._raw[hops]),
            embedding=Tally(frames, self._sums[frames]) if frames else Tally(),
        )


def drive(mapper, sound, params, seconds, fps=50, begin=0.0):
    """The path of ws, [ticks, layers, w]."""
    ticks = range(round(seconds * fps))
    return np.stack([mapper.advance(1 / fps, sound.at(begin + (n + 1) / fps), params) for n in ticks])


def test_the_same_seed_is_the_same_piece_and_another_is_not(space):
    a, b, c = (drive(EncodecMapper(seed, space), Sound(), STILL, 3) for seed in (5, 5, 6))
    assert np.array_equal(a, b)
    assert np.abs(a - c).max() > 0.5


def test_before_any_embedding_it_rests_at_the_seeds_own_place(space):
    mapper = EncodecMapper(3, space)
    path = drive(mapper, Sound(gate=lambda t: False), STILL, 2)
    own = to_w(gaussian(3, Z)[None].astype(np.float32), 1.0, (1.0,))[0]
    np.testing.assert_allclose(path, np.broadcast_to(own, path.shape), atol=1e-6)
    nobody = [mapper.advance(0.02, replace(Features.silence(8), gate=True), STILL) for _ in range(50)]
    np.testing.assert_allclose(nobody[-1], own, atol=1e-6)
    moved = drive(EncodecMapper(3, space), Sound(gate=lambda t: False), replace(STILL, drift=0.3), 10)
    assert np.ptp(moved, axis=0).max() > 0.05


def test_w_is_spread_as_the_space_is_and_spread_scales_it(space):
    settings = replace(STILL, smoothing=0.02, encodec_chroma=0.0, encodec_onset=0.0)
    reach = {}
    for spread in (0.0, 1.0, 2.0):
        stds, means = [], []
        for seed in range(4):
            mapper = EncodecMapper(seed, space)
            path = drive(mapper, Sound(seed), replace(settings, encodec_spread=spread), 24, 20)[160:, 0]
            stds.append(path.std(axis=0))
            means.append(path.mean(axis=0))
        reach[spread] = np.mean(stds, axis=0)
        np.testing.assert_allclose(np.mean(means, axis=0), space.mean, atol=0.6 * spread * space.std.max() + 1e-3)
    assert reach[0.0].max() < 1e-3
    ratio = reach[1.0] / space.std
    assert 0.7 < ratio.mean() < 1.15
    np.testing.assert_allclose(reach[2.0], 2 * reach[1.0], rtol=1e-3)


def test_gain_scales_how_far_sound_moves_it_and_psi_cuts_back_to_the_average(space):
    rest = drive(EncodecMapper(1, space), Sound(gate=lambda t: False), STILL, 1)[-1]
    ends = {g: drive(EncodecMapper(1, space), Sound(), replace(STILL, gain=g), 4)[-1] for g in (0.0, 0.5, 1.0)}
    np.testing.assert_allclose(ends[0.0], rest, atol=1e-6)
    np.testing.assert_allclose(ends[0.5] - rest, (ends[1.0] - rest) / 2, atol=1e-4)
    flat = drive(EncodecMapper(1, space), Sound(), replace(STILL, psi=0.0), 4)
    np.testing.assert_allclose(flat, 0.3, atol=1e-6)


@pytest.mark.parametrize("fps", [15, 24, 60, 144])
def test_any_frame_rate_gives_the_same_path(space, fps):
    params = replace(STILL, smoothing=0.2)
    fine = drive(EncodecMapper(2, space), Sound(2), params, 6, 120)
    coarse = drive(EncodecMapper(2, space), Sound(2), params, 6, fps)
    compared = [(coarse[round(t * fps) - 1], fine[round(t * 120) - 1]) for t in np.arange(1, 6, 1.0)]
    off = [np.sqrt(np.mean(((a - b) / space.std) ** 2)) for a, b in compared]
    went = np.sqrt(np.mean((fine.std(axis=0) / space.std) ** 2))
    assert max(off) < 0.2 * went
    assert went > 0.3


def test_it_eases_into_silence_and_out_of_it_and_never_snaps(space):
    sound = Sound(gate=lambda t: not 4 <= t < 9)
    params = replace(STILL, smoothing=0.2, release=0.25)
    path = drive(EncodecMapper(4, space), sound, params, 12)[:, 0] / space.std
    steps = np.sqrt(np.mean(np.diff(path, axis=0) ** 2, axis=1))
    assert steps.max() < 0.25  # deviations of w in a 50th of a second
    rest = drive(EncodecMapper(4, space), Sound(gate=lambda t: False), params, 1)[-1, 0] / space.std
    assert np.abs(path[-160] - rest).max() < 0.01  # before the gate opened again
    assert np.sqrt(np.mean((path[190] - rest) ** 2)) > 0.3
    assert steps[-160:].max() > 0.01


@pytest.mark.parametrize(("smoothing", "attack", "release"), [(0.5, 0.0, 0.0), (0.0, 0.5, 0.5)])
def test_coming_and_going_take_the_seconds_that_are_set(space, smoothing, attack, release):
    params = replace(STILL, smoothing=smoothing, attack=attack, release=release, encodec_spread=0.0, encodec_chroma=0.0)
    sound = Sound(gate=lambda t: 1 <= t < 6)
    path = drive(EncodecMapper(4, space), sound, params, 8, 100)[:, 0]
    far = np.linalg.norm(path - path[0], axis=1) / np.linalg.norm(space.mean - path[0])
    assert abs(far[150] - (1 - math.exp(-1))) < 0.03
    assert abs(far[650] - math.exp(-1)) < 0.03


def test_minutes_of_silence_change_nothing_of_what_follows(space):
    def heard_after(silence):
        mapper, sound = EncodecMapper(1, space), Sound(1, gate=lambda t: not 5 <= t < 5 + silence)
        # the same embeddings follow the silence, however long it was
        drive(mapper, sound, STILL, 5)
        still = replace(sound.at(5.0), gate=False)
        for _ in range(round(silence * 10)):
            count = still.embedding.count + 7
            quiet = np.concatenate((np.full(DIMS, -3.0), np.full(DIMS, 9.0)))
            still = replace(still, embedding=Tally(count, still.embedding.total + 7 * quiet))
            mapper.advance(0.1, still, STILL)
        offset = still.embedding

        def later(t):
            f = sound.at(t)
            first = sound.at(5.0).embedding
            tally = Tally(
                offset.count + f.embedding.count - first.count, offset.total + f.embedding.total - first.total
            )
            return replace(f, gate=True, embedding=tally)

        return np.stack([mapper.advance(0.02, later(5 + (n + 1) * 0.02), STILL) for n in range(250)])

    short, long = heard_after(4.0), heard_after(200.0)
    np.testing.assert_allclose(short, long, atol=2e-4)


def test_it_learns_how_loud_the_sound_is_and_where_its_middle_lies(space):
    params = replace(STILL, memory=5.0)
    plain = drive(EncodecMapper(1, space), Sound(1), params, 40, 25)[-250:]
    quiet = drive(EncodecMapper(1, space), Sound(1, level=0.3, bias=2.0), params, 40, 25)[-250:]
    assert np.sqrt(np.mean(((plain - quiet) / space.std) ** 2)) < 0.25
    assert plain.std(axis=0).mean() > 0.1


def test_pitch_classes_choose_the_middle_each_its_own(space):
    params = replace(STILL, encodec_spread=0.0, encodec_chroma=1.0)
    ends = [drive(EncodecMapper(1, space), Sound(note=note), params, 3)[-1, 0] for note in (0, 0, 4, 9)]
    assert np.array_equal(ends[0], ends[1])
    for a, b in ((0, 2), (0, 3), (2, 3)):
        assert np.sqrt(np.mean(((ends[a] - ends[b]) / space.std) ** 2)) > 0.5
    without = drive(EncodecMapper(1, space), Sound(note=4), replace(params, encodec_chroma=0.0), 3)[-1, 0]
    np.testing.assert_allclose(without, space.mean, atol=1e-4)


def test_onsets_turn_to_the_second_projection_and_nothing_shrinks_on_the_way(space):
    params = replace(STILL, encodec_onset=1.0, encodec_chroma=0.0)
    paths = [drive(EncodecMapper(1, space), Sound(1, onset=o), params, 8, 25)[50:, 0] for o in (0.0, 0.5, 1.0)]
    moved = [(path - path.mean(axis=0)) / space.std for path in paths]
    first, both, second = (float(np.sqrt(np.mean(m**2))) for m in moved)
    assert 0.7 < second / first < 1.4
    assert 0.7 < both / first < 1.4
    assert abs(np.mean(moved[0] * moved[2])) < 0.3 * first * second  # another way altogether
    assert np.mean(moved[0] * moved[1]) > 0.5 * first * both
    deaf = drive(EncodecMapper(1, space), Sound(1, onset=1.0), replace(params, encodec_onset=0.0), 8, 25)[50:, 0]
    np.testing.assert_array_equal(deaf, paths[0])


@pytest.mark.parametrize("between", [0, 20])
def test_another_embedder_or_none_is_no_jump(space, between):
    mapper, params = EncodecMapper(1, space), replace(STILL, smoothing=0.2, encodec_onset=0.0)
    first = drive(mapper, Sound(1), params, 4)
    gone = [mapper.advance(0.02, replace(Features.silence(8), gate=True), params) for _ in range(between)]
    again = drive(mapper, Sound(2), params, 2)
    path = np.concatenate((first, *([gone] if gone else []), again))[:, 0] / space.std
    steps = np.sqrt(np.mean(np.diff(path, axis=0) ** 2, axis=1))
    assert steps.max() < 0.25
    assert steps[-25:].mean() > 0.3 * steps[150:200].mean()  # it is listened to, though it has counted less so far


def test_a_class_moves_the_middle_and_glides_there(space):
    mapper, params = EncodecMapper(1, space), replace(STILL, encodec_chroma=0.0, encodec_spread=0.0, smoothing=0.3)
    before = drive(mapper, Sound(), params, 4)[-1, 0]
    path = drive(mapper, Sound(), replace(params, classes=(0.0, 0.0, 1.0)), 4, begin=4.0)[:, 0]
    np.testing.assert_allclose(path[-1][2] - before[2], 10.0, rtol=1e-3)
    assert np.abs(np.diff(path[:, 2], prepend=before[2])).max() < 1.0


def test_loud_numbers_stay_finite_and_outliers_are_kept_by_the_leak():
    x = np.array([-1e6, -8.0, -0.1, 0.0, 0.1, 8.0, 1e6])
    assert np.all(np.diff(leaky(x, 0.1)) > 0)
    assert np.ptp(leaky(x[1:-1], 0.0)) < 4
    np.testing.assert_allclose(leaky(x, 1.0), x)
    many = np.random.default_rng(0).standard_normal(200_000)
    for slope in (0.0, 0.1, 0.5, 1.0):
        assert abs(leaky(many, slope).std() - 1) < 0.01


def test_what_was_learnt_does_not_hang_on_how_it_was_grouped():
    e = np.random.default_rng(0).standard_normal((600, DIMS)) * 3 + 1
    both = np.concatenate((e, e**2), axis=1)
    last = []
    for group in (1, 2, 5, 10):
        running = Running(DIMS, RATE)
        last.append([running.step(both[i : i + group].mean(0), group, 30.0, learn=True) for i in range(0, 600, group)])
        settled = running.step(both.mean(0), 1, 30.0, learn=False)
        assert np.abs(settled).max() < 0.35
    np.testing.assert_allclose(last[1][-1], (np.array(last[0][-1]) + np.array(last[0][-2])) / 2, atol=0.01)


def test_without_the_extra_or_its_weights_the_mapper_is_refused_in_words(space, tmp_path, monkeypatch):
    asked = replace(STILL, seed=1)
    with pytest.raises(BadInput, match="config"):
        mapper_maker(space)(asked)
    with pytest.raises(BadInput, match="no weights: there is no"):
        mapper_maker(space, encodec=Encodec(weights=str(tmp_path / "none")))(asked)
    monkeypatch.setitem(sys.modules, "transformers", None)
    with pytest.raises(BadInput, match=r"pip install 'latentd\[encodec\]'"):
        mapper_maker(space, encodec=Encodec(weights=str(tmp_path)))(asked)
    assert isinstance(space, Space)


def test_with_both_it_is_made(space, tmp_path):
    pytest.importorskip("transformers", reason="the extra 'encodec' is not installed")
    made = mapper_maker(space, encodec=Encodec(weights=str(tmp_path)))(replace(STILL, seed=1))
    assert isinstance(made, EncodecMapper)
