"""Our own JACK client on a real server."""

import logging

import numpy as np
import pytest
from audio.listening import PATIENT, hear, play, until

from daemon.audio.device import DeviceSource, devices
from daemon.clock import WallClock

pytestmark = [pytest.mark.jack, pytest.mark.timeout(120)]

SR = 48_000


@pytest.fixture
def listen(monkeypatch):
    """Opens sources that are closed in the end."""
    monkeypatch.setattr("daemon.audio.device.HELD", 60.0)  # of several sources, all but one wait
    opened = []

    def open_source(name=None):
        opened.append(DeviceSource(name, SR, WallClock(), stall=PATIENT, host="jack"))
        return opened[-1]

    yield open_source
    for source in opened:
        source.close()


def test_clients_and_ports_are_captured_to_the_bit_by_name(jack_server, noise, listen):
    (sound, wav), (left, mono) = noise(), noise(1)
    jack_server.start()
    players = [jack_server.player(wav, "wavsrc"), jack_server.player(mono, "mono")]
    sources = [listen(name) for name in ("wavsrc", "wavsrc:out_2,wavsrc:out_1", "mono")]
    assert (sources[0].device, sources[0].sr) == ("wavsrc", SR)
    for source in sources:
        first, second = source.read(480), source.read(1000)
        assert (first.start, second.start) == (0, 480)
        assert first.heard < second.heard <= WallClock().now()
    for player in players:
        play(player)
    for source, expected in zip(sources, (sound, sound[:, ::-1], np.repeat(left, 2, axis=1)), strict=True):
        np.testing.assert_array_equal(hear(source, len(sound)), expected)
        assert source.overruns == 0
    assert [(d.name, d.api, d.channels, d.rate) for d in devices(host="jack") if "latentd" not in d.name] == [
        ("system", "JACK", 2, SR),
        ("wavsrc", "JACK", 2, SR),
        ("mono", "JACK", 1, SR),
    ]


def test_without_a_name_it_waits_to_be_connected_and_one_cable_is_heard_on_both_sides(jack_server, noise, listen):
    sound, wav = noise()
    jack_server.start()
    player = jack_server.player(wav, "wavsrc")
    source = listen()
    assert source.device == "latentd"
    assert not source.read(4800).samples.any()
    jack_server.tool("jack_connect", "wavsrc:out_1", "latentd:in_2")
    play(player)
    np.testing.assert_array_equal(hear(source, len(sound)), np.repeat(sound[:, :1], 2, axis=1))
    until(source, lambda block: not block.any())
    jack_server.tool("jack_connect", "wavsrc:out_2", "latentd:in_1")
    play(player)
    np.testing.assert_array_equal(hear(source, len(sound)), sound[:, ::-1])


def test_a_client_that_is_not_there_yet_is_waited_for_and_said(jack_server, noise, listen, caplog):
    sound, wav = noise()
    jack_server.start()
    with caplog.at_level(logging.WARNING):
        source = listen("wavsrc")
        assert not source.read(480).samples.any()
        while "wavsrc" not in caplog.text:
            source.read(480)
    assert "named 'wavsrc' now; there are: 'system'; it is waited for" in caplog.text
    player = jack_server.player(wav, "wavsrc")
    until(source, lambda block: "latentd:in_2" in jack_server.tool("jack_lsp", "-c", "wavsrc:out_2"))
    play(player)
    np.testing.assert_array_equal(hear(source, len(sound)), sound)


def test_closing_leaves_the_server_and_no_process_behind(jack_server, listen):
    jack_server.start()
    source = listen()
    source.read(480)
    assert "latentd:in_1" in jack_server.tool("jack_lsp")
    source.close()
    assert source._child._process.returncode == 0
    assert "latentd" not in jack_server.tool("jack_lsp")
