"""The bridge between a controller of files, held by a process of its own, and a real OSC endpoint."""

import asyncio
import logging
from contextlib import asynccontextmanager

import pytest
from control.rig import running
from midi.hands import cc, note

from daemon.clock import WallClock
from daemon.control.osc import decode, encode
from daemon.control.wire import Wire
from daemon.errors import LatentdError
from daemon.midi import mapping
from daemon.midi.playing import Playing, play
from daemon.midi.ports import Holder, look

pytestmark = pytest.mark.usefixtures("impatient")
MAPPING = """
version: 1
title: the thing
ports: [nano]
controls:
  - {cc: 1, to: /latentd/gain}
  - {cc: 2, to: /latentd/psi}
  - {note: 3, to: /latentd/freeze, light: true}
  - {note: 4, to: /latentd/blackout, does: hold}
  - {program: true, to: /latentd/preset}
"""
PATIENCE = 50.0  # s


async def until(fine, what="it"):
    async with asyncio.timeout(PATIENCE):
        while not fine():
            await asyncio.sleep(0.01)


@asynccontextmanager
async def playing(port, text=MAPPING, ports=("nano",)):
    one = Playing(mapping.parse(text, "test"), ("127.0.0.1", port), ports, "auto", WallClock())
    task = asyncio.create_task(one.run())
    try:
        yield task
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


def alone():
    """One that finds no daemon."""
    return Playing(mapping.parse(MAPPING, "x"), ("127.0.0.1", 9), ("nano",), "auto", WallClock())


@pytest.fixture(autouse=True)
def told(caplog):
    caplog.set_level(logging.INFO, "daemon.midi")
    return caplog


async def test_a_controller_plays_the_daemon_and_shows_what_it_does(controllers, told):
    controllers.plug("nanoKONTROL2 0")
    async with running() as rig, playing(rig.port) as task:
        await until(lambda: "plays nanoKONTROL2 0" in told.text)
        await until(lambda: "latentd answers" in told.text)
        controllers.say("nanoKONTROL2 0", cc(2, 127), cc(2, 64))  # psi is 1 of 1.5 at start: passes it
        await until(lambda: rig.params.latest().end.psi == 0.75)
        controllers.say("nanoKONTROL2 0", cc(1, 100))  # gain is 1 of 4: not met yet
        controllers.say("nanoKONTROL2 0", note(3, 100), note(3, 0))
        await until(lambda: rig.params.latest().end.freeze)
        assert rig.params.latest().end.gain == 1.0
        await until(lambda: controllers.lights("nanoKONTROL2 0")[-1:] == [note(3, 127)])
        rig.send("/latentd/freeze", 0)
        await until(lambda: controllers.lights("nanoKONTROL2 0")[-1] == note(3, 0))
        controllers.say("nanoKONTROL2 0", bytes((0xC0, 1)))
        await until(lambda: rig.desk.preset == "storm")
        assert rig.endpoint.counts().refused == 0
        rig.send("/latentd/freeze", 1)
        await until(lambda: controllers.lights("nanoKONTROL2 0")[-1] == note(3, 127))
        task.cancel()
        await until(lambda: controllers.lights("nanoKONTROL2 0")[-1] == note(3, 0))  # leaves it dark


async def test_a_controller_may_come_late_go_and_come_again(controllers, told):
    async with running() as rig, playing(rig.port):
        await until(
            lambda: "no MIDI input has 'nano' in its name; there are none at all; it is waited for" in told.text
        )
        controllers.plug("nano")
        await until(lambda: "plays nano" in told.text)
        controllers.say("nano", note(4, 127))
        await until(lambda: rig.params.latest().end.blackout)
        controllers.unplug("nano")  # with its button down
        await until(lambda: not rig.params.latest().end.blackout)
        await until(lambda: "nano was unplugged" in told.text)
        told.clear()
        controllers.plug("nano")
        await until(lambda: "plays nano" in told.text)
        controllers.say("nano", note(4, 127))
        await until(lambda: rig.params.latest().end.blackout)
        await until(lambda: controllers.lights("nano") == [note(3, 0)])


@pytest.mark.parametrize("fault", ["absent", "abort"])
async def test_a_midi_system_that_is_not_there_or_dies_is_waited_for(controllers, told, fault):
    controllers.plug("nano")
    controllers.fault(fault)
    async with running() as rig, playing(rig.port):
        await until(lambda: {"absent": "nobody answers", "abort": "SIGABRT"}[fault] in told.text)
        assert "Traceback" not in told.text
        controllers.fault(fault, on=False)
        await until(lambda: "plays nano" in told.text)
        told.clear()
        controllers.fault("abort")  # while it is held
        await until(lambda: "ended with SIGABRT" in told.text)
        controllers.fault("abort", on=False)
        told.clear()
        await until(lambda: "plays nano" in told.text)


