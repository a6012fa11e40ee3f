# ruff: noqa: N802 - the names are those of the real module
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pytest

from daemon.clock import VirtualClock
from daemon.errors import BadInput
from daemon.features.link import LinkTempo
from daemon.features.tempo import MEL_BANDS
from daemon.flow import Beat

SILENCE = np.full(MEL_BANDS, -100.0)
BY_EAR = Beat(100.0, 0.25, 0.5)
PEERS = Path(__file__).parent / "link_peers.py"


class Ear:
    """A `Tempo` that counts how often it was asked."""

    steps = 0

    def step(self, log_mel, heard, gate, ahead):
        self.steps += 1
        return BY_EAR


class Session:
    """Link as LinkPython 1.3 has it: its own clock, a tempo, beat 0 at 1000 s of that clock."""

    def __init__(self):
        self.others, self.enabled, self.now, self.bpm = 0, False, 1000.0, 120.0

    def Link(self, bpm, /):
        assert isinstance(bpm, float)
        self.bpm = bpm
        return self

    def clock(self):
        return self

    def micros(self):
        return round(self.now * 1e6)

    def numPeers(self):
        return self.others if self.enabled else 0

    def captureAppSessionState(self):
        return self

    def tempo(self):
        return self.bpm

    def phaseAtTime(self, time, quantum, /):
        assert isinstance(time, int)
        return ((time * 1e-6 - 1000.0) * self.bpm / 60.0) % quantum


def test_without_a_peer_the_ear_leads():
    ear = Ear()
    link = LinkTempo(ear, VirtualClock(5.0), Session())
    assert link.step(SILENCE, 5.0, True, 0.0) is BY_EAR


def test_a_peer_leads_and_the_ear_goes_on_listening():
    session, ear = Session(), Ear()
    link = LinkTempo(ear, VirtualClock(5.0), session)
    session.others, session.bpm = 1, 90.0
    beat = link.step(SILENCE, 5.0, False, 0.0)
    assert (beat.bpm, beat.phase, beat.confidence) == (90.0, 0.0, 1.0)
    assert ear.steps == 1
    session.others = 0
    assert link.step(SILENCE, 5.0, False, 0.0) is BY_EAR


def test_the_phase_is_that_of_the_moment_it_is_wanted_for():
    """Heard 0.125 s ago and wanted 0.25 s after: an eighth of a second from now, a quarter of a beat at 120."""
    session, clock = Session(), VirtualClock(50.0)
    link = LinkTempo(Ear(), clock, session)
    session.others = 2
    assert link.peers == 2
    assert link.step(SILENCE, 49.875, True, 0.25).phase == pytest.approx(0.25)
    clock.advance(0.1)
    session.now += 0.1
    assert link.step(SILENCE, 49.875, True, 0.25).phase == pytest.approx(0.25), "the moment is the same"
    assert link.step(SILENCE, 49.875, True, 0.0).phase == pytest.approx(0.75)


def test_closing_leaves_the_session():
    session = Session()
    with LinkTempo(Ear(), VirtualClock(), session):
        assert session.enabled
    assert not session.enabled


def test_without_the_extra_it_says_what_to_install(monkeypatch):
    monkeypatch.setitem(sys.modules, "link", None)
    with pytest.raises(BadInput, match=r"pip install 'latentd\[link\]'"):
        LinkTempo(Ear(), VirtualClock())


def test_another_module_of_that_name_is_no_link(monkeypatch):
    monkeypatch.setitem(sys.modules, "link", sys)
    with pytest.raises(BadInput, match="another package is named link"):
        LinkTempo(Ear(), VirtualClock())


def test_the_module_is_not_imported_unless_asked_for():
    code = "import sys, daemon.features.link, daemon.features.extractor; print('link' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"


def alone() -> list[str]:
    """The words that start a command in a network of its own, where multicast works; a skip where it cannot be had."""
    setup = 'ip link set lo up && ip link set lo multicast on && ip route add 224.0.0.0/4 dev lo && exec "$@"'
    reason = "unshare is missing"
    for flags in (["-n"], ["-rn"]):
        words = ["unshare", *flags, "sh", "-c", setup, "sh"]
        try:
            tried = subprocess.run([*words, "true"], capture_output=True, text=True, timeout=20, check=False)
        except (FileNotFoundError, subprocess.TimeoutExpired) as e:
            reason = str(e)
            continue
        if tried.returncode == 0:
            return words
        reason = tried.stderr.strip()
    pytest.skip(f"no network namespace with multicast to be had: {reason}")


@pytest.mark.skipif(find_spec("link") is None, reason="LinkPython-extern (the extra latentd[link]) is not installed")
def test_two_real_peers_share_tempo_and_phase():
    """link_peers.py, in a network that holds nobody else."""
    done = subprocess.run(
        [*alone(), sys.executable, str(PEERS)],
        cwd=Path(__file__).parents[2],
        capture_output=True,
        text=True,
        timeout=50,
        check=False,
    )
    if done.returncode == 77:
        pytest.skip(done.stdout.strip())
    assert done.returncode == 0, done.stdout + done.stderr
