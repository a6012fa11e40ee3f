"""How long to wait before trying again, and before saying again that it was in vain."""

import re
from collections import deque
from dataclasses import dataclass, field
from threading import Lock


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

_SAID_AGAIN = Backoff(first=60.0, limit=3600.0)
_WELL = 2.0  # s for which it must work before it is said to
_OVER = 600.0  # s without a word of it, after which what is amiss is amiss anew
_BEGINNINGS, _SPAN = 3, 3600.0  # that are said at once within so many seconds; what comes and goes is said as the rest
_REASONS = 8  # of one absence that are said at once
_NUMBER = re.compile(r"(?<![\w/.:'-])-?\d+(?:\.\d+)?(?:e[+-]?\d+)?(?![\w/:']|\.\d)")


@dataclass(slots=True)
class _Absence:
    """One thing that is amiss, or was. Times are seconds on the clock."""

    since: float | None = None  # None while it is not
    last: float = 0.0
    well: float | None = None  # since when it works again
    times: int = 0
    said: bool = False
    due: float = 0.0  # when it is said again
    spacing: float | None = None
    reasons: set[str] = field(default_factory=set)
    beginnings: deque[float] = field(default_factory=lambda: deque(maxlen=_BEGINNINGS))


class Troubles:
    """What is amiss again and again, and what of it is worth a line; time is passed in. From any thread.

    A line when it begins, when there is another reason, at growing spacing up to an hour, and when it is over.
    """

    def __init__(self) -> None:
        self._lock = Lock()
        self._all: dict[str, _Absence] = {}

    def names(self) -> tuple[str, ...]:
        """What is amiss."""
        with self._lock:
            return tuple(what for what, it in self._all.items() if it.since is not None)

    def amiss(self, what: str, why: str, now: float) -> str | None:
        """It failed, once more; what to say of that, if anything."""
        with self._lock:
            it = self._all.setdefault(what, _Absence())
            reason = alike(why)
            if it.since is None or now - it.last > _OVER:
                it.since = now
                self._begin(it, now)
                new = False
            else:
                new = reason not in it.reasons and len(it.reasons) < _REASONS
            it.reasons.add(reason)
            it.last, it.well = now, None
            it.times += 1
            if now < it.due and not new:
                return None
            it.spacing = _SAID_AGAIN.after(it.spacing, 0.0)
            it.due, it.said = now + it.spacing, True
            return why if it.times == 1 or new else f"{why} (for {span(now - it.since)}, {it.times} times)"

    def well(self, what: str, now: float) -> str | None:
        """It works; what to say of that, if it did not."""
        with self._lock:
            it = self._all.get(what)
            if it is None or it.since is None:
                return None
            it.well = now if it.well is None else it.well
            if now - it.well < _WELL:
                return None
            away, it.since = it.well - it.since, None
            said = it.said
        return f"{what} works again, after {span(away)}" if said else None

    @staticmethod
    def _begin(it: _Absence, now: float) -> None:
        it.times, it.said = 0, False
        it.reasons.clear()
        while it.beginnings and now - it.beginnings[0] > _SPAN:
            it.beginnings.popleft()
        if not it.beginnings:
            it.spacing = None
        if len(it.beginnings) < _BEGINNINGS:
            it.beginnings.append(now)
            it.due = now


def alike(text: str) -> str:
    """What is the same for two sentences that say the same of other numbers; those in names and paths count."""
    return _NUMBER.sub("#", text)


def span(seconds: float) -> str:
    """A length of time as people say it: 12 s, 5 min, 3 h, 9 days."""
    for unit, length, most in (("s", 1, 120), ("min", 60, 120), ("h", 3600, 48)):
        if seconds < most * length:
            return f"{seconds / length:.0f} {unit}"
    return f"{seconds / 86400:.0f} days"
