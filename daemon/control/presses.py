"""What one sender says again and again asks for one thing: a value that is streamed, a button that is held.

Some programs send all they have, sixty times a second and for ever: what a person meant by it, they meant once.
"""

from collections.abc import Callable, Hashable
from typing import NamedTuple, TypeAlias

from daemon.control.answer import Outcome
from daemon.control.coerce import switch
from daemon.control.osc import Message

Act: TypeAlias = Callable[[Message, float], Outcome]
Sender: TypeAlias = Hashable
"""Where a message came from. None: each is a wish of its own, as of the page, where a press is told once."""

SOON = 0.045  # s within which the same again is the same wish: 30 a second come closer, no person and few programs do
AGAIN = 0.25  # s within which it is of one who has said it so often that it is a stream, which may falter
_OFTEN = 2  # times again
_MOST = 256  # senders' addresses remembered
_ON = (True,)


class _Wish(NamedTuple):
    """What was asked for last, in any of these forms, when (s), and how many times again without a pause."""

    forms: tuple[object, ...]
    at: float
    times: int


class Wishes:
    """What each sender has asked for of late at the addresses where asking twice is another thing than asking once."""

    def __init__(self) -> None:
        self.sender: Sender = ""  # of the message that is looked at now
        self._last: dict[tuple[Sender, str], _Wish] = {}  # oldest first

    def again(self, address: str, form: object, now: float) -> bool:
        """Whether this sender has asked for the same here just now, or all along; then it goes on asking."""
        last = self._last.get((self.sender, address))
        if last is None or form not in last.forms or now - last.at >= (SOON if last.times < _OFTEN else AGAIN):
            return False
        self._keep(address, _Wish(last.forms, now, last.times + 1))
        return True

    def made(self, address: str, forms: tuple[object, ...], now: float) -> None:
        """This sender has asked for this, in any of these forms. For what was done: what is refused is no wish."""
        self._keep(address, _Wish(forms, now, 0))

    def _keep(self, address: str, wish: "_Wish") -> None:
        if self.sender is None:
            return
        key = (self.sender, address)
        self._last.pop(key, None)
        self._last[key] = wish
        if len(self._last) > _MOST:
            del self._last[next(iter(self._last))]

    def held(self, message: Message, now: float) -> bool:
        """Whether this is a button that is still down: a 1 shortly after a 1 of this sender's, with no 0 between.

        A message without arguments is a press each time: nothing that streams sends such.
        """
        on = switch(message.args[0]) if len(message.args) == 1 else None
        if on is None:
            return False
        if on and self.again(message.address, True, now):
            return True
        self.made(message.address, _ON if on else (), now)
        return False


def one_press(wishes: Wishes, act: Act) -> Act:
    """The act of a button, done once for each press, however long it is held."""
    return lambda message, now: None if wishes.held(message, now) else act(message, now)
