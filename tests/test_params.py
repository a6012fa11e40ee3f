import itertools
from dataclasses import replace
from typing import get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st

from daemon.params import CONTINUOUS, MOST_ROUTES, TARGETS, Curve, Fade, Params, Place, Range, Route, kind, meanings

A, B, C = Params(psi=0.0, seed=1), Params(psi=1.0, seed=2, mapper="clusters"), Params(psi=0.2, seed=3)


@given(st.floats(0, 3), st.floats(0.1, 4), st.floats(0.1, 4))
def test_recall_in_the_middle_of_a_fade_does_not_jump(when, first, second):
    fade = Fade.still(A).to(B, 0.0, first)
    assert fade.to(C, when, second).at(when).psi == pytest.approx(fade.at(when).psi)


@given(st.floats(0.1, 3), st.floats(0.1, 9))
def test_retiming_in_the_middle_of_a_fade_does_not_jump(when, seconds):
    fade = Fade.still(A).to(B, 0.0, 4.0)
    again = fade.to(B, when, seconds)
    assert again.at(when).psi == pytest.approx(fade.at(when).psi)
    assert again.at(when + seconds + 1e-6) == B


def test_names_and_switches_are_the_ends_at_once():
    middle = Fade.still(A).to(B, 0.0, 2.0).at(0.5)
    assert (middle.mapper, middle.seed, middle.psi) == ("clusters", 2, 0.25)


@pytest.mark.parametrize(("a", "b"), [(0.0, 60.0), (60.0, 0.0), (20.0, 30.0)])
def test_no_fade_goes_through_loops_so_short_that_the_walk_races(a, b):
    fade = Fade.still(Params(loop=a)).to(Params(loop=b), 0.0, 4.0)
    assert [fade.at(t).loop for t in (0.0, 0.01, 2.0, 3.99, 4.0)] == [b] * 5


def test_a_fade_turns_the_short_way_round():
    fade = Fade.still(Params(rotate=-170.0)).to(Params(rotate=150.0), 0.0, 4.0)
    assert [fade.at(t).rotate for t in (0.0, 1.0, 2.0, 4.0)] == pytest.approx([-170, -180, 170, 150])
    assert Fade.still(Params(rotate=180.0)).to(Params(rotate=180.0), 0.0, 4.0).at(1.0).rotate == 180.0


def test_a_value_set_in_the_middle_of_a_fade_holds_and_the_others_go_on():
    fade = Fade.still(A).to(replace(B, gain=3.0), 0.0, 2.0).set(psi=0.7)
    assert [fade.at(t).psi for t in (0.0, 1.0, 3.0)] == pytest.approx([0.7, 0.7, 0.7])
    assert fade.at(1.0).gain == pytest.approx(2.0)


def test_cluster_weights_fade_by_name():
    fade = Fade.still(Params(clusters=(("calm", 1.0),))).to(Params(clusters=(("wild", 0.5),)), 0.0, 2.0)
    middle = fade.at(1.0)
    assert (middle.cluster("calm"), middle.cluster("wild"), middle.cluster("nobody")) == (0.5, 0.25, 0.0)
    assert fade.set_clusters([("calm", 0.3)]).at(1.5).cluster("calm") == pytest.approx(0.3)


def test_every_default_lies_in_its_range():
    for name, meaning in meanings().items():
        value = getattr(Params(), name)
        assert type(value) is kind(name)
        if isinstance(meaning, Range):
            assert meaning.low <= value <= meaning.high
    assert "psi" in CONTINUOUS
    assert "seed" not in CONTINUOUS


def test_no_class_is_the_first_one_also_on_the_way():
    fade = Fade.still(Params()).to(Params(classes=(0.0, 0.0, 1.0)), 0.0, 4.0)
    assert fade.at(0.0).classes == (1.0, 0.0, 0.0)
    assert fade.at(1.0).classes == (0.75, 0.0, 0.25)
    assert fade.to(Params(), 4.0, 4.0).at(7.0).classes == (0.75, 0.0, 0.25)
    assert fade.to(Params(), 4.0, 4.0).at(9.0).classes == ()


SPIN, SWELL = Route("onset", "rotate", 0.0, 90.0), Route("rms", "psi", -0.2, 0.2)
WITH, WITHOUT = replace(A, routes=(SPIN, SWELL)), replace(B, routes=(replace(SPIN, high=30.0),))


def test_a_route_both_ends_have_glides_and_one_only_one_has_fades():
    middle = {route.target: route for route in Fade.still(WITH).to(WITHOUT, 0.0, 2.0).at(1.5).routes}
    assert middle["rotate"].high == pytest.approx(45.0)
    assert (middle["psi"].low, middle["psi"].high) == pytest.approx((-0.05, 0.05))
    fade = Fade.still(WITHOUT).to(WITH, 0.0, 2.0)
    assert fade.at(0.0).routes == (*WITHOUT.routes, replace(SWELL, low=0.0, high=0.0))
    assert fade.at(2.0).routes == WITH.routes


@given(st.floats(0, 2), st.floats(0, 1))
def test_what_a_route_adds_never_jumps_in_a_recall_of_a_recall(when, level):
    def added(params, target):
        return sum(r.low + (r.high - r.low) * level**r.curve for r in params.routes if r.target == target)

    fade = Fade.still(WITH).to(WITHOUT, 0.0, 2.0)
    again = fade.to(C, when, 1.0)
    for target in ("rotate", "psi"):
        assert added(again.at(when), target) == pytest.approx(added(fade.at(when), target))
        assert added(again.at(when + 1.0), target) == pytest.approx(0, abs=1e-9)


