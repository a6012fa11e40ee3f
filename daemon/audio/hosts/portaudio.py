"""Sound inputs through PortAudio: ALSA, Core Audio, WASAPI, and JACK where it runs."""

import sys
import time
from typing import Any

from daemon.audio.devices import MOST_CHANNELS, Device, choose
from daemon.audio.hosts.tap import Tap
from daemon.errors import SourceError, SourceUnavailable

_ALIVE = 0.5  # s since the last callback within which closing is safe

_MISSING = {
    "linux": "PortAudio is not installed: install it with 'apt install libportaudio2' (Debian, Ubuntu), "
    "'dnf install portaudio' (Fedora) or 'pacman -S portaudio' (Arch)",
    "darwin": "PortAudio cannot be loaded: run 'brew install portaudio'",
    "win32": "PortAudio cannot be loaded: run 'pip install --force-reinstall sounddevice'",
}


class Microphone(Tap):
    """An open input whose callbacks only copy."""

    def __init__(self, sounddevice: Any, device: Device, sr: int) -> None:
        channels = min(device.channels, MOST_CHANNELS)
        super().__init__(device.name, _rate(sounddevice, device, channels, sr), channels)
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
        self._stream.start()

    def _on_sound(self, sound: Any, frames: int, _times: Any, _flags: Any) -> None:
        self.hear(bytes(sound), frames)

    def _on_end(self) -> None:
        self.end(f"the input '{self.device}' went away")

    def close(self) -> None:
        """Close politely while the server lives; after that nothing but the end of the process helps."""
        if time.perf_counter() - self.last < _ALIVE:
            self._stream.close()


def inputs() -> list[Device]:
    """Every input there is, as PortAudio sees them."""
    sounddevice = _library()
    try:
        return _inputs(sounddevice)
    except sounddevice.PortAudioError as e:
        raise SourceError(f"the sound system does not answer: {e}") from None


def listen(sr: int, name: str | None) -> Tap:
    """The input of that name, open."""
    sounddevice = _library()
    device = choose(inputs(), name)
    try:
        return Microphone(sounddevice, device, sr)
    except sounddevice.PortAudioError as e:
        raise SourceError(f"cannot open the input '{device.name}': {e}") from None


def _library() -> Any:
    try:
        import sounddevice
    except (ImportError, OSError):
        raise SourceUnavailable(_MISSING.get(sys.platform, _MISSING["linux"])) from None
    return sounddevice


def _inputs(sounddevice: Any) -> list[Device]:
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
