"""A sink as strict as a driver: one thread, opened before use, closed after."""

from threading import Event, get_ident

from daemon.errors import SinkError, SinkUnavailable
from daemon.sinks.sink import HOST


class StrictSink:
    """Raises when it is used wrongly, and counts what it saw. Scripted by its arguments, never by chance."""

    def __init__(self, name="", *, repeats=False, refuse_open=0, unavailable="", fail_every=0, busy=(), hold=None):
        self.name, self.about, self.repeats = name, "", repeats
        self._refuse_open, self._unavailable, self._fail_every, self._busy = refuse_open, unavailable, fail_every, busy
        self.hold = hold  # an Event that every publish waits for
        self.inside = Event()  # a publish is under way
        self.opened = self.closed = self.calls = 0
        self.seen, self.torn, self.threads = [], 0, set()
        self._is_open = False

    def accepts(self):
        return HOST

    def open(self, format):
        self.threads.add(get_ident())
        assert not self._is_open, "opened twice"
        if self._unavailable:
            raise SinkUnavailable(self._unavailable)
        if self._refuse_open:
            self._refuse_open -= 1
            raise SinkError("not yet")
        self._is_open = True
        self.opened += 1

    def publish(self, slot):
        self.threads.add(get_ident())
        assert self._is_open, "used before it was opened"
        self.calls += 1
        if self._fail_every and self.calls % self._fail_every == 0:
            raise SinkError("lost")
        if self.calls in self._busy:
            return False
        before = slot.pixels[0, 0, 0]
        self.inside.set()
        if self.hold is not None:
            assert self.hold.wait(30)
        self.inside.clear()
        self.torn += bool((slot.pixels != before).any()) or before != slot.index % 256
        self.seen.append(slot.index)
        return True

    def close(self):
        self.threads.add(get_ident())
        self.closed += self._is_open
        self._is_open = False

    def receivers(self):
        return None