def test_two_routes_alike_are_two():
    one, two = replace(A, routes=(SPIN,)), replace(B, routes=(SPIN, SPIN))
    middle = Fade.still(one).to(two, 0.0, 2.0).at(0.5)
    assert sum(route.high for route in middle.routes) == pytest.approx(90.0 + 0.25 * 90.0)


def test_a_bands_gain_glides_from_one_where_it_was_not_named():
    fade = Fade.still(A).to(replace(B, bands=(0.0, 2.0)), 0.0, 2.0)
    assert fade.at(1.0).bands == pytest.approx((0.5, 1.5))
    assert fade.at(2.0).bands == (0.0, 2.0)


CURVED = st.sampled_from(get_args(Curve))


@given(CURVED, st.floats(0, 1), st.floats(0, 1))
def test_every_curve_leads_from_the_start_to_the_end_and_never_back(curve, a, b):
    fade = Fade.still(A).to(B, 0.0, 1.0, curve)
    early, late = sorted((a, b))
    assert fade.at(0.0).psi == A.psi
    assert fade.at(1.0) == B
    assert 0.0 <= fade.at(early).psi <= fade.at(late).psi <= 1.0
    assert abs(fade.at(late).psi - fade.at(early).psi) <= 2.0 * (late - early) + 1e-9  # and never faster than twice


@pytest.mark.parametrize(
    ("curve", "quarters"),
    [
        ("linear", (0.25, 0.5, 0.75)),
        ("smooth", (0.15625, 0.5, 0.84375)),
        ("ease-in", (0.0625, 0.25, 0.5625)),
        ("ease-out", (0.4375, 0.75, 0.9375)),
    ],
)
def test_a_curve_shapes_numbers_weights_bands_classes_and_routes_alike(curve, quarters):
    target = replace(B, clusters=(("calm", 1.0),), classes=(0.0, 1.0), bands=(0.0,), routes=(SPIN,))
    fade = Fade.still(A).to(target, 0.0, 4.0, curve)
    for second, want in enumerate(quarters, 1):
        there = fade.at(second)
        found = (there.psi, there.cluster("calm"), there.classes[1], 1 - there.bands[0], there.routes[0].high / 90)
        assert found == pytest.approx((want,) * 5)


@given(
    st.lists(
        st.tuples(st.sampled_from([A, B, C, WITH, WITHOUT]), st.floats(0, 2), st.floats(0, 5), CURVED), min_size=1
    ),
    st.floats(0, 1),
)
def test_recalls_and_retimes_in_any_curve_never_jump(recalls, level):
    def shown(params):
        moved = sum(r.low + (r.high - r.low) * level**r.curve for r in params.routes if r.target == "psi")
        return params.psi + moved, params.gain

    fade, now = Fade.still(A), 0.0
    for target, later, seconds, curve in recalls:
        now += later
        before = shown(fade.at(now))
        fade = fade.to(target, now, seconds, curve)
        if seconds > 0:  # no seconds are a cut, asked for
            assert shown(fade.at(now)) == pytest.approx(before, abs=1e-9)
        assert fade.at(now + seconds + 1e-6) == target


def test_a_value_set_in_mid_fade_leaves_the_curve_as_it_is():
    fade = Fade.still(A).to(replace(B, gain=3.0), 0.0, 2.0, "ease-in").set(psi=0.7)
    assert (fade.curve, fade.at(1.0).gain) == ("ease-in", pytest.approx(1.5))


def test_places_of_a_presets_own_are_there_from_the_beginning_of_its_fade():
    places = (Place("deep", 12), Place("far", z=(0.5, -1.0)))
    assert Fade.still(A).to(replace(B, anchors=places), 0.0, 2.0).at(0.0).anchors == places


def many(seed):
    """A preset with as many routes as there may be, no two of two such alike."""
    levels = itertools.cycle(("rms", "onset", "beat", "band/0"))
    return Params(
        routes=tuple(
            Route(next(levels), target, 0.0, 1.0 + i / 16, 0.5 + seed / 64)
            for i, target in zip(range(MOST_ROUTES), itertools.cycle(TARGETS[seed:] + TARGETS[:seed]))
        )
    )


@pytest.mark.parametrize("curve", get_args(Curve))
def test_where_no_fade_comes_to_its_end_the_routes_at_work_stay_few_and_none_is_missed(curve):
    def added(params):
        found = dict.fromkeys(TARGETS, 0.0)
        for route in params.routes:
            found[route.target] += route.high
        return found

    fade, now = Fade.still(many(0)), 0.0
    for seed in range(1, 60):
        now += 5.0
        before, fade = fade.at(now), fade.to(many(seed), now, 10.0, curve)
        assert len(fade.at(now + 0.1).routes) <= 128
        for target, amount in added(fade.at(now)).items():
            meaning = meanings().get(target)
            span = meaning.high - meaning.low if isinstance(meaning, Range) else 1.0
            assert abs(amount - added(before)[target]) < 0.1 * span
    assert fade.at(now + 10.0).routes == many(59).routes


def test_what_has_faded_out_is_let_go():
    fade, now = Fade.still(many(0)), 0.0
    for seed in (1, 2, 3):  # to the very end but for a hair
        now += 9.9999999
        fade = fade.to(many(seed), now, 10.0)
        assert len(fade.start.routes) <= MOST_ROUTES + (seed > 1)
