"""A wall without sockets or threads: daemons with clocks of their own on a network that loses, delays and repeats."""

import heapq
import itertools

import numpy as np

from daemon.flow import Beat, Features, Latents, ModelFacts
from daemon.live import following
from daemon.params import Fade, Params
from daemon.sync.follow import Follow
from daemon.sync.lead import Lead
from daemon.sync.packet import Post
from daemon.sync.said import say

LAYERS, W = 6, 8


def model(seed=0, layers=LAYERS, name="toy"):
    w_avg = np.random.default_rng(seed).standard_normal(W).astype(np.float32)
    return ModelFacts(name, 64, W, W, layers, w_avg)


class World:
    """Global time and everything that is still to happen."""

    def __init__(self, seed=0, delay=(0.005, 0.030), loss=0.05, twice=0.05, key=None):
        self.now, self._queue, self._order = 0.0, [], itertools.count()
        self.rng, self.delay, self.loss, self.twice, self.key = np.random.default_rng(seed), delay, loss, twice, key
        self.nodes, self.tap = {}, lambda data, sender, to: None

    def at(self, when, call, *args):
        heapq.heappush(self._queue, (when, next(self._order), call, args))

    def run(self, until):
        while self._queue and self._queue[0][0] <= until:
            self.now, _, call, args = heapq.heappop(self._queue)
            call(*args)
        self.now = until

    def send(self, datagrams, sender, to):
        for data in datagrams:
            self.tap(data, sender, to)
            copies = 0 if self.rng.random() < self.loss else 1 + (self.rng.random() < self.twice)
            for _ in range(copies):  # each at its own pace, so they overtake one another
                self.at(self.now + self.rng.uniform(*self.delay), self._arrive, data, sender, to)

    def _arrive(self, data, sender, to):
        if to in self.nodes:
            self.nodes[to].take(data, sender)


class Node:
    """A daemon: a clock that is off and drifts, ticks that jitter, an engine that only counts."""

    def __init__(self, world, host, fps=30.0, offset=0.0, ppm=0.0, facts=None, begins=0.0):
        self.world, self.address, self.fps = world, (host, 7772), fps
        self.offset, self.ppm, self.facts = offset, ppm, facts or model()
        self.said, self.troubles, self.shown = [], [], []  # shown: (global time, index, ws)
        self._rng = np.random.default_rng(sum(map(ord, host)))
        world.nodes[self.address] = self
        self.alive = True
        world.at(begins, self._boot)

    def clock(self):
        return self.offset + self.world.now * (1.0 + self.ppm * 1e-6)

    def when(self, local):
        return (local - self.offset) / (1.0 + self.ppm * 1e-6)

    def stop(self):
        self.alive = False
        if self.world.nodes.get(self.address) is self:
            del self.world.nodes[self.address]

    def _boot(self):
        self._begin = self.clock()
        self._tick(self._begin)

    def _tick(self, t):
        if not self.alive:
            return
        self.tick(t)
        following_t, _ = following(t, self.clock(), *(self.part.grid(self.clock()) or (self._begin, self.fps)))
        late = self._rng.exponential(0.001) if self._rng.random() < 0.95 else 0.010
        self.world.at(max(self.when(following_t) + late, self.world.now), self._tick, following_t)

    def own(self, t):
        """Latents that say when they were made."""
        rows = np.zeros((self.facts.num_ws, W), np.float32)
        rows[:, 0], rows[self.facts.num_ws // 2 :, 1] = np.sin(t), 1.0
        return Latents(rows)

    def features(self, t):
        return Features(t, t, -20.0, True, np.zeros(8, np.float32))

    def tick(self, t):
        features = self.part.heard(t, self.features(t))
        latents, _ = self.part.shown(t, self.own(t), features.heard)
        index = self.part.standing(self.clock()).index
        self.shown.append((self.world.now, index, latents))
        self.beat = features.beat


class Leader(Node):
    def __init__(self, world, host="10.0.0.1", to=(), session=1, params=None, delay=0.04, name="first", **kw):
        super().__init__(world, host, **kw)
        self.to, self.fade = [(h, 7772) for h in to], Fade.still(params or Params(seed=5))
        self.part = Lead(name, session, Post(world.key), lambda: self.facts, self.fps, delay, self.troubles.append)
        self._seen, self._whole = 0, -1.0

    def features(self, t):
        beat = Beat(120.0, ((t - self._begin) * 2.0) % 1.0, 0.9)
        return Features(t, t, -20.0, True, np.zeros(8, np.float32), beat=beat)

    def tick(self, t):
        super().tick(t)
        self._seen, out = self.part.outgoing.newer(self._seen, 0.0)
        datagrams = self.part.frame(out)
        if self.world.now - self._whole >= 1.0:
            self._whole = self.world.now
            datagrams += self.part.state(say(self.part.name, self.facts, self.fade, "dawn", self.clock()))
        for who in self.to:
            self.world.send(datagrams, self.address, who)
            self.world.at(self.world.now + 0.006, self.world.send, datagrams, self.address, who)

    def take(self, data, sender):
        if (answer := self.part.receive(data, sender, self.clock())) is not None:
            self.world.send([answer], self.address, sender)


class Follower(Node):
    def __init__(self, world, host="10.0.0.2", nonces=7, **kw):
        super().__init__(world, host, **kw)
        nonces = np.random.default_rng(nonces)
        self.part = Follow(
            host,
            Post(world.key),
            lambda: self.facts,
            lambda: int(nonces.integers(2**63)),
            self.said.append,
            self.troubles.append,
        )
        world.at(0.0, self._ask)

    def _ask(self):
        if not self.alive:
            return
        if (asked := self.part.ping(self.clock())) is not None:
            self.world.send([asked[0]], self.address, asked[1])
        self.world.at(self.world.now + 0.02, self._ask)

    def take(self, data, sender):
        self.part.receive(data, sender, self.clock())


def at(node, when):
    """What a node shows at a global time: (index, latents)."""
    times = [shown[0] for shown in node.shown]
    place = int(np.searchsorted(times, when, side="right")) - 1
    return node.shown[place][1:]


def disagreements(leader, follower, begin, end, step=0.0017):
    """By how many frames two differ, looked at often."""
    lead, follow = ([shown[0] for shown in node.shown] for node in (leader, follower))
    moments = np.arange(begin, end, step)
    a = np.array([s[1] for s in leader.shown])[np.searchsorted(lead, moments, side="right") - 1]
    b = np.array([s[1] for s in follower.shown])[np.searchsorted(follow, moments, side="right") - 1]
    return np.where(b < 0, 10_000, np.abs(a - b))
