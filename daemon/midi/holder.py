"""The process that holds MIDI ports: the only place where a MIDI system is loaded.

A system that dies takes its libraries with it: calls hang or end the process. So this runs as a child, `python -m
daemon.midi.holder list`, or `... hold THROUGH [NAME...]` to hold the first port with one of these names in its own
(with none: ports for others to join). It says what it hears on its standard output (frames.py), sends what comes in on
its standard input, never tries to recover, and ends when its standard input does.
"""

import json
import os
import signal
import sys
import time
from collections.abc import Sequence
from dataclasses import asdict
from queue import SimpleQueue
from threading import Event, Thread
from typing import Any, BinaryIO

from daemon.midi.frames import Frame, Said, read
from daemon.midi.systems import Names, System, close, match, systems

GRACE = 0.3  # s to leave politely
_LOOK = 0.25  # s from one look at the ports to the next: replugging takes longer
_SILENT = 3.0  # s without a sign of life after which a system is gone
_AGAIN = 8  # looks from one try of a system that did not answer to the next
_MOST = 4096  # messages that may wait to be said

Queue = SimpleQueue[Frame | None]


def main(arguments: list[str]) -> None:
    """Run one command."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is the parent's to handle
    pipe, said = _own_output(), Queue()
    teller = Thread(target=_tell, args=(pipe, said), daemon=True)
    teller.start()
    try:
        import rtmidi
    except ImportError:
        said.put(Frame(Said.NEVER, b"MIDI needs the extra of that name: pip install 'latentd[midi]'"))
    else:
        match arguments:
            case ["list"]:
                Thread(target=_leave_with_parent, args=(Event(), None), daemon=True).start()
                said.put(_listed(rtmidi))
            case ["hold", through, *parts]:
                said.put(_hold(rtmidi, through, parts, said))
    said.put(None)
    teller.join(GRACE)
    os._exit(0)  # what is left is threads of libraries whose server may be gone


def _listed(rtmidi: Any) -> Frame:
    there, missing = systems(rtmidi, "auto", time.monotonic())
    ports = [{"system": one.name, "inputs": one.inputs(), "outputs": one.outputs()} for one in there]
    for one in there:
        one.close()
    return Frame(Said.PORTS, json.dumps({"systems": ports, "missing": missing}).encode())


def _hold(rtmidi: Any, through: str, parts: Sequence[str], said: Queue) -> Frame:
    """Wait for the port, hold it, and tell why no longer."""
    leave, lit = Event(), Lit()
    Thread(target=_leave_with_parent, args=(leave, lit), daemon=True).start()
    there, missing = systems(rtmidi, through, time.monotonic())
    held, looks, told = None, 0, ""
    try:
        while not leave.is_set():
            if gone := next((one.name for one in there if one.silent(time.monotonic()) > _SILENT), None):
                said.put(Frame(Said.FAILED, f"{gone} has gone away".encode()))
                said.put(None)
                time.sleep(GRACE)
                os._exit(0)  # its library must not be asked to tidy up
            if held is None:
                if missing and looks % _AGAIN == _AGAIN - 1:
                    more, missing = systems(rtmidi, through, time.monotonic(), besides=there)
                    there += more
                held = _open(there, parts, said)
                if held is not None:
                    lit.out = held.output
                    said.put(Frame(Said.OPENED, json.dumps(asdict(held.names)).encode()))
                elif (words := _waiting(there, missing, parts)) != told:
                    said.put(Frame(Said.WAITING, (told := words).encode()))
            elif held.lost():
                return Frame(Said.FAILED, f"{held.names.input} was unplugged".encode())
            else:
                held.complete(parts)
                lit.out = held.output
            looks += 1
            said.put(Frame(Said.ALIVE))
            leave.wait(_LOOK)
    except rtmidi.RtMidiError as e:
        return Frame(Said.FAILED, str(e).encode())
    finally:
        close(*(held.ends if held is not None else ()))
        for one in there:
            one.close()
    return Frame(Said.ALIVE)


class Lit:
    """Where what is to be lit goes now."""

    out: Any = None


class Held:
    """Ports that are open."""

    def __init__(self, system: System, names: Names, source: Any, output: Any) -> None:
        self._system, self.names, self._source, self.output = system, names, source, output

    @property
    def ends(self) -> tuple[Any, Any]:
        return self._source, self.output

    def lost(self) -> bool:
        """Whether the controller's port is not there any more."""
        return self.names.input != _VIRTUAL and self.names.input not in self._system.inputs()

    def complete(self, parts: Sequence[str]) -> None:
        """Take the controller's other port, when that came later, or came again."""
        if self.names.input == _VIRTUAL:
            return
        there = self._system.outputs()
        if self.output is not None and self.names.output not in there:
            close(self.output)
            self.output = None
        if self.output is None and (name := match(there, parts)) is not None:
            self.output = self._system.speak(name)
            self.names = Names(self.names.system, self.names.input, name)


_VIRTUAL = "latentd-midi:in"


def _open(there: Sequence[System], parts: Sequence[str], said: Queue) -> Held | None:
    def hear(message: bytes) -> None:
        if said.qsize() < _MOST:  # called on the system's own thread, which must not wait
            said.put(Frame(Said.MIDI, message))

    for system in there:
        name = match(system.inputs(), parts)
        if name is not None:
            out = match(system.outputs(), parts)
            output = None if out is None else system.speak(out)
            return Held(system, Names(system.name, name, out), system.listen(name, hear), output)
        if not parts:
            names = Names(system.name, _VIRTUAL, "latentd-midi-out:out")
            return Held(system, names, system.listen(None, hear), system.speak(None))
    return None


def _waiting(there: Sequence[System], missing: Sequence[tuple[str, str]], parts: Sequence[str]) -> str:
    if not there:
        return "; ".join(f"{name}: {why}" for name, why in missing) or "no such MIDI system is built in"
    found = [repr(name) for system in there for name in system.inputs()]
    ports = f"there are: {', '.join(found)}" if found else "there are none at all"
    return f"no MIDI input has {' or '.join(map(repr, parts))} in its name; {ports}; it is waited for"


def _tell(pipe: BinaryIO, said: Queue) -> None:
    try:
        while (frame := said.get()) is not None:
            pipe.write(frame.packed())
            if said.empty():
                pipe.flush()
        pipe.flush()
    except OSError:
        os._exit(0)  # nobody listens any more


def _leave_with_parent(leave: Event, lit: Lit | None) -> None:
    """Light what the parent says, until it lets go of our standard input, or dies: then leave, one way or another."""
    with open(0, "rb", closefd=False) as pipe:
        while (frame := read(pipe)) is not None:
            if lit is not None and lit.out is not None and frame.kind is Said.MIDI:
                try:
                    lit.out.send_message(frame.payload)
                except (OSError, ValueError, RuntimeError):
                    continue  # a port that has just gone; the next look will tell
    leave.set()
    time.sleep(GRACE)
    os._exit(0)


def _own_output() -> BinaryIO:
    """Standard output for us alone: libraries that print get standard error instead."""
    mine = os.dup(1)
    os.dup2(2, 1)
    if sys.platform == "win32":
        import msvcrt

        msvcrt.setmode(mine, os.O_BINARY)
        msvcrt.setmode(0, os.O_BINARY)
    return open(mine, "wb")  # noqa: PTH123 - a descriptor, open as long as the process


if __name__ == "__main__":
    main(sys.argv[1:])
