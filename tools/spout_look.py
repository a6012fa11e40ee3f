"""What a receiver of Spout gets, judged: `python tools/spout_look.py [NAME] [--seconds N]`, on Windows.

Beside it, `latentd self-test --sink spout` or `latentd run --model card --sink spout` has to run. Says whether the test
card comes to the bit, which way up and in which colours, and how many pictures came. Not proof of what TouchDesigner
does with them, and never run with a picture: under Wine nothing can be received.
"""

import argparse
import sys
import time
from collections import Counter
from pathlib import Path

import numpy as np
import SpoutGL

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from daemon.flow import Order
from daemon.render.card import read

GL_RGBA = 0x1908


def look(name: str, seconds: float) -> str:
    """What came, in words."""
    receiver = SpoutGL.SpoutReceiver()
    receiver.createOpenGL()
    receiver.setReceiverName(name)
    into: bytearray | None = None
    shape, found, counts, worst = (0, 0), Counter[str](), set[int | None](), 0.0
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        came = receiver.receiveImage(into, GL_RGBA, False, 0)
        if receiver.isUpdated():  # another sender, or another size: what is given must fit
            shape = (receiver.getSenderHeight(), receiver.getSenderWidth())
            into = bytearray(shape[0] * shape[1] * 4)
        elif came and into is not None:
            reading = read(np.frombuffer(into, np.uint8).reshape(*shape, 4), Order.RGBA)
            found.update(reading.faults or ("fine",))
            worst = max(worst, np.nan_to_num(reading.error, nan=255.0))
            counts.add(reading.count)
        time.sleep(0.004)
    listed = ", ".join(receiver.getSenderList()) or "nobody"
    receiver.releaseReceiver()
    receiver.closeOpenGL()
    if not found:
        return f"no picture of {name} came; senders are: {listed}"
    said = "; ".join(f"{words}: {number} times" for words, number in found.most_common(8))
    return f"{shape[1]} x {shape[0]}, {len(counts)} different pictures, at most {worst:.2f} of 255 off: {said}"


def main() -> None:
    """Look, say, end."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition(":")[0])
    parser.add_argument("name", nargs="?", default="latentd")
    parser.add_argument("--seconds", type=float, default=10.0)
    args = parser.parse_args()
    print(look(args.name, args.seconds))


if __name__ == "__main__":
    main()
