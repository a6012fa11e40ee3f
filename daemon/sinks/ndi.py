"""NDI: pictures to TouchDesigner and others over the network, compressed by the NDI runtime on its own threads.

Written against cyndilib 0.1.3 with NDI 6.3.2. NDI® is a registered trademark of Vizrt NDI AB, https://ndi.video; the
runtime comes inside cyndilib's wheel, under the NDI SDK's own licence, and is no part of this project.
"""

import re
from contextlib import redirect_stdout
from fractions import Fraction
from io import StringIO
from threading import Lock
from typing import TYPE_CHECKING

from daemon.errors import SinkError, SinkUnavailable
from daemon.flow import FrameFormat, Memory, Order
from daemon.slots import Slot

if TYPE_CHECKING:
    from cyndilib.sender import Sender

_NAME = re.compile(r"[\w.,()+#=@&!' -]{1,64}")  # any alphabet; NDI blanks out " * / : < > ? \ | without a word
_BYTES = 180  # NDI takes 253 for "MACHINE (name)", and a machine's name may have 64
_FOURCC = {  # a fourth byte that says nothing costs nothing when it is called X
    (Order.BGRA, "opaque"): "BGRX",
    (Order.BGRA, "straight"): "BGRA",
    (Order.RGBA, "opaque"): "RGBX",
    (Order.RGBA, "straight"): "RGBA",
}
_opening = Lock()


class NdiSink:
    """One NDI source. Pictures are compressed and sent only while somebody is connected."""

    name = "ndi"
    repeats = True  # who connects is sent the next picture, not the last

    def __init__(self, source: str, fps: float) -> None:
        """`source`: what it is found as, behind the machine's name. `fps`: tells NDI how many bits a picture gets."""
        self._name, self._rate = source, rate(fps)
        self._sender: Sender | None = None
        self._about = source

    @property
    def about(self) -> str:
        """What it is found as, and which NDI sends it."""
        return self._about

    def accepts(self) -> tuple[tuple[Order, Memory], ...]:
        return ((Order.BGRA, Memory.HOST), (Order.RGBA, Memory.HOST))

    def open(self, format: FrameFormat) -> None:  # noqa: A002
        name = self._name
        if not _NAME.fullmatch(name) or name != name.strip() or len(name.encode()) > _BYTES:
            raise SinkUnavailable(
                f"{name[:40]!r} cannot be an NDI name; use 1 to 64 letters, digits, spaces or . , _ - ( ) + # = @ & ! '"
            )
        try:
            sender, version = _sender(name, format, self._rate)
        except ModuleNotFoundError:
            raise SinkUnavailable("NDI needs the package cyndilib: pip install 'latentd[ndi]'") from None
        except ImportError as e:
            raise SinkUnavailable(f"cyndilib does not load ({e}); pip install 'latentd[ndi]' again") from None
        try:
            with _opening, redirect_stdout(StringIO()):  # cyndilib prints the exception that it raises
                sender.open()
        except MemoryError:  # whatever the cause
            raise SinkError(
                f"NDI made no source named {name}: this machine has one of that name (close it, or take another with "
                "ndi:NAME), or its processor is too old for NDI"
            ) from None
        self._sender, self._about = sender, f"{sender.name}, NDI {version.split()[-1]}, see ndi.video"

    def publish(self, slot: Slot) -> bool:
        sender = self._sender
        if sender is None:
            raise SinkError("NDI is not open")
        if sender.get_num_connections(0) == 0:
            return True  # NDI would compress it all the same, and throw it away
        # it is copied before this returns; the rest, after the picture before is done, is on NDI's own threads
        if not sender.write_video_async(slot.pixels.reshape(-1)):
            raise SinkError("NDI did not take the picture; opening it again")
        return True

    def close(self) -> None:
        sender, self._sender = self._sender, None
        if sender is not None:
            sender.close()

    def receivers(self) -> int | None:
        return None if self._sender is None else self._sender.get_num_connections(0)


def rate(fps: float) -> Fraction:
    """Pictures a second as broadcasters write them: 29.97 is 30000/1001."""
    ntsc = Fraction(round(fps * 1.001) * 1000, 1001)
    if round(fps * 1.001) and abs(ntsc - Fraction(fps)) < Fraction(5, 1000) and fps != round(fps):
        return ntsc
    return Fraction(fps).limit_denominator(1000)


def _sender(name: str, form: FrameFormat, pace: Fraction) -> "tuple[Sender, str]":
    """A source that is not open yet, and what the NDI runtime says of itself."""
    from cyndilib.audio_frame import AudioSendFrame
    from cyndilib.sender import Sender
    from cyndilib.video_frame import VideoSendFrame
    from cyndilib.wrapper.ndi_structs import FourCC, get_ndi_version

    video = VideoSendFrame()
    video.set_resolution(form.width, form.height)
    video.set_fourcc(FourCC[_FOURCC[form.order, form.alpha]])
    video.set_frame_rate(pace)
    sender = Sender(name, clock_video=False, clock_audio=False)  # clocked, it would pace us by waiting
    sender.set_video_frame(video)
    # never sent, but without it a name that is taken crashes the process: cyndilib tidies up through a null pointer
    sender.set_audio_frame(AudioSendFrame())
    return sender, get_ndi_version()
