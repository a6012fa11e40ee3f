"""The MIDI systems of this machine, through python-rtmidi. Only the port holder, a process of its own, loads this.

On JACK nothing tells that the server is gone: port lists stay as they were, messages go nowhere. So there each system
sends itself active sensing (FE), which comes back only while the server runs.
"""

import os
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

OWN = "latentd-midi"
_SENSE = [0xFE]
_SEQUENCER = Path("/dev/snd/seq")


@dataclass(frozen=True, slots=True)
class Names:
    """The ports that are held; None for an output that is not there."""

    system: str
    input: str
    output: str | None


class System:
    """One system that answers. Raises `rtmidi.RtMidiError` when it does not."""

    def __init__(self, rtmidi: Any, api: int, now: float) -> None:
        self._rtmidi, self.api = rtmidi, api
        self.name = called(rtmidi, api)
        look = f"{OWN}-look-{os.getpid()}"
        self._in, self._out = rtmidi.MidiIn(api, look), rtmidi.MidiOut(api, look)
        self._heard = now
        self._pulsing = api == rtmidi.API_UNIX_JACK
        if self._pulsing:
            self._in.ignore_types(sysex=True, timing=True, active_sense=False)
            self._in.open_virtual_port("pulse")
            self._out.open_port(self._out.get_ports().index(f"{look}:pulse"), "pulse")

    def inputs(self) -> list[str]:
        """The names of what can be listened to."""
        return [name for name in self._in.get_ports() if not name.startswith(OWN)]

    def outputs(self) -> list[str]:
        """The names of what can be lit."""
        return [name for name in self._out.get_ports() if not name.startswith(OWN)]

    def silent(self, now: float) -> float:
        """Seconds since it was last known to live; to be asked a few times a second."""
        if not self._pulsing:
            return 0.0
        while self._in.get_message() is not None:
            self._heard = now
        self._out.send_message(_SENSE)
        return now - self._heard

    def listen(self, name: str | None, hear: Callable[[bytes], None]) -> Any:
        """An input joined to this port, or one for others to join when there is no name."""
        return self._joined(self._rtmidi.MidiIn(self.api, OWN), self._in.get_ports(), name, "in", hear)

    def speak(self, name: str | None) -> Any:
        """An output, in the same way."""
        return self._joined(self._rtmidi.MidiOut(self.api, f"{OWN}-out"), self._out.get_ports(), name, "out", None)

    def close(self) -> None:
        """Leave politely; not to be asked of a system that is gone."""
        self._in.delete()
        self._out.delete()

    def _joined(
        self, end: Any, ports: Sequence[str], name: str | None, called: str, hear: Callable[[bytes], None] | None
    ) -> Any:
        if hear is not None:
            end.set_callback(lambda event, _: hear(bytes(event[0])))
        if name is None:
            end.open_virtual_port(called)
        else:
            end.open_port(list(ports).index(name), called)
        return end


def systems(
    rtmidi: Any, through: str, now: float, besides: Sequence[System] = ()
) -> tuple[list[System], list[tuple[str, str]]]:
    """Those that answer, and each that does not with the reason. `through`: the name of one, or auto for all.

    `besides`: those there are already.
    """
    found: list[System] = []
    missing: list[tuple[str, str]] = []
    for api in rtmidi.get_compiled_api():
        name = rtmidi.get_api_name(api)
        there = any(one.api == api for one in besides)
        if name == "dummy" or there or through not in ("auto", name):
            continue
        if api == rtmidi.API_LINUX_ALSA and not _SEQUENCER.exists():  # asking would make it print
            missing.append(
                ("ALSA", "there is no ALSA sequencer here: 'modprobe snd-seq' loads it where a kernel has it")
            )
            continue
        try:
            found.append(System(rtmidi, api, now))
        except (rtmidi.RtMidiError, ValueError) as e:
            jack = api == rtmidi.API_UNIX_JACK
            why = "no JACK server answers: start one (jackd, QjackCtl) if you want it" if jack else str(e)
            missing.append((called(rtmidi, api), why))
    return found, missing


def called(rtmidi: Any, api: int) -> str:
    """The name of a system, for people."""
    return "JACK" if api == rtmidi.API_UNIX_JACK else str(rtmidi.get_api_display_name(api))


def match(ports: Sequence[str], parts: Sequence[str]) -> str | None:
    """The first port whose name holds one of these parts; those named first count first."""
    for part in parts:
        for port in ports:
            if part.casefold() in port.casefold():
                return port
    return None


def close(*ends: Any) -> None:
    """Let go of ports, as far as they can be."""
    for end in ends:
        if end is not None:
            with suppress(OSError):  # RtMidiError is one
                end.delete()
