import math
from dataclasses import replace

import numpy as np
import pytest
from mapping.trained import Sound, made, moment

from daemon.flow import Anchor, Features
from daemon.mapping.clusters import LOUD_DB, SLOWEST, ClustersMapper, softmax, step
from daemon.mapping.mlp import Grid
from daemon.mapping.shelf import Shelf
from daemon.mapping.sphere import gaussian, shell
from daemon.params import Params, Place
from daemon.render.swatch import SwatchRenderer

SWATCH = SwatchRenderer(16, z_dim=32)
DIMS, BANDS = 32, 8
ANCHORS = [Anchor(name, gaussian(100 + i, DIMS).astype(np.float32)) for i, name in enumerate(("calm", "wild"))]
FACTS = replace(SWATCH.facts, anchors=tuple(ANCHORS))
PLACES = np.stack([anchor.z for anchor in ANCHORS])
STILL = Params(drift=0.0, gain=0.0, smoothing=0.1)
QUIET = Features.silence(BANDS)


def to_w(z, psi, classes):
    """A model whose w is z itself."""
    return np.repeat(psi * z[:, None], 3, axis=1)


class Trained(Shelf):
    """A shelf with one file on it."""

    def __init__(self, learned):
        super().__init__((), ("weights",), Grid(48_000, 480, 1024))
        self.files = () if learned is None else (learned,)


def mapper(learned=None, seed=1):
    return ClustersMapper(seed, BANDS, DIMS, ANCHORS, to_w, Trained(learned).of(FACTS))


def learned(**changes):
    return made("weights", facts=FACTS, anchors=PLACES, **changes)


def hears(name):
    """A file that hears one cluster in everything."""
    bias = np.where(np.array(["calm", "wild"]) == name, 9.0, -9.0)
    return learned(**{"in.bias": np.zeros(5), "out.weight": np.zeros((2, 5)), "out.bias": bias})


def settle(mapper, features, params, seconds=6.0, fps=50):
    """Where it comes to rest with these features over and over, [d]."""
    for _ in range(round(seconds * fps)):
        z = mapper.advance(1 / fps, features(), params)[0]
    return z


def sounding(seed=3, **how):
    sound = Sound()
    return lambda: sound.hop(moment(seed), **how)


def test_what_is_heard_multiplies_the_artists_weights():
    both = replace(STILL, clusters=(("calm", 1.0), ("wild", 1.0)))
    for i, name in enumerate(("calm", "wild")):
        np.testing.assert_allclose(settle(mapper(hears(name)), sounding(), both), PLACES[i], atol=1e-3)
    only_calm = replace(STILL, clusters=(("calm", 1.0),))
    np.testing.assert_allclose(settle(mapper(hears("wild")), sounding(), only_calm), gaussian(1, DIMS), atol=1e-3)


def test_it_begins_with_what_is_heard_now_and_not_with_the_mean_of_all_that_ever_was():
    file = learned(spread=30.0)  # sure of what it hears
    params = replace(STILL, smoothing=0.0, attack=0.0, clusters=(("calm", 1.0), ("wild", 1.0)))
    fresh, late, sound = mapper(file), mapper(file), Sound()
    fresh.advance(0.02, QUIET, params)
    first = fresh.advance(0.02, Sound().hop(moment(3)), params)
    for _ in range(500):
        sound.hop(moment(2))
    late.advance(0.02, sound.hop(moment(2)), params)
    np.testing.assert_allclose(late.advance(0.02, sound.hop(moment(3)), params), first, atol=1e-4)
    again = mapper(file)
    alone = again.advance(0.02, sound.hop(moment(3)), params)  # nothing has come since its first tick
    np.testing.assert_allclose(alone, mapper(None).advance(0.02, QUIET, params), atol=1e-4)


def test_without_hearing_or_a_trained_file_the_artists_weights_stand_alone():
    params = replace(STILL, clusters=(("calm", 0.3), ("wild", 0.5)))
    alone = settle(mapper(None), sounding(), params)
    np.testing.assert_allclose(settle(mapper(learned()), sounding(), replace(params, hearing=0.0)), alone, atol=1e-6)
    assert np.abs(settle(mapper(learned()), sounding(), params) - alone).max() > 0.05


