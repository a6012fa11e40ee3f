"""A MIDI system out of files, for the port holder: NAME.in is a controller (a line of hex is a message it sends),
NAME.out takes what is sent to it. The folder is in FAKE_MIDI. The file `absent` makes it answer nobody, `abort` ends
the process that asks for ports, `hang` never answers it. Strict: what the real one refuses is refused here.
"""

import os
import time
from pathlib import Path
from threading import Event, Thread

API_LINUX_ALSA, API_UNIX_JACK, API_FAKE = 2, 3, 7
_FOLDER = Path(os.environ["FAKE_MIDI"])


class RtMidiError(OSError):
    pass


class SystemError(RtMidiError):  # noqa: A001 - its name
    pass


def get_compiled_api():
    return [API_FAKE]


def get_api_name(api):
    return {API_FAKE: "fake"}[api]


def get_api_display_name(api):
    return {API_FAKE: "Fake"}[api]


class _End:
    suffix = ""

    def __init__(self, rtapi, name):
        if (_FOLDER / "absent").exists():
            raise SystemError("nobody answers")
        assert rtapi == API_FAKE
        assert isinstance(name, str)
        self._path, self._deleted = None, False

    def get_ports(self):
        assert not self._deleted
        if (_FOLDER / "abort").exists():
            os.abort()
        while (_FOLDER / "hang").exists():
            time.sleep(0.1)
        return sorted(path.stem for path in _FOLDER.glob(f"*{self.suffix}"))

    def open_port(self, port, name):
        assert not self._deleted
        assert self._path is None
        assert isinstance(name, str)
        names = self.get_ports()
        if not 0 <= port < len(names):
            raise RtMidiError("no such port")
        self._path = _FOLDER / f"{names[port]}{self.suffix}"

    def open_virtual_port(self, name):
        assert self._path is None
        self._path = _FOLDER / f"virtual-{name}{self.suffix}"
        self._path.touch()

    def delete(self):
        self._deleted = True


class MidiIn(_End):
    suffix = ".in"

    def __init__(self, rtapi, name):
        super().__init__(rtapi, name)
        self._done = Event()

    def set_callback(self, call):
        assert self._path is None
        self._call = call

    def ignore_types(self, sysex, timing, active_sense):
        raise AssertionError("only JACK needs active sensing")

    def open_port(self, port, name):
        super().open_port(port, name)
        self._listen()

    def open_virtual_port(self, name):
        super().open_virtual_port(name)
        self._listen()

    def delete(self):
        super().delete()
        self._done.set()

    def _listen(self):
        file = self._path.open("rb")
        file.seek(0, os.SEEK_END)
        Thread(target=self._tail, args=(file,), daemon=True).start()

    def _tail(self, file):
        with file:
            while not self._done.is_set():
                for line in file.readlines():
                    self._call(([*bytes.fromhex(line.decode())], 0.0), None)
                time.sleep(0.002)


class MidiOut(_End):
    suffix = ".out"

    def send_message(self, message):
        assert isinstance(message, bytes | list)
        assert self._path is not None
        if not self._path.exists():
            raise RtMidiError("unplugged")
        with self._path.open("ab") as file:
            file.write(bytes(message).hex().encode() + b"\n")
