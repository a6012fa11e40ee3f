"""One end of an NDI connection in a process of its own, told what to do line by line: `sender` or `receiver`.

A process of its own because NDI reads where to look for whom when it is first used, and to be killed in the midst.
"""

import json
import sys

import numpy as np

from daemon.errors import SinkError
from daemon.flow import FrameFormat, Order
from daemon.render.card import draw, read
from daemon.slots import SlotRing


def ramp(width):
    """An alpha that goes from 0 to 255 from left to right, [W]."""
    return np.linspace(0, 255, width).astype(np.uint8)


class Sending:
    def __init__(self, name, fps):
        from daemon.sinks.ndi import NdiSink

        self._sink, self._slot = NdiSink(name, float(fps)), None

    def open(self, width, height, order, alpha):
        form = FrameFormat(width, height, Order(order), alpha=alpha)
        self._slot = SlotRing(1, form).acquire()
        try:
            self._sink.open(form)
        except SinkError as e:
            return f"{type(e).__name__}: {e}"
        return self._sink.about

    def publish(self, count):
        form, slot = self._slot.format, self._slot
        slot.index = count
        slot.pixels[:] = draw(form.width, form.height, count, form.order)
        if form.alpha == "straight":
            slot.pixels[..., 3] = ramp(form.width)
        self._sink.publish(slot)
        slot.pixels[:] = 0  # it may be written again at once
        return self._sink.receivers()

    def again(self, count):
        """The same name once more in this process."""
        return Sending(self._sink._name, 30).open(64, 64, "BGRA", "opaque")

    def close(self):
        self._sink.close()
        self._sink.close()
        return self._sink.receivers()


class Receiving:
    def __init__(self, name):
        from cyndilib.finder import Finder
        from cyndilib.receiver import Receiver
        from cyndilib.video_frame import VideoFrameSync
        from cyndilib.wrapper.ndi_recv import RecvBandwidth, RecvColorFormat

        self._name, self._finder = name, Finder()
        self._finder.open()
        self._receiver = Receiver(color_format=RecvColorFormat.BGRX_BGRA, bandwidth=RecvBandwidth.highest)
        self._video = VideoFrameSync()
        self._receiver.frame_sync.set_video_frame(self._video)
        self._connected = False

    def newest(self):
        """What the newest picture shows; {} before there is one, None before anybody sends under the name."""
        if not self._connected:
            self._finder.wait_for_sources(0.05)
            self._finder.update_sources()
            for name in self._finder.get_source_names():
                if name.endswith(f"({self._name})"):
                    self._receiver.set_source(self._finder.get_source(name))
                    self._connected = True
            return None
        self._receiver.frame_sync.capture_video()
        width, height = self._video.get_resolution()
        if not width or not height:
            return {}
        rows = self._video.get_array().reshape(height, self._video.get_line_stride())  # which are padded
        pixels = rows[:, : 4 * width].reshape(height, width, 4)
        reading, rate = read(pixels, Order.BGRA), self._video.get_frame_rate()
        return {
            "size": [width, height],
            "count": reading.count,
            "faults": reading.faults,
            "error": reading.error,
            "fourcc": self._video.get_fourcc().name,
            "rate": [rate.numerator, rate.denominator],
            "ramp": float(np.abs(pixels[..., 3].astype(int) - ramp(width)).mean()),
            "opaque": bool((pixels[..., 3] == 255).all()),
        }


def main(kind, *arguments):
    end = {"sender": Sending, "receiver": Receiving}[kind](*arguments)
    for line in sys.stdin:
        what, *values = json.loads(line)
        sys.stdout.write(json.dumps(getattr(end, what)(*values)) + "\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main(*sys.argv[1:])
