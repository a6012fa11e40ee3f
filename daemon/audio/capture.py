"""The process that listens: the only place where a sound system is loaded.

A sound server that dies takes its libraries with it: calls hang for ever or abort the process (pa_jack.c, and libjack
when a dead client is closed). So this runs as a child, `python -m daemon.audio.capture HOST list` or `... HOST listen
RATE [NAME]`, says what it hears on its standard output (wire.py), never tries to recover, and ends when its standard
input does. HOST is a module of hosts/.
"""

import json
import os
import signal
import sys
import time
from dataclasses import asdict
from importlib import import_module
from threading import Event, Thread
from typing import BinaryIO, Protocol, cast

from daemon.audio.devices import HOSTS, Device
from daemon.audio.hosts.tap import Tap
from daemon.audio.wire import Kind, Message, say
from daemon.errors import SourceError, SourceUnavailable

GRACE = 0.3  # s to close an input politely


class Host(Protocol):
    """A sound system. Both raise `SourceUnavailable` for what cannot be, `SourceError` for what cannot be now."""

    def inputs(self) -> list[Device]: ...

    def listen(self, sr: int, name: str | None) -> Tap: ...


def main(arguments: list[str]) -> None:
    """Run one command; errors are said on the pipe."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is the parent's to handle
    pipe = _own_output()
    leave = Event()
    Thread(target=_leave_with_parent, args=(leave,), daemon=True).start()
    try:
        match arguments:
            case [host, "list"] if host in HOSTS:
                found = [asdict(device) for device in _host(host).inputs()]
                say(pipe, Message(Kind.DEVICES, json.dumps(found).encode()))
            case [host, "listen", sr, *name] if host in HOSTS:
                _listen(_host(host).listen(int(sr), name[0] if name else None), pipe, leave)
    except SourceError as e:
        kind = Kind.NEVER if isinstance(e, SourceUnavailable) else Kind.FAILED
        say(pipe, Message(kind, str(e).encode()))
        Thread(target=_leave_soon, daemon=True).start()  # a library may tidy up, if its server still lets it
    except BrokenPipeError:
        os._exit(0)  # nobody listens any more


def _host(name: str) -> Host:
    return cast("Host", import_module(f"daemon.audio.hosts.{name}"))


def _listen(tap: Tap, pipe: BinaryIO, leave: Event) -> None:
    """Say what is heard until it ends or the parent leaves."""
    opened = {"device": tap.device, "rate": tap.rate, "channels": tap.channels}
    say(pipe, Message(Kind.OPENED, json.dumps(opened).encode()))
    done = Event()
    teller = Thread(target=_tell, args=(tap, pipe, done))
    teller.start()
    try:
        tap.run(leave)
    except SourceError as e:
        tap.end(str(e))
    done.set()
    teller.join()
    if tap.ended:
        say(pipe, Message(Kind.FAILED, tap.ended.encode()))
        os._exit(0)  # a library whose server is gone must not be asked to tidy up
    tap.close()


def _tell(tap: Tap, pipe: BinaryIO, done: Event) -> None:
    try:
        tap.tell(pipe, done)
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
    _leave_soon()


def _leave_soon() -> None:
    time.sleep(GRACE)
    os._exit(0)


if __name__ == "__main__":
    main(sys.argv[1:])
