"""Learning with a person: move a control, name an address, and so on."""

import asyncio
import json
import re
import signal
import sys
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from daemon.clock import Clock, WallClock
from daemon.errors import BadInput, LatentdError
from daemon.midi.frames import Frame, Said
from daemon.midi.learning import Ear, Learnt
from daemon.midi.ports import HANGS, Holder, look
from daemon.midi.target import row_of
from daemon.midi.writing import learn

_DEAF = 0.3  # s after a question in which what was moved meanwhile is let pass


async def lesson(
    file: Path, to: Sequence[str], port: str | None, through: str, *, add: bool, seconds: float | None
) -> None:
    """Give each address to the next control that is moved; without addresses ask for one after each, until told to end.

    Raises `LatentdError` when there is nothing to listen to, or nothing was moved in time.
    """
    if file.suffix not in (".yaml", ".yml"):
        raise BadInput(f"mapping {file}", ["its name ends in .yaml"])
    if faults := [row for row in map(row_of, to) if isinstance(row, str)]:
        raise BadInput("midi learn", faults)
    wanted = port or await _only()
    holder = await Holder.start("hold", through, wanted)
    try:
        async with asyncio.timeout(seconds):
            await _learn(holder, file, iter(to) if to else None, _part(wanted), WallClock(), add=add)
    except TimeoutError:
        raise LatentdError(f"nothing was moved in {seconds:g} s" if seconds is not None else HANGS) from None
    finally:
        await holder.close()


async def _learn(
    holder: Holder, file: Path, addresses: Iterator[str] | None, port: str, clock: Clock, *, add: bool
) -> None:
    ear, deaf_until = Ear(), 0.0
    address = next(addresses) if addresses is not None else None
    async for frame in holder.frames(patience=None):
        now = clock.now()
        if frame.kind is Said.MIDI and now >= deaf_until:
            ear.hear(frame.payload, now)
        elif (ended := _heard(frame, address)) is not None:
            raise LatentdError(ended)
        learnt = ear.learnt(now)  # looked for with every sign of life, a few times a second
        if learnt is None:
            continue
        with _interruptible():
            chosen = address or _asked(learnt)
        if chosen is None:
            return
        print(f"{file}: {learn(file, learnt, chosen, port, add=add)}")  # noqa: T201
        if addresses is not None and (address := next(addresses, None)) is None:
            return
        _say(f"move the control for {address}" if address else "move the next control; Ctrl-C ends")
        ear, deaf_until = Ear(), clock.now() + _DEAF
    raise LatentdError(f"the process that holds the port ended with {await holder.epitaph()}")


def _heard(frame: Frame, address: str | None) -> str | None:
    """Tell people what the holder says; how it ended, if it did."""
    match frame.kind:
        case Said.OPENED:
            names = json.loads(frame.payload)
            _say(f"listening to {names['input']}: move the control{f' for {address}' if address else ''}")
        case Said.WAITING:
            _say(frame.text)
        case Said.FAILED | Said.NEVER:
            return frame.text
        case _:
            pass
    return None


def _asked(learnt: Learnt) -> str | None:
    """The address a person gives; asked again while it is none, None when there is no more to come."""
    while True:
        _say(f"{learnt}{' (a button)' if learnt.button else ''}; its address, such as /latentd/gain:")
        line = sys.stdin.readline()
        if not line:
            return None
        row = row_of(line.strip())
        if not isinstance(row, str):
            return row.address
        _say(row)


@contextmanager
def _interruptible() -> Iterator[None]:
    """Ctrl-C ends what blocks the loop; asyncio's own way waits for the loop to go on."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)


async def _only() -> str:
    """The name of the only input there is."""
    found = await look()
    names = [one.name for one in found.inputs]
    if len(names) == 1:
        return names[0]
    if names:
        raise LatentdError(f"there are several controllers: say which by --port: {', '.join(map(repr, names))}")
    missing = "; ".join(f"{name}: {why}" for name, why in found.missing)
    raise LatentdError(f"there is no MIDI input to listen to{f' ({missing})' if missing else ''}")


def _part(port: str) -> str:
    """What stays of a port's name when it is plugged in again: ALSA and Windows put numbers behind it."""
    return re.sub(r"( \d+)?(:.*)?$", "", port) or port


def _say(text: str) -> None:
    """To people: what is printed on stdout is what was written."""
    print(text, file=sys.stderr)  # noqa: T201
