"""Sinks with bad luck, put beside those that a daemon is asked for."""

import os
from threading import Event

from daemon import parts
from daemon.errors import SinkError, SinkUnavailable
from daemon.sinks.null import NullSink


class Stuck(NullSink):
    """Its driver never comes back."""

    name = "stuck"

    def publish(self, slot):
        Event().wait()


class Lost(NullSink):
    """Loses its receiver now and then."""

    name, _calls = "lost", 0

    def publish(self, slot):
        self._calls += 1
        if self._calls % 5 == 0:
            raise SinkError("nobody is there any more")
        return True


class Gone(NullSink):
    """Works, and is then taken away for ever."""

    name, _shown = "gone", 0

    def open(self, format):
        if self._shown:
            raise SinkUnavailable("it was taken away")

    def publish(self, slot):
        self._shown += 1
        if self._shown > 2:
            raise SinkUnavailable("it was taken away")
        return True


class Nowhere(NullSink):
    """Is not to be had."""

    name, when = "nowhere", os.environ.get("NO_SINK_WHEN", "")

    def open(self, format):
        if self.when == "opened":
            raise SinkUnavailable("no such thing here")

    def publish(self, slot):
        raise SinkUnavailable("no such thing here")


def put_in():
    """From now on they are there; with NO_SINK_WHEN another one alone."""
    there = parts.open_sinks
    bad = (Nowhere,) if Nowhere.when else (Stuck, Lost, Gone)
    parts.open_sinks = lambda *asked: (*there(*asked), *(sink() for sink in bad))
