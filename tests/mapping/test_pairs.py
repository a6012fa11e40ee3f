from dataclasses import replace

import numpy as np
import pytest
from mapping.trained import Sound, made, moment

from daemon.engine import Engine
from daemon.errors import BadInput
from daemon.flow import Features
from daemon.mapping.mlp import Grid, pack
from daemon.mapping.pairs import PairsMapper
from daemon.mapping.shelf import Shelf, Shelves
from daemon.mapping.space import survey
from daemon.params import Fade, Params
from daemon.parts import mapper_maker
from daemon.render.swatch import SwatchRenderer

SWATCH = SwatchRenderer(16)
FACTS = SWATCH.facts
SPACE = survey(FACTS, SWATCH.to_w)
SHAPE = (FACTS.num_ws, FACTS.w_dim)
STILL = Params(mapper="pairs", drift=0.0, smoothing=0.052)
QUIET = Features.silence(8)


class Trained(Shelf):
    """A shelf with these files on it."""

    def __init__(self, *files):
        super().__init__((), ("z", "w", "ws"), Grid(48_000, 480, 1024))
        self.files = files


def mapper(learned, space=SPACE):
    return PairsMapper(1, space, Trained(learned).of(space.facts), learned)


def after(playing, seed, params=STILL, hops=200):
    """What it shows when a sound has lasted."""
    sound = Sound()
    for _ in range(hops):
        ws = playing.advance(0.01, sound.hop(moment(seed)), params)
    return ws


def full(learned, given):
    return np.broadcast_to(np.asarray(given).reshape((-1, FACTS.w_dim)), SHAPE)


def test_it_begins_with_what_is_heard_now_and_not_with_the_mean_of_all_that_ever_was():
    learned, sound = made(facts=FACTS), Sound()
    for _ in range(500):
        sound.hop(moment(1))
    playing, params = mapper(learned), replace(STILL, smoothing=0.0)
    ways = [playing.advance(0.01, sound.hop(moment(4)), params) for _ in range(2)]
    np.testing.assert_allclose(ways[0], full(learned, learned.tensors["rest"]), atol=1e-4)
    np.testing.assert_allclose(ways[1], full(learned, learned.infer(learned.standard(moment(4)))), atol=1e-4)


def test_a_frozen_picture_is_let_go_without_what_was_missed():
    learned, sound, begun = made(facts=FACTS), Sound(), Fade.still(STILL)
    engine = Engine(lambda _: mapper(learned), SPACE)
    frozen = Fade.still(replace(STILL, freeze=True))
    heard = [*[moment(1)] * 50, *[moment(2)] * 50, *[moment(1)] * 100]
    fades = [*[begun] * 50, *[frozen] * 100, *[begun] * 50]  # the second sound comes and goes unseen
    ways = [engine.tick(n / 100, sound.hop(x), fade).ws for n, (x, fade) in enumerate(zip(heard, fades, strict=True))]
    assert np.ptp(ways[49:150], axis=0).max() == 0.0
    np.testing.assert_allclose(ways[150:], [ways[49]] * 50, atol=0.01)


@pytest.mark.parametrize("gives", ["w", "ws"])
def test_a_lasting_sound_shows_what_the_net_makes_of_it(gives):
    learned = made(gives, facts=FACTS)
    want = full(learned, learned.infer(learned.standard(moment(4))))
    np.testing.assert_allclose(after(mapper(learned), 4), want, atol=1e-4)


def test_z_is_put_on_the_shell_and_mapped_by_the_model():
    learned = made("z", facts=FACTS)
    z = learned.infer(learned.standard(moment(4)))
    z = z * np.sqrt(z.size) / np.linalg.norm(z)
    np.testing.assert_allclose(after(mapper(learned), 4), SWATCH.to_w(z[None].astype(np.float32), 1.0)[0], atol=1e-4)


@pytest.mark.parametrize("gives", ["w", "ws"])
def test_before_any_sound_and_without_gain_it_rests(gives):
    learned = made(gives, facts=FACTS)
    rest = full(learned, learned.tensors["rest"])
    np.testing.assert_allclose(mapper(learned).advance(0.02, QUIET, STILL), rest, atol=1e-6)
    np.testing.assert_allclose(after(mapper(learned), 4, replace(STILL, gain=0.0)), rest, atol=1e-5)


def test_gain_is_how_far_from_there_and_psi_how_far_from_the_models_average():
    learned = made(facts=FACTS)
    rest, heard = learned.tensors["rest"], after(mapper(learned), 4)
    np.testing.assert_allclose(after(mapper(learned), 4, replace(STILL, gain=2.0)), 2 * heard - rest, atol=1e-4)
    psi = after(mapper(learned), 4, replace(STILL, psi=0.5))
    np.testing.assert_allclose(psi, (heard + FACTS.w_avg) / 2, atol=1e-4)


def test_layers_take_their_share():
    learned = made(facts=FACTS)
    rest, heard = full(learned, learned.tensors["rest"]), after(mapper(learned), 4)
    shared = after(mapper(learned), 4, replace(STILL, layers_coarse=0.0, layers_fine=2.0))
    np.testing.assert_allclose(shared[0], rest[0], atol=1e-4)
    np.testing.assert_allclose(shared[-1], 2 * heard[-1] - rest[-1], atol=1e-4)


