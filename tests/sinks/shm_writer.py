"""A writer in a process of its own: `NAME WIDTH HEIGHT HOW`, HOW is `fast` or the index of the frame it dies in."""

import os
import signal
import sys

import numpy as np

from daemon.clock import WallClock
from daemon.flow import FrameFormat
from daemon.sinks.shm import ShmSink
from daemon.slots import SlotRing


def die(to, pixels):
    half = len(to) // 2
    np.copyto(to[:half], pixels[:half])
    os.kill(os.getpid(), signal.SIGKILL)


def main(name, width, height, how):
    form = FrameFormat(int(width), int(height))
    sink, slot, clock = ShmSink(name), SlotRing(1, form).acquire(), WallClock()
    sink.open(form)
    words = slot.pixels.view("<u4")[..., 0]  # every pixel carries the index
    for slot.index in range(1_000_000_000):
        words[:] = slot.index
        slot.rendered = clock.now()
        if how == str(slot.index):
            sink._copy = die
        sink.publish(slot)
        if slot.index == 0:
            sys.stdout.write("writing\n")
            sys.stdout.flush()


if __name__ == "__main__":
    main(*sys.argv[1:])
