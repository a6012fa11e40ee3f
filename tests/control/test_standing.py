"""State is told as it always was, by one who looks at all of it each time, and at a fraction of the cost."""

from collections.abc import Collection
from dataclasses import replace
from datetime import datetime

import pytest
from control.rig import Look, Shelf, say, shelf
from hypothesis import given, settings
from hypothesis import strategies as st
from show.stage import plan

from daemon.clock import VirtualClock
from daemon.control.answer import Subscription
from daemon.control.board import Board
from daemon.control.desk import Desk
from daemon.control.osc import encode
from daemon.control.showing import told
from daemon.control.table import PREFIX, STATE
from daemon.control.voice import Voice
from daemon.flow import Traits
from daemon.params import Fade, Params, Place, Route
from daemon.show.show import Facts, Show

SHOW = """
playlists:
  round: {entries: [{preset: still, seconds: 10}, {preset: storm, seconds: 20}]}
play: round
"""
ASKERS = (("127.0.0.1", 4001), ("127.0.0.1", 4002))


def looks() -> Shelf:
    bank = shelf()
    routes = (Route("onset", "rotate", 0.0, 20.0), Route("band/1", "zoom", 0.0, 0.5))
    full = Params(clusters=(("calm", 0.3), ("own", 1.0)), bands=(0.5, 1.5), classes=(0.2, 0.9), routes=routes)
    full = replace(full, rotate=170.0, anchors=(Place("own", 5),))
    for name, params, fade, curve in (("full", full, 3.0, "smooth"), ("turned", Params(rotate=-170.0), 1.0, "linear")):
        bank._looks[name] = Look(name, fade, params, curve)
    return bank


class Heard:
    """A wire to nobody that keeps what was sent."""

    address = ("127.0.0.1", 7770)

    def __init__(self) -> None:
        self.sent: list[tuple[bytes, tuple[tuple[str, int], ...]]] = []

    def send(self, packet: bytes, to: Collection[tuple[str, int]]) -> None:
        assert to
        self.sent.append((packet, tuple(to)))


class Whole(Voice):
    """The teller that looks at every value each time and compares it with what it told: what to tell, by definition."""

    def __init__(self, desk: Desk, show: Show, *rest) -> None:
        super().__init__(desk, *rest)
        self.show, self.told = show, {}

    def _tell(self, now: float) -> None:
        asked = self._due(now)
        newcomers, self._newcomers = self._newcomers, set()
        live = self.subscribers.live(now)
        askers = {who: these for who, these in asked.items() if who not in live and self._answerable(who)}
        if not live and not askers:
            return
        values = whole(self._desk, self.show, now)
        changed = {address for address, value in values.items() if self.told.get(address) != value}
        if live:
            self.told = values
        news = changed.union(*asked.values())
        for address, value in values.items():
            to = [who for who in live if address in news or who in newcomers]
            to += [who for who, these in askers.items() if address in these]
            if to:
                self.wire.send(encode(STATE + address.removeprefix(PREFIX), value), to)


def whole(desk: Desk, show: Show, now: float) -> dict[str, float | int | str]:
    """Every value there is, each asked for."""
    board: Board = desk._board
    params = desk.fade.at(now)
    found = ((r.address, told(show, r) if r.of_show else board.value(r, params)) for r in desk.table if r.valued)
    return {address: value for address, value in found if value is not None}


class Stage:
    """A desk with a show, and the two tellers on it."""

    def __init__(self, *, default: bool) -> None:
        self.now, self.show, self.bank = 0.0, Show(plan(SHOW)), looks()
        self.desk = Desk(self.bank, Fade.still(Params()), None, ("calm", "vibrant"), Traits(classes=3), show=self.show)
        rest = (VirtualClock(), frozenset[str](), lambda _: 0.0)
        self.tellers = (Voice(self.desk, *rest), Whole(self.desk, self.show, *rest))
        for teller in self.tellers:
            teller.wire = Heard()
            teller.subscribers.default = ("127.0.0.1", 7771) if default else None

    def tell(self) -> list[tuple[bytes, tuple[tuple[str, int], ...]]]:
        """Both tell; what they said, which is the same."""
        for teller in self.tellers:
            teller._tell(self.now)
        new, old = (teller.wire.sent.copy() for teller in self.tellers)
        assert new == old
        assert self.desk.values(self.now) == (values := whole(self.desk, self.show, self.now))
        assert list(self.desk.values(self.now)) == list(values)
        self.desk.values(self.now).clear()  # what was given is the taker's
        for teller in self.tellers:
            teller.wire.sent.clear()
        return new

    def do(self, what: str, *how) -> None:
        match what:
            case "say":
                say(self.desk, *how, now=self.now)
            case "wait":
                self.now += how[0]
            case "join":
                for teller in self.tellers:
                    teller.welcome(Subscription(how[0], None), ("127.0.0.1", 5000), self.now)
            case "ask":
                for teller in self.tellers:
                    teller.answer(how[0], how[1](tuple(self.desk.values(self.now))))
            case "fit":
                self.desk.fit(how[0], how[1], "other")
            case "reload":
                self.bank._looks = {**self.bank._looks, "still": Look("still", 0.5, replace(Params(), gain=how[0]))}
                self.bank._looks.pop("sudden", None)
                self.desk.reload(["still"], self.now)
            case "take up":
                self.desk.take_up(how[0], "storm", self.now, 1.0, "ease-in")
            case "show":
                cue = self.show.at(datetime(2026, 1, 5, 12), self.now, Facts(self.bank.names))
                if cue is not None:
                    self.desk.cue(cue, self.now)
        self.tell()


