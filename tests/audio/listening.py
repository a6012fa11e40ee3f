"""What a test hears of a live source."""

import numpy as np

PATIENT = 20.0  # s of `stall`: a busy test machine is no broken device


def play(player):
    """Let a player on a real server play its file."""
    player.stdin.write(b"go\n")
    player.stdin.flush()


def drain(source, reads=2000):
    """Read on; twenty seconds of sound at most, if nothing happens."""
    for _ in range(reads):
        source.read(480)


def until(source, fine, reads=3000):
    """Read on until a block is as wanted; that block."""
    for _ in range(reads):
        block = source.read(480).samples
        if fine(block):
            return block
    raise AssertionError("never")


def hear(source, length):
    """[length, 2] from the first sample that is not zero; reads 20 s at most."""
    heard = np.zeros((0, 2), np.float32)
    for _ in range(2000):
        heard = np.concatenate([heard, source.read(480).samples.T])
        sounding = np.flatnonzero(heard.any(axis=1))
        heard = heard[sounding[0] :] if len(sounding) else heard[:0]
        if len(heard) >= length:
            return heard[:length]
    raise AssertionError("nothing was heard")
