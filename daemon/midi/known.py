"""What is known of one address: what the daemon told, what we sent since, and whose hand is on it."""

from collections import deque

from daemon.midi.target import Value

_ECHO = 1.0  # s in which the echo of what was sent is expected
_MOST = 256  # values sent and not echoed yet
_NEAR = 1e-6  # of an address's range: what 32-bit floats lose on the way there and back


class Known:
    """The present value of an address as far as this bridge knows, and who set it last.

    An echo of what we sent is told from a change of someone else's by what was sent of late, so a fader that runs
    ahead of its own echo keeps its hold.
    """

    def __init__(self, span: float = 1.0) -> None:
        """`span`: from one end of the address's range to the other."""
        self._near = _NEAR * max(span, 1.0)
        self.told: Value | None = None  # by the daemon
        self.value: Value | None = None  # the same, or what we sent since
        self.holder: object | None = None  # the control that set it last; None: somebody else
        self._sent = deque[tuple[Value, float]](maxlen=_MOST)

    def set(self, value: Value | None, holder: object) -> None:
        """A control sets it."""
        if value is not None:
            self.value = value
        self.holder = holder

    def sent(self, value: Value, now: float) -> None:
        """It went out at clock time `now`."""
        self._sent.append((value, now))

    def hear(self, value: Value, now: float) -> None:
        """The daemon tells its present value."""
        self.told = value
        while self._sent and now - self._sent[0][1] > _ECHO:
            self._sent.popleft()
        echo = next((i for i, (sent, _) in enumerate(self._sent) if self._same(sent, value)), None)
        if echo is not None:
            for _ in range(echo):
                self._sent.popleft()
            return
        if self.value is None or not self._same(self.value, value):
            self.holder = None
            self._sent.clear()
        self.value = value

    def forget(self) -> None:
        """The daemon is not there."""
        self.told = self.value = self.holder = None
        self._sent.clear()

    def _same(self, a: Value, b: Value) -> bool:
        if isinstance(a, str) or isinstance(b, str):
            return a == b
        return abs(a - b) <= self._near