_unit, _level = st.floats(0, 1, width=32), st.sampled_from(["onset", "band/0", "nothing"])
_said = st.one_of(
    st.tuples(st.sampled_from(["psi", "gain/norm", "rotate/norm", "seed/norm", "zoom/norm", "loop/norm"]), _unit),
    st.tuples(
        st.sampled_from(["freeze", "blackout", "stereo", "show/enable", "show/hold", "show/next"]), st.booleans()
    ),
    st.tuples(st.sampled_from(["cluster/calm", "cluster/vibrant", "cluster/own", "band/0", "band/7"]), _unit),
    st.tuples(st.just("cluster"), _unit, _unit),
    st.tuples(st.just("class"), st.integers(0, 3)),
    st.tuples(st.just("class"), _unit, _unit, _unit),
    st.tuples(st.sampled_from(["mapper"]), st.sampled_from(["mel", "clusters", "pairs"])),
    st.tuples(st.sampled_from(["route/0/source", "route/2/source", "route/15/source"]), st.one_of(_level, st.just(""))),
    st.tuples(st.sampled_from(["route/0/target", "route/2/target"]), st.sampled_from(["rotate", "direction/3", ""])),
    st.tuples(st.sampled_from(["route/0/high/norm", "route/2/low/norm", "route/1/curve/norm"]), _unit),
    st.tuples(st.just("preset"), st.sampled_from(["still", "storm", "sudden", "full", "turned"])),
    st.tuples(st.just("preset"), st.sampled_from(["still", "full", "turned"]), st.floats(0, 9, width=32)),
    st.tuples(st.sampled_from(["preset/next", "preset/prev"]), st.just(1)),
    st.tuples(st.just("preset/save"), st.sampled_from(["new", "full"])),
    st.tuples(st.sampled_from(["show/playlist", "show/entry", "show/resume"]), st.integers(-1, 1)),
)
_act = st.one_of(
    _said.map(lambda said: ("say", PREFIX + said[0], *said[1:])),
    _said.map(lambda said: ("say", PREFIX + said[0], *said[1:])),
    st.sampled_from([0.02, 0.3, 5.0, 61.0]).map(lambda s: ("wait", s)),
    st.integers(2000, 2003).map(lambda port: ("join", port)),
    st.tuples(
        st.just("ask"),
        st.sampled_from([*ASKERS, ("127.0.0.1", 2001), ("127.0.0.1", 7771)]),
        st.sampled_from([lambda all_: all_, lambda all_: all_[:3], lambda all_: ("/latentd/psi", "/latentd/nothing")]),
    ),
    st.tuples(
        st.just("fit"),
        st.sampled_from([(), ("calm",), ("vibrant", "calm", "third")]),
        st.sampled_from([Traits(), Traits(classes=3), Traits(classes=2)]),
    ),
    _unit.map(lambda gain: ("reload", gain)),
    st.sampled_from([Params(psi=0.3), Params(bands=(0.1,), clusters=(("vibrant", 1.0),))]).map(
        lambda p: ("take up", p)
    ),
    st.just(("show",)),
)


@settings(max_examples=150, deadline=None)
@given(st.lists(_act, max_size=25), st.booleans())
def test_what_is_told_is_what_one_tells_who_looks_at_everything_each_time(acts, default):
    stage = Stage(default=default)
    stage.tell()
    for act in acts:
        stage.do(*act)


class Counted(Board):
    """A board that counts how many of its values are asked for."""

    def __init__(self, *args) -> None:
        super().__init__(*args)
        self.looked: list[str] = []

    def value(self, row, params):
        self.looked.append(row.address)
        return super().value(row, params)


@pytest.fixture
def counted(monkeypatch) -> Stage:
    monkeypatch.setattr("daemon.control.desk.Board", Counted)
    stage = Stage(default=True)
    stage.desk.fade  # noqa: B018 - settled
    stage.tellers[0]._tell(0.0)
    stage.desk._board.looked.clear()
    return stage


@pytest.mark.parametrize(
    ("address", "value", "looked_at"),
    [
        ("psi", 0.25, {"psi"}),
        ("cluster/calm", 0.5, {"cluster/calm"}),
        ("band/3", 0.5, {"band/3", "band/0", "band/1", "band/2"}),  # which were not listed before
        ("route/2/source", "onset", {f"route/2/{f}" for f in Route.__dataclass_fields__}
         | {f"route/{i}/{f}" for i in (0, 1) for f in Route.__dataclass_fields__}),
        ("psi", 1.0, set()),
    ],
)  # fmt: skip
def test_to_tell_what_changed_only_that_is_looked_at(counted, address, value, looked_at):
    board: Counted = counted.desk._board
    say(counted.desk, PREFIX + address, value)
    counted.tellers[0]._tell(0.0)
    assert set(board.looked) - {"/latentd/preset", "/latentd/preset/index"} == {PREFIX + a for a in looked_at}


def test_a_fade_is_looked_at_where_it_goes_and_nowhere_else(counted):
    board: Counted = counted.desk._board
    say(counted.desk, "/latentd/preset", "still", 10.0)
    for now in (1.0, 2.0):
        board.looked.clear()
        counted.tellers[0]._tell(now)
        assert set(board.looked) == {PREFIX + a for a in ("preset", "preset/index", "psi", "gain", "drift")}
    counted.tellers[0]._tell(11.0)
    board.looked.clear()
    counted.tellers[0]._tell(12.0)
    assert set(board.looked) == {PREFIX + "preset", PREFIX + "preset/index"}
