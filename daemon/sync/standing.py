"""What all of a wall's parts share: who is heard, and how it stands."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Screen:
    """A follower as its leader knows it."""

    name: str
    host: str
    shown: int  # index of the frame it showed when it last asked; -1 for none
    lag: int  # frames it was behind then
    asked: float  # s on the clock


@dataclass(frozen=True, slots=True)
class Standing:
    """How one daemon stands in the wall."""

    role: str
    name: str
    leader: str = ""  # the name of who is followed; empty while nobody is
    index: int = -1  # of the frame that is shown; -1 for none
    lag: int = 0  # frames behind the one that is due
    offset: float = 0.0  # s the leader's clock is ahead
    delay: float = 0.0  # s: half of the shortest round trip; of a leader from tick to picture
    lost: int = 0  # frames that never came whole
    refused: int = 0  # datagrams
    screens: tuple[Screen, ...] = ()  # of a leader
