"""The capture process as its parent sees it."""

import os
import signal
import subprocess
import sys
from collections import deque
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from subprocess import PIPE, Popen, TimeoutExpired
from threading import Thread
from typing import BinaryIO, cast

from daemon.audio.devices import HostName
from daemon.audio.wire import Message, messages

GRACE = 0.6  # s to go by itself before it is killed; more than the child's own
_PACKAGES = Path(__file__).parents[2]


class Child:
    """A running `daemon.audio.capture`. One thread may read its messages while another closes it."""

    def __init__(self, host: HostName, *arguments: str) -> None:
        paths = (str(_PACKAGES), os.environ.get("PYTHONPATH", ""))
        self._process = Popen(
            [
                sys.executable,
                "-P",
                "-m",
                "daemon.audio.capture",
                host,
                *arguments,
            ],  # -P: no module of the folder we are in
            stdin=PIPE,
            stdout=PIPE,
            stderr=PIPE,
            env={**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, paths))},
            start_new_session=True,  # Ctrl-C is the parent's to handle
            creationflags=getattr(subprocess, "CREATE_NO_WINDOW", 0),
        )
        self._last_words = deque[bytes](maxlen=3)
        self._listener = Thread(
            target=self._last_words.extend, args=(self._process.stderr,), name="capture errors", daemon=True
        )
        self._listener.start()

    def messages(self) -> Iterator[Message]:
        """What it says, until it ends."""
        return messages(cast("BinaryIO", self._process.stdout))

    def epitaph(self) -> str:
        """How it ended, to be asked when its messages have."""
        with suppress(TimeoutExpired):
            self._process.wait(GRACE)
        code = self._process.returncode
        if code is None:
            return "it talks nonsense"
        self._listener.join(GRACE)
        how = signal.Signals(-code).name if code < 0 else f"exit code {code}"
        said = " ".join(line.decode(errors="replace").strip() for line in self._last_words)
        return f"{how}: {said[-200:]}" if said else how

    def kill(self) -> None:
        """End it now."""
        self._process.kill()

    def close(self, reader: Thread | None = None) -> None:
        """Ask it to go, kill it if it does not; wait for it and the `reader` of its messages. Safe to call twice."""
        assert self._process.stdin is not None
        with suppress(OSError):
            self._process.stdin.close()
        try:
            self._process.wait(GRACE)
        except TimeoutExpired:
            self._process.kill()
            self._process.wait()
        for thread in (reader, self._listener):
            if thread is not None:
                thread.join(GRACE)
        for pipe, thread in ((self._process.stdout, reader), (self._process.stderr, self._listener)):
            if pipe is not None and not (thread and thread.is_alive()):  # a sound server it started may hold a pipe
                pipe.close()