def test_the_first_sound_makes_no_jump():
    params, learned = replace(STILL, smoothing=0.2), made(facts=FACTS)
    playing, sound = mapper(learned), Sound()
    path = [playing.advance(0.01, QUIET, params)]
    path += [playing.advance(0.01, sound.hop(moment(4)), params) for _ in range(200)]
    way = np.linalg.norm(path[-1] - path[0])
    steps = np.linalg.norm(np.diff(path, axis=0), axis=(1, 2))
    assert way > 1.0
    assert steps.max() < 1.01 * way * (1 - np.exp(-0.01 / 0.2))


def test_in_silence_the_last_sound_stays_and_the_walk_goes_on():
    learned = made(facts=FACTS)
    playing, sound = mapper(learned), Sound()
    for _ in range(100):
        heard = playing.advance(0.01, sound.hop(moment(4)), STILL)
    for _ in range(100):
        ws = playing.advance(0.01, sound.hop(moment(4), rms_db=-90.0, gate=False), STILL)
    np.testing.assert_allclose(ws, heard, atol=1e-4)
    drifting = replace(STILL, drift=0.5)
    path = [playing.advance(0.02, QUIET, drifting) for _ in range(50)]
    assert np.linalg.norm(np.diff(path, axis=0), axis=(1, 2)).min() > 0


def test_a_tick_hears_the_mean_of_every_hop_in_it_and_of_none_twice():
    learned = made(facts=FACTS)
    playing, sound = mapper(learned), Sound()
    for _ in range(300):
        playing.advance(0.01, sound.hop(moment(1)), STILL)
    for seed in (2, 3, 4):
        features = sound.hop(moment(seed))
    ws = playing.advance(0.03, features, STILL)
    mean = np.mean([moment(seed) for seed in (2, 3, 4)], axis=0)
    np.testing.assert_allclose(ws, full(learned, learned.infer(learned.standard(mean))), atol=1e-4)
    np.testing.assert_allclose(playing.advance(0.01, features, STILL), ws, atol=1e-6)  # no hop since


@pytest.mark.parametrize("fps", [12.5, 25, 50])
def test_the_same_sound_goes_the_same_way_at_any_frame_rate(fps):
    learned = made(facts=FACTS, spread=0.3)
    smoothly = [np.sin(np.arange(len(moment(0))) + i / 40) for i in range(400)]

    def path(every):
        playing, sound = mapper(learned), Sound()
        hops = [sound.hop(raw) for raw in smoothly]
        return np.stack([playing.advance(every / 100, hop, STILL) for hop in hops[::every]])

    every = round(100 / fps)
    fine, coarse = path(1)[::every], path(every)
    assert np.abs(fine - coarse)[len(coarse) // 5 :].max() < 0.12 * np.ptp(fine, axis=0).max()


def test_another_file_is_taken_up_smoothly_while_it_plays():
    one, two = (made(facts=FACTS, seed=seed, name=str(seed)) for seed in (1, 2))
    shelf, sound = Trained(one), Sound()
    playing = PairsMapper(1, SPACE, shelf.of(FACTS), one)
    params = replace(STILL, pairing="2")
    for _ in range(100):
        before = playing.advance(0.01, sound.hop(moment(4)), params)
    shelf.files = (one, two)  # "2" was trained just now
    path = [playing.advance(0.01, sound.hop(moment(4)), params) for _ in range(400)]
    np.testing.assert_allclose(path[-1], full(two, two.infer(two.standard(moment(4)))), atol=1e-3)
    steps = np.linalg.norm(np.diff([before, *path], axis=0), axis=(1, 2))
    assert steps.max() < 0.06 * np.linalg.norm(path[-1] - before)


def test_a_file_of_w_says_the_picture_whatever_the_class_and_one_of_z_leaves_it_to_the_artist():
    def to_w(z, psi, classes):
        return SWATCH.to_w(z + (classes.argmax() if len(classes) else 0), psi)

    space = survey(FACTS, to_w)
    second = replace(STILL, classes=(0.0, 1.0))
    for gives, differs in (("w", False), ("z", True)):
        learned = made(gives, facts=FACTS)
        a, b = after(mapper(learned, space), 4), after(mapper(learned, space), 4, second)
        assert (np.abs(a - b).max() > 0.01) == differs


def test_without_a_file_for_the_network_the_mapper_is_refused_in_one_sentence():
    empty = Shelves.of((), Grid(48_000, 480, 1024))
    for shelves in (None, empty):
        with pytest.raises(BadInput, match="latentd train pairs"):
            mapper_maker(SPACE, 8, shelves)(STILL)


def test_a_pairing_that_is_not_there_is_named_and_another_never_takes_its_place(tmp_path):
    (tmp_path / "pairs").mkdir()
    (tmp_path / "pairs" / "tape.safetensors").write_bytes(pack(made(facts=FACTS)))
    make = mapper_maker(SPACE, 8, Shelves.of((tmp_path,), Grid(48_000, 480, 1024)))
    with pytest.raises(BadInput, match=r"'tap' is none of .*; there are tape"):
        make(replace(STILL, pairing="tap"))
    for there in ("", "tape"):
        assert isinstance(make(replace(STILL, pairing=there)), PairsMapper)
