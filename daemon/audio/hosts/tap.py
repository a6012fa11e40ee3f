"""What the capture process hears with, whatever the sound system."""

import time
from collections import deque
from threading import Event
from typing import BinaryIO

from daemon.audio.wire import Kind, Message, say

_BACKLOG = 256  # callbacks held for a reader that is late; the oldest go first
_LOOK = 0.05  # s between two looks at whether it is over


class Tap:
    """An open input. What arrives on the sound system's own thread is only copied; another thread says it.

    A sound system adds its way to hear, and overrides `run` and `close` where it has something to do.
    """

    def __init__(self, device: str, rate: int, channels: int) -> None:
        self.device, self.rate, self.channels = device, rate, channels
        self.ended = ""  # why no more will come
        self.last = time.perf_counter()  # s, when sound last came
        self._woken = Event()
        self._heard = deque[Message](maxlen=_BACKLOG)
        self._frames = 0

    def hear(self, sound: bytes, frames: int, lost: int = 0) -> None:
        """Take what has just arrived, after `lost` frames that never came."""
        self.last = time.perf_counter()
        self._frames += lost
        self._heard.append(Message(Kind.SOUND, sound, self.last, self._frames))
        self._frames += frames
        self._woken.set()

    def note(self, text: str) -> None:
        """Have something told to whoever runs the daemon."""
        self._heard.append(Message(Kind.NOTE, text.encode()))
        self._woken.set()

    def end(self, why: str) -> None:
        """No more will come; the first reason stays."""
        self.ended = self.ended or why

    def run(self, leave: Event) -> None:
        """Stay until told to leave, or until it has ended; on the main thread. May raise `SourceError`."""
        while not leave.is_set() and not self.ended:
            time.sleep(_LOOK)

    def close(self) -> None:
        """Close politely; not asked for once it has ended."""

    def tell(self, pipe: BinaryIO, done: Event) -> None:
        """Say everything heard until `done`, on a thread of its own."""
        while not done.is_set():
            self._woken.wait(_LOOK)
            self._woken.clear()
            self._say(pipe)
        self._say(pipe)

    def packed(self, sound: bytes) -> bytes:
        """What was heard, interleaved."""
        return sound

    def _say(self, pipe: BinaryIO) -> None:
        while self._heard:
            message = self._heard.popleft()
            if message.kind is Kind.SOUND:
                message = Message(Kind.SOUND, self.packed(message.payload), message.stamp, message.index)
            say(pipe, message)
