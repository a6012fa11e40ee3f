"""Which model a restart begins with: the one asked for, never one that took its place."""

import pytest

from daemon import parts
from daemon.app import Daemon, Wishes
from daemon.config import Config, Http, Osc, Oscquery, home
from daemon.control.osc import Message
from daemon.errors import LatentdError

PLAIN = {"version": 1, "source": "none", "sinks": ("null",), "size": 16}
PORTS = {"http": Http(port=0), "osc": Osc(port=0, reply_port=0), "oscquery": Oscquery(enable=False)}


@pytest.fixture(autouse=True)
def _home(tmp_path, monkeypatch):
    monkeypatch.setenv("LATENTD_HOME", str(tmp_path))
    (tmp_path / "presets").mkdir()


@pytest.fixture
def boot(monkeypatch):
    """A daemon on a machine that would choose this model by itself, and that has these beside the drawn ones."""
    real, names = parts.open_renderer, parts.model_names

    def boot(own="swatch", here=(), **config):
        def opened(model, *given):
            return real("card" if model in here else model, *given)

        monkeypatch.setattr(parts, "open_renderer", opened)
        monkeypatch.setattr(parts, "open_space", lambda _, facts, to_w: spaces(facts, to_w))
        monkeypatch.setattr(parts, "default_model", lambda _: own)
        monkeypatch.setattr(parts, "model_names", lambda: (*here, "broken", *names()))
        return Daemon(Config(**PLAIN, **PORTS, **config), Wishes())

    def spaces(facts, to_w):
        from daemon.mapping.chart import chart

        return chart(facts, to_w, ())

    return boot


def tell(daemon, address, *args):
    """As over OSC, and what the model thread does about it."""
    desk = daemon.steering.desk
    assert desk.apply(Message(address, args, b""), daemon.clock.now()) is None
    daemon.params.put(desk.fade)
    look(daemon)


def look(daemon):
    """The model thread's look at what is asked for, and what it tells, done here and now."""
    changer, steering = daemon.changer, daemon.steering
    wanted = daemon.params.latest().end.model
    if wanted in ("", changer.current):
        return
    try:
        daemon.rendering.stages.put(daemon.rendering.next_stage(wanted, daemon.render_loop.ring))
    except LatentdError:
        steering.stay(wanted, changer.current)
    else:
        changer.current = wanted
        steering.fit(wanted)
    daemon.params.put(steering.desk.fade)


def stop(daemon):
    """What a run keeps at its end: the model of its state.yaml."""
    daemon.frames.first = 0.0
    daemon.keep_state()
    (line,) = (line for line in (home() / "state.yaml").read_text().split("\n") if line.startswith("model:"))
    return line.removeprefix("model: ").strip("'")


def in_force(daemon):
    assert daemon.changer.current == daemon.rendering.first
    assert daemon.params.latest().end.model == daemon.rendering.first
    assert daemon.steering.values()["/latentd/model"] == daemon.rendering.first
    return daemon.rendering.first


def test_a_model_that_nobody_asked_for_is_chosen_anew_at_each_start(boot):
    daemon = boot("swatch")
    assert (in_force(daemon), stop(daemon)) == ("swatch", "")
    daemon = boot("card")  # the driver is there again
    assert (in_force(daemon), stop(daemon)) == ("card", "")


def test_a_model_that_was_asked_for_is_gone_on_with(boot):
    daemon = boot("swatch")
    tell(daemon, "/latentd/model", "card")
    assert stop(daemon) == "card"
    daemon = boot("swatch")
    assert (in_force(daemon), stop(daemon)) == ("card", "card")


@pytest.mark.parametrize("asked", ["swatch", "card"])
def test_one_of_the_config_or_the_command_line_was_asked_for(boot, asked):
    assert stop(boot("swatch", model=asked)) == asked


def test_a_disk_that_comes_late_does_not_end_the_wish_for_what_is_on_it(boot):
    daemon = boot("swatch", here=("mine",))
    tell(daemon, "/latentd/model", "mine")
    assert stop(daemon) == "mine"
    daemon = boot("swatch")  # the disk is not there
    assert in_force(daemon) == "swatch"
    (said,) = [error.text for error in daemon.errors.all()]
    assert "'mine'" in said
    assert said.endswith("going on with swatch; mine is tried again at the next start")
    assert stop(daemon) == "mine"
    assert stop(boot("card")) == "mine"
    assert in_force(boot("card", here=("mine",))) == "mine"


def test_one_that_cannot_be_had_is_kept_beside_the_one_asked_for_before(boot):
    daemon = boot("swatch")
    tell(daemon, "/latentd/model", "card")
    tell(daemon, "/latentd/model", "broken")
    assert daemon.changer.current == "card"
    assert stop(daemon) == "broken"
    daemon = boot("swatch")
    assert in_force(daemon) == "card"  # and not the machine's own choice
    assert stop(daemon) == "broken"
    tell(daemon, "/latentd/model", "card")
    assert stop(daemon) == "card"


def test_a_preset_asks_for_its_model_and_one_without_for_none(boot):
    (home() / "presets" / "mine.yaml").write_text("version: 2\nmodel: card\n")
    daemon = boot("swatch")
    tell(daemon, "/latentd/preset", "storm")
    assert stop(daemon) == ""
    tell(daemon, "/latentd/preset", "mine")
    assert stop(daemon) == "card"
    tell(daemon, "/latentd/preset", "storm")
    assert (daemon.changer.current, stop(daemon)) == ("card", "card")


def test_stepping_down_does_not_end_the_wish_for_the_larger_one(boot):
    daemon = boot("swatch")
    tell(daemon, "/latentd/model", "card")
    daemon.params.put(daemon.params.latest().set(smaller="swatch"))
    daemon.changer._step_down()  # as after many pictures that took too long
    daemon.steering.fit("swatch")
    daemon.steering.stay("card", "swatch")
    assert daemon.steering.values()["/latentd/model"] == "swatch"
    assert stop(daemon) == "card"
    assert in_force(boot("swatch")) == "card"


@pytest.mark.parametrize(
    ("said", "pinned"),
    [
        ((), ""),
        (("card",), "card"),
        (("card", "broken"), "card"),
        (("broken",), ""),
    ],
)
def test_a_saved_preset_names_a_model_only_where_one_was_asked_for(boot, said, pinned):
    daemon = boot("swatch")
    for model in said:
        tell(daemon, "/latentd/model", model)
    tell(daemon, "/latentd/preset/save", "mine")
    assert daemon.presets._bank.get("mine").params.model == pinned
    assert daemon.steering.desk.untouched()


def test_a_state_of_before_is_believed_to_name_what_was_asked_for(boot):
    (home() / "state.yaml").write_text("version: 2\npreset: storm\nmodel: card\n")
    assert in_force(boot("swatch")) == "card"
