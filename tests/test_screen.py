"""What somebody at the terminal sees, and what a terminal that is held holds up: nothing."""

import io
import json
import logging
import os
import re
import select
import signal
import subprocess
import sys
import time
import urllib.request
from contextlib import suppress
from datetime import datetime, timedelta, timezone
from threading import Event

import pytest
from pythonosc.udp_client import SimpleUDPClient
from rich.console import Console
from sinks.test_monitor import status

from daemon import screen
from daemon.log import Aside
from daemon.screen import Screen
from daemon.status import ErrorStatus, ShowStatus, SinkStatus, SyncScreen, SyncStatus

if sys.platform != "win32":
    import pty

EVENING = ShowStatus(enabled=True, on="entry", preset="storm", playlist="evening", entry=2, next_in_s=241.0)
HEARD = {
    "rms_db": -20.0,
    "band/0": 0.0,
    "band/1": 1.0,
    "beat/bpm": 120.4,
    "beat/phase": 0.1,
    "beat/confidence": 0.8,
    "onset": 0.25,
    "centroid": 0.5,
}


NOON = datetime(2026, 1, 1, 12, tzinfo=timezone(timedelta(hours=2)))  # in the zone of the machine


def drawn(width=120, height=40, now=NOON, **changes):
    console = Console(width=width, height=height, color_system=None, force_terminal=False)
    with console.capture() as caught:
        console.print(screen.panel(status().model_copy(update=changes), "http://127.0.0.1:7780/", now))
    return caught.get()


def words(text):
    """Without the frame and the ends of lines."""
    return " ".join(re.sub("[│╭╮╰╯─]", " ", text).split())


def fault(code="range", text="too much", time="2026-01-01T09:00:00.000+00:00", **more):
    return ErrorStatus(time=time, code=code, text=text, **more)


def test_the_facts_of_the_page_are_there_in_short():
    text = drawn(features=HEARD, show=EVENING, uptime_s=2_700_900.0)
    facts = ("29.9 a second", "mel", "hearth", "-20.0 dBFS", "open", "  ██", "120.4 a minute ●", "31 days 6 h 15 min")
    for fact in (*facts, "entry 2 of evening: storm, next in 4 min"):
        assert fact in text, fact
    assert "onset ▂ 0.25" in text
    assert "centroid ▄ 0.50" in text
    assert "http://127.0.0.1:7780/" in text


def test_of_a_sink_in_trouble_it_is_told_which_one():
    kinds = (("ok", "/a"), ("retrying", "/b"), ("stalled", ""))
    sinks = tuple(SinkStatus(name="frames", state=state, about=about) for state, about in kinds)
    assert "frames ok, frames (/b) retrying, frames stalled" in " ".join(drawn(400, sinks=sinks).split())


def test_black_and_frozen_are_said_and_nothing_where_there_is_nothing_to_say():
    params = {"/latentd/blackout": 1, "/latentd/freeze": 1}
    assert "black: blackout is on · frozen: freeze is on · a hand has the show, it goes on in 4 min" in drawn(
        params=params, show=EVENING.model_copy(update={"on": "hand"})
    )
    assert "black" not in drawn(params={"/latentd/blackout": 0, "/latentd/freeze": 0})


def test_a_fault_of_more_than_a_day_ago_has_its_date_and_one_that_came_again_its_count():
    assert "11:00:00  too much" in drawn(errors=(fault(),))
    assert "11:00:00 (60 times)  too much" in drawn(errors=(fault(count=60),))
    assert "2026-01-01 11:00  too much" in drawn(errors=(fault(),), now=NOON + timedelta(days=30))


def test_a_fault_moves_no_cursor_and_a_long_one_costs_no_more_than_what_is_seen_of_it():
    assert "a b�[2Jc�d" in drawn(errors=(fault(text="a\r\nb\x1b[2Jc\ad"),))
    assert "…" in drawn(80, 24, errors=(fault(text="x" * 4000), fault("other", "seen")))
    assert "seen" in drawn(80, 24, errors=(fault(text="语" * 4000), fault("other", "seen")))


BAD = "preset 'bad' was not read: " + "; ".join(
    f"psi/{n}: input should be a valid number, not 'nine hundred and more'" for n in range(9)
)
SINKS = tuple(SinkStatus(name=n, state="retrying", about=f"latentd on {n}") for n in ("spout", "ndi", "shm", "preview"))


