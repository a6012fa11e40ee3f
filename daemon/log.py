"""Logging: the standard library's on stderr, drawn by rich on a terminal. Counters, not lines, for anything live."""

import io
import logging
import sys
from collections import deque
from contextlib import suppress
from threading import Condition, Thread
from typing import TextIO

from rich.console import Console
from rich.logging import RichHandler

console = Console(stderr=True)
"""Where people look; data goes to stdout."""

_MOST = 1000  # records that wait for a console that is held
_MOMENT = 1.0  # s that whoever ends waits for it


def configure() -> None:
    """Show our log: for the eye on a terminal, a line a record for a journal."""
    show: logging.Handler
    if console.is_terminal:
        console.file = unlocked(sys.stderr)
        show = RichHandler(console=console, show_path=False, markup=False)
        show.setFormatter(logging.Formatter("%(message)s", "%H:%M:%S"))
    else:
        show = logging.StreamHandler(unlocked(sys.stderr))
        show.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(message)s"))
    logging.basicConfig(level=logging.WARNING, handlers=[Aside(show)], force=True)
    logging.getLogger("daemon").setLevel(logging.INFO)


def last_word(text: str) -> None:
    """A sentence, after all that was logged, for whoever looks; a console that is held is waited for a moment only."""
    for handler in logging.getLogger().handlers:
        handler.flush()
    here = Console(file=unlocked(sys.stderr))

    def say() -> None:
        with suppress(OSError):  # nobody is there any more
            here.print(text, style="bold red", markup=False, highlight=False, soft_wrap=True)

    saying = Thread(target=say, name="last word", daemon=True)
    saying.start()
    saying.join(_MOMENT)


class Aside(logging.Handler):
    """Has records written by a thread of its own: a console that is held (Ctrl-S, a slow line) holds nobody who logs.

    The oldest of more records than `most` are given up.
    """

    def __init__(self, to: logging.Handler, most: int = _MOST) -> None:
        super().__init__()
        self._to = to
        self._waiting: deque[logging.LogRecord] = deque(maxlen=most)
        self._changed, self._writing = Condition(), False
        Thread(target=self._write, name="log", daemon=True).start()

    def emit(self, record: logging.LogRecord) -> None:
        record.msg, record.args = record.getMessage(), None  # what it is made of may change
        with self._changed:
            self._waiting.append(record)
            self._changed.notify_all()

    def flush(self) -> None:
        with self._changed:
            self._changed.wait_for(lambda: not self._waiting and not self._writing, _MOMENT)

    def _write(self) -> None:
        while True:
            with self._changed:
                self._writing = False
                self._changed.notify_all()
                self._changed.wait_for(lambda: bool(self._waiting))
                record, self._writing = self._waiting.popleft(), True
            self._to.emit(record)  # not `handle`, whose lock `logging.shutdown` waits for at the end


def unlocked(stream: TextIO) -> TextIO:
    """The same place without a buffer, whose lock a thread that is held in a write would keep from us for ever.

    With it the interpreter aborts instead of ending (`_enter_buffered_busy` of CPython's bufferedio.c).
    """
    try:
        raw = open(stream.fileno(), "wb", buffering=0, closefd=False)  # noqa: SIM115 - as long as the process
    except (OSError, ValueError):  # what stands for a console in a test has no file
        return stream
    return io.TextIOWrapper(raw, stream.encoding, stream.errors, write_through=True)
