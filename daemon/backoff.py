"""How long to wait before trying again."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Backoff:
    """Waits of first, first x factor, ... up to a limit; good running forgives past failures."""

    first: float = 0.5  # s
    factor: float = 2.0
    limit: float = 30.0  # s
    steady: float = 60.0  # s of good running after which the next wait is the first again

    def after(self, delay: float | None, ran: float) -> float:
        """The next wait, s, given the one before (None: there was none) and how long it ran since, s."""
        if delay is None or ran > self.steady:
            return self.first
        return min(delay * self.factor, self.limit)


STANDARD = Backoff()
