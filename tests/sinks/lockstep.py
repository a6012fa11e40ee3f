"""Sinks on threads of their own, one step at a time: only one thread runs, and the test says which goes on and how.

Every lock of the ring and of the publishers is watched. Whoever runs while all others stand still and still had to wait
for a lock found one that is held where a sink is asked.
"""

import sys
import threading
from contextlib import contextmanager, suppress

import pytest

from daemon import slots
from daemon.clock import VirtualClock
from daemon.errors import SinkError, SinkUnavailable
from daemon.flow import Features, FrameFormat, Latents
from daemon.live import RenderLoop, Stage
from daemon.mailbox import Mailbox
from daemon.params import Fade, Params
from daemon.sinks import publisher as publishers
from daemon.sinks.publisher import Publisher
from daemon.sinks.sink import HOST
from daemon.slots import SlotRing
from daemon.stats import FrameStats

PATIENCE = 30.0  # s of a machine that is busy; nothing is ever waited for so long
SMALL = FrameFormat(4, 4)
_own = threading.local()


def held():
    """The watched locks that this thread holds."""
    return _own.__dict__.setdefault("locks", [])


class WatchedLock:
    """A lock that is there at once or never."""

    def __init__(self):
        self._lock, self._owner = threading.Lock(), None
        self.takers = set()  # threads
        self.waiting = None  # the actor that is about to wait

    def acquire(self, blocking=True, timeout=-1):
        assert self._lock.acquire(blocking=False), f"{threading.current_thread().name} had to wait for a lock"
        self._owner = threading.get_ident()
        self.takers.add(threading.current_thread().name)
        held().append(self)
        return True

    def release(self):
        held().remove(self)
        self._owner = None
        self._lock.release()

    def _is_owned(self):
        return self._owner == threading.get_ident()

    def _release_save(self):
        """Before a wait, whose place in the queue is taken: only who has let go of the lock stands somewhere."""
        actor, self.waiting = self.waiting, None
        self.release()
        actor.stands("idle")

    def _acquire_restore(self, _):
        """After a wait: whoever woke this thread still holds it for a moment."""
        assert self._lock.acquire(timeout=PATIENCE)
        self._owner = threading.get_ident()
        held().append(self)

    __enter__ = acquire

    def __exit__(self, *error):
        self.release()


class WatchedCondition(threading.Condition):
    """A condition whose waits last until the test wakes who waits: it was notified, or its time is over."""

    def __init__(self):
        super().__init__(WatchedLock())
        self._waiting, self.notified = None, False  # the actor, and whether it was

    def wait(self, timeout=None):
        actor = getattr(_own, "actor", None)
        assert actor is not None, "the renderer waits"
        self._waiting, self.notified = actor, False
        assert len(held()) == 1, "it waits with another lock in its hands"
        self._lock.waiting = actor
        assert super().wait(PATIENCE)
        return True

    def notify(self, n=1):
        assert self._is_owned()
        self.notified = self._waiting is not None

    def wake(self):
        waiting, self._waiting, self.notified = self._waiting, None, False
        waiting.goes()
        with self:
            super().notify()
        waiting.arrive()


class Watched(VirtualClock):
    """A clock that may take as long as it likes."""

    def now(self):
        assert not held(), "the time is asked for with a lock held"
        return super().now()


class Actor:
    """A thread that is somewhere, or on its way there."""

    def __init__(self):
        self.place = ""  # idle, open, publish, close, lost, resting or ended; "" on its way
        self._there = threading.Event()

    def stands(self, place):
        self.place = place
        self._there.set()

    def goes(self):
        self.place = ""
        self._there.clear()

    def arrive(self):
        """Wait until it stands somewhere."""
        assert self._there.wait(PATIENCE), "a thread hangs"


class Stop:
    """A stop sign that a thread may rest at."""

    def __init__(self, actor):
        self._actor, self._set = actor, threading.Event()

    def is_set(self):
        return self._set.is_set()

    def set(self):
        if self._actor.place == "resting":
            self._actor.goes()
        self._set.set()

    def wait(self):
        if not self._set.is_set():
            self._actor.stands("resting")
            assert self._set.wait(PATIENCE)


class Stepped:
    """A sink that stops at the door of everything it does and is told how it ends; as strict as a driver."""

    def __init__(self, name, repeats, actor):
        self.name, self.about, self._repeats, self.actor = name, "", repeats, actor
        self.opened_for = None
        self.seen = []  # (index, format) of what was delivered
        self.handed = []  # indexes of what it was given
        self.opens = self.closes = self.busy = 0
        self.watching = None
        self.newest = None  # tells the index of the newest picture
        self._fresh = True  # opened and not used yet
        self._told, self._outcome = threading.Semaphore(0), ""
        self._thread = None

    @property
    def repeats(self):
        assert not held()
        return self._repeats

    def accepts(self):
        return HOST

    def tell(self, outcome):
        self._outcome = outcome
        self.actor.goes()
        self._told.release()
        self.actor.arrive()

    def _at_the_door(self, of):
        assert not held(), "a sink is asked with a lock held"
        self._thread = self._thread or threading.get_ident()
        assert self._thread == threading.get_ident(), "another thread"
        self.actor.stands(of)
        assert self._told.acquire(timeout=PATIENCE)
        if self._outcome == "lost":
            raise SinkError("lost")
        if self._outcome == "unavailable":
            raise SinkUnavailable("it is not to be had")
        if self._outcome == "broken":
            raise ZeroDivisionError("a mistake of ours")
        return self._outcome != "busy"

    def open(self, format):
        assert self.opened_for is None, "opened twice"
        self._at_the_door("open")
        self.opened_for, self._fresh = format, True
        self.opens += 1

    def publish(self, slot):
        assert self.opened_for == slot.format, "a picture of another format than it was opened for"
        assert slot.pixels.shape == (slot.format.height, slot.format.width, 4)
        again = self.handed[-1:] == [slot.index]
        assert self._repeats or not again
        assert again or all(slot.index > index for index in self.handed), "an older picture after a newer one"
        assert again or self._fresh or slot.index == self.newest(), "not the newest"
        self.handed.append(slot.index)
        self._fresh = False
        index, half = slot.index, slot.format.height // 2
        above = slot.pixels[:half].copy()
        taken = self._at_the_door("publish")
        below = slot.pixels[half:].copy()
        assert slot.index == index, "it is another picture by now"
        assert (above == painted(index)).all(), "torn"
        assert (below == painted(index)).all(), "torn"
        self.busy += not taken
        if taken:
            self.seen.append((index, slot.format))
        return taken

    def close(self):
        opened, self.opened_for = self.opened_for, None
        if opened is not None:
            self.closes += 1
            self._at_the_door("close")

    def receivers(self):
        assert not held()
        return self.watching