@pytest.mark.parametrize("height", [24, 20, 16, 12])
@pytest.mark.parametrize("width", [132, 80, 60, 40])
def test_neither_long_faults_nor_many_facts_push_a_fault_or_the_address_off_the_screen(width, height):
    params, show = {"/latentd/blackout": 1, "/latentd/freeze": 1}, EVENING.model_copy(update={"on": "hand"})
    errors = (fault("preset", BAD), fault("preset", "older"), fault("spout", "the driver is gone"))
    text = drawn(width, height, errors=errors, features=HEARD, params=params, show=show, sync=SYNC, sinks=SINKS)
    lines = text.splitlines()
    assert len(lines) <= height
    assert all(len(line) == width for line in lines)
    assert "http://127.0.0.1:7780/" in lines[-1]
    assert "black: blackout is on" in words(text)
    assert "11:00:00 preset 'bad' was" in words(text)
    assert "…" in text
    assert "the driver is gone" in words(text) or height < 16
    assert "older" not in text
    assert "frames" in text or height < 16


def test_what_is_said_of_faults_is_whole_where_there_is_room():
    text = drawn(80, 24, features=HEARD, errors=(fault("preset", BAD[:250]), fault("spout", "the driver is gone")))
    assert BAD[:250] in words(text)
    assert "the driver is gone" in text
    assert "skipped" in text


def test_a_beat_that_is_not_sure_is_not_told():
    assert "a minute" not in drawn(features={**HEARD, "beat/confidence": 0.05})
    assert "a minute ·" in drawn(features={**HEARD, "beat/phase": 0.7})


def test_it_says_what_there_is_before_anything_was_heard_and_fits_a_narrow_terminal():
    text = drawn(width=60, features={}, params={})
    assert all(len(line) <= 60 for line in text.splitlines())
    assert "beat -" in text


SYNC = SyncStatus(
    role="follower",
    name="b",
    leader="a",
    frame_index=70,
    frame_lag=2,
    offset_ms=1.0,
    delay_ms=0.5,
    lost=0,
    refused=0,
)


def test_a_place_in_a_wall_is_told_and_none_where_there_is_no_wall():
    assert "follows a, 2 frames behind" in drawn(sync=SYNC)
    assert "follows a, 1 frame behind" in drawn(sync=SYNC.model_copy(update={"frame_lag": 1}))
    assert "behind" not in drawn(sync=SYNC.model_copy(update={"frame_lag": 0}))
    assert "looks for its leader" in drawn(sync=SYNC.model_copy(update={"leader": ""}))
    screens = tuple(
        SyncScreen(name=n, host="10.0.0.2", frame_index=9, frame_lag=lag) for n, lag in (("b", 0), ("c", 3))
    )
    leads = SYNC.model_copy(update={"role": "leader", "screens": screens})
    assert "leads 2 followers, 3 frames behind" in drawn(sync=leads)
    assert "leads 1 follower\n" in re.sub(" +[│╯]", "", drawn(sync=leads.model_copy(update={"screens": screens[:1]})))
    assert "sync" not in drawn()


class Held(io.StringIO):
    """A console that takes nothing until it is let go."""

    def __init__(self):
        super().__init__()
        self.go, self.writing, self.most = Event(), 0, 0

    def write(self, text):
        self.writing += 1
        self.most = max(self.most, self.writing)
        self.go.wait()
        self.writing -= 1
        return super().write(text)


def test_a_held_console_holds_neither_who_shows_nor_the_end_and_has_the_newest_when_let_go():
    held = Held()
    console = Console(file=held, width=100, force_terminal=True)
    with Screen(console) as screen:
        for psi in range(500):
            screen.show(status().model_copy(update={"preset": f"preset {psi}"}), "http://127.0.0.1:7780/")
    assert held.most <= 1
    assert screen._thread.is_alive()  # left behind
    held.go.set()
    screen._thread.join()
    assert held.getvalue().count("preset ") <= 2


