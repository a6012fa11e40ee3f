"""The composition root, run in this process: how it begins and ends."""

import asyncio
import json
import signal
import socket
import sys
from threading import Event

import pytest
from daemons import ROOT, running, until

from daemon.app import Daemon, Wishes, run
from daemon.clock import VirtualClock
from daemon.config import Config, Http, Osc, Oscquery, Sync, Tcp
from daemon.control.osc import encode
from daemon.errors import BadInput, LatentdError, SinkError, SinkUnavailable
from daemon.status import AudioStatus
from daemon.stopping import StopSign
from daemon.supervisor import Aside, within

PLAIN = {"version": 1, "source": "none", "sinks": ("null",), "model": "swatch", "size": 16, "preset": "hearth"}
SWATCH = ("--model", "swatch", "--source", "none", "--sink", "null", "--preset", "hearth", "--size", "16")
ALONE = Config(**PLAIN, http=Http(port=0), osc=Osc(port=0, reply_port=0), oscquery=Oscquery(enable=False))


@pytest.fixture
def home(tmp_path, monkeypatch):
    monkeypatch.setattr("sys.setswitchinterval", lambda _: None)  # for this process goes on
    monkeypatch.setenv("LATENTD_HOME", str(tmp_path))
    return tmp_path


def taken(kind):
    """A port that somebody else has."""
    held = socket.socket(socket.AF_INET, kind)
    held.bind(("127.0.0.1", 0))
    if kind == socket.SOCK_STREAM:
        held.listen()
    return held


@pytest.mark.parametrize(
    ("part", "kind", "error"),
    [
        ("http", socket.SOCK_STREAM, SinkUnavailable),
        ("osc", socket.SOCK_DGRAM, BadInput),
        ("oscquery", socket.SOCK_STREAM, BadInput),
        ("tcp", socket.SOCK_STREAM, BadInput),
        ("sync", socket.SOCK_DGRAM, BadInput),
    ],
)
@pytest.mark.usefixtures("home")
def test_a_port_that_cannot_be_had_leaves_none_of_the_others_open(part, kind, error):
    with taken(kind) as held:
        ports = dict.fromkeys(("http", "osc", "tcp", "sync"), 0) | {"oscquery": None, part: held.getsockname()[1]}
        config = Config(
            **PLAIN,
            http=Http(port=ports["http"]),
            osc=Osc(port=ports["osc"], reply_port=0),
            oscquery=Oscquery(port=ports["oscquery"], announce=False),
            tcp=Tcp(port=ports["tcp"]),
            sync=Sync(role="leader", port=ports["sync"], peers=("127.0.0.1",)),
        )
        daemon = Daemon(config, Wishes(remember=False))

        async def live():
            await daemon.run(asyncio.Event())

        with pytest.raises(LatentdError) as why:  # and no ResourceWarning, which is an error here
            asyncio.run(live())
    assert type(why.value) is error
    steering = daemon.steering
    ports = (daemon.monitor.port, steering.osc.port, steering._query.port, steering.latents_port, daemon.wall.port)
    assert ports == (None,) * 5


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (BadInput("OSC", ["port 1 is in use"]), "osc: OSC: port 1 is in use; starting again in 2 s"),
        (SinkError("osc: no room left"), "osc: no room left; starting again in 2 s"),
        (OSError("too many open files"), "osc: too many open files; starting again in 2 s"),
        (KeyError("x"), "osc: a fault of latentd's own, which the log tells (KeyError); starting again in 2 s"),
    ],
)
@pytest.mark.usefixtures("home")
def test_a_part_that_failed_is_told_in_words(error, said):
    daemon = Daemon(Config(**PLAIN), Wishes(remember=False))
    daemon.on_failure("osc", error, 2.0)
    assert [e.text for e in daemon.status().errors] == [said]


def failing(daemon: Daemon, clock: VirtualClock, seconds: float, why: str) -> None:
    """A sink that cannot be had, tried again every 30 s."""
    for _ in range(int(seconds / 30)):
        daemon.on_failure("null", SinkError(why), 30.0)
        clock.advance(30.0)