def painted(index):
    return index % 256


class Painter:
    """Every pixel of a picture is its index."""

    def __init__(self):
        self.painted = 0

    def render(self, latents, pixels):
        assert not held(), "it is painted with a lock held"
        pixels[: len(pixels) // 2] = painted(self.painted)
        pixels[len(pixels) // 2 :] = painted(self.painted)
        self.painted += 1


class Black:
    """An engine."""

    def tick(self, *asked):
        return Latents(None)

    def fit(self, make, space):
        pass


class World:
    """A render loop, ticked by the test's own thread, and its sinks. Use `world`."""

    def __init__(self, repeats, formats):
        self.clock, self.stats, self.formats = Watched(), FrameStats(), formats
        count = len(repeats)
        self.actors = [Actor() for _ in range(count)]
        self.sinks = [Stepped(f"sink {i}", repeats[i], self.actors[i]) for i in range(count)]
        self.publishers = [Publisher(sink, formats[0], self.clock) for sink in self.sinks]
        self.stops = [Stop(actor) for actor in self.actors]
        self.rings = [SlotRing(count, formats[0])]
        self.stages = Mailbox(Stage(Painter(), None, None))
        self.loop = RenderLoop(
            Black(), self.stages, self.rings[0], [p.outlet for p in self.publishers],
            Mailbox(Features.silence(8)), Mailbox(Fade.still(Params())), self.stats, self.clock, 30.0,
        )  # fmt: skip
        for sink in self.sinks:
            sink.newest = lambda: self.loop._begun - 1
        self.threads = [threading.Thread(target=self._body, args=(i,), name=f"sink {i}") for i in range(count)]
        self.failures = []

    def _body(self, i):
        """As the supervisor keeps a sink; the wait until it is tried again is over when the test says so."""
        _own.actor, actor = self.actors[i], self.actors[i]
        with suppress(BaseException):  # the test raises it
            self._keep(i, actor)

    def _keep(self, i, actor):
        try:
            while not self.stops[i].is_set():
                try:
                    self.publishers[i].loop(self.stops[i])
                except (SinkUnavailable, AssertionError):
                    raise
                except (SinkError, ZeroDivisionError):
                    if not self.stops[i].is_set():
                        actor.stands("lost")
                        assert self.sinks[i]._told.acquire(timeout=PATIENCE)
        finally:
            if (error := sys.exception()) is not None:
                self.failures.append(error)
            actor.stands("ended")

    def tick(self, count=1):
        """So many pictures; each is offered while every sink stands still."""
        for _ in range(count):
            begun = self.stats.index
            self.loop.tick(self.clock.now())
            self.clock.advance(1 / 30)
            assert (self.stats.index, self.stats.skipped) == (begun + 1, 0), "the renderer found no slot"
            for publisher in self.publishers:
                if publisher.outlet._changed.notified:
                    publisher.outlet._changed.wake()
            self._check()

    def resize(self, which):
        """Another model, of another size."""
        renderer = self.stages.latest().renderer
        stage = Stage(renderer, None, None).onto(self.loop.ring, self.formats[which])
        if stage.ring not in self.rings:
            self.rings.append(stage.ring)
        self.stages.put(stage)

    def go(self, i, outcome="ok"):
        """Let one sink's thread go on from where it stands until it stands again."""
        place = self.actors[i].place
        if place == "idle":  # nothing came within its time
            self.publishers[i].outlet._changed.wake()
        elif place == "close" and outcome in ("unavailable", "busy"):  # no way for a close to end
            self.sinks[i].tell("ok")
        elif place in ("open", "publish", "close", "lost"):
            self.sinks[i].tell(outcome)
        self._check()

    def stop(self, i):
        self.stops[i].set()
        self.actors[i].arrive()

    def end(self):
        """All are stopped and go on to their end."""
        for i in range(len(self.sinks)):
            self.stop(i)
        for i, thread in enumerate(self.threads):
            for _ in range(10):
                if self.actors[i].place == "ended":
                    break
                self.go(i)
            thread.join(PATIENCE)
            assert not thread.is_alive()
        self._check()

    def _check(self):
        if self.failures:
            raise self.failures[0]


@contextmanager
def world(repeats, formats=(SMALL,)):
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(slots, "Lock", WatchedLock)
        patch.setattr(slots, "Condition", WatchedCondition)
        patch.setattr(publishers, "Lock", WatchedLock)
        made = World(repeats, formats)
        for thread in made.threads:
            thread.start()
        for actor in made.actors:
            actor.arrive()
        try:
            yield made
        finally:
            made.end()
