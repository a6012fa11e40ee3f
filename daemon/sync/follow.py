"""A follower: the leader's latents at the leader's times, and its own when nobody leads."""

import math
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np

from daemon.control.limits import Causes
from daemon.flow import F32, Beat, Features, Latents, ModelFacts
from daemon.sync.body import Body, fingerprint, unpack
from daemon.sync.crossing import Crossing
from daemon.sync.gather import Gather, Losses
from daemon.sync.leaders import LOST, Address, Leaders, Verdict
from daemon.sync.packet import FramePart, Head, Part, Ping, Pong, Post, StatePart
from daemon.sync.said import Said, described, hear
from daemon.sync.standing import Standing
from daemon.sync.timing import Timekeeper, Timing

_NEAR = 0.25  # of a frame: one that is due so soon is due now
_KEPT = 32  # frames, newest ones
_FAR = 5.0  # s from the leader's present: no frame is made so far from it
_FAST, _OFTEN, _SLOW = 0.05, 20, 0.25  # s from one ping to the next, how many of these, s afterwards
_UNANSWERED = 40  # pings after which it is said
_WAITING = 16  # pings whose answer may still come
_LEAP = 0.2  # s of pictures missed that are crossed over, not jumped over
_STRAIGHT = 0.9  # of the area, below which turning is not moving straight: of half a turn, nothing is left half way
_DOUBT = 10.0  # s: how long a beat is believed that nobody confirms


@dataclass(frozen=True, slots=True, eq=False)
class _Frame:
    head: Head
    body: Body


@dataclass(frozen=True, slots=True, eq=False)
class _View:
    """What the render thread is given; another one takes its place."""

    session: int = -1
    since: float = 0.0  # s on the clock: this leader was taken on
    last: float = -math.inf  # s on the clock: a frame came
    timing: Timing | None = None
    frames: tuple[_Frame, ...] = ()  # by index, whole

    def leads(self, t: float) -> bool:
        """Whether it is followed at clock time `t`."""
        return self.timing is not None and bool(self.frames) and t - self.last < LOST

    def joining(self, t: float) -> bool:
        """Whether it is there, but not known well enough yet."""
        return not self.leads(t) and t - self.last < LOST and t - self.since < LOST