async def test_a_midi_system_that_hangs_is_ended(controllers):
    controllers.fault("hang")
    holder = await Holder.start("hold", "auto", "nano")
    with pytest.raises(TimeoutError):
        async for _ in holder.frames(patience=1.0):
            pass
    await holder.close()


async def test_a_daemon_may_come_late_go_and_come_again(controllers, told, monkeypatch):
    monkeypatch.setattr("daemon.midi.link.LOST", 0.5)
    controllers.plug("nano")
    daemon = Wire(
        "127.0.0.1", 0
    )  # bound all the while, and silent: the port of one that is gone may be somebody else's
    async with playing(daemon.address[1]):
        await until(lambda: "no latentd answers at 127.0.0.1" in told.text)
        await until(lambda: "plays nano" in told.text)
        for _ in range(2):
            told.clear()
            beating = asyncio.create_task(beats(daemon, await received(daemon, "/latentd/subscribe")))
            await until(lambda: controllers.lights("nano")[-1:] == [note(3, 127)])
            await until(lambda: "latentd answers" in told.text)
            beating.cancel()
            await until(lambda: "no latentd answers" in told.text)
            await until(lambda: controllers.lights("nano")[-1] == note(3, 0))
    daemon.close()


async def beats(daemon, to):
    """What a daemon tells, far more often than one does."""
    while True:
        for packet in (encode("/latentd/state/freeze", 1), encode("/latentd/heartbeat/fps", 30.0)):
            daemon.send(packet, (to,))
        await asyncio.sleep(0.02)


async def test_only_the_daemon_itself_is_believed(controllers, told):
    controllers.plug("nano")
    daemon, other = Wire("127.0.0.1", 0), Wire("127.0.0.1", 0)
    async with playing(daemon.address[1]):
        await until(lambda: "plays nano" in told.text)
        asked = await received(daemon, "/latentd/subscribe")
        for junk in (b"", b"/", b"#bundle\0" + bytes(8) + b"\xff\xff\xff\xfc", b"/latentd/state/freeze\0\0\0,i\0"):
            daemon.send(junk, (asked,))
        other.send(encode("/latentd/state/freeze", 1), (asked,))
        daemon.send(encode("/latentd/error", "range", "/latentd/gain takes 0 to 4, not 9"), (asked,))
        daemon.send(encode("/latentd/error", "range", "/latentd/zoom takes 0.25 to 4, not 9"), (asked,))
        await until(lambda: "takes 0 to 4" in told.text)
        assert "zoom" not in told.text
        assert note(3, 127) not in controllers.lights("nano")
    daemon.close()
    other.close()


async def received(wire, address):
    """Who sent the first message to this address."""
    async with asyncio.timeout(PATIENCE):
        while True:
            await wire.readable()
            while (taken := wire.take()) is not None:
                if decode(taken[0])[0].address == address:
                    return taken[1]


async def test_ports_of_its_own_are_for_others_to_join(controllers, told):
    async with running() as rig, playing(rig.port, ports=()):
        await until(lambda: "plays latentd-midi:in" in told.text)
        controllers.say("virtual-in", cc(2, 127), cc(2, 64))
        await until(lambda: rig.params.latest().end.psi == 0.75)


async def test_without_the_extra_it_ends_in_one_sentence(tmp_path, monkeypatch):
    (tmp_path / "rtmidi.py").write_text("raise ImportError")
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    with pytest.raises(LatentdError, match=r"latentd\[midi\]"):
        await play(
            [Playing(mapping.parse(MAPPING, "x"), ("127.0.0.1", 9), ("nano",), "auto", WallClock())], asyncio.Event()
        )
    found = await look()
    assert (found.inputs, found.outputs) == ((), ())
    assert "latentd[midi]" in found.missing[0][1]


async def test_every_port_is_found_and_a_system_that_dies_is_missing(controllers):
    controllers.plug("nano")
    controllers.plug("other")
    found = await look()
    assert [(one.system, one.name) for one in found.inputs] == [("Fake", "nano"), ("Fake", "other")]
    controllers.fault("abort")
    found = await look()
    assert found.inputs == ()
    assert "SIGABRT" in found.missing[0][1]


async def test_what_is_stopped_is_over(controllers):
    stop = asyncio.Event()
    task = asyncio.create_task(play([alone()], stop))
    await asyncio.sleep(0.1)
    stop.set()
    async with asyncio.timeout(PATIENCE):
        await task
