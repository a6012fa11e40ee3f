"""Sound files, decoded as they are needed."""

from pathlib import Path

import numpy as np
import soundfile

from daemon.audio.convert import Converter
from daemon.errors import SourceError, SourceUnavailable
from daemon.flow import F32, Block

CHUNK = 4096  # frames decoded at a time
RATES = range(1_000, 768_001)  # Hz
CHANNELS = range(1, 65)

_ESTIMATED = ("MP3",)  # formats whose header only guesses their length
_FAULTS = (soundfile.SoundFileError, RuntimeError, ValueError)


class FileSource:
    """A wav, flac, ogg or mp3 file as fast as it is asked for; see `Paced` for real time.

    Args:
        path: the file; `~` is the home folder.
        sr: analysis rate, Hz; other rates are resampled.
        loop: begin again at the end, without a seam.

    Raises:
        SourceUnavailable: the file cannot be played; the text names it and says why.
    """

    device: str | None = None
    overruns = 0

    def __init__(self, path: Path | str, sr: int = 48_000, loop: bool = True) -> None:
        self._path, self._sr, self._loop = _at_home(Path(path)), sr, loop
        self._file = _open(self._path)
        self._converter = Converter(self._file.samplerate, self._file.channels, sr)
        self._ready: F32 = np.zeros((self._converter.channels, 0), np.float32)
        self._at = 0  # samples given out
        self._round = 0  # frames decoded since the file last began
        self._ended = False

    @property
    def sr(self) -> int:
        return self._sr

    def read(self, n: int) -> Block | None:
        """The next `n` samples; `heard` is when an unpaced clock from 0 would hear their end.

        Raises `SourceError` when the file breaks off or cannot be decoded any further.
        """
        ready = [self._ready]
        have = self._ready.shape[1]
        while have < n and not self._ended:
            ready.append(self._decode())
            have += ready[-1].shape[1]
        samples = np.concatenate(ready, axis=1)
        out, self._ready = samples[:, :n], samples[:, n:]
        if out.shape[1] == 0:
            return None
        block = Block(out, self._at, (self._at + out.shape[1]) / self._sr)
        self._at += out.shape[1]
        return block

    def close(self) -> None:
        self._file.close()

    def _decode(self) -> F32:
        """The next chunk at the analysis rate, [C, T]."""
        try:
            frames = self._file.read(CHUNK, dtype="float32", always_2d=True)
        except _FAULTS:
            raise self._broken_off() from None
        self._round += len(frames)
        if len(frames) < CHUNK:
            self._check_whole()
            self._ended = not self._loop
            if self._loop:
                self._rewind()
        return self._converter.convert(frames, last=self._ended)

    def _rewind(self) -> None:
        try:
            self._file.seek(0)
        except _FAULTS as e:
            raise SourceError(f"{self._path} can no longer be read: {_reason(e)}") from None
        self._round = 0

    def _check_whole(self) -> None:
        """Ending early means changed under us or damaged; a round without sound would go on for ever."""
        if self._round == 0 or (self._round < self._file.frames and self._file.format not in _ESTIMATED):
            raise self._broken_off()

    def _broken_off(self) -> SourceError:
        at, of = self._round / self._file.samplerate, self._file.frames / self._file.samplerate
        return SourceError(
            f"{self._path} breaks off after {at:.1f} of {of:.1f} s: it is damaged or was changed; export it again"
        )


def length(path: Path) -> float:
    """Seconds of sound in a file, by its own account; an MP3 only guesses. Raises `SourceUnavailable`."""
    with _open(_at_home(path)) as file:
        return float(file.frames / file.samplerate)


def _at_home(path: Path) -> Path:
    try:
        return path.expanduser()
    except RuntimeError:
        raise SourceUnavailable(f"{path} names no home folder: give the whole path") from None


def _open(path: Path) -> soundfile.SoundFile:
    try:
        if path.is_dir():
            raise SourceUnavailable(f"{path} is a folder: name a sound file in it (wav, flac, ogg or mp3)")
        if path.exists() and not path.is_file():
            raise SourceUnavailable(f"{path} is no ordinary file: name a sound file (wav, flac, ogg or mp3)")
        if path.stat().st_size == 0:
            raise SourceUnavailable(f"{path} is empty: export the sound again")
        file = soundfile.SoundFile(path)
    except OSError as e:
        raise SourceUnavailable(f"cannot read {path}: {(e.strerror or str(e)).lower()}") from None
    except (soundfile.SoundFileError, RuntimeError, TypeError, ValueError):  # TypeError: a .raw file tells no rate
        raise SourceUnavailable(
            f"{path} is damaged or no sound file (wav, flac, ogg or mp3): export it again"
        ) from None
    fault = None
    if file.frames <= 0:
        fault = "has no sound in it"
    elif file.samplerate not in RATES:
        fault = f"has a sample rate of {file.samplerate} Hz; {RATES[0]} to {RATES[-1]} can be read"
    elif file.channels not in CHANNELS:
        fault = f"has {file.channels} channels; at most {CHANNELS[-1]} can be read"
    if fault is not None:
        file.close()
        raise SourceUnavailable(f"{path} {fault}: export it again")
    return file


def _reason(error: Exception) -> str:
    """The library's own words, without the path it puts before them."""
    return str(getattr(error, "error_string", error)).strip().rstrip(".") or type(error).__name__
