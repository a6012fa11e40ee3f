"""Shared by every test."""

import importlib.util
import logging
import sys

import pytest
from hypothesis import settings
from servers import absent, jack, need, pulse

from daemon.log import Aside
from daemon.render.warm import warm_process

warm_process()  # before torch is imported, as in every process that renders: its threads must not spin while they wait

# the same examples every time, and no clock: a test that fails by luck blocks everyone
settings.register_profile("steady", derandomize=True, deadline=None)
settings.load_profile("steady")


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_setup(item):
    """One thread of PyTorch's, whatever the test before took: two that wait for each other take a hundred times as long
    on a busy machine.
    """
    if (torch := sys.modules.get("torch")) is not None:
        torch.set_num_threads(1)


@pytest.fixture(autouse=True)
def log_as_it_was():
    """A command run in this process configures the log, which is no affair of the next test's."""
    yield
    for handler in [one for one in logging.getLogger().handlers if isinstance(one, Aside)]:
        logging.getLogger().removeHandler(handler)
    logging.getLogger("daemon").setLevel(logging.NOTSET)


@pytest.fixture
def jack_server(monkeypatch, tmp_path):
    """A JACK server of its own to `start`, `kill` and `start` again."""
    need(absent("jackd", "jack_lsp", "jack_connect"), "'apt install jackd2' brings it")
    with jack(monkeypatch, tmp_path) as server:
        yield server


@pytest.fixture
def pulse_server(monkeypatch):
    """A PulseAudio of its own to `start`, `kill` and `start` again."""
    missing = absent("pulseaudio", "pactl") + ([] if importlib.util.find_spec("soundcard") else ["SoundCard"])
    need(missing, "'apt install pulseaudio pulseaudio-utils' and SoundCard bring them")
    with pulse(monkeypatch) as server:
        yield server


@pytest.fixture
def own_home(tmp_path, monkeypatch):
    """A home that nothing was ever kept in; the folder is not made yet."""
    monkeypatch.setenv("LATENTD_HOME", str(tmp_path / "home"))
    return tmp_path / "home"
