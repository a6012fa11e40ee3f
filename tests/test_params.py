from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from daemon.params import CONTINUOUS, Fade, Params, Range, kind, meanings

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
