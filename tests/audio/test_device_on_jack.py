"""Live input against a real sound server."""

import os

import numpy as np
import pytest
from audio.listening import PATIENT, drain, hear, play

from daemon.audio.device import DeviceSource, devices
from daemon.clock import WallClock
from daemon.errors import SourceError, SourceUnavailable

pytestmark = [pytest.mark.jack, pytest.mark.timeout(120)]

SR = 48_000


def open_source(name, sr=SR, stall=PATIENT):
    return DeviceSource(name, sr, WallClock(), stall=stall)


def test_a_named_input_is_captured_to_the_bit(jack_server, noise):
    sound, wav = noise()
    jack_server.start()
    player = jack_server.player(wav, "wavsrc")
    source = open_source("wavsrc")
    try:
        assert (source.device, source.sr) == ("wavsrc", SR)
        first, second = source.read(480), source.read(1000)
        assert (first.start, second.start) == (0, 480)
        assert not first.samples.any()
        assert first.heard < second.heard <= WallClock().now()
        play(player)
        np.testing.assert_array_equal(hear(source, len(sound)), sound)
        assert source.overruns == 0
    finally:
        source.close()
        source.close()


def test_an_input_at_another_rate_is_resampled(jack_server, noise):
    _, wav = noise()
    jack_server.start()
    player = jack_server.player(wav, "wavsrc")
    source = open_source("wavsrc", sr=16_000)
    try:
        source.read(160)
        play(player)
        heard = hear(source, 9_000)
        loud = np.flatnonzero(np.abs(heard).max(axis=1) > 0.1)
        assert loud[-1] - loud[0] == pytest.approx(8_000, abs=50)
    finally:
        source.close()


def test_an_unknown_input_is_refused_with_those_there_are(jack_server, noise):
    jack_server.start()
    jack_server.player(noise()[1], "wavsrc")
    with pytest.raises(SourceUnavailable, match=r"^no input named 'organ'; there are: .*'wavsrc'"):
        open_source("organ")
    assert {"system", "wavsrc"} <= {d.name for d in devices()}


def test_no_name_means_the_default_input(jack_server):
    jack_server.start()
    source = open_source(None)
    try:
        assert source.device == "system"
        assert source.read(480).samples.shape == (2, 480)
    finally:
        source.close()


def test_closing_leaves_no_process_behind(jack_server):
    jack_server.start()
    source = open_source("system")
    source.read(480)
    child = source._child._process
    source.close()
    assert child.returncode is not None
    with pytest.raises(ProcessLookupError):
        os.kill(child.pid, 0)


def test_a_killed_capture_process_is_an_error_not_a_hang(jack_server):
    jack_server.start()
    source = open_source("system")
    try:
        source.read(480)
        source._child.kill()
        with pytest.raises(SourceError, match=r"ended \(SIGKILL"):
            drain(source)
    finally:
        source.close()
