"""Full collections stop every thread: they must have little to look at, and be needed for nothing that is large."""

import gc
import weakref

import pytest

from daemon import app, garbage, parts
from daemon.config import Config, Http, Osc
from daemon.mapping.space import survey
from daemon.render.renderer import Means


@pytest.fixture
def thawed():
    yield
    gc.unfreeze()
    gc.enable()


class Loop:
    def __init__(self):
        self.own = self


def test_what_is_there_is_not_looked_at_again(thawed):
    gc.collect()
    with garbage.set_aside():
        assert not gc.isenabled()
        gone = weakref.ref(Loop())
        kept = Loop()
    assert gone() is None  # nobody could have freed it later
    assert gc.isenabled()
    assert gc.get_freeze_count() > 10_000
    looked_at = gc.get_objects()
    assert not any(one is kept for one in looked_at)
    assert len(looked_at) < 1000


def test_it_is_left_as_it_was_found_when_nothing_could_be_made(thawed):
    with pytest.raises(RuntimeError), garbage.set_aside():
        raise RuntimeError
    assert gc.isenabled()


def test_a_daemon_sets_aside_what_it_is_made_of(tmp_path, monkeypatch, thawed):
    monkeypatch.setenv("LATENTD_HOME", str(tmp_path))
    counts = []

    async def live(daemon, sign):
        counts.extend([gc.get_freeze_count(), len(gc.get_objects()), gc.isenabled()])

    monkeypatch.setattr(app, "_live", live)
    config = Config(version=1, source="tone", sinks=("null",), model="swatch", http=Http(port=0), osc=Osc(port=0))
    app.run(config, app.Wishes(remember=False), None)
    frozen, seen, enabled = counts
    assert frozen > 50_000
    assert seen < frozen / 20
    assert enabled


@pytest.mark.parametrize("engine", ["auto", "torch"])
def test_a_network_that_nobody_holds_is_freed_without_the_collector(engine):
    import torch

    def modules():
        return [one for one in gc.get_objects() if issubclass(type(one), torch.nn.Module)]

    gc.collect()
    gc.disable()
    others = {id(one) for one in modules()}  # of libraries, of other tests
    try:
        renderer = parts.open_renderer("lumen-128", "cpu", means=Means(engine=engine, threads=1))
        space = survey(renderer.facts, renderer.to_w)
        held = [weakref.ref(renderer), weakref.ref(space)]
        held += [weakref.ref(one) for one in modules() if id(one) not in others]
        assert len(held) > 2
        del renderer, space
        assert not [one for one in held if one() is not None]
    finally:
        gc.enable()