@pytest.mark.usefixtures("home")
def test_a_sink_that_is_gone_for_months_fills_neither_the_log_nor_the_errors(caplog):
    caplog.set_level("INFO", "daemon")
    daemon = Daemon(ALONE, Wishes(remember=False))
    daemon.clock = clock = VirtualClock()
    daemon.note("preset", "a preset is spoilt")
    caplog.clear()
    failing(daemon, clock, 86400.0, "null: nobody is there")
    day = len(caplog.messages)
    failing(daemon, clock, 86400.0, "null: nobody is there")
    assert caplog.messages[0] == "null: nobody is there; starting again in 30 s"
    assert day <= 32
    assert len(caplog.messages) - day <= 24
    assert caplog.messages[-1].startswith("null: nobody is there; starting again in 30 s (for 4")
    failing(daemon, clock, 60.0, "null: no memory for it")
    assert caplog.messages[-1] == "null: no memory for it; starting again in 30 s"
    assert [(e.code, e.count) for e in daemon.status().errors] == [("null", 2), ("null", 5760), ("preset", 1)]

    said = len(caplog.messages)
    publisher = next(p for p in daemon.publishers if p.name == "null")
    daemon._recover(clock.now())  # it is not open yet
    publisher._open(publisher._format)
    daemon._recover(clock.now())
    clock.advance(1.0)
    daemon._recover(clock.now())
    assert len(caplog.messages) == said
    clock.advance(2.0)
    daemon._recover(clock.now())
    daemon._recover(clock.now())
    assert caplog.messages[said:] == ["null works again, after 2 days"]


@pytest.mark.usefixtures("home")
def test_a_run_says_by_itself_that_something_works_again(caplog, monkeypatch):
    caplog.set_level("INFO", "daemon")
    monkeypatch.setattr("daemon.backoff._WELL", 0.0)
    daemon = Daemon(ALONE, Wishes(remember=False))

    async def live():
        stop = asyncio.Event()
        running = asyncio.create_task(daemon.run(stop))
        daemon.on_failure("null", SinkError("null: gone"), 0.5)
        async with asyncio.timeout(30):
            while "null works again, after 0 s" not in caplog.messages:
                await asyncio.sleep(0.01)
        stop.set()
        await running

    asyncio.run(live())


@pytest.mark.usefixtures("home")
def test_a_source_that_is_gone_is_told_as_a_sink_is(caplog, monkeypatch):
    caplog.set_level("INFO", "daemon")
    daemon = Daemon(ALONE, Wishes(remember=False))
    daemon.clock = clock = VirtualClock()
    monkeypatch.setattr(daemon, "_on_loop", lambda call, *said: call(*said))
    for _ in range(120):
        daemon.hearing._listener._on_lost("no input named 'x'; trying again in 30 s")
        clock.advance(30.0)
    assert 2 <= len(caplog.messages) < 10
    said = len(caplog.messages)
    for state in ("lost", "opening", "stalled"):
        status = AudioStatus(source="device:x", state=state)
        monkeypatch.setattr(daemon.hearing, "status", lambda status=status: status)
        for _ in range(2):
            daemon._recover(clock.now())
            clock.advance(3.0)
    assert len(caplog.messages) == said
    for state in ("ok", "silent"):
        status = AudioStatus(source="device:x", state=state)
        monkeypatch.setattr(daemon.hearing, "status", lambda status=status: status)
        daemon._recover(clock.now())
        clock.advance(3.0)
    assert caplog.messages[said:] == ["audio works again, after 60 min"]


@pytest.mark.usefixtures("home")
def test_a_disk_that_does_not_answer_holds_up_neither_the_run_nor_its_end(monkeypatch):
    daemon, asked, answers = Daemon(ALONE, Wishes()), Event(), Event()
    monkeypatch.setattr("daemon.app._KEEP", 0.01)
    monkeypatch.setattr(daemon, "keep_state", lambda: (asked.set(), answers.wait(30)))

    async def live():
        stop = asyncio.Event()
        running = asyncio.create_task(daemon.run(stop))
        async with asyncio.timeout(30):
            while not asked.is_set():
                await asyncio.sleep(0.01)
            before = daemon.frames.index
            while daemon.frames.index < before + 3:
                await asyncio.sleep(0.01)
            stop.set()
            await running
        assert not answers.is_set()
        answers.set()

    asyncio.run(live())


DEAD = f"""
import os, sys, threading
sys.path.insert(0, {str(ROOT)!r})
real = os.fsync

def fsync(handle):  # as a disk that does not answer any more, once there is a file of that name
    where = os.readlink("/proc/self/fd/%d" % handle)
    if os.path.exists(os.environ["LATENTD_HOME"] + "/dead") and where.startswith(os.environ["LATENTD_HOME"]):
        threading.Event().wait()
    real(handle)

os.fsync = fsync
import daemon.app
daemon.app._LAST = 0.3
from daemon.cli import main
main()
"""


@pytest.mark.skipif(sys.platform != "linux", reason="knows from /proc what is written")
@pytest.mark.parametrize("while_", ["it ran", "it ended"])
def test_a_disk_that_is_dead_at_the_end_holds_nothing_up_and_what_is_not_kept_is_said(tmp_path, while_):
    (home := tmp_path / "home").mkdir()
    with running(tmp_path, "run", *SWATCH, home=home, program=("-c", DEAD)) as daemon:
        daemon.until(lambda s: s["frame_index"] > 3, "rendering")
        (home / "dead").touch()
        daemon.tell("/latentd/gain", 0.125)
        if while_ == "it ran":
            daemon.tell("/latentd/preset/save", "lost")
            until(lambda: list((home / "presets").glob(".lost*")), "begun to be written")
        daemon.until(lambda s: s["params"]["/latentd/gain"] == 0.125, "obeyed")
        daemon.process.send_signal(signal.SIGTERM)
        code, report = daemon.wait()
    said = {e.code: e.text for e in report.errors}
    assert (code, report.exit) == (0, 0)
    assert said["state"] == f"the last state is not kept: {home} does not answer"
    assert ("preset" in said) == (while_ == "it ran")
    assert said["state"] in (tmp_path / "log.txt").read_text()