def test_hearing_goes_from_the_artist_to_the_sound():
    params = replace(STILL, clusters=(("calm", 1.0), ("wild", 1.0)))
    ways = [settle(mapper(hears("wild")), sounding(), replace(params, hearing=h)) for h in (0.0, 0.3, 0.7, 1.0)]
    off = [float(np.linalg.norm(z - PLACES[1])) for z in ways]
    assert off == sorted(off, reverse=True)
    assert off[-1] < 0.01 < off[-2]


def test_silence_eases_back_to_the_artists_weights_without_a_jump():
    params = replace(STILL, clusters=(("calm", 1.0), ("wild", 1.0)), release=0.3)
    playing, sound = mapper(hears("wild")), Sound()
    settle(playing, lambda: sound.hop(moment(3)), params)
    path = [playing.advance(0.02, sound.hop(moment(3), rms_db=-90.0, gate=False), params)[0] for _ in range(500)]
    steps = np.linalg.norm(np.diff(path, axis=0), axis=1)
    alone = settle(mapper(None), lambda: QUIET, params)
    np.testing.assert_allclose(path[-1], alone, atol=0.01)
    assert steps.max() < 0.05 * np.linalg.norm(PLACES[1] - alone)


def test_the_ears_open_and_close_in_the_seconds_of_attack_and_release():
    def left(release):
        params = replace(STILL, clusters=(("calm", 1.0), ("wild", 1.0)), release=release, smoothing=0.0)
        playing, sound = mapper(hears("wild")), Sound()
        settle(playing, lambda: sound.hop(moment(3)), params)
        for _ in range(50):
            z = playing.advance(0.01, sound.hop(moment(3), rms_db=-90.0, gate=False), params)[0]
        return np.linalg.norm(z - PLACES[1])

    fast, usual, slow = (left(release) for release in (0.05, 0.5, 5.0))
    assert slow < 0.3 * fast
    assert 0.4 * fast < usual < 0.9 * fast


def test_a_files_places_are_played_rather_than_the_models():
    moved = hears("wild")
    moved = made("weights", facts=FACTS, **{**moved.tensors, "anchors": -PLACES})
    both = replace(STILL, clusters=(("calm", 1.0), ("wild", 1.0)))
    np.testing.assert_allclose(settle(mapper(moved), sounding(), both), -PLACES[1], atol=1e-3)


def test_the_gate_opening_makes_no_jump():
    params = replace(STILL, clusters=(("calm", 1.0), ("wild", 1.0)), smoothing=0.2, attack=0.0)
    playing, sound = mapper(hears("wild")), Sound()
    before = settle(playing, lambda: sound.hop(moment(3), rms_db=-90.0, gate=False), params)
    after = [playing.advance(0.01, sound.hop(moment(3), rms_db=0.0), params)[0] for _ in range(300)]
    way = np.linalg.norm(after[-1] - before)
    steps = np.linalg.norm(np.diff([before, *after], axis=0), axis=1)
    assert way > 1.0
    assert steps.max() < 1.3 * way * -math.expm1(-0.01 / 0.2)  # smoothing, and the shell's curve


def test_the_step_follows_the_energy_and_never_stops():
    def at(rms_db):
        return step(replace(QUIET, rms_db=rms_db), Params(smoothing=0.2))

    assert at(0.0) == at(LOUD_DB) == pytest.approx(0.2)
    assert at(-120.0) == at(-55.0) == pytest.approx(0.2 * SLOWEST)
    taus = [at(db) for db in np.linspace(-60, 0, 30)]
    assert taus == sorted(taus, reverse=True)
    assert at((LOUD_DB - 55.0) / 2) == pytest.approx(0.2 * math.sqrt(SLOWEST))
    for gate in (LOUD_DB, 0.0):  # as high as what is loud, and higher
        assert step(QUIET, Params(smoothing=0.2, gate=gate)) == pytest.approx(0.2 * SLOWEST)
        assert step(replace(QUIET, rms_db=3.0), Params(smoothing=0.2, gate=gate)) == pytest.approx(0.2)


