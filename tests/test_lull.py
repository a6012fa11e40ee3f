"""What can wait is done while no picture is painted: from the frames counted to who waits."""

from daemon.app import Daemon, Wishes
from daemon.config import Config, Http, Osc


def test_osc_is_told_when_pictures_leave_the_machine_alone(tmp_path, monkeypatch):
    monkeypatch.setenv("LATENTD_HOME", str(tmp_path))
    config = Config(
        version=1, source="tone", sinks=("null",), model="swatch", fps=10.0, http=Http(port=0), osc=Osc(port=0)
    )
    daemon = Daemon(config, Wishes(remember=False))
    daemon.frames.frame(5.0, 5.05, deadline=5.1)
    pictures = daemon.steering.osc._pace._pictures
    assert pictures is daemon.frames
    assert pictures.lull(5.05) == 0.0
    assert abs(pictures.lull(5.11) - 0.04) < 1e-9
    assert daemon.steering.osc._voice._lull == pictures.lull


def test_a_thread_draws_what_seeds_stand_for(tmp_path, monkeypatch):
    monkeypatch.setenv("LATENTD_HOME", str(tmp_path))
    config = Config(version=1, source="tone", sinks=("null",), model="swatch", http=Http(port=0), osc=Osc(port=0))
    daemon = Daemon(config, Wishes(remember=False))
    assert daemon.seeds.name in [service.name for service in daemon.services()]
    assert daemon.seeds._dims() == daemon.rendering.renderer.facts.z_dim
    assert daemon.seeds._params is daemon.params
