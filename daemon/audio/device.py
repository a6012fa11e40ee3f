"""Live sound from an input of this machine."""

import json
import logging
from contextlib import ExitStack
from threading import Event, Thread, Timer

import numpy as np

from daemon.audio.child import Child
from daemon.audio.convert import Converter
from daemon.audio.devices import Device, HostName
from daemon.audio.ring import Ring
from daemon.audio.wire import Kind, Message
from daemon.clock import Clock
from daemon.errors import SourceError, SourceUnavailable
from daemon.flow import Block

logger = logging.getLogger(__name__)

OPENING = 10.0  # s a sound system may take to open an input
FIRST = 5.0  # s until the first sound: PulseAudio takes two
STALL = 0.5  # s without sound, or ten of the device's own blocks, after which it is lost
HELD = 2.0  # s of sound kept for a late reader

_SLICE = 0.25  # s: how long a wait may go without looking at its stop event


class DeviceSource:
    """A sound input by name, or the default one, captured in a process of its own.

    Args:
        name: the input; None for the default one. Never silently another.
        sr: analysis rate, Hz; an input that cannot give it is resampled.
        clock: must be the machine's (`WallClock`): the capture process stamps with the same counter.
        stop: once set, `read` returns None.
        stall: s without sound after which it counts as lost.
        host: the sound system that has it.

    Raises:
        SourceUnavailable: no such input, or no such sound system; the text lists what is there or says what to install.
        SourceError: it cannot be opened now.
    """

    def __init__(
        self,
        name: str | None,
        sr: int,
        clock: Clock,
        stop: Event | None = None,
        stall: float = STALL,
        host: HostName = "portaudio",
    ) -> None:
        self._sr, self._clock, self._stop, self._stall = sr, clock, stop or Event(), stall
        self._name = name
        self._ring: Ring | None = None
        self._error: SourceError | None = None
        self._settled = Event()  # opened or failed
        self._block = 0.0  # s, the length of the device's own blocks
        self._child = Child(host, "listen", str(sr), *([] if name is None else [name]))
        self._reader = Thread(target=self._receive, name="capture", daemon=True)
        self._reader.start()
        with ExitStack() as opening:
            opening.callback(self.close)
            self._sound = self._wait_opened()
            opening.pop_all()

    @property
    def sr(self) -> int:
        return self._sr

    @property
    def device(self) -> str | None:
        return self._name

    @property
    def overruns(self) -> int:
        return self._sound.overruns

    def read(self, n: int) -> Block | None:
        """Wait for `n` samples; `SourceError` once the device has been quiet for too long or is gone."""
        while not self._stop.is_set():
            block = self._sound.read(n, _SLICE)
            if block is not None:
                return block
            newest = self._sound.newest
            age = self._clock.now() - (self._opened if newest is None else newest)
            if age > (FIRST if newest is None else max(self._stall, 10 * self._block)):
                raise SourceError(
                    f"no sound has come from '{self._name}' for {age:.1f} s: its device or sound server has stopped"
                )
        return None

    def close(self) -> None:
        self._child.close(self._reader)

    def _wait_opened(self) -> Ring:
        self._opened = self._clock.now()
        while not self._settled.wait(_SLICE):
            if self._stop.is_set():
                raise SourceError("stopped while opening the sound input")
            if self._clock.now() - self._opened > OPENING:
                raise SourceError(f"the sound system has not answered for {OPENING:.0f} s: restart its server")
        self._opened = self._clock.now()
        if self._ring is None:
            raise self._error or SourceError("the sound input cannot be opened")
        return self._ring

    def _receive(self) -> None:
        """The reader thread: the child's messages into the ring."""
        converter, channels, expected = Converter(self._sr, 1, self._sr), 1, 0
        ring: Ring | None = None
        for message in self._child.messages():
            if message.kind is Kind.OPENED:
                found = json.loads(message.payload)
                channels, rate = int(found["channels"]), int(found["rate"])
                converter = Converter(rate, channels, self._sr)
                ring = Ring(converter.channels, int(HELD * self._sr), self._sr)
                self._name, self._ring = str(found["device"]), ring
                self._settled.set()
            elif message.kind is Kind.SOUND and ring is not None:
                frames = np.frombuffer(message.payload, "<f4").reshape(-1, channels)
                lost = round((message.index - expected) * self._sr / rate)
                expected = message.index + len(frames)
                self._block = len(frames) / rate
                ring.write(converter.convert(frames), message.stamp - converter.delay, lost)
            elif message.kind is Kind.NOTE:
                logger.warning("%s", message.payload.decode(errors="replace"))
            else:
                self._fail(_error(message))
        self._fail(
            SourceError(
                f"the process that listens to '{self._name or 'the default input'}' ended ({self._child.epitaph()})"
            )
        )

    def _fail(self, error: SourceError) -> None:
        self._error = self._error or error
        if self._ring is not None:
            self._ring.fail(self._error)
        self._settled.set()


def devices(timeout: float = OPENING, host: HostName = "portaudio") -> tuple[Device, ...]:
    """Every sound input of a sound system, looked for in a process of its own.

    Raises `SourceUnavailable` without its library, `SourceError` when it hangs for `timeout` seconds or is not there.
    """
    child, late = Child(host, "list"), Event()

    def give_up() -> None:
        late.set()
        child.kill()

    patience = Timer(timeout, give_up)
    patience.start()
    try:
        for message in child.messages():
            if message.kind is Kind.DEVICES:
                return tuple(Device(**found) for found in json.loads(message.payload))
            raise _error(message)
        if late.is_set():
            raise SourceError(f"the sound system has not answered for {timeout:g} s: restart its server")
        raise SourceError(f"the search for sound inputs ended early ({child.epitaph()}): restart the sound server")
    finally:
        patience.cancel()
        child.close()


def _error(message: Message) -> SourceError:
    text = message.payload.decode(errors="replace")
    return SourceUnavailable(text) if message.kind is Kind.NEVER else SourceError(text)
