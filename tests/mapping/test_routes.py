import math
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from daemon.descriptors import INDEX, LEVELS, NAMES
from daemon.flow import Beat, Features
from daemon.mapping.routes import Routes
from daemon.params import CONTINUOUS, TARGETS, Params, Range, Route, meanings

DIRECTIONS = np.diag([1.0, 2.0, 3.0, 4.0]).astype(np.float32)


def heard(level=0.5, **more):
    levels = np.linspace(0.0, 1.0, len(NAMES), dtype=np.float32)
    bands = np.array([level, 0.25], np.float32)
    return replace(Features(1.0, 1.0, -30.0, True, bands), levels=levels, beat=Beat(120.0, 0.5, 0.8), **more)


def moved(route, features, params=Params(), dt=0.1):  # noqa: B008
    return Routes().advance(dt, features, replace(params, routes=(route,)), DIRECTIONS)


def test_every_level_of_the_sound_can_begin_a_route():
    features = heard()
    wanted = {
        "rms": 0.5,
        "gate": 1.0,
        "beat": features.beat.pulse,
        "beat/phase": 0.5,
        "beat/confidence": 0.8,
        "band/0": 0.5,
        "band/1": 0.25,
        "band/63": 0.0,
        **{name: float(features.levels[i]) for name, i in INDEX.items()},
    }
    assert set(LEVELS) <= set(wanted)
    for source, level in wanted.items():
        params, push = moved(Route(source, "translate_x", -0.2, 0.6), features)
        assert params.translate_x == pytest.approx(-0.2 + 0.8 * level, abs=1e-6), source
        assert push is None


def test_every_target_is_moved_and_nothing_else():
    base = Params()
    for target in TARGETS:
        params, push = moved(Route("gate", target, 0.0, 0.01), heard(), base)
        others = replace(params, routes=(), **({target: getattr(base, target)} if target in CONTINUOUS else {}))
        assert others == base, target
        if target in CONTINUOUS:
            assert getattr(params, target) != getattr(base, target) or getattr(base, target) == meanings()[target].high
            assert push is None
        elif target == "direction/2":
            np.testing.assert_allclose(push, [0, 0, 0.03, 0], atol=1e-9)
        elif int(target.split("/")[1]) >= len(DIRECTIONS):
            assert push is None


def test_routes_to_one_target_add_up():
    routes = (Route("band/0", "psi", 0, 0.4), Route("band/1", "psi", 0, 0.4), Route("band/0", "direction/1", 0, 2))
    table = (*routes, Route("band/1", "direction/0", -1, 1))
    params, push = Routes().advance(0.1, heard(), Params(psi=0.5, routes=table), DIRECTIONS)
    assert params.psi == pytest.approx(0.5 + 0.2 + 0.1)
    np.testing.assert_allclose(push, [-0.5, 2.0, 0, 0])


@given(st.sampled_from(CONTINUOUS), st.floats(-360, 360), st.floats(-360, 360), st.floats(0, 1))
def test_a_moved_number_stays_in_its_range(target, low, high, level):
    params, _ = moved(Route("band/0", target, low, high), heard(level))
    meaning = meanings()[target]
    assert isinstance(meaning, Range)
    assert meaning.low <= getattr(params, target) <= meaning.high


def test_an_angle_goes_round_and_other_numbers_stop():
    params, _ = moved(Route("beat/phase", "rotate", 0, 360), heard(), Params(rotate=90))
    assert params.rotate == pytest.approx(-90)
    assert moved(Route("gate", "zoom", 0, 100), heard())[0].zoom == 4.0


def test_the_curve_bends_the_level():
    assert moved(Route("band/0", "psi", 0, 1, curve=2.0), heard(0.5), Params(psi=0))[0].psi == pytest.approx(0.25)
    assert moved(Route("band/0", "psi", 0, 1, curve=0.5), heard(0.25), Params(psi=0))[0].psi == pytest.approx(0.5)


@settings(deadline=None, max_examples=30)
@given(st.sampled_from([15, 24, 30, 60, 144]), st.floats(0.05, 2), st.floats(0.05, 2))
def test_attack_and_release_are_seconds_at_any_frame_rate(fps, attack, release):
    routes, table = Routes(), (Route("band/0", "psi", 0, 1, attack=attack, release=release),)

    def run(level, seconds):
        for _ in range(round(seconds * fps)):
            params, _ = routes.advance(1 / fps, heard(level), Params(psi=0, routes=table), DIRECTIONS)
        return params.psi

    up = run(1.0, 1.0)
    assert up == pytest.approx(-math.expm1(-1.0 / attack), abs=1e-3)
    assert run(0.0, 1.0) == pytest.approx(up * math.exp(-1.0 / release), abs=1e-3)


def test_an_edit_of_numbers_keeps_the_envelope_where_it_is():
    routes, route = Routes(), Route("band/0", "psi", 0, 1, release=2.0)

    def psi(route, level, dt=0.1, others=()):
        return routes.advance(dt, heard(level), Params(psi=0, routes=(*others, route)), DIRECTIONS)[0].psi

    assert psi(route, 1.0) == pytest.approx(1.0)
    falling = psi(route, 0.0)
    assert psi(replace(route, high=0.5), 0.0, 0.0) == pytest.approx(falling / 2)
    assert psi(replace(route, release=9.0), 0.0, 0.0) == pytest.approx(falling)
    assert psi(route, 0.0, 0.0, others=(Route("band/1", "zoom"), Route())) == pytest.approx(falling)
    assert psi(replace(route, source="band/1"), 0.0, 0.0) == pytest.approx(falling)  # from there on by another level
    assert psi(replace(route, curve=3.0), 0.0, 0.0) == pytest.approx(falling)


def test_two_routes_alike_are_two():
    routes, fast = Routes(), Route("band/0", "translate_x", 0, 0.25)
    slow = replace(fast, attack=1.0)
    params, _ = routes.advance(0.1, heard(1.0), Params(routes=(fast, slow)), DIRECTIONS)
    assert params.translate_x == pytest.approx(0.25 - 0.25 * math.expm1(-0.1))


def test_a_route_with_an_end_missing_does_nothing():
    for route in (Route(), Route("onset", ""), Route("", "psi"), Route("nonsense", "psi")):
        params, push = moved(route, heard())
        assert replace(params, routes=()) == Params()
        assert push is None


def test_without_routes_the_params_are_the_very_same():
    params = Params()
    assert Routes().advance(0.1, heard(), params, DIRECTIONS)[0] is params


def test_each_of_two_routes_alike_stays_where_it_is_when_the_table_is_made_anew():
    quick, slow = (Route("rms", "psi", 0.0, 0.1, attack=tau) for tau in (0.5, 5.0))
    routes, features, params = Routes(), heard(), Params(routes=(quick, slow))
    for _ in range(20):
        before, _ = routes.advance(0.05, features, params, DIRECTIONS)
    after, _ = routes.advance(0.0, features, Params(routes=(replace(quick), replace(slow))), DIRECTIONS)
    assert after.psi == pytest.approx(before.psi)
