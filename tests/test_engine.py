from dataclasses import replace

import numpy as np
import pytest

from daemon.engine import Engine
from daemon.errors import BadInput
from daemon.flow import Features, Hand, ModelFacts
from daemon.mapping.space import Space
from daemon.mapping.sphere import gaussian, shell
from daemon.params import Fade, Params, Route
from daemon.params import Place as Named

QUIET = Features.silence(8)
WS = 4


def space():
    """A space of two layers whose w is spread by 1 in each dimension."""
    facts = ModelFacts("flat", 64, 8, WS, 2, np.zeros(WS, np.float32))
    ones = np.ones(WS, np.float32)
    return Space(
        facts,
        lambda z, psi, classes: np.repeat(psi * z[:, None, :WS], 2, axis=1),
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


def test_a_recall_of_zero_seconds_without_smoothing_is_a_cut():
    machine, _ = engine()
    fade = Fade.still(Params(smoothing=0.0, limit=0.5))
    path(machine, fade, 0.0, 0.5)
    assert machine.tick(0.5, QUIET, fade.to(Params(smoothing=0.0, seed=300, limit=0.5), 0.49, 0.0)).ws[0, 0] == 300.0


def test_a_recall_over_seconds_lets_nothing_go_faster_than_the_limit():
    machine, _ = engine()
    params = Params(smoothing=0.0, limit=10.0)
    fade = Fade.still(params)
    path(machine, fade, 0.0, 0.1)
    late = path(machine, fade.set(seed=300), 0.1, 0.2)[-1]  # it is on its way
    there = fade.set(seed=300).to(replace(params, seed=300), 0.2, 2.0)
    assert machine.tick(0.2, QUIET, there).ws[0, 0] <= late + 0.1001


def test_a_recall_while_frozen_is_no_cut_when_the_picture_is_let_go():
    machine, _ = engine()
    fade = Fade.still(Params(smoothing=0.0, limit=10.0))
    path(machine, fade, 0.0, 0.1)
    there = fade.to(Params(smoothing=0.0, seed=300, limit=10.0), 0.1, 0.0)
    assert machine.tick(0.2, QUIET, there.set(freeze=True)).ws[0, 0] == 0.0
    assert machine.tick(0.3, QUIET, there).ws[0, 0] == pytest.approx(1.0)


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


def test_nothing_moves_faster_than_the_limit_whatever_is_asked_for():
    machine, _ = engine()
    calm = Params(smoothing=0.0, limit=4.0, gain=1.0)
    steps = [
        calm,
        replace(calm, seed=7),
        replace(calm, seed=7, mapper="clusters"),
        replace(calm, seed=7, gain=3.0),
        replace(calm, seed=7, routes=(Route("gate", "direction/1", 5, 5),)),
        replace(calm, seed=7, routes=(Route("gate", "gain", 2, 2),)),
        replace(calm, seed=9, freeze=True),
        replace(calm, seed=9),
    ]
    hands = [
        Hand(),
        Hand(ws=(np.full((2, WS), 40, np.float32), 8.2)),
        Hand(z=(np.full(8, -9, np.float32), 9.1)),
        Hand(),
    ]
    ws, t = [], 0.0
    for params, hand in [*((p, Hand()) for p in steps), *((calm, h) for h in hands)]:
        for _ in range(100):
            t += 0.01
            ws.append(machine.tick(t, QUIET, Fade.still(params), hand).ws)
    rates = np.sqrt(np.square(np.diff(ws, axis=0)).mean(axis=2)).max(axis=1) / 0.01
    assert rates.max() <= 4.0 * 1.001
    assert np.count_nonzero(rates > 3.99) > 200
    machine.tick(t + 60.0, QUIET, Fade.still(calm))
    assert machine.tick(t + 60.1, QUIET, Fade.still(calm)).ws[0, 0] == 0.0  # it arrives


def test_latents_from_outside_come_and_go_without_a_jump():
    machine, _ = engine()
    fade = Fade.still(Params(smoothing=0.1, seed=1, limit=100.0))
    path(machine, fade, 0.0, 1.0)
    hand = Hand(ws=(np.full((2, WS), 9, np.float32), 1.0))
    way = np.array([machine.tick(1 + n / 100, QUIET, fade, hand).ws[1, 1] for n in range(200)])
    assert way[0] == pytest.approx(1.0, abs=0.1)
    assert way[50] == 9.0
    assert way[99] == 9.0
    assert way[-1] == 1.0
    assert abs(np.diff(way)).max() < 0.6


def test_an_offset_moves_the_mappers_place_and_layers_take_their_share():
    machine, _ = engine()
    params = Params(smoothing=0.0, seed=1, limit=100.0, layers_coarse=0.0, layers_fine=2.0)
    offset = Hand(offset=(np.full(8, 4, np.float32), 0.0))
    before = machine.tick(0.0, QUIET, Fade.still(params)).ws
    after = machine.tick(0.5, QUIET, Fade.still(params), offset).ws
    moved = (shell(gaussian(1, 8) + 4) - gaussian(1, 8))[:WS]
    np.testing.assert_allclose(after - before, [0 * moved, moved], atol=1e-5)  # two layers: coarse and middle


def test_a_route_moves_what_the_mapper_is_told_and_where_it_lies():
    machine, _ = engine()
    routes = (Route("gate", "gain", 0, 1), Route("gate", "direction/2", 0, 3), Route("gate", "rotate", 0, 90))
    fade = Fade.still(Params(smoothing=0.0, seed=1, routes=routes))
    loud = replace(QUIET, gate=True)
    machine.tick(0.0, QUIET, fade)
    shown = machine.tick(1.0, loud, fade)
    np.testing.assert_allclose(shown.ws, [[2, 2, 5, 2]] * 2, atol=1e-6)
    np.testing.assert_allclose(shown.transform[:2, :2], [[0, -1], [1, 0]], atol=1e-6)


def test_every_mapper_is_smoothed_by_thirds_of_its_layers():
    machine, _ = engine()
    fade = Fade.still(Params(smoothing=0.0, limit=100.0, layers_mid_smoothing=1.0))
    machine.tick(0.0, QUIET, fade.set(gain=1.0, seed=1))
    ws = [machine.tick(n / 50, QUIET, fade.set(gain=2.0, seed=1)).ws[:, 0] for n in range(1, 51)][-1]
    np.testing.assert_allclose(ws, [2.0, 2 - np.exp(-1)], atol=1e-3)


def picky(said, refuses):
    """An engine whose mappers in `refuses` cannot be had; and what was made."""
    made = []

    def make(params):
        if params.mapper in refuses:
            raise BadInput("mapper", [f"{params.mapper} has no weights: fetch them"])
        made.append((params.mapper, params.seed, params.pairing))
        return Place(params.mapper, params.seed)

    def refused(sentence):
        said.append(sentence)
        return True

    return Engine(make, space(), refused), made


def test_a_mapper_that_cannot_be_had_leaves_the_old_one_and_is_told_once():
    said = []
    machine, made = picky(said, {"clusters"})
    fade = Fade.still(Params(smoothing=0.0, limit=100.0, seed=2))
    path(machine, fade, 0.0, 0.5)
    assert path(machine, fade.set(mapper="clusters"), 0.5, 1.0).tolist() == [2.0] * 50
    assert said == ["mapper: clusters has no weights: fetch them; mel goes on"]
    assert made == [("mel", 2, "")]
    assert path(machine, fade.set(mapper="clusters", seed=3), 1.0, 1.5)[-1] == 3.0  # what else is asked for, is done
    assert len(said) == 1
    path(machine, fade, 1.5, 2.0)
    path(machine, fade.set(mapper="clusters"), 2.0, 2.5)
    assert len(said) == 2


def test_a_refusal_that_comes_too_early_is_told_when_its_time_has_come():
    early, said = [True], []

    def make(params):
        if params.mapper == "clusters":
            raise BadInput("mapper", ["clusters has no weights"])
        return Place(params.mapper, params.seed)

    def refused(sentence):
        said.append(sentence)
        return not early[0]

    machine = Engine(make, space(), refused)
    fade = Fade.still(Params(mapper="clusters"))
    path(machine, fade, 0.0, 5.0)
    assert len(said) == 3  # every two seconds
    early[0] = False
    path(machine, fade, 5.0, 15.0)
    assert len(said) == 4


def test_a_mapper_that_can_be_had_after_all_is_taken_up_without_being_asked_for_again():
    said, refuses = [], {"clusters"}
    machine, made = picky(said, refuses)
    fade = Fade.still(Params(smoothing=0.0, limit=100.0)).set(mapper="clusters")
    path(machine, fade, 0.0, 5.0)
    assert (machine.mapper, len(said)) == ("mel", 1)
    refuses.clear()
    path(machine, fade, 5.0, 8.0)
    assert machine.mapper == "clusters"
    assert made == [("mel", 0, ""), ("clusters", 0, "")]


def test_at_the_very_start_mel_takes_the_place_of_a_mapper_that_cannot_be_had():
    said = []
    machine, made = picky(said, {"clusters"})
    path(machine, Fade.still(Params(mapper="clusters", pairing="x", seed=4)), 0.0, 0.5)
    assert made == [("mel", 4, "")]
    assert len(said) == 1
    machine.fit(machine._make, space())
    path(machine, Fade.still(Params(mapper="clusters", seed=4)), 0.5, 1.0)
    assert made == [("mel", 4, "")] * 2


@pytest.mark.parametrize("fps", [15, 24, 60, 144])
def test_the_path_is_the_same_at_any_frame_rate(fps):
    route = Route("gate", "direction/0", 0, 2, attack=0.3)
    params = Params(smoothing=0.2, routes=(route,), layers_coarse_smoothing=0.4, limit=100.0)
    loud = replace(QUIET, gate=True)

    def end(fps):
        machine, _ = engine()
        for n in range(2 * fps + 1):
            fade = Fade.still(params) if n < fps else Fade.still(params).to(replace(params, seed=5), 1.0, 1.5)
            ws = machine.tick(n / fps, loud, fade).ws
        return ws

    np.testing.assert_allclose(end(fps), end(480), atol=0.1)


def test_other_places_of_a_presets_own_are_another_mapper_for_clusters_alone_and_nothing_jumps():
    made = []

    def make(params):
        made.append((params.mapper, params.anchors))
        return Place(params.mapper, params.anchors[0].seed if params.anchors else 0)

    here, there = (Named("deep", 1),), (Named("deep", 5),)
    machine = Engine(make, space())
    fade = Fade.still(Params(smoothing=0.0, limit=100.0, mapper="clusters", anchors=here))
    path(machine, fade, 0.0, 0.5)
    way = path(machine, fade.to(replace(fade.end, anchors=there), 0.5, 1.0), 0.5, 2.0)
    assert (way[0], way[-1]) == pytest.approx((11.0, 15.0), abs=0.01)
    assert np.abs(np.diff(way)).max() < 0.2
    plain = Fade.still(Params(smoothing=0.0, limit=100.0, anchors=here))
    path(machine, plain, 2.0, 2.5)
    path(machine, plain.to(replace(plain.end, anchors=there), 2.5, 1.0), 2.5, 3.0)
    assert made == [("clusters", here), ("clusters", there), ("mel", here)]
