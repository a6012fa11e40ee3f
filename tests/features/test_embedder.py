"""Loading aside: what asks for an embedder, what puts it away, and what happens when there can be none."""

from dataclasses import replace
from threading import Event, Thread

import numpy as np

from daemon.clock import VirtualClock
from daemon.errors import BadInput
from daemon.features.embedder import EmbedderLoader
from daemon.flow import Tally
from daemon.mailbox import Mailbox
from daemon.params import Fade, Params


class Counting:
    """Counts the samples it hears."""

    def __init__(self):
        self._tally = Tally(0, np.zeros(2))

    def push(self, samples):
        self._tally = Tally(self._tally.count + 1, self._tally.total + len(samples))
        return self._tally


class Rig:
    def __init__(self, load=Counting):
        self.clock, self.failed, self.loads = VirtualClock(), [], 0
        self.params = Mailbox(Fade.still(Params()))
        self.embedder = Mailbox(None)
        self._load = load
        self.possible = True
        self.loader = EmbedderLoader(
            self.load, self.embedder, self.params, self.clock, self.failed.append, lambda: self.possible, linger=30.0
        )

    def load(self):
        self.loads += 1
        return self._load()

    def ask(self, mapper):
        self.params.put(Fade.still(replace(Params(), mapper=mapper)))

    def pass_time(self, seconds):
        for _ in range(round(seconds / 0.2)):
            self.clock.advance(0.2)
            self.loader.look()


def broken():
    raise BadInput("encodec", ["the weights are not there"])


def test_it_is_loaded_once_when_the_mapper_asks_for_it_and_not_before():
    rig = Rig()
    rig.pass_time(5)
    assert rig.loads == 0
    rig.ask("encodec")
    rig.pass_time(100)
    assert rig.loads == 1
    assert isinstance(rig.embedder.latest(), Counting)


def test_it_is_kept_for_a_while_and_then_put_away():
    rig = Rig()
    rig.ask("encodec")
    rig.pass_time(1)
    kept = rig.embedder.latest()
    rig.ask("mel")
    rig.pass_time(20)
    rig.ask("encodec")
    rig.pass_time(1)
    assert rig.embedder.latest() is kept
    rig.ask("mel")
    rig.pass_time(31)
    assert rig.embedder.latest() is None
    rig.ask("encodec")
    rig.pass_time(1)
    assert rig.loads == 2


def test_a_failure_is_said_once_and_tried_again_when_asked_anew():
    rig = Rig(broken)
    rig.ask("encodec")
    rig.pass_time(60)
    assert rig.failed == ["encodec: the weights are not there"]
    assert rig.loads == 1
    rig.ask("mel")
    rig.pass_time(1)
    rig.ask("encodec")
    rig.pass_time(1)
    assert len(rig.failed) == 2
    assert rig.embedder.latest() is None


def test_where_it_is_not_possible_nothing_is_tried_or_said_until_it_is():
    rig = Rig()
    rig.possible = False
    rig.ask("encodec")
    rig.pass_time(5)
    assert (rig.loads, rig.failed) == (0, [])
    rig.possible = True
    rig.pass_time(1)
    assert rig.loads == 1


def test_the_thread_stops_when_told_and_hears_of_a_wish_at_once():
    rig, stop, there = Rig(), Event(), Event()
    rig._load = lambda: there.set() or Counting()
    thread = Thread(target=rig.loader.loop, args=(stop,))
    thread.start()
    rig.ask("encodec")
    assert there.wait(30)
    stop.set()
    thread.join(30)
    assert not thread.is_alive()
