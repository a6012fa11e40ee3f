"""Pictures that say which they are, sounds whose every moment is like no other, and films read back by PyAV."""

from dataclasses import dataclass
from fractions import Fraction

import av
import numpy as np
import soundfile

from daemon.flow import FrameFormat
from daemon.slots import SlotRing

SIDE = 64
FORMAT = FrameFormat(SIDE, SIDE)
BITS = 2 ** np.arange(16).reshape(4, 4)


class Projector:
    """Hands numbered pictures to a sink, each a 4 x 4 board of the bits of its number."""

    def __init__(self, sink, format=FORMAT):
        self.sink, self.format, self._slot = sink, format, SlotRing(1, format).acquire()

    def show(self, number, when=0.0, began=None):
        h, w = self.format.height, self.format.width
        rows, columns = np.arange(h) * 4 // h, np.arange(w) * 4 // w
        slot = self._slot
        slot.pixels[..., :3] = (((number & BITS) > 0) * 255)[rows][:, columns, None]
        slot.pixels[..., 3] = 255
        slot.index, slot.rendered, slot.began, slot.heard = number, when, began, None if began is None else when
        return self.sink.publish(slot)


@dataclass
class Seen:
    """A film, read back."""

    numbers: list[int]  # that its pictures say
    times: list[Fraction]  # s, when each is shown
    sound: np.ndarray | None  # [T, C]
    sound_at: float  # s, of its first sample
    sr: int
    rate: Fraction
    video: str
    audio: str
    seconds: float | None

    def place(self, sound, at, length=8192):
        """s: where in `sound` [T, C] what is heard `at` s is, to the sample."""
        first = round((at - self.sound_at) * self.sr)
        part = self.sound[first : first + length, 0]
        size = 2 ** int(np.ceil(np.log2(len(sound) + length)))
        match = np.fft.irfft(np.fft.rfft(sound[:, 0], size) * np.conj(np.fft.rfft(part, size)))
        return int(match[: len(sound)].argmax()) / self.sr


def number_of(frame):
    """What the board says."""
    board = frame.to_ndarray(format="gray").astype(float)
    h, w = (n // 4 for n in board.shape)
    means = board[: 4 * h, : 4 * w].reshape(4, h, 4, w).mean(axis=(1, 3))
    assert (abs(means - 127) > 60).all(), "a picture that is blurred or torn"
    return int(BITS[means > 127].sum())


def read(path, number_of=number_of):
    """What is in a film, whose pictures say their numbers to `number_of`."""
    with av.open(str(path)) as film:
        (video,) = film.streams.video
        names, rate = (video.codec_context.name, ""), video.average_rate
        seconds = None if film.duration is None else film.duration / av.time_base
        numbers, times = [], []
        for frame in film.decode(video):
            numbers.append(number_of(frame))
            times.append(frame.pts * frame.time_base)
    with av.open(str(path)) as film:
        if not film.streams.audio:
            return Seen(numbers, times, None, 0.0, 0, rate, *names, seconds)
        (audio,) = film.streams.audio
        frames = list(film.decode(audio))
        parts = [frame.to_ndarray() for frame in frames]
        if frames[0].format.is_packed:
            parts = [part.reshape(-1, audio.channels).T for part in parts]
        sound = np.concatenate(parts, axis=1).T
        if sound.dtype != np.float32:
            sound = sound / -np.iinfo(sound.dtype).min
        at = float(frames[0].pts * frames[0].time_base)
        return Seen(numbers, times, sound, at, audio.rate, rate, names[0], audio.codec_context.name, seconds)


def tune(path, seconds, sr=48_000, channels=2):
    """A sound file, and its samples [T, C]: tones that rise, so that no moment is like another and codecs keep them."""
    t = np.arange(round(seconds * sr)) / sr
    x = np.stack([0.3 * np.sin(2 * np.pi * (220 * (1 + side / 7) + 90 * t) * t) for side in range(channels)], axis=1)
    soundfile.write(path, x, sr, "PCM_16")
    return soundfile.read(path, dtype="float32", always_2d=True)[0]
