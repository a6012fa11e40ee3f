"""Two real Link peers: ours, and one that LinkPython is in another process. Run in a network of its own.

Exit 0: as it should be; 77: no peer was found in this network, so nothing is told; anything else is a fault.
"""

import subprocess
import sys
import time
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).parents[2]))

from daemon.clock import WallClock
from daemon.features.link import LinkTempo
from daemon.features.tempo import MEL_BANDS
from daemon.flow import Beat

SILENCE = np.full(MEL_BANDS, -100.0)
PATIENCE = 12.0  # s
OTHER = """
import sys, link
peer = link.Link(120.0)
peer.enabled = True
for line in sys.stdin:
    state, now = peer.captureAppSessionState(), peer.clock().micros()
    if line.strip() == "leave":
        peer.enabled = False
    elif line.strip() != "tell":
        state.setTempo(float(line), now)
        peer.commitAppSessionState(state)
    print(peer.numPeers(), state.tempo(), now, state.phaseAtTime(now, 1.0), flush=True)
"""


class Deaf:
    """A `Tempo` that hears nothing."""

    def step(self, log_mel, heard, gate, ahead):
        return Beat()


def until(true):
    """Whether it became true in time."""
    end = time.monotonic() + PATIENCE
    while not true():
        if time.monotonic() > end:
            return False
        time.sleep(0.02)
    return True


def main():
    """0 or 77; an assertion otherwise."""
    import link

    clock, host = WallClock(), link.Link(120.0).clock()
    with (
        subprocess.Popen([sys.executable, "-c", OTHER], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as p,
        LinkTempo(Deaf(), clock) as ours,
    ):

        def other(say="tell"):
            p.stdin.write(say + "\n")
            p.stdin.flush()
            peers, tempo, at, phase = p.stdout.readline().split()
            return int(peers), float(tempo), int(at), float(phase)

        def now():
            return ours.step(SILENCE, clock.now(), True, 0.0)

        try:
            if not until(lambda: ours.peers == 1 and other()[0] == 1):
                sys.stdout.write("no peer was found in this network\n")
                return 77
            other("133")
            assert until(lambda: abs(now().bpm - 133.0) < 0.01), now()
            assert now().confidence == 1.0
            errors = []
            for _ in range(50):
                _, _, at, phase = other()
                heard = clock.now() - (host.micros() - at) * 1e-6  # the same moment, on our clock
                mine = ours.step(SILENCE, heard, True, 0.0).phase
                errors.append(abs((mine - phase + 0.5) % 1.0 - 0.5))
            assert float(np.median(errors)) < 0.02, errors  # beats, of 0.45 s
            ahead = (ours.step(SILENCE, heard, True, 0.1).phase - ours.step(SILENCE, heard, True, 0.0).phase) % 1.0
            assert abs(ahead - 0.1 * 133.0 / 60.0) < 0.01, ahead
            other("leave")
            assert until(lambda: ours.peers == 0)
            assert now() == Beat(), "alone, the ear leads again"
        finally:
            p.stdin.close()
    return 0


if __name__ == "__main__":
    sys.exit(main())
