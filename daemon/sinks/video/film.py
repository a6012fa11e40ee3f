"""One film file that is being written, by PyAV: the only file that knows of it, imported when a film is opened."""

import errno
import logging
import os
from collections.abc import Iterator
from contextlib import contextmanager
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
from av.audio import AudioStream
from av.container import OutputContainer
from av.video import VideoStream
from av.video.reformatter import ColorRange, Colorspace, Interpolation

from daemon.flow import F32, U8, FrameFormat
from daemon.sinks.video.sound import LoopedSound

H264 = ("libx264", "libopenh264", "mpeg4")  # the first that is there; PyAV's wheels have libx264 on every system
_PLAIN = {"mp4": "aac", "mov": "aac", "matroska": "flac"}  # sound beside them
_RATES = (44_100, 48_000)  # Hz, that every encoder and player takes; others become the last
_BIT_RATE = 192_000  # of aac, bits/s
_SWS = Interpolation.BICUBIC | Interpolation.ACCURATE_RND | Interpolation.FULL_CHR_H_INP | Interpolation.BITEXACT
_BT709 = 1  # ITU-T H.273: primaries, transfer and matrix have the same number

logger = logging.getLogger(__name__)


class Film:
    """Pictures at whole frames, and sound from the beginning on. Raises OSError, with an errno, when it cannot go on.

    Colours: sRGB as it is, called BT.709, Y'CbCr in the limited range, 4:2:0; a picture of odd size has its last row or
    column twice. `.mov` with alpha is ProRes 4444. Live, each second is on the disk when it is over, and plays when the
    process is killed; offline, the same pictures and sound are the same bytes.
    """

    def __init__(
        self,
        path: Path,
        container: str,
        format: FrameFormat,  # noqa: A002 - the field's own word
        fps: Fraction,
        sound: LoopedSound | None,
        offline: bool,
    ) -> None:
        self._format = format
        self._tick = 1 / fps
        self._heard = 0  # samples
        prores = format.alpha != "opaque" and container == "mov"
        self._pixels = "yuva444p10le" if prores else "yuv420p"
        with _told():
            encoder = "prores_ks" if prores else next(name for name in H264 if _is_there(name))
            self._container = _opened(path, container, offline)
            try:
                self._video = self._add_pictures(encoder, fps, offline)
                self._audio = None if sound is None else self._add_sound(_PLAIN[container], sound)
                self._container.start_encoding()
            except BaseException:
                self.abandon()
                raise
        kind = "ProRes 4444" if prores else "mpeg4" if encoder == "mpeg4" else "h264"
        self.about = f"{kind} by {encoder}" + ("" if self._audio is None else f", {self._audio.codec_context.name}")

    def convert(self, pixels: U8) -> av.VideoFrame:
        """A picture [H, W, 4] as the encoder takes it, copied."""
        height, width = pixels.shape[:2]
        if height % 2 or width % 2:
            pixels = np.pad(pixels, ((0, height % 2), (0, width % 2), (0, 0)), mode="edge")
        frame = av.VideoFrame.from_numpy_buffer(pixels, format=self._format.order.lower())
        return frame.reformat(
            format=self._pixels,
            dst_colorspace=Colorspace.ITU709,
            src_color_range=ColorRange.JPEG,
            dst_color_range=ColorRange.MPEG,
            dst_color_primaries=_BT709,
            dst_color_trc=_BT709,
            interpolation=int(_SWS),
            threads=1,
        )

    def show(self, picture: av.VideoFrame, n: int) -> None:
        """Frame `n`; numbers only grow."""
        picture.pts, picture.time_base = n, self._tick
        with _told():
            self._container.mux(self._video.encode(picture))

    def play(self, samples: F32) -> None:
        """The sound that follows, [T, C]."""
        if self._audio is None or not len(samples):
            return
        layout = "mono" if samples.shape[1] == 1 else "stereo"
        frame = av.AudioFrame.from_ndarray(np.ascontiguousarray(samples).reshape(1, -1), format="flt", layout=layout)
        frame.sample_rate, frame.pts = self._sr, self._heard
        frame.time_base = Fraction(1, self._sr)
        self._heard += len(samples)
        with _told():
            self._container.mux(self._audio.encode(frame))

    def finish(self) -> None:
        """Write what is still on its way, and the end."""
        with _told():
            self._container.mux(self._video.encode(None))
            if self._audio is not None:
                self._container.mux(self._audio.encode(None))
            self._container.close()

    def abandon(self) -> None:
        """Let go of the file as it is."""
        try:
            self._container.close()
        except (av.FFmpegError, OSError) as e:
            logger.debug("the end of a film is missing: %s", e)

    def _add_pictures(self, encoder: str, fps: Fraction, offline: bool) -> VideoStream:
        form = self._format
        options: dict[str, str] = {}
        if encoder == "libx264":
            options = {"crf": "18", "preset": "medium"}
            if not offline:
                options |= {"preset": "veryfast", "bf": "0"}  # no B-frames: no picture waits for a later one
        elif encoder == "prores_ks":
            options = {"profile": "4444", "vendor": "apl0"}
        stream = self._container.add_stream(encoder, rate=fps, options=options)
        assert isinstance(stream, VideoStream)
        stream.width, stream.height = form.width + form.width % 2, form.height + form.height % 2
        stream.pix_fmt = self._pixels
        stream.time_base = self._tick
        context = stream.codec_context
        context.time_base = self._tick
        context.color_range, context.colorspace = ColorRange.MPEG, _BT709
        context.color_primaries = context.color_trc = _BT709
        context.gop_size = max(round(fps * (4 if offline else 1)), 1)
        context.thread_count, context.thread_type = (4, "FRAME") if offline else (2, "SLICE")
        if encoder not in ("libx264", "prores_ks"):
            context.bit_rate = min(max(round(form.width * form.height * fps / 4), 1_000_000), 50_000_000)
            logger.warning("video: %s encodes, for libx264 is not in this PyAV; the wheel of PyPI has it", encoder)
        return stream

    def _add_sound(self, encoder: str, sound: LoopedSound) -> AudioStream:
        self._sr = sound.sr
        rate = sound.sr if sound.sr in _RATES else _RATES[-1]
        stream = self._container.add_stream(encoder, rate=rate, layout="mono" if sound.channels == 1 else "stereo")
        assert isinstance(stream, AudioStream)
        if encoder == "aac":
            stream.codec_context.bit_rate = _BIT_RATE
        else:
            stream.codec_context.format = "s32" if sound.fine else "s16"
        return stream


def _opened(path: Path, container: str, offline: bool) -> OutputContainer:
    """Live: a fragment a second on the disk, a plain film at the end. Offline: a plain one, with no date in it."""
    flags = "+faststart" if offline else "+hybrid_fragmented+delay_moov"  # the latter: sound begins where it should
    options = {} if container == "matroska" else {"movflags": flags}
    options |= {"fflags": "+bitexact"} if offline else {"flush_packets": "1"}
    if not offline and container != "matroska":
        options["frag_duration"] = "1000000"
    return av.open(str(path), "w", format=container, options=options)


def _is_there(encoder: str) -> bool:
    try:
        av.Codec(encoder, "w")
    except ValueError:  # av.codec.codec.UnknownCodecError
        return False
    return True


@contextmanager
def _told() -> Iterator[None]:
    """FFmpeg's errors as the system's, which have a number."""
    try:
        yield
    except av.FFmpegError as e:
        number = e.errno or errno.EIO
        why = os.strerror(number) if number in errno.errorcode else f"{e.strerror or e}"
        raise OSError(number, why) from None
