"""How often something may happen: time is passed in, memory is bounded."""

import math


class Bucket:
    """Tokens that fill at `rate` a second up to `size`; what happens costs one."""

    def __init__(self, rate: float, size: float) -> None:
        self._rate, self._size = rate, size
        self._level, self._since = size, 0.0
        self._empty_until = -math.inf

    def ready(self, now: float) -> bool:
        """Whether it may happen now; costs nothing."""
        if now < self._empty_until:  # one comparison, since a flood asks thousands of times
            return False
        self._level = min(self._size, self._level + max(now - self._since, 0.0) * self._rate)
        self._since = now
        if self._level < 1.0:
            self._empty_until = now + (1.0 - self._level) / self._rate
            return False
        return True

    def take(self, now: float) -> bool:
        """Whether it may happen now; if so, it does."""
        if not self.ready(now):
            return False
        self._level -= 1.0
        return True


class Causes:
    """Once per `pause` seconds and cause; the causes remembered are bounded."""

    def __init__(self, pause: float = 1.0, remembered: int = 64) -> None:
        self._pause, self._remembered = pause, remembered
        self._last: dict[tuple[str, str], float] = {}  # oldest first

    def fresh(self, cause: tuple[str, str], now: float) -> bool:
        """Whether this cause has been quiet long enough; if so it counts as told."""
        last = self._last.get(cause)
        if last is not None and now - last < self._pause:
            return False
        self._last.pop(cause, None)
        self._last[cause] = now
        if len(self._last) > self._remembered:
            del self._last[next(iter(self._last))]
        return True
