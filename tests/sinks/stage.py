"""A desk with the shipped presets, as the page steers it and as OSC does, and the status it shows in."""

import itertools
from dataclasses import replace

from sinks.test_monitor import status

from daemon.clock import WallClock
from daemon.config import Osc, shipped_presets
from daemon.control.desk import Desk
from daemon.control.endpoint import OscEndpoint
from daemon.control.osc import encode
from daemon.flow import Features, Hand, Traits
from daemon.mailbox import Mailbox
from daemon.panel import DeskPanel
from daemon.params import Fade, Params
from daemon.preset import Bank

CLUSTERS = ("aggressive", "calm", "vibrant")


class Stage:
    """What the page and OSC hold on to."""

    def __init__(self, own, traits=Traits(), show=None):  # noqa: B008 - it cannot change
        self.bank = Bank(shipped_presets(), own)
        self._ports = itertools.count(50_000)
        self.clock, self.params = WallClock(), Mailbox(Fade.still(Params(model="lumen")))
        self.sync = self.shown = None  # what the wall and the show say of themselves
        self.errors = ()
        self.features, self.asked = {"rms_db": -20.0, "band/0": 0.5, "band/1": 0.9}, 0
        names = lambda: ("lumen", "lumen-128")  # noqa: E731
        self.desk = Desk(self.bank, self.params.latest(), None, CLUSTERS, traits, "lumen", names, show=show)
        self.osc = OscEndpoint(self.desk, self.params, self.clock, Osc(port=0, reply_port=0), self.status, self.silence)
        self.hands = Mailbox(Hand())
        self.panel = DeskPanel(self.desk, self.osc, self.bank, self.clock, self.hands)

    def silence(self):
        return Features.silence(8)

    def status(self):
        """Made fresh, as the daemon's is."""
        self.asked += 1
        values = self.desk.values(self.clock.now())
        changes = {"params": values, "features": dict(self.features), "sync": self.sync}
        changes |= {"show": self.shown, "errors": self.errors}
        return status(self.desk.preset).model_copy(update=changes)

    def hear(self, address, *args):
        """One message by OSC."""
        sender = ("127.0.0.1", next(self._ports))  # another each time: what one says twice at once is one wish
        assert self.osc.receive(encode(address, *args), sender, self.clock.now()) == 1
        self.osc.publish()

    def value(self, address):
        """What the render thread goes by."""
        return Desk(self.bank, self.params.latest(), None, CLUSTERS).values(self.clock.now())[address]

    def quicken(self):
        """Presets that arrive at once."""
        get = self.bank.get
        self.bank.get = lambda which: replace(get(which), fade=0.0)
