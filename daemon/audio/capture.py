"""The process that listens to a sound input: the only place where PortAudio is loaded.

A sound server that dies takes PortAudio with it: calls hang for ever or abort the process (pa_jack.c). So this runs
as a child, `python -m daemon.audio.capture list` or `... listen RATE [NAME]`, says what it hears on its standard
output (wire.py), never tries to recover, and ends when its standard input does.
"""

import json
import os
import signal
import sys
import time
from collections import deque
from dataclasses import asdict
from threading import Event, Thread
from typing import Any, BinaryIO

from daemon.audio.devices import MOST_CHANNELS, Device, choose
from daemon.audio.wire import Kind, Message, say
from daemon.errors import SourceUnavailable

GRACE = 0.3  # s to close an input politely
_BACKLOG = 256  # callbacks held for a reader that is late; the oldest go first
_ALIVE = 0.5  # s since the last callback within which closing is safe

_MISSING = {
    "linux": "PortAudio is not installed: install it with 'apt install libportaudio2' (Debian, Ubuntu), "
    "'dnf install portaudio' (Fedora) or 'pacman -S portaudio' (Arch)",
    "darwin": "PortAudio cannot be loaded: run 'brew install portaudio'",
    "win32": "PortAudio cannot be loaded: run 'pip install --force-reinstall sounddevice'",
}


class Microphone:
    """An open input whose callbacks only copy."""

    def __init__(self, sounddevice: Any, device: Device, sr: int) -> None:
        self.channels = min(device.channels, MOST_CHANNELS)
        self.rate = _rate(sounddevice, device, self.channels, sr)
        self.woken, self.ended = Event(), False
        self._heard = deque[tuple[float, int, bytes]](maxlen=_BACKLOG)
        self._frames = 0
        self._last = time.perf_counter()
        self._stream = sounddevice.RawInputStream(
            device=device.index,
            samplerate=self.rate,
            channels=self.channels,
            dtype="float32",
            blocksize=0,  # the host's own
            latency="low",
            callback=self._on_sound,
            finished_callback=self._on_end,
        )

    def start(self) -> None:
        self._stream.start()

    def _on_sound(self, sound: Any, frames: int, _times: Any, _flags: Any) -> None:
        self._last = time.perf_counter()
        self._heard.append((self._last, self._frames, bytes(sound)))
        self._frames += frames
        self.woken.set()

    def _on_end(self) -> None:
        self.ended = True
        self.woken.set()

    def tell(self, pipe: BinaryIO) -> None:
        """Say everything heard since the last time."""
        while self._heard:
            stamp, index, sound = self._heard.popleft()
            say(pipe, Message(Kind.SOUND, sound, stamp, index))

    def close(self) -> None:
        """Close politely while the server lives; after that nothing but the end of the process helps."""
        if time.perf_counter() - self._last < _ALIVE:
            self._stream.close()


def inputs(sounddevice: Any) -> list[Device]:
    """Every input there is, as PortAudio sees them."""
    apis = [api["name"] for api in sounddevice.query_hostapis()]
    try:
        default = sounddevice.query_devices(kind="input")["index"]
    except sounddevice.PortAudioError:
        default = None
    return [
        Device(
            d["index"],
            d["name"],
            apis[d["hostapi"]],
            d["max_input_channels"],
            d["default_samplerate"],
            d["index"] == default,
        )
        for d in sounddevice.query_devices()
        if d["max_input_channels"] > 0
    ]


def _rate(sounddevice: Any, device: Device, channels: int, sr: int) -> int:
    """The analysis rate where the input can give it, else its own."""
    try:
        sounddevice.check_input_settings(device=device.index, channels=channels, dtype="float32", samplerate=sr)
    except sounddevice.PortAudioError:
        return int(device.rate)
    return sr


def _listen(sounddevice: Any, pipe: BinaryIO, sr: int, name: str | None, leave: Event) -> None:
    device = choose(inputs(sounddevice), name)
    try:
        microphone = Microphone(sounddevice, device, sr)
        microphone.start()
    except sounddevice.PortAudioError as e:
        say(pipe, Message(Kind.FAILED, f"cannot open the input '{device.name}': {e}".encode()))
        return
    opened = {"device": device.name, "rate": microphone.rate, "channels": microphone.channels}
    say(pipe, Message(Kind.OPENED, json.dumps(opened).encode()))
    while not leave.is_set() and not microphone.ended:
        if microphone.woken.wait(0.05):
            microphone.woken.clear()
            microphone.tell(pipe)
    microphone.tell(pipe)
    if microphone.ended:
        say(pipe, Message(Kind.FAILED, f"the input '{device.name}' went away".encode()))
    else:
        microphone.close()


def main(arguments: list[str]) -> None:
    """Run one command; errors are said on the pipe."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is the parent's to handle
    pipe = _own_output()
    leave = Event()
    Thread(target=_leave_with_parent, args=(leave,), daemon=True).start()
    try:
        import sounddevice
    except (ImportError, OSError):
        say(pipe, Message(Kind.NEVER, _MISSING.get(sys.platform, _MISSING["linux"]).encode()))
        return
    try:
        match arguments:
            case ["list"]:
                say(pipe, Message(Kind.DEVICES, json.dumps([asdict(d) for d in inputs(sounddevice)]).encode()))
            case ["listen", sr, *name]:
                _listen(sounddevice, pipe, int(sr), name[0] if name else None, leave)
    except SourceUnavailable as e:
        say(pipe, Message(Kind.NEVER, str(e).encode()))
    except sounddevice.PortAudioError as e:
        say(pipe, Message(Kind.FAILED, f"the sound system does not answer: {e}".encode()))
    except BrokenPipeError:
        os._exit(0)  # nobody listens any more


def _own_output() -> BinaryIO:
    """Standard output for us alone: sound libraries that print get standard error instead."""
    mine = os.dup(1)
    os.dup2(2, 1)
    if sys.platform == "win32":
        import msvcrt

        msvcrt.setmode(mine, os.O_BINARY)
    return open(mine, "wb")  # noqa: PTH123 - a descriptor, open as long as the process


def _leave_with_parent(leave: Event) -> None:
    """End when the parent lets go of our standard input, or dies: politely if that works, at once if not."""
    while os.read(0, 1):
        pass
    leave.set()
    time.sleep(GRACE)
    os._exit(0)


if __name__ == "__main__":
    main(sys.argv[1:])
