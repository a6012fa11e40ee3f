"""The clock on the wall: believed only when it is steady, and read so that no time of day comes twice."""

from datetime import UTC, datetime, timedelta, tzinfo

_SLIP = 2.0  # s: a clock that is set right by this much is simply followed
_STEADY = 5.0  # s a clock that was set must go on steadily before it is believed
_HELD = 600.0  # s: set back by less than this, it is waited for; set back by more, it was wrong
_TICK = timedelta(microseconds=1)


def face(stamp: float, zone: tzinfo | None) -> datetime:
    """What the clock on the wall has reached at this POSIX time: naive local time; `zone` None is this machine's.

    A time of day comes at the first moment at which the clock shows it or more. So what a clock set forward leaves
    out comes when it is set, and what a clock set back shows a second time has been: it stands meanwhile.
    """
    local = _local(stamp, zone)
    if not local.fold:
        return local
    # the second showing of an hour: find the last second of the first
    late = early = int(stamp)
    while (after := _offset(late, zone)) == _offset(early, zone):
        early -= 3_600
    while late - early > 1:
        middle = (early + late) // 2
        early, late = (early, middle) if _offset(middle, zone) == after else (middle, late)
    return _local(early, zone).replace(fold=0) + timedelta(seconds=1) - _TICK


def _local(stamp: float, zone: tzinfo | None) -> datetime:
    """Naive, and `fold` tells a second showing."""
    if zone is None:
        return datetime.fromtimestamp(stamp)
    return datetime.fromtimestamp(stamp, zone).replace(tzinfo=None)


def _offset(stamp: int, zone: tzinfo | None) -> timedelta:
    """How far the clock on the wall is ahead of UTC."""
    return _local(stamp, zone).replace(fold=0) - datetime.fromtimestamp(stamp, UTC).replace(tzinfo=None)


class SteadyWall:
    """POSIX time that is believed: a clock that jumps is first watched, and one set back a little is waited for."""

    def __init__(self) -> None:
        self._offset: float | None = None  # s from the monotonic clock to the wall's, as believed
        self._other = 0.0  # what the wall says instead
        self._since = 0.0  # s, monotonic
        self._latest = float("-inf")

    def at(self, stamp: float, t: float) -> float:
        """What to take for the time when the wall's clock says `stamp` at monotonic second `t`."""
        offset = stamp - t
        if self._offset is None or abs(offset - self._offset) <= _SLIP:
            self._offset = self._other = offset
        else:
            if abs(offset - self._other) > _SLIP:
                self._since = t
            self._other = offset
            if t - self._since >= _STEADY:
                self._offset = offset
        believed = t + self._offset
        held = self._latest - _HELD < believed < self._latest
        self._latest = self._latest if held else believed
        return self._latest
