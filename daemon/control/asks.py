"""The acts that change nothing: query, subscribe, ping."""

from collections.abc import Callable

from daemon.control.answer import Outcome, Pong, Subscription, Told
from daemon.control.coerce import number, refused, switch, whole
from daemon.control.limits import Bucket
from daemon.control.osc import Message
from daemon.control.pattern import LONGEST, is_pattern, matching
from daemon.control.refusal import Code, Refusal, quoted, spoken
from daemon.control.table import PREFIX, STATE, Row

_REMEMBERED = 64  # patterns whose addresses are kept
_PORTS = (1, 65535)


class Query:
    """Addresses or a pattern of them; a new pattern costs work, so new ones are rationed and old ones kept."""

    def __init__(self, table: tuple[Row, ...], has_value: Callable[[Row], bool]) -> None:
        self._has_value, self._rows = has_value, {row.address: row for row in table if row.valued}
        self._addresses = tuple(row.address for row in table if row.valued)
        self._silent = {row.address for row in table if not row.valued}
        self._found: dict[str, tuple[str, ...]] = {}
        self._searches = Bucket(rate=50, size=16)

    def __call__(self, message: Message, now: float) -> Outcome:
        what = message.args[0] if len(message.args) == 1 else None
        if not message.args:
            return Told(self._addresses)
        if (button := switch(what)) is not None:  # TouchDesigner's OSC Out CHOP cannot send text
            return Told(self._addresses) if button else None
        if not isinstance(what, str):
            return refused(message, "an address or a pattern with * and ?")
        if what.startswith(STATE):  # as it is told
            what = PREFIX + what.removeprefix(STATE)
        if is_pattern(what):
            return self._search(what, now)
        if (row := self._rows.get(what)) is not None:
            if self._has_value(row):
                return Told((what,))
            return Refusal(Code.UNKNOWN, f"route {row.slot} is not in use: give it a source and a target first", what)
        why = "has no value to tell" if what in self._silent else "is not an address"
        return Refusal(Code.UNKNOWN, f"{quoted(what)} {why}", what, () if what in self._silent else self._addresses)

    def _search(self, pattern: str, now: float) -> Outcome:
        found = self._found.get(pattern)
        if found is None:
            if not self._searches.take(now):
                return Refusal(Code.BUSY, "too many new patterns at once; ask again in a second", "/latentd/query")
            hits = matching(pattern, self._addresses)
            if hits is None:
                why = f"a pattern has at most {LONGEST} characters and few stars"
                return Refusal(Code.RANGE, why, "/latentd/query")
            if len(self._found) >= _REMEMBERED:
                self._found.clear()
            found = self._found[pattern] = hits
        return Told(found) if found else Refusal(Code.UNKNOWN, f"no address matches {quoted(pattern)}", pattern)


def subscribe(row: Row, message: Message, now: float) -> Outcome:  # noqa: ARG001
    """A port, and the host it is on."""
    if len(message.args) > 2:
        return refused(message, row.takes)
    port, host = (*message.args, None, None)[:2]
    value = number(port)
    if host is not None and not isinstance(host, str):
        return refused(message, row.takes)
    if message.args and (value is None or not _PORTS[0] <= value <= _PORTS[1]):
        code = Code.TYPE if value is None else Code.RANGE
        text = f"{row.address} takes a port from {_PORTS[0]} to {_PORTS[1]}, not {spoken((port,))}"
        return Refusal(code, text, row.address)
    return Subscription(None if value is None else whole(value), host)


def ping(message: Message, now: float) -> Outcome:  # noqa: ARG001
    """Anything at all."""
    return Pong(message.tail)