def test_a_loud_passage_moves_faster_than_a_quiet_one():
    def left(rms_db):
        playing, sound = mapper(hears("wild")), Sound()
        params = replace(STILL, clusters=(("calm", 1.0), ("wild", 1.0)))
        settle(playing, lambda: sound.hop(moment(3), rms_db=rms_db), replace(params, hearing=0.0))
        for _ in range(20):
            z = playing.advance(0.02, sound.hop(moment(3), rms_db=rms_db), params)[0]
        return np.linalg.norm(z - PLACES[1])

    assert left(-6.0) < 0.1 * left(-50.0)


@pytest.mark.parametrize("fps", [15, 25, 60])
def test_the_same_sound_goes_the_same_way_at_any_frame_rate(fps):
    params = replace(STILL, clusters=(("calm", 1.0), ("wild", 1.0)), smoothing=0.2)

    def path(fps):
        playing, sound = mapper(learned(spread=0.4)), Sound()
        hops = [sound.hop(moment(i // 100)) for i in range(600)]
        return np.stack([playing.advance(1 / fps, hops[round(i / fps * 100)], params)[0] for i in range(5 * fps)])

    fine, coarse = path(100), path(fps)
    at = np.round(np.arange(len(coarse)) / fps * 100).astype(int)
    assert np.abs(fine[at[fps:]] - coarse[fps:]).max() < 0.12 * np.ptp(fine, axis=0).max()


def test_a_file_trained_again_is_taken_up_without_a_jump():
    shelf = Trained(hears("calm"))
    playing, sound = ClustersMapper(1, BANDS, DIMS, ANCHORS, to_w, shelf.of(FACTS)), Sound()
    params = replace(STILL, clusters=(("calm", 1.0), ("wild", 1.0)))
    before = settle(playing, lambda: sound.hop(moment(3)), params)
    shelf.files = (hears("wild"),)
    after = [playing.advance(0.01, sound.hop(moment(3)), params)[0] for _ in range(300)]
    np.testing.assert_allclose(after[-1], PLACES[1], atol=0.01)
    assert np.linalg.norm(after[0] - before) < 0.2 * np.linalg.norm(PLACES[1] - before)


def test_weights_are_shares_of_one_for_any_numbers():
    for x in ([0.0, 0.0], [1e6, -1e6, 3.0], [-1e6, -1e6]):
        assert softmax(np.array(x)).sum() == pytest.approx(1.0)


@pytest.mark.parametrize("place", [Place("deep", 77), Place("deep", z=tuple(gaussian(77, DIMS) / 3))])
def test_a_presets_own_place_is_a_seed_or_numbers_and_lies_on_the_shell(place):
    own = ClustersMapper(1, BANDS, DIMS, ANCHORS, to_w, None, [place])
    there = settle(own, lambda: QUIET, replace(STILL, clusters=(("deep", 1.0),)))
    assert there == pytest.approx(gaussian(77, DIMS), abs=1e-3)


def test_a_presets_own_place_goes_before_the_models_and_the_trained_one():
    own = ClustersMapper(1, BANDS, DIMS, ANCHORS, to_w, Trained(learned()).of(FACTS), [Place("calm", 77)])
    there = settle(own, lambda: QUIET, replace(STILL, clusters=(("calm", 1.0),)))
    assert there == pytest.approx(gaussian(77, DIMS), abs=1e-3)


def test_a_place_with_numbers_of_another_model_is_left_out_and_the_others_serve():
    own = ClustersMapper(1, BANDS, DIMS, ANCHORS, to_w, None, [Place("calm", z=(1.0,) * 7), Place("deep", 77)])
    there = settle(own, lambda: QUIET, replace(STILL, clusters=(("calm", 1.0),)))
    assert there == pytest.approx(shell(ANCHORS[0].z.astype(float)), abs=1e-3)
    there = settle(own, lambda: QUIET, replace(STILL, clusters=(("deep", 1.0),)))
    assert there == pytest.approx(gaussian(77, DIMS), abs=1e-3)
