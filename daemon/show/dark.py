"""The switch for black that a show and a hand share. A stream of zeros never lifts the show's: only a person does."""

from enum import Enum

from daemon.show.streams import Said, Sender

_REGRET = 10.0  # s in which what lifted it may turn out to have been the beginning of a stream


class Answer(Enum):
    """What becomes of a wish."""

    SWITCH = "switch"  # now
    WAIT = "wait"  # and see whether it is said again
    LEFT = "left"  # to the show, whose night it is
    NOTHING = "nothing"  # no wish


class Dark:
    """Black by the show, by a hand, by both or lifted."""

    def __init__(self) -> None:
        self.fallen = False  # it is the show's night
        self.lifted = False  # by a hand
        self.own = False  # a hand keeps it black
        self._before = False  # and did before the night fell
        self._lifter: Sender = None  # who may turn out to be a stream
        self._lifted_at = float("-inf")  # s

    def fall(self) -> bool:
        """The show's night; whether the switch is to go to black."""
        if self.fallen:
            return False
        self.fallen, self._before = True, self.own
        return not (self.own or self.lifted)

    def rise(self) -> bool:
        """The show's day; whether the switch is to go to light."""
        black = self.fallen and not self.lifted
        self.fallen = self.lifted = self._before = False
        return black and not self.own

    def put(self, on: bool, t: float, said: Said, sender: Sender) -> Answer:
        """Somebody switches it at `t`, or a stream does."""
        self.own = on
        if on:
            self.lifted = False
        elif self.fallen and self.lifted:
            regret = said is Said.AGAIN and sender == self._lifter and t - self._lifted_at < _REGRET
            if regret and sender is not None:
                self.lifted = self.fallen = False  # so that it falls again
                return Answer.NOTHING
        elif self.fallen:
            if said is Said.AGAIN:
                return Answer.NOTHING
            if self._before:  # whoever made it black themselves lets go of that, and of no more
                self._before = False
                return Answer.LEFT
            if said is not Said.SURE:
                return Answer.WAIT
            self.lifted, self._lifter = True, None
        return Answer.SWITCH

    def lift(self, t: float, lifter: Sender) -> bool:
        """What waited was a person's wish, as far as one can tell; whether the switch is to go to light."""
        if not self.fallen:
            return False
        self.lifted, self._lifter, self._lifted_at = True, lifter, t
        return True