def test_a_disk_that_is_dead_is_waited_for_by_no_thread_of_the_loop():
    answers = Event()

    async def live():
        asyncio.get_running_loop().set_default_executor(Aside(patience=0.01))
        asked = asyncio.create_task(asyncio.to_thread(answers.wait, 30))
        assert await asyncio.to_thread(lambda: 7) == 7
        with pytest.raises(KeyError):
            await asyncio.to_thread({}.pop, "x")
        assert not asked.done()

    asyncio.run(live())
    assert not answers.is_set()
    answers.set()


def test_what_is_done_within_its_time_is_done_and_its_fault_comes_out():
    answers = Event()
    assert within(30, lambda: 7)
    assert not within(0.01, answers.wait)
    answers.set()
    with pytest.raises(ZeroDivisionError):
        within(30, lambda: 1 / 0)


def test_a_stop_asked_for_while_the_report_is_written_takes_nothing_from_it(home, monkeypatch):
    monkeypatch.setattr(Daemon, "keep_state", lambda _: signal.raise_signal(signal.SIGINT))
    report = home / "report.json"
    with StopSign() as sign:
        run(ALONE, Wishes(seconds=0.05, report=report), sign)
    assert json.loads(report.read_text())["exit"] == 0


@pytest.mark.parametrize(("error", "code", "said"), [(SinkError("lost"), 1, ["lost"]), (KeyboardInterrupt(), 130, [])])
def test_a_report_says_why_a_run_ended_and_the_exit_code_of_the_process(home, monkeypatch, error, code, said):
    async def end(_daemon, _stop):
        raise error

    monkeypatch.setattr(Daemon, "run", end)
    with pytest.raises(type(error)):
        run(ALONE, Wishes(remember=False, report=home / "report.json"), StopSign())
    report = json.loads((home / "report.json").read_text())
    assert (report["exit"], [e["text"] for e in report["errors"]]) == (code, said)


def test_no_mapper_is_complained_of_while_the_model_it_is_for_is_made_ready(home, monkeypatch):
    plain = {**PLAIN, "preset": None}
    config = Config(**plain, http=Http(port=0), osc=Osc(port=0, reply_port=0), oscquery=Oscquery(enable=False))
    daemon = Daemon(config, Wishes(remember=False))
    told = []
    monkeypatch.setattr(daemon, "_tell", lambda *said: told.append(said))
    monkeypatch.setattr(daemon, "_on_loop", lambda call, *args: call(*args))
    daemon.params.put(daemon.params.latest().set(mapper="pairs", model="other"))
    features = daemon.hearing.features.latest()
    for now in range(0, 10, 3):
        daemon.engine.tick(float(now), features, daemon.params.latest())
    assert told == []
    daemon.params.put(daemon.params.latest().set(model="swatch"))  # the other could not be had
    for now in range(12, 24, 3):
        daemon.engine.tick(float(now), features, daemon.params.latest())
    assert [code for code, _ in told] == ["mapper"]
    assert home


def test_a_preset_that_cannot_be_written_is_told_and_taken_back_and_one_that_can_is_there_at_the_end(home):
    config = Config(**PLAIN, http=Http(port=0), osc=Osc(port=0, reply_port=0), oscquery=Oscquery(enable=False))
    daemon = Daemon(config, Wishes(remember=False))
    folder, sender = home / "presets", ("127.0.0.1", 50_000)

    def tell(address, *args):
        daemon.steering.osc.receive(encode(address, *args), sender, daemon.clock.now())
        daemon.steering.osc.publish()

    async def until(fine):
        async with asyncio.timeout(30):
            while not fine():
                await asyncio.sleep(0.01)

    async def live():
        stop = asyncio.Event()
        running = asyncio.create_task(daemon.run(stop))
        await until(lambda: daemon.frames.index > 2)
        folder.write_text("in the way")
        tell("/latentd/preset/save", "mine")
        assert daemon.status().preset == "mine"
        await until(lambda: any("mine.yaml cannot be written" in e.text for e in daemon.status().errors))
        said = daemon.status()
        assert (said.preset, said.osc.refused) == ("hearth", 0)
        folder.unlink()
        tell("/latentd/preset/save", "last")
        stop.set()
        await running

    asyncio.run(live())
    assert (folder / "last.yaml").exists()
