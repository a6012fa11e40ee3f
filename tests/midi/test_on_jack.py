"""Real MIDI ports: JACK's own sequencer and monitor on one side, a real daemon's OSC or liblo on the other."""

import asyncio
import json
import logging

import pytest
from control.rig import running
from midi.test_playing import playing, until
from ports import free_port

from daemon.cli import invoke
from daemon.midi import mapping

pytestmark = [pytest.mark.jack, pytest.mark.timeout(120), pytest.mark.usefixtures("impatient")]

MAPPING = """
version: 1
title: the thing
controls:
  - {note: 60, to: /latentd/gain, velocity: true}
  - {note: 63, to: /latentd/freeze, does: hold, light: {cc: 20, channel: 3}}
"""
BOTH = (0.5, (0.0, 60, 0.1), (0.2, 63, 0.15))


@pytest.fixture(autouse=True)
def told(caplog):
    caplog.set_level(logging.INFO, "daemon.midi")
    return caplog


async def line(process, words):
    """Read its lines until one has these words."""

    def read():
        return next(text for raw in iter(process.stdout.readline, b"") if words in (text := raw.decode()))

    return await asyncio.wait_for(asyncio.to_thread(read), 60)


async def test_a_sequencer_is_joined_by_name_and_liblo_hears_it(jack, told):
    jack.start(waits=False)
    jack.sequencer(*BOTH)
    port = free_port()
    dump = jack.run(["oscdump", "-L", str(port)])
    async with playing(port, MAPPING, ("sequencer",)):
        await line(dump, "/latentd/subscribe")
        await line(dump, "/latentd/gain/norm f 0.5")
        await line(dump, "/latentd/freeze/norm f 1.0")
        await line(dump, "/latentd/freeze/norm f 0.0")
    assert "plays Sequencer:out, without lights (JACK)" in told.text


async def test_ports_of_its_own_are_joined_by_hand_and_lights_come_back(jack, told):
    jack.start(waits=False)
    jack.sequencer(*BOTH)
    monitor = jack.monitor()
    async with running() as rig, playing(rig.port, MAPPING, ()):
        await until(lambda: "plays latentd-midi:in" in told.text)
        assert rig.params.latest().end.gain == 1.0
        for source, target in (("latentd-midi-out:out", "midi-monitor:input"), ("Sequencer:out", "latentd-midi:in")):
            await asyncio.to_thread(jack.tool, "jack_connect", source, target)
        await until(lambda: rig.params.latest().end.gain == 2.0)
        await line(monitor, "b2 14 7f")
        await line(monitor, "b2 14 00")


async def test_a_server_that_dies_is_waited_for(jack, told):
    jack.start(waits=False)
    jack.sequencer(*BOTH)
    async with running() as rig, playing(rig.port, MAPPING, ("Sequencer",)):
        await until(lambda: "plays Sequencer:out" in told.text)
        jack.kill()
        await until(lambda: "JACK has gone away" in told.text or "ended with" in told.text)
        await until(lambda: "no JACK server answers" in told.text)
        assert "Traceback" not in told.text
        told.clear()
        await asyncio.to_thread(jack.start, waits=False)
        jack.sequencer(*BOTH)
        await until(lambda: "plays Sequencer:out" in told.text)
        await until(lambda: rig.params.latest().end.gain == 2.0)


async def test_a_client_that_dies_is_waited_for(jack, told):
    jack.start(waits=False)
    async with running() as rig, playing(rig.port, MAPPING, ("Sequencer",)):
        await until(lambda: "no MIDI input has 'Sequencer' in its name" in told.text)
        for _ in range(2):
            told.clear()
            sequencer = jack.sequencer(*BOTH)
            await until(lambda: "plays Sequencer:out" in told.text)
            await until(lambda: rig.params.latest().end.gain == 2.0)
            rig.send("/latentd/gain", 1.0)
            sequencer.kill()
            sequencer.wait()
            await until(lambda: "Sequencer:out was unplugged" in told.text)


def test_the_commands_find_ports_and_learn_a_control(jack, capsys, tmp_path):
    jack.start(waits=False)
    jack.sequencer(1.4, (0.2, 61, 0.1))  # a pause longer than what ends a movement
    while "Sequencer" not in jack.tool("jack_lsp"):
        pass
    assert invoke(["midi", "ports", "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert {"system": "JACK", "name": "Sequencer:out", "mapping": None} in found["inputs"]
    path = tmp_path / "mine.yaml"
    assert invoke(["midi", "learn", str(path), "/latentd/freeze", "--seconds", "60"]) == 0
    out, err = capsys.readouterr()
    assert out == f"{path}: {{note: 61, channel: 1, to: /latentd/freeze}}\n"
    assert "listening to Sequencer:out: move the control for /latentd/freeze" in err
    assert mapping.load(path).ports == ("Sequencer",)
