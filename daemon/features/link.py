"""Ableton Link as the beat: the tempo and the phase that everybody in a session on the local network shares.

Needs the extra `latentd[link]`: LinkPython-extern, which carries Ableton's Link, GPL-2.0-or-later unless licensed
otherwise. So it is no dependency, and is imported only where somebody asks for Link.
"""

from importlib import import_module
from types import TracebackType
from typing import Protocol, cast

from daemon.clock import Clock
from daemon.errors import BadInput
from daemon.features.tempo import Tempo
from daemon.flow import F64, Beat

FOUNDED_AT = 120.0  # bpm of a session that we are the first in


class HostClock(Protocol):
    """The machine's clock as Link reads it."""

    def micros(self) -> int: ...


class SessionState(Protocol):
    """The session's line of beats at one moment."""

    def tempo(self) -> float: ...
    def phaseAtTime(self, time: int, quantum: float, /) -> float: ...  # noqa: N802


class Peer(Protocol):
    """One participant."""

    enabled: bool

    def numPeers(self) -> int: ...  # noqa: N802
    def clock(self) -> HostClock: ...
    def captureAppSessionState(self) -> SessionState: ...  # noqa: N802


class LinkModule(Protocol):
    """What is used of the module `link`."""

    def Link(self, bpm: float, /) -> Peer: ...  # noqa: N802


class LinkTempo:
    """A `Tempo`: the session's while somebody else is in it, else that of `ear`, which listens along all the time.

    Link runs threads of its own; `step` only reads, in a microsecond, and is for one thread. `BadInput` where the extra
    is missing. Leave with `close`, or use it in a `with`.
    """

    def __init__(self, ear: Tempo, clock: Clock, module: LinkModule | None = None) -> None:
        """`module` stands in for LinkPython's, which is looked for when not given."""
        self._ear, self._clock = ear, clock
        self._peer = (module or _link()).Link(FOUNDED_AT)
        self._host = self._peer.clock()
        self._peer.enabled = True

    @property
    def peers(self) -> int:
        """How many others are in the session."""
        return self._peer.numPeers()

    def step(self, log_mel: F64, heard: float, gate: bool, ahead: float) -> Beat:
        by_ear = self._ear.step(log_mel, heard, gate, ahead)
        if not self._peer.numPeers():
            return by_ear
        # both clocks read at once: theirs is another one on Linux, and may drift from ours
        wanted = self._host.micros() + round((heard + ahead - self._clock.now()) * 1e6)
        state = self._peer.captureAppSessionState()
        return Beat(state.tempo(), state.phaseAtTime(wanted, 1.0) % 1.0, 1.0)

    def close(self) -> None:
        """Leave the session."""
        self._peer.enabled = False

    def __enter__(self) -> "LinkTempo":
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.close()


def _link() -> LinkModule:
    try:
        module = import_module("link")
    except ImportError as e:
        raise BadInput("Ableton Link", [f"install it with pip install 'latentd[link]' ({e})"]) from e
    if not hasattr(module, "Link"):
        raise BadInput(
            "Ableton Link", ["another package is named link; install latentd[link] into a clean environment"]
        )
    return cast("LinkModule", module)
