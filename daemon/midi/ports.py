"""A port holder as its parent sees it, and a look at everything there is."""

import asyncio
import json
import os
import signal
import subprocess
import sys
from collections import deque
from collections.abc import AsyncIterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from daemon.midi.frames import HEADER, Frame, Said, head

GRACE = 1.0  # s to go by itself before it is killed; more than the holder's own
PATIENCE = 10.0  # s without a word after which it hangs
HANGS = "the MIDI system does not answer"
_WAITING = 8192  # bytes for the lights that may wait to be taken
_PACKAGES = Path(__file__).parents[2]


class Holder:
    """A running `daemon.midi.holder`; belongs to the event loop."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self._process = process
        self._last_words = deque[bytes](maxlen=3)
        self._listener = asyncio.create_task(self._listen())

    @classmethod
    async def start(cls, *arguments: str) -> "Holder":
        """Begin one."""
        paths = filter(None, (str(_PACKAGES), os.environ.get("PYTHONPATH", "")))
        pipe = asyncio.subprocess.PIPE
        process = await asyncio.create_subprocess_exec(
            sys.executable,
            "-P",  # no module of the folder we are in
            "-m",
            "daemon.midi.holder",
            *arguments,
            stdin=pipe,
            stdout=pipe,
            stderr=pipe,
            env={**os.environ, "PYTHONPATH": os.pathsep.join(paths)},
            start_new_session=True,  # Ctrl-C is the parent's to handle
            creationflags=getattr(subprocess, "CREATE_NO_WINDOW", 0),
        )
        return cls(process)

    async def frames(self, patience: float | None = PATIENCE) -> AsyncIterator[Frame]:
        """What it says, until it ends. Raises `TimeoutError` when it says nothing for too long."""
        pipe = self._process.stdout
        assert pipe is not None
        try:
            while True:
                async with asyncio.timeout(patience):
                    said = head(await pipe.readexactly(HEADER.size))
                    payload = await pipe.readexactly(said[1]) if said is not None else b""
                if said is None:
                    return
                yield Frame(said[0], payload)
        except asyncio.IncompleteReadError:
            return

    def light(self, message: bytes) -> bool:
        """Send a message to the controller; False when it takes no more now."""
        pipe = self._process.stdin
        assert pipe is not None
        if pipe.is_closing() or pipe.transport.get_write_buffer_size() > _WAITING:
            return False
        pipe.write(Frame(Said.MIDI, message).packed())
        return True

    async def epitaph(self) -> str:
        """How it ended, to be asked when its words have."""
        with suppress(TimeoutError):
            await asyncio.wait_for(self._process.wait(), GRACE)
            await asyncio.wait_for(asyncio.shield(self._listener), GRACE)
        code = self._process.returncode
        if code is None:
            return "it talks nonsense"
        how = signal.Signals(-code).name if code < 0 else f"exit code {code}"
        said = " ".join(line.decode(errors="replace").strip() for line in self._last_words)
        return f"{how}: {said[-200:]}" if said else how

    async def close(self) -> None:
        """Ask it to go, and kill it if it does not. Safe to call twice."""
        assert self._process.stdin is not None
        self._process.stdin.close()
        try:
            await asyncio.wait_for(self._process.wait(), GRACE)
        except TimeoutError:
            with suppress(ProcessLookupError):
                self._process.kill()
            await self._process.wait()
        self._listener.cancel()
        await asyncio.gather(self._listener, return_exceptions=True)

    async def _listen(self) -> None:
        assert self._process.stderr is not None
        with suppress(ValueError):  # a line beyond all measure
            async for line in self._process.stderr:
                self._last_words.append(line)


@dataclass(frozen=True, slots=True)
class Found:
    """One port."""

    system: str
    name: str


@dataclass(frozen=True, slots=True)
class Search:
    """Every port there is, and in words what was not there to be asked."""

    inputs: tuple[Found, ...]
    outputs: tuple[Found, ...]
    missing: tuple[tuple[str, str], ...]


async def look() -> Search:
    """Ask every MIDI system, in a process of its own, since some end the process that asks them."""
    holder = await Holder.start("list")
    try:
        async for frame in holder.frames():
            if frame.kind is Said.PORTS:
                return _search(json.loads(frame.payload))
            if frame.kind is Said.NEVER:
                return Search((), (), (("python-rtmidi", frame.text),))
        return Search((), (), (("MIDI", f"asking for ports ended with {await holder.epitaph()}"),))
    except TimeoutError:
        return Search((), (), (("MIDI", HANGS),))
    finally:
        await holder.close()


def _search(told: dict[str, list[dict[str, list[str]]]]) -> Search:
    inputs = [Found(str(one["system"]), name) for one in told["systems"] for name in one["inputs"]]
    outputs = [Found(str(one["system"]), name) for one in told["systems"] for name in one["outputs"]]
    return Search(tuple(inputs), tuple(outputs), tuple((str(name), str(why)) for name, why in told["missing"]))
