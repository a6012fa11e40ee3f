"""A stand-in for SoundCard as it is on Windows, to be found as `soundcard` by the capture process; not a test.

It takes what SoundCard 0.4.6 takes (test_soundcard_contract.py compares them) and nothing else. `PLAYED` is what the
machine plays: runs of (frames, kind), kind "sound", "quiet" (nothing comes, so SoundCard makes zeros), "gap" (frames
were lost before it: SoundCard warns) or "none" (an empty delivery).
"""

import threading
import time
import warnings

import numpy as np

_THREAD = threading.get_ident()  # COM was initialised here


class SoundcardRuntimeWarning(RuntimeWarning):
    pass


def _here():
    assert threading.get_ident() == _THREAD, "COM belongs to the thread that imported SoundCard"


class _Device:
    def __init__(self, id, name):
        self.id, self._name = id, name

    @property
    def name(self):
        _here()
        return self._name


class _Speaker(_Device):
    pass


class _Recorder:
    def __init__(self, samplerate, channels):
        assert isinstance(samplerate, int)
        self._channels, self._at, self._runs, self._entered = channels, 0, iter(PLAYED), False

    def __enter__(self):
        _here()
        assert not self._entered
        self._entered = True
        return self

    def __exit__(self, exc_type, exc_value, traceback):
        _here()
        self._entered = False

    def record(self, numframes=None):
        _here()
        assert self._entered
        assert numframes is None
        frames, kind = next(self._runs, (480, "quiet"))
        time.sleep(frames / 48_000)
        if kind == "gap":
            warnings.warn("data discontinuity in recording", SoundcardRuntimeWarning, stacklevel=2)
        if kind == "lost":
            raise RuntimeError("Error 0x88890004")  # AUDCLNT_E_DEVICE_INVALIDATED
        heard = np.zeros((frames, self._channels), np.float32)
        if kind in ("sound", "gap"):
            heard[:] = np.arange(self._at + 1, self._at + frames + 1, dtype=np.float32)[:, None]
            self._at += frames
        return heard


class _Microphone(_Device):
    def __init__(self, id, name, isloopback=False):
        super().__init__(id, name)
        self.isloopback = isloopback

    def recorder(self, samplerate, channels=None, blocksize=None, exclusive_mode=False):
        _here()
        assert self.isloopback
        assert self.id == "{0.0.0}.b", "not the output that was asked for"
        assert channels == 2
        assert blocksize is None or isinstance(blocksize, int)
        return _Recorder(samplerate, channels)


_SPEAKERS = (("{0.0.0}.a", "Headset (USB)"), ("{0.0.0}.b", "Lautsprecher (Realtek(R) Audio)"))


def all_speakers():
    _here()
    return [_Speaker(*it) for it in _SPEAKERS]


def default_speaker():
    _here()
    return _Speaker(*_SPEAKERS[1])


def all_microphones(include_loopback=False):
    _here()
    assert include_loopback
    return [_Microphone(*it, isloopback=True) for it in _SPEAKERS] + [_Microphone("{0.0.1}.c", "Mikrofon")]


PLAYED = ()
