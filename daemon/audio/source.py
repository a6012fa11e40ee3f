"""Where blocks come from. Pull, not push: the reader sets the pace, live and offline alike."""

from typing import Protocol

from daemon.flow import Block


class Source(Protocol):
    """A stream of samples at the analysis rate; opened by its constructor, used from one thread."""

    @property
    def sr(self) -> int:
        """Sample rate of the blocks, Hz."""
        ...

    @property
    def device(self) -> str | None:
        """The name of the device heard; None where there is none."""
        ...

    @property
    def overruns(self) -> int:
        """How often sound was lost because nobody took it in time."""
        ...

    def read(self, n: int) -> Block | None:
        """Wait for `n` samples; fewer at the end of a finite sound, None after it.

        Raises `SourceError` when the sound is lost.
        """
        ...

    def close(self) -> None:
        """Let go of the device or the file; safe to call twice."""
        ...
