"""What a save in the middle of a fade does to the picture, the routes and the last state."""

from dataclasses import replace
from itertools import product

import numpy as np
import pytest
from control.rig import CLUSTERS, Look, Shelf, say
from hypothesis import given, settings
from hypothesis import strategies as st
from test_engine import QUIET, engine

from daemon import state
from daemon.control.desk import Desk
from daemon.flow import ModelFacts
from daemon.params import MOST_ROUTES, TARGETS, Fade, Params, Route
from daemon.preset import Bank
from daemon.sync.said import hear
from daemon.sync.said import say as words

FACTS = ModelFacts("flat", 64, 8, 4, 2, np.zeros(4, np.float32))
A = Params(psi=0.5, routes=tuple(Route("rms", f"direction/{i}") for i in range(10)))
B = Params(psi=1.5, seed=2, routes=tuple(Route("onset", f"direction/{i}", high=i / 4) for i in range(10)))


def between(seconds: float = 10.0, **more: object) -> Desk:
    """Under way from A to B."""
    a, b = replace(A, **more), replace(B, **more)
    desk = Desk(Shelf(Look("a", 2.0, a), Look("b", seconds, b)), Fade.still(a), "a", CLUSTERS)
    say(desk, "/latentd/preset", "b")
    return desk


def sums(params: Params, level: float = 1.0) -> dict[str, float]:
    """What routes add to each target."""
    found = dict.fromkeys(TARGETS, 0.0)
    for route in params.routes:
        if not (route.source and route.target):
            continue
        found[route.target] += route.low + (route.high - route.low) * level
    return found


@pytest.mark.parametrize("smoothing", [0.0, 0.15])
def test_saving_between_two_seeds_does_not_jump_and_arrives_when_it_was_to(smoothing):
    def path(save: bool) -> np.ndarray:
        desk, (machine, _) = between(seconds=4.0, smoothing=smoothing), engine()
        machine.tick(0.0, QUIET, Fade.still(replace(A, smoothing=smoothing)))
        seen = []
        for frame in range(1, 180):
            if save and frame == 60:
                say(desk, "/latentd/preset/save", "mid", now=2.0)
            seen.append(machine.tick(frame / 30, QUIET, desk.fade).ws.copy())
        return np.array(seen)

    plain, saved = path(save=False), path(save=True)
    largest = np.abs(np.diff(plain, axis=0)).max()
    assert np.abs(np.diff(saved, axis=0)).max() < 2 * largest
    assert np.abs(saved[-1] - plain[-1]).max() < 1e-6


def test_the_routes_that_were_saved_are_those_that_stay_and_they_arrive_without_a_jump():
    desk = between()
    before = sums(desk.fade.at(5.0))
    assert say(desk, "/latentd/preset/save", "mid", now=5.0) is None
    assert sums(desk.fade.at(5.0)) == pytest.approx(before)
    saved = desk._board.bank.get("mid").params
    assert desk.fade.end.routes == desk.fade.at(10.0).routes == saved.routes == B.routes
    assert desk.untouched()
    say(desk, "/latentd/preset", "mid", now=11.0)
    assert not desk.fading(11.0)  # it is there already


def test_a_save_in_mid_fade_leaves_a_state_that_loads(tmp_path):
    desk = between()
    say(desk, "/latentd/preset/save", "c", now=5.0)
    path = tmp_path / "state.yaml"
    state.store(path, state.State(desk.fade.end, "c"))
    kept = state.load(path)
    assert (kept.preset, kept.params.routes) == ("c", B.routes)
    assert say(desk, "/latentd/preset/save", "d", now=6.0) is None


MANY = tuple(
    Route(source, target, 0.0, 0.1 + 0.01 * i)
    for i, (source, target) in enumerate(product(("rms", "onset", "beat"), TARGETS[-16:]))
)


def test_a_table_too_long_is_cut_to_its_strongest_wherever_it_is_kept_or_sent(tmp_path):
    strongest = MANY[-MOST_ROUTES:]
    path, bank = tmp_path / "state.yaml", Bank(tmp_path / "none", tmp_path / "presets")
    state.store(path, state.State(Params(routes=MANY), "mine"))
    assert state.load(path).params.routes == strongest
    assert hear(words("hall", FACTS, Fade.still(Params(routes=MANY)), "mine", 0.0).encode()).params.routes == strongest
    bank.save("mine", Params(routes=MANY), 1.0)
    assert bank.get("mine").params.routes == strongest


def test_a_last_state_with_too_many_routes_is_loaded_and_not_put_aside(tmp_path):
    routes = "".join(f"  - {{source: {r.source}, target: {r.target}, range: [0, {r.high}]}}\n" for r in MANY)
    path, told = tmp_path / "state.yaml", []
    path.write_text(f"version: 2\npreset: mine\npsi: 0.5\nroutes:\n{routes}")
    kept = state.Keeper(path, told.append).last()
    assert (kept.params.psi, kept.params.routes) == (0.5, MANY[-MOST_ROUTES:])
    assert (told, [p.name for p in tmp_path.iterdir()]) == ([], ["state.yaml"])


def test_a_desk_that_began_with_too_many_routes_can_be_edited():
    desk = Desk(Shelf(), Fade.still(Params(routes=MANY)), None, CLUSTERS)
    assert say(desk, "/latentd/route/0/high", 2.0) is None
    assert len(desk.fade.end.routes) == MOST_ROUTES
    assert desk.fade.end.routes[0] == replace(MANY[-MOST_ROUTES], high=2.0)


acts = st.lists(
    st.one_of(
        st.tuples(
            st.just("/latentd/preset"), st.sampled_from(("a", "b", "c", "x", "y")), st.sampled_from((0.5, 3, 20))
        ),
        st.tuples(st.just("/latentd/preset/save"), st.sampled_from(("x", "y"))),
        st.tuples(
            st.builds("/latentd/route/{}/{}".format, st.integers(0, 15), st.sampled_from(("source", "target"))),
            st.sampled_from(("onset", "zoom", "rms", "rotate", "")),
        ),
        st.tuples(st.builds("/latentd/route/{}/high".format, st.integers(0, 15)), st.floats(-5, 5, width=32)),
    ),
    max_size=15,
)


@settings(max_examples=40)
@given(acts, st.lists(st.sampled_from((0.02, 0.2, 1.0, 3.0)), min_size=15, max_size=15))
def test_whatever_is_recalled_edited_and_saved_can_be_kept_and_no_number_jumps(tmp_path_factory, some, waits):
    c = Params(psi=1.0, routes=tuple(Route("beat", f"direction/{i}", high=0.5) for i in range(16)))
    shelf = Shelf(Look("a", 2.0, A), Look("b", 10.0, B), Look("c", 1.0, c))
    desk, now = Desk(shelf, Fade.still(A), "a", CLUSTERS), 0.0
    for (address, *args), wait in zip(some, waits, strict=False):
        now += wait
        before = desk.fade.at(now)
        say(desk, address, *args, now=now)
        after = desk.fade.at(now)
        assert after.psi == pytest.approx(before.psi, abs=1e-9)
        if "/route/" not in address:
            assert sums(after) == pytest.approx(sums(before), abs=1e-2)
        assert len(desk.fade.end.routes) <= MOST_ROUTES
    path = tmp_path_factory.mktemp("kept") / "state.yaml"
    state.store(path, state.State(desk.fade.end, desk.preset))
    there = [route for route in desk.fade.end.routes if route.source and route.target]  # half a route is not kept
    assert [route for route in state.load(path).params.routes if route.source] == there