class Follow:
    """Pure: times, latents and datagrams are passed in.

    `grid`, `heard` and `shown` belong to the render thread, everything else to the one that listens.
    """

    role: Literal["follower"] = "follower"

    def __init__(
        self,
        name: str,
        post: Post,
        facts: Callable[[], ModelFacts],
        nonce: Callable[[], int],
        on_said: Callable[[Said], None],
        on_trouble: Callable[[str], None],
    ) -> None:
        """`facts`: of the model in force. `nonce`: a number nobody can guess. `on_said`: told what the leader set."""
        self.name = name
        self._post, self._facts, self._nonce = post, facts, nonce
        self._on_said, self._on_trouble = on_said, on_trouble
        self._leaders, self._causes, self.refused = Leaders(), Causes(10.0), 0
        self._model: tuple[ModelFacts | None, bytes] = (None, b"")
        self._view = _View()
        self._begin()
        self._crossing, self._was, self._shown, self._lag = Crossing(), -1, -1, 0  # of the render thread
        self._leaps = 0

    def _begin(self) -> None:
        """Another leader."""
        self._time, self._losses = Timekeeper(), Losses()
        self._frames, self._states = Gather[Head](), Gather[int]()
        self._said: Said | None = None
        self._pings: dict[int, float] = {}
        self._asked, self._asks, self._silent = -math.inf, 0, 0

    # render thread

    def grid(self, t: float) -> tuple[float, float] | None:
        """A time on our clock at which a tick is due, and how many a second; None while nobody leads."""
        view = self._view
        if not view.leads(t) or view.timing is None:
            return None
        head = view.frames[-1].head
        return view.timing.ours(head.due), head.fps

    def heard(self, t: float, features: Features) -> Features:
        """What the sound is, with the leader's beat where that is surer; it goes on for a while by itself."""
        view = self._view
        if view.timing is None or not view.frames:
            return features
        frame = view.frames[-1]
        age, beat = max(view.timing.theirs(t) - frame.head.t, 0.0), frame.body.beat
        sure = beat.confidence * math.exp(-age / _DOUBT)
        if sure <= features.beat.confidence:
            return features
        return replace(features, beat=Beat(beat.bpm, (beat.phase + age * beat.bpm / 60.0) % 1.0, sure))

    def shown(self, t: float, latents: Latents, heard: float | None) -> tuple[Latents, float | None]:
        """What to render at clock time `t`, and when it was heard; `latents` are our own.

        Our own blackout counts. A model was just changed where the leader's latents do not fit ours.
        """
        view = self._view
        found = self._due(view, t)
        if found is None or view.timing is None or not _fits(found[1].latents, latents):
            self._shown, self._lag = -1, 0
            held = self._crossing.last
            if view.joining(t) and self._was >= 0 and held is not None and _fits(held, latents):
                return held, None
            self._was = -1
            return self._crossing.show(t, -1, latents), heard
        before, (self._shown, body) = self._shown, found
        if before >= 0 and self._shown - before > _LEAP * view.frames[-1].head.fps:
            self._leaps += 1
        self._was = view.session
        then = None if body.heard is None else view.timing.ours(body.heard)
        return self._crossing.show(t, (view.session, self._leaps), body.latents), then

    def _due(self, view: _View, t: float) -> tuple[int, Body] | None:
        """The frame that is due, and its index: the newest before where it has not come, or what lies between."""
        if not view.leads(t) or view.timing is None:
            return None
        soon = view.timing.theirs(t) + _NEAR / view.frames[-1].head.fps
        place = sum(frame.head.due <= soon for frame in view.frames)
        if place == 0:
            return None
        before = view.frames[place - 1]
        index, count = before.head.index, before.head.count
        self._lag = math.floor((soon - before.head.due) * before.head.fps)
        if self._lag > 0 and place < len(view.frames) and (after := view.frames[place]).head.count > count + 1:
            mix = self._lag / (after.head.index - index)
            if mix < 1.0 and (between := _between(before.body, after.body, mix)) is not None:
                self._lag, index = 0, index + self._lag
                return index, between
        return index, before.body

    # the thread that listens

    def receive(self, datagram: bytes, sender: Address, now: float) -> None:
        """A datagram came at clock time `now`."""
        packet, current = self._post.open(datagram), self._leaders.current
        asked_for = current is not None and sender == current.address
        match packet:
            case FramePart(session, head, part):
                self._part(session, head, part, sender, now)
            case StatePart(session, number, part) if asked_for and session == self._view.session:
                self._state(number, part, now)
            case Pong(session, nonce, received, sent) if asked_for and session == self._view.session:
                if (asked := self._pings.pop(nonce, None)) is not None:
                    self._silent = 0
                    self._time.add(asked, received, sent, now)
                    self._view = replace(self._view, timing=self._time.timing)
            case str(why):
                self.refuse(f"sync: a datagram of {sender[0]} was left out: {why}", now)

    def ping(self, now: float) -> tuple[bytes, Address] | None:
        """What to ask the leader now, and where; None while it is not time."""
        current = self._leaders.current
        if current is None or not self._leaders.fresh(now):
            return None
        if now - self._asked < (_FAST if self._asks < _OFTEN else _SLOW):
            return None
        self._asked, self._asks, self._silent = now, self._asks + 1, self._silent + 1
        if self._silent > _UNANSWERED:
            host = current.address[0]
            self.refuse(f"sync: {host} leads, but does not answer: name this machine in its sync.peers", now)
        nonce = self._nonce()
        self._pings[nonce] = now
        while len(self._pings) > _WAITING:
            del self._pings[next(iter(self._pings))]
        lag = min(self._lag, 1 << 14)
        return self._post.seal(Ping(current.session, nonce, self._shown, lag, self.name)), current.address

    def refuse(self, text: str, now: float) -> None:
        """Count what is left out, and say why, now and then."""
        self.refused += 1
        if self._causes.fresh((text, ""), now):
            self._on_trouble(text)

    def standing(self, now: float) -> Standing:
        """How this screen stands."""
        current, said = self._leaders.current, self._said
        leader = (said.name if said else current.address[0]) if current and self._leaders.fresh(now) else ""
        time, lost = self._time, self._losses.lost
        return Standing(
            self.role, self.name, leader, self._shown, self._lag, time.offset, time.trip / 2, lost, self.refused
        )

    def _part(self, session: int, head: Head, part: Part, sender: Address, now: float) -> None:
        match self._leaders.judge(session, head, sender, now):
            case Verdict.OLD:
                return
            case Verdict.RIVAL:
                current = self._leaders.current
                other = "" if current is None else f"; {current.address[0]}, which has led for longer, is followed"
                self.refuse(f"sync: {sender[0]} leads, too{other}: let one of the two follow (sync.role)", now)
                return
            case Verdict.NEW:
                self._begin()
                self._view = _View(session, now, now)
            case Verdict.OURS:
                pass
        facts = self._facts()
        if head.model != self._fingerprint(facts):
            theirs = self._said.model if self._said else "another model"
            self.refuse(f"sync: the leader renders {theirs}, this one {described(facts)}: use one model for both", now)
            self._view = replace(self._view, frames=())
            return
        timing = self._time.timing
        if timing is not None and abs(timing.theirs(now) - head.t) > _FAR:
            return
        if (whole := self._frames.add(head.count, head, part)) is None:
            return
        if (body := unpack(whole[1], facts.num_ws, facts.w_dim)) is None:
            self.refuse(f"sync: a frame of {sender[0]} cannot be read", now)
            return
        self._losses.came(head.count)
        frames = sorted((*self._view.frames, _Frame(head, body)), key=lambda frame: frame.head.index)
        self._view = replace(self._view, last=now, frames=tuple(frames[-_KEPT:]))

    def _state(self, number: int, part: Part, now: float) -> None:
        """What was set; taken up when it is another, and its leader has answered a question of ours."""
        whole = self._states.add(number, number, part)
        if whole is None or self._time.timing is None:
            return
        if (said := hear(whole[1])) is None:
            self.refuse("sync: what the leader set cannot be read: use the same latentd on all machines", now)
            return
        known, self._said = self._said, said
        if known is None or (known.params, known.preset) != (said.params, said.preset):
            self._on_said(said)

    def _fingerprint(self, facts: ModelFacts) -> bytes:
        if facts is not self._model[0]:
            self._model = facts, fingerprint(facts)
        return self._model[1]


def _fits(theirs: Latents, ours: Latents) -> bool:
    return ours.ws is not None and (theirs.ws is None or theirs.ws.shape == ours.ws.shape)


def _area(placed: F32) -> float:
    """How large a transform makes a unit of area; a mirrored one is less than none."""
    (a, b), (c, d) = placed[:2, :2].astype(float)
    return float(a * d - b * c)


def _between(a: Body, b: Body, mix: float) -> Body | None:
    """A frame that was lost, from those about it; None where there is nothing between."""
    if a.latents.ws is None or b.latents.ws is None:
        return None
    ws = a.latents.ws + np.float32(mix) * (b.latents.ws - a.latents.ws)
    placed, there = a.latents.transform, b.latents.transform
    if placed is not None and there is not None:
        halfway = placed + np.float32(mix) * (there - placed)
        if _area(halfway) < _STRAIGHT * min(_area(placed), _area(there)):
            return None
        placed = halfway
    return replace(a, latents=replace(a.latents, ws=ws, transform=placed))
