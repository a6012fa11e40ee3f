"""What this machine plays, through SoundCard: WASAPI loopback on Windows, the monitors of PulseAudio and PipeWire.

SoundCard lives on the main thread alone, since COM does. Where nothing plays WASAPI gives nothing at all, and SoundCard
from 0.4.3 makes the silence that is missing: a quiet machine is silent here, never lost.
"""

import sys
import time
import warnings
from threading import Event
from typing import Any

import numpy as np

from daemon.audio.devices import Device, choose
from daemon.audio.hosts.tap import Tap
from daemon.errors import SourceError, SourceUnavailable

API = "loopback"
CHANNELS = 2  # asked of every output: the sound system mixes

_CHECK = 0.5  # s between two looks at which outputs there are, and which is the default one
_FAULTS = (RuntimeError, OSError, AssertionError, TypeError, ValueError, IndexError)  # SoundCard's, of a server gone
_MAC = (
    "macOS lets nobody hear what it plays: install BlackHole (brew install blackhole-2ch), make it part of a "
    "multi-output device in Audio MIDI Setup, and use --source 'device:BlackHole 2ch'"
)


class LoopbackTap(Tap):
    """The sound of one output, or of whichever is the default one."""

    def __init__(self, soundcard: Any, name: str | None, sr: int) -> None:
        speakers = soundcard.all_speakers()
        chosen = choose(_devices(soundcard, speakers), name, "output")
        super().__init__(chosen.name, sr, CHANNELS)
        self._soundcard, self._speaker, self._default = soundcard, speakers[chosen.index], name is None
        microphone = _monitor(soundcard, self._speaker)
        self._recorder = microphone.recorder(samplerate=sr, channels=CHANNELS, blocksize=blocksize(sys.platform, sr))
        self._open = self._recorder.__enter__()

    def run(self, leave: Event) -> None:
        checked = time.perf_counter()
        with warnings.catch_warnings(record=True) as said:
            warnings.simplefilter("always")
            while not leave.is_set():
                try:
                    frames = np.ascontiguousarray(self._open.record(numframes=None), np.float32)
                    if time.perf_counter() - checked > _CHECK:
                        checked = time.perf_counter()
                        self._check()
                except _FAULTS as e:
                    raise SourceError(f"the output '{self.device}' is gone ({_plain(e)})") from None
                if len(frames):
                    self.hear(frames.tobytes(), len(frames), lost=int(_discontinuity(said)))
                said.clear()

    def close(self) -> None:
        self._recorder.__exit__(None, None, None)

    def _check(self) -> None:
        """PulseAudio moves us elsewhere when an output goes, to a microphone if need be, and says nothing."""
        if all(speaker.id != self._speaker.id for speaker in self._soundcard.all_speakers()):
            raise SourceError(f"the output '{self.device}' is gone")
        if not self._default:
            return
        speaker = self._soundcard.default_speaker()
        if speaker.id != self._speaker.id:
            raise SourceError(f"this machine plays on '{speaker.name}' now, no longer on '{self.device}'")


def inputs() -> list[Device]:
    """Every output that can be listened to, under its own name."""
    soundcard = _library()
    try:
        return _devices(soundcard, soundcard.all_speakers())
    except _FAULTS as e:
        raise SourceError(f"the sound system does not answer: {_plain(e)}") from None


def listen(sr: int, name: str | None) -> Tap:
    """The sound of the output of that name, or of the default one."""
    soundcard = _library()
    try:
        return LoopbackTap(soundcard, name, sr)
    except _FAULTS as e:
        raise SourceError(f"cannot listen to the output '{name or 'that is the default'}': {_plain(e)}") from None


def blocksize(platform: str, sr: int) -> int:
    """What SoundCard is to be asked for, frames: on Windows the size of a buffer, elsewhere of a delivery."""
    return sr // 5 if platform == "win32" else sr // 100


def refused(platform: str) -> str:
    """Why this cannot work on a platform; "" where it can."""
    return _MAC if platform == "darwin" else ""


def _library() -> Any:
    if why := refused(sys.platform):
        raise SourceUnavailable(why)
    try:
        import soundcard
    except ImportError:
        raise SourceUnavailable("the source loopback needs SoundCard: pip install SoundCard") from None
    except OSError:
        raise SourceUnavailable(
            "libpulse is not installed: install it with 'apt install libpulse0' (Debian, Ubuntu), "
            "'dnf install pulseaudio-libs' (Fedora) or 'pacman -S libpulse' (Arch)"
        ) from None
    except AssertionError:  # it connects when it is imported
        raise SourceError("no PulseAudio or PipeWire server answers: start one, as the user who runs latentd") from None
    return soundcard


def _devices(soundcard: Any, speakers: list[Any]) -> list[Device]:
    try:
        default = soundcard.default_speaker().id
    except _FAULTS:
        default = None
    return [Device(i, s.name, API, CHANNELS, 0.0, s.id == default) for i, s in enumerate(speakers)]


def _monitor(soundcard: Any, speaker: Any) -> Any:
    """The input that hears an output: it has its id on Windows, and is called its monitor elsewhere."""
    for microphone in soundcard.all_microphones(include_loopback=True):
        if microphone.id in (speaker.id, f"{speaker.id}.monitor"):
            return microphone
    raise SourceUnavailable(f"the output '{speaker.name}' has no monitor to listen to: choose another")


def _discontinuity(said: list[warnings.WarningMessage]) -> bool:
    """Whether sound was lost before what was just recorded; how much is not told."""
    return any("discontinuity" in str(warning.message) for warning in said)


def _plain(error: Exception) -> str:
    return " ".join(str(error).split())[:200] or type(error).__name__
