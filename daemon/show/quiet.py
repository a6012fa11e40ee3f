"""How long it has been silent, and how long there has been sound."""


class Quiet:
    """Watches the gate; before the first look there was neither."""

    def __init__(self) -> None:
        self._open: bool | None = None
        self._since = 0.0  # s

    def hear(self, gate: bool, t: float) -> None:
        """What the gate is at `t`, seconds of a clock that nobody sets."""
        if gate is not self._open:
            self._open, self._since = gate, t

    def silence(self, t: float) -> float:
        """Seconds of silence."""
        return t - self._since if self._open is False else 0.0

    def sound(self, t: float) -> float:
        """Seconds of sound."""
        return t - self._since if self._open else 0.0
