"""What the leader of a wall sets, where it is taken up."""

import pytest

from daemon.clock import VirtualClock
from daemon.config import Config, shipped_presets
from daemon.flow import Features
from daemon.mailbox import Mailbox
from daemon.params import Fade, Params
from daemon.preset import Bank
from daemon.render.swatch import SwatchRenderer
from daemon.steering import Steering


@pytest.fixture
def told():
    return []


@pytest.fixture
def steering(tmp_path, told):
    params = Mailbox(Fade.still(Params(model="mine", smaller="little")))
    return Steering(
        Config(version=1),
        Bank(shipped_presets(), tmp_path),
        params,
        None,
        "mine",
        lambda: SwatchRenderer(16).facts,
        lambda: ("mine", "little", "theirs"),
        tuple,
        VirtualClock(1.0),
        lambda: None,
        lambda: Features.silence(8),
        lambda code, text: None,
        None,
        lambda *said: told.append(said),
    )


def test_a_model_of_the_leaders_that_is_here_is_taken_up_by_its_name(steering, told):
    steering.take_up(Params(model="theirs", smaller=""), None, 0.0, "linear")
    end = steering.desk.fade.end
    assert (end.model, end.smaller, told) == ("theirs", "", [])


def test_a_path_of_the_leaders_is_no_model_here_and_is_told_once(steering, told):
    for psi in (0.2, 0.3, 0.4):  # each change comes with all that is set
        steering.take_up(Params(model="/srv/x.pkl", smaller="../y.pkl", psi=psi), None, 0.0, "linear")
        end = steering.desk.fade.end
        assert (end.model, end.smaller, end.psi) == ("mine", "little", psi)
    assert len(told) == 1
    assert "/srv/x.pkl or ../y.pkl, which is not here" in told[0][1]
    steering.take_up(Params(model="mine", smaller="gone"), None, 0.0, "linear")
    assert (steering.desk.fade.end.smaller, len(told)) == ("little", 2)
    steering.take_up(Params(model="", psi=0.9), None, 0.0, "linear")
    assert (steering.desk.fade.end.model, len(told)) == ("mine", 2)
