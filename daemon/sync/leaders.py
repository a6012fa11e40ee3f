"""Whom to follow: one leader at a time, and every follower of a wall the same one.

Who has led longest is followed, so a second leader that is started by mistake takes no screen, and followers that are
started anew find the one that the others are with. Of two that began within a second the lower session counts.
"""

from dataclasses import dataclass
from enum import Enum

from daemon.sync.packet import Head

LOST = 2.0  # s without a frame after which a leader is gone
_ALIKE = 1.0  # s
_KEPT = 16  # sessions judged or gone
Address = tuple[str, int]


@dataclass(frozen=True, slots=True)
class Leader:
    """One run of a daemon that leads."""

    session: int
    address: Address
    began: float  # s on our clock, about


class Verdict(Enum):
    """Whether a frame is of who is followed."""

    OURS = "ours"
    NEW = "new"  # and from now on it is
    RIVAL = "rival"  # there are two
    OLD = "old"  # of a run that is over


class Leaders:
    """Who is followed; time is passed in."""

    def __init__(self) -> None:
        self.current: Leader | None = None
        self.last = 0.0  # s on the clock: its newest datagram
        self._over: list[int] = []
        self._rivals: dict[int, bool] = {}  # by session: whether it comes before the one followed

    def fresh(self, now: float) -> bool:
        """Whether there is one that says something."""
        return self.current is not None and now - self.last < LOST

    def judge(self, session: int, head: Head, sender: Address, now: float) -> Verdict:
        """A part of a frame came."""
        current = self.current
        if session in self._over:
            return Verdict.OLD
        if current is not None and session == current.session:
            if sender != current.address:
                return Verdict.RIVAL
            self.last = now
            return Verdict.OURS
        found = Leader(session, sender, now - (head.t - head.began))
        if current is None or not self.fresh(now):
            return self._follow(found, now)
        if sender == current.address:  # the same place, started anew: datagrams of the run before may still come
            self._over = [*self._over[1 - _KEPT :], current.session]
            return self._follow(found, now)
        if session not in self._rivals and len(self._rivals) < _KEPT:
            ahead = current.began - found.began
            self._rivals[session] = ahead > _ALIKE or (abs(ahead) <= _ALIKE and session < current.session)
        return self._follow(found, now) if self._rivals.get(session) else Verdict.RIVAL

    def _follow(self, leader: Leader, now: float) -> Verdict:
        self.current, self.last, self._rivals = leader, now, {}
        return Verdict.NEW
