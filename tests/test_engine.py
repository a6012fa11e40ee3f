from dataclasses import replace

import numpy as np
import pytest

from daemon.engine import Engine
from daemon.flow import Features, ModelFacts
from daemon.mapping.space import Space
from daemon.params import Fade, Params

QUIET = Features.silence(8)
WS = 4


def space():
    """A space of two layers whose w is spread by 1 in each dimension."""
    facts = ModelFacts("flat", 8, WS, WS, 2, np.zeros(WS, np.float32))
    ones = np.ones(WS, np.float32)
    return Space(
        facts,
        lambda z, psi, classes: np.repeat(psi * z[:, None], 2, axis=1),
        0 * ones,
        ones,
        np.eye(WS, dtype=np.float32),
    )


class Place:
    """A mapper that stands where its name and seed say, and counts its seconds."""

    def __init__(self, name, seed):
        self._at = np.full((2, WS), {"mel": 0.0, "clusters": 10.0}[name] + seed, np.float32)
        self.seconds = 0.0

    def advance(self, dt, features, params):
        self.seconds += dt
        return self._at * params.gain


def engine():
    made = []

    def make(params):
        made.append(Place(params.mapper, params.seed))
        return made[-1]

    return Engine(make, space()), made


def path(machine, fade, begin, end, fps=100):
    return np.array([machine.tick(begin + n / fps, QUIET, fade).ws[0, 0] for n in range(round((end - begin) * fps))])


def test_a_preset_with_another_mapper_fades_without_a_jump():
    machine, _ = engine()
    fade = Fade.still(Params(smoothing=0.0))
    path(machine, fade, 0, 1)
    there = fade.to(Params(smoothing=0.0, mapper="clusters"), 1.0, 2.0)
    way = path(machine, there, 1.0, 4.0)
    assert abs(np.diff(way)).max() < 10 / 200 * 2
    assert way[0] == pytest.approx(0.0, abs=0.1)
    assert way[100] == pytest.approx(5.0, abs=0.2)
    assert way[-1] == 10.0


def test_a_second_recall_in_the_middle_of_the_first_is_continuous():
    machine, _ = engine()
    one = Fade.still(Params(smoothing=0.0)).to(Params(smoothing=0.0, mapper="clusters"), 0.0, 2.0)
    machine.tick(-0.01, QUIET, Fade.still(Params(smoothing=0.0)))
    a = path(machine, one, 0.0, 1.0)
    b = path(machine, one.to(Params(smoothing=0.0, seed=5), 1.0, 3.0), 1.0, 4.5)
    assert abs(np.diff(np.concatenate([a, b]))).max() < 0.2
    assert b[-1] == 5.0


def test_a_fade_of_zero_seconds_without_smoothing_is_a_cut():
    machine, _ = engine()
    fade = Fade.still(Params(smoothing=0.0))
    machine.tick(0.0, QUIET, fade)
    assert machine.tick(0.1, QUIET, fade.set(seed=3)).ws[0, 0] == 3.0


def test_numbers_glide_over_the_fade():
    machine, _ = engine()
    start = Fade.still(Params(seed=1, gain=1.0))
    way = path(machine, start.to(Params(seed=1, gain=3.0), 0.0, 1.0), 0.0, 1.5)
    np.testing.assert_allclose(way[:100], 1 + 2 * np.arange(100) / 100, atol=1e-5)
    assert way[-1] == 3.0


def test_freeze_holds_the_picture_and_its_mapper():
    machine, made = engine()
    fade = Fade.still(Params(seed=2))
    machine.tick(0.0, QUIET, fade)
    held = machine.tick(1.0, QUIET, fade.set(freeze=True, gain=3.0)).ws
    assert held[0, 0] == 2.0
    assert made[0].seconds == 0.0
    machine.tick(60.0, QUIET, fade.set(freeze=True))
    machine.tick(60.1, QUIET, fade)
    assert made[0].seconds == pytest.approx(0.1)


def test_blackout_is_black_and_time_goes_on_beneath_it():
    machine, made = engine()
    fade = Fade.still(Params())
    machine.tick(0.0, QUIET, fade)
    assert machine.tick(1.0, QUIET, fade.set(blackout=True)).ws is None
    assert made[0].seconds == 1.0
    assert machine.tick(1.1, QUIET, fade).ws is not None


def test_a_frozen_start_still_has_a_picture():
    machine, _ = engine()
    assert machine.tick(0.0, QUIET, Fade.still(replace(Params(), freeze=True))).ws is not None


def test_a_recall_retimed_in_its_middle_arrives_at_the_new_time_without_a_jump():
    machine, _ = engine()
    begin = Fade.still(Params(smoothing=0.0, seed=1))
    machine.tick(0.0, QUIET, begin)
    slow = begin.to(Params(smoothing=0.0, seed=2), 0.0, 8.0)
    a = path(machine, slow, 0.01, 1.0)
    b = path(machine, slow.to(slow.end, 1.0, 1.0), 1.0, 2.2)
    assert abs(np.diff(np.concatenate([a, b]))).max() < 0.05
    assert b[-1] == 2.0
    assert b[20] < 1.9


def test_a_frozen_picture_is_let_go_without_a_jump():
    machine, _ = engine()
    begin = Fade.still(Params(smoothing=0.1, seed=1))
    machine.tick(0.0, QUIET, begin)
    there = begin.to(Params(smoothing=0.1, seed=9), 0.0, 4.0)
    a = path(machine, there, 0.01, 1.0)
    held = path(machine, there.set(freeze=True), 1.0, 5.0)
    b = path(machine, there, 5.0, 6.0)
    assert np.ptp(held) == 0.0
    steps = abs(np.diff(np.concatenate([a, held, b])))
    assert steps.max() < 0.6
    assert b[-1] == 9.0


def test_a_seed_set_outside_a_fade_settles_as_smoothing_has_it():
    machine, _ = engine()
    begin = Fade.still(Params(smoothing=0.2, seed=1))
    machine.tick(0.0, QUIET, begin)
    way = path(machine, begin.set(seed=2), 0.01, 1.0)
    assert abs(np.diff(way)).max() < 0.05
    assert way[-1] == 2.0
