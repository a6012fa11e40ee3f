"""What this machine plays, heard through the monitor of a real PulseAudio sink."""

import numpy as np
import pytest
from audio.listening import PATIENT, drain, hear, play

from daemon.audio.device import DeviceSource, devices
from daemon.clock import WallClock
from daemon.errors import SourceError, SourceUnavailable

pytestmark = [pytest.mark.pulse, pytest.mark.timeout(120)]

SR = 48_000


@pytest.fixture
def listen(monkeypatch):
    monkeypatch.setattr("daemon.audio.device.HELD", 60.0)  # of several sources, all but one wait
    opened = []

    def open_source(name=None, stall=PATIENT):
        opened.append(DeviceSource(name, SR, WallClock(), stall=stall, host="loopback"))
        return opened[-1]

    yield open_source
    for source in opened:
        source.close()


def test_what_an_output_plays_is_heard_to_the_bit_and_nothing_else(pulse_server, noise, listen):
    sound, wav = noise()
    pulse_server.start()
    module = pulse_server.add("booth", "Booth")
    pulse_server.tool("pactl", "set-default-sink", "ci")
    player, source, booth = pulse_server.player(wav), listen(), listen("booth")
    assert (source.device, booth.device) == ("Null Output", "Booth")
    assert not source.read(480).samples.any()  # nothing plays: silence, which is sound
    play(player)
    np.testing.assert_array_equal(hear(source, len(sound)), sound)
    assert source.overruns == 0
    assert not booth.read(SR).samples.any()
    pulse_server.tool("pactl", "unload-module", module)
    with pytest.raises(SourceError, match="'Booth'"):
        drain(booth)
    with pytest.raises(SourceUnavailable, match="no output named 'booth'; there are: 'Null Output'"):
        listen("booth")


def test_another_default_output_is_taken_up_by_opening_again(pulse_server, listen):
    pulse_server.start()
    pulse_server.add("booth", "Booth")
    pulse_server.tool("pactl", "set-default-sink", "ci")
    source = listen()
    pulse_server.tool("pactl", "set-default-sink", "booth")
    with pytest.raises(SourceError, match="this machine plays on 'Booth' now"):
        drain(source)
    assert [(d.name, d.api, d.channels, d.default) for d in devices(host="loopback")] == [
        ("Null Output", "loopback", 2, False),
        ("Booth", "loopback", 2, True),
    ]


def test_a_killed_server_is_an_error_and_its_successor_is_heard(pulse_server, listen):
    pulse_server.start()
    source = listen()
    source.read(480)
    pulse_server.kill()
    with pytest.raises(SourceError, match="is gone"):
        drain(source)
    with pytest.raises(SourceError, match="no PulseAudio or PipeWire server answers: start one") as refused:
        listen()
    assert not isinstance(refused.value, SourceUnavailable)
    pulse_server.start()
    assert listen().read(480).samples.shape == (2, 480)