def test_what_is_logged_while_the_console_is_held_waits_and_the_oldest_of_too_much_is_given_up(monkeypatch):
    monkeypatch.setattr("daemon.log._MOMENT", 0.01)
    held = Held()
    aside = Aside(logging.StreamHandler(held), most=100)
    logger = logging.getLogger("held")
    logger.addHandler(aside)
    logger.propagate = False
    for n in range(1000):
        logger.warning("line %d", n)
    aside.flush()
    held.go.set()
    while "line 999" not in held.getvalue():
        aside.flush()
    lines = held.getvalue().split("\n")
    assert lines[1:-1] == [f"line {n}" for n in range(900, 1000)][-len(lines[1:-1]) :]
    assert 100 <= len(lines) - 1 <= 101


def fill(pipe):
    """Until it takes nothing more."""
    os.set_blocking(pipe, False)
    for size in (4096, 1):
        with suppress(BlockingIOError):
            while True:
                os.write(pipe, b"." * size)
    os.set_blocking(pipe, True)  # which is theirs, too


@pytest.mark.skipif(sys.platform == "win32", reason="has pipes of another kind")
def test_a_command_that_fails_ends_also_where_nobody_takes_its_last_word():
    ours, theirs = os.pipe()
    fill(theirs)
    plain = {name: value for name, value in os.environ.items() if name != "PYTHONUNBUFFERED"}
    command = [sys.executable, "-m", "daemon", "presets", "check", "/nowhere/at-all.yaml"]
    try:
        assert subprocess.run(command, stderr=theirs, env=plain, timeout=50, check=False).returncode == 1
    finally:
        os.close(ours)
        os.close(theirs)


def test_what_was_logged_comes_out_also_of_a_process_that_ends_without_tidying_up():
    script = """
import logging
from threading import Event
from daemon import log
from daemon.stopping import Body, leave
log.configure()
Body(target=Event().wait, daemon=True).start()
for n in range(900):
    logging.getLogger("daemon").warning("line %d.", n)
leave(3)
"""
    ended = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, timeout=50, check=False)
    assert (ended.returncode, ended.stderr.count("line ")) == (3, 900)


@pytest.mark.skipif(sys.platform == "win32", reason="has no pty")
@pytest.mark.parametrize("kind", ["terminal", "pipe"])
def test_a_daemon_whose_terminal_is_held_obeys_and_ends(tmp_path, kind):
    ours, theirs = pty.openpty() if kind == "terminal" else os.pipe()
    command = ("run", "--model", "swatch", "--sink", "null", "--source", "none", "--preset", "hearth")
    plain = {name: value for name, value in os.environ.items() if name != "PYTHONUNBUFFERED"}
    env = {**plain, "LATENTD_HOME": str(tmp_path), "TERM": "xterm", "COLUMNS": "200"}
    command = [sys.executable, "-m", "daemon", *command, "--http-port", "0", "--osc-port", "0"]
    process = subprocess.Popen(command, stdout=theirs, stderr=theirs, env=env)
    try:
        text = ""
        while (found := re.search(r"page (http://[\d.:]+/), OSC 127\.0\.0\.1:(\d+)", text)) is None:
            assert process.poll() is None, text
            if select.select([ours], [], [], 0.1)[0]:
                text = re.sub(r"\x1b\[[\d;]*m", "", text + os.read(ours, 4096).decode(errors="replace"))

        def said():
            with urllib.request.urlopen(f"{found[1]}status.json", timeout=20) as answer:
                return json.load(answer)

        def until(fine):
            while not fine(said()):
                time.sleep(0.05)

        if kind == "terminal":
            begin = said()["uptime_s"]
            until(lambda s: s["uptime_s"] > begin + 2.0)  # it draws four times a second, and nobody reads
        else:
            fill(theirs)
        (tmp_path / "presets").mkdir()
        (tmp_path / "presets" / "bad.yaml").write_text("psi: nine")
        until(lambda s: any("bad.yaml" in error["text"] for error in s["errors"]))  # which is logged, too
        client = SimpleUDPClient("127.0.0.1", int(found[2]))
        client.send_message("/latentd/psi", 0.25)
        client.close()
        until(lambda s: s["params"]["/latentd/psi"] == 0.25)
        process.send_signal(signal.SIGTERM)
        assert process.wait(timeout=30) == 0
    finally:
        process.kill()
        process.wait()
        os.close(ours)
        os.close(theirs)
