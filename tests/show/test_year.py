"""A whole year in a gallery, from event to event."""

from collections import Counter, deque
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from random import Random
from zoneinfo import ZoneInfo

import pytest
from control.rig import say, shelf
from show.stage import TOUCH, Stage, plan

from daemon.control.desk import Desk
from daemon.params import Fade, Params
from daemon.show.show import Cue, Facts, Show

PLAN = """
zone: ZONE
playlists:
  day:
    order: shuffle
    entries: [{preset: a, seconds: 3000}, {preset: b, seconds: [900, 9000]}, {preset: c, seconds: 5000}]
  night: {entries: [{preset: a, seconds: 1234, fade: 4}, {preset: d, seconds: 2345}]}
  rest: {order: shuffle, entries: [{preset: a, seconds: 7200}, {preset: b, seconds: 3600}, {preset: d, seconds: 7100}]}
wake: [{from: 04:00, to: 03:00}]
schedule:
  - {first: 12-24, last: 12-26, blackout: true}
  - {first: 02-29, last: 02-29, from: 12:00, to: 13:00, preset: idle}
  - {from: 02:15, to: 02:45, days: [sun], preset: d}
  - {from: 22:00, to: 02:30, days: [fri, sat], play: night}
  - {from: 09:00, to: 18:00, days: [mon-fri], play: day}
play: rest
"""
TIMES = ((0, 0), (2, 15), (2, 30), (2, 45), (3, 0), (4, 0), (9, 0), (12, 0), (13, 0), (18, 0), (22, 0))


def expected(local):
    """What the plan means, said in another way; `local` is the latest that the clock on the wall has shown."""
    minute, weekday = local.hour * 60 + local.minute, local.weekday()
    if 180 <= minute < 240 or (local.month, local.day) in ((12, 24), (12, 25), (12, 26)):
        return "blackout"
    if (local.month, local.day) == (2, 29) and local.hour == 12:
        return "idle"
    if weekday == 6 and 135 <= minute < 165:
        return "d"
    if (weekday in (4, 5) and minute >= 22 * 60) or (weekday in (5, 6) and minute < 150):
        return "night"
    return "day" if weekday < 5 and 9 * 60 <= minute < 18 * 60 else "rest"


def on(show):
    return show.on.playlist or show.on.preset or show.on.kind


def boundaries(year, zone):
    """The moments at which something may change, by any reading of the clock, and a second before and after."""
    for day in range(-1, 367):
        midnight = datetime(year, 1, 1) + timedelta(days=day)
        for hour, minute in TIMES:
            for fold in (0, 1):
                local = midnight.replace(hour=hour, minute=minute, tzinfo=zone, fold=fold)
                yield from (local.timestamp() + s for s in (-1, 0, 1))
    for hour in range(366 * 24):  # the changes of the clock themselves
        stamp = datetime(year, 1, 1, tzinfo=UTC).timestamp() + hour * 3600
        if datetime.fromtimestamp(stamp, zone).utcoffset() != datetime.fromtimestamp(stamp - 3600, zone).utcoffset():
            yield from (stamp + s for s in range(-3600, 3600, 60))


def through(stage, until, look):
    """Look at each of these seconds, and whenever an entry ends between them."""
    for t in until:
        while stage.show.left is not None and (wait := stage.show.left + 0.01) < t - stage.t:
            stage.go(wait, wait)
            look()
        if t > stage.t:
            stage.go(t - stage.t, t - stage.t)
            look()


ZONES = (
    *(("Europe/Berlin", 2028), ("Australia/Lord_Howe", 2026), ("America/Nuuk", 2024), ("Pacific/Apia", 2011)),
    ("America/Sao_Paulo", 2018),
)


@pytest.mark.parametrize(("name", "year"), ZONES)
def test_through_a_year_one_thing_is_on_and_no_cue_comes_twice(name, year):
    zone = ZoneInfo(name)
    begin = datetime(year, 1, 1, 12, tzinfo=UTC)
    stage = Stage(Show(plan(PLAN.replace("ZONE", name))), begin)
    shown, latest, seen = [], datetime.min, Counter()

    def look():
        nonlocal latest
        local = datetime.fromtimestamp(begin.timestamp() + stage.t, zone).replace(tzinfo=None)
        latest = max(latest, local)
        assert on(stage.show) == expected(latest), latest
        seen[on(stage.show)] += 1
        assert stage.black == (stage.show.on.kind == "blackout")
        assert stage.black or stage.picture == stage.show.on.preset
        now = (stage.show.on.playlist, stage.show.on.entry)
        if now[0] is not None and (not shown or shown[-1] != now):
            shown.append(now)

    stage.look()
    look()
    times = sorted({s - begin.timestamp() for s in boundaries(year, zone)})
    through(stage, times, look)
    assert seen.keys() == {"blackout", "d", "night", "day", "rest"} | ({"idle"} if year % 4 == 0 else set())
    for playlist in ("day", "rest"):  # each its own round, through all interruptions
        order = [entry for name, entry in shown if name == playlist]
        order = [entry for i, entry in enumerate(order) if i == 0 or entry != order[i - 1]]
        for at in range(0, len(order) - 3, 3):
            assert sorted(order[at : at + 3]) == [0, 1, 2]
    said = [cue for _, cue in stage.cues]
    recalls = [cue.preset for cue in said if cue.preset is not None]
    assert all(a != b for a, b in pairwise(recalls))
    switches = [cue.blackout for cue in said if cue.blackout is not None]
    assert all(a != b for a, b in pairwise(switches))
    assert 350 < len(switches) / 2 < 370


@pytest.mark.parametrize("seed", range(4))
def test_a_clock_that_is_set_again_and_again_makes_no_storm_of_recalls(seed):
    random = Random(seed)
    stage = Stage(Show(plan(PLAN.replace("ZONE", "UTC"))), datetime(2026, 2, 1, 12, tzinfo=UTC))
    for _ in range(60):
        stage.go(random.uniform(0, 20_000), 600)
        kind, before = random.choice(("set", "set", "asleep", "frozen", "shaking", "slow")), len(stage.cues)
        match kind:
            case "set":
                stage.set_by += random.choice((3600, -3600, 86_400, -86_400, 3, -3, 90, -90, 1e7, -1e7))
            case "asleep":  # with a monotonic clock that goes on
                stage.t += 86_400 * random.uniform(0.2, 3)
            case "frozen":  # with one that does not
                stage.set_by += 86_400 * random.uniform(0.2, 3)
            case "shaking":
                middle = stage.set_by
                for _ in range(120):
                    stage.set_by = middle + random.choice((0, 7200, -7200))
                    stage.go(1)
                stage.set_by = middle
            case "slow":
                for _ in range(100):
                    stage.set_by += 0.9
                    stage.go(1)
        stage.go(20)
        assert len(stage.cues) - before <= 3, kind
        assert len(stage.cues) - before <= 2 or kind in ("shaking", "slow")
        if kind in ("asleep", "frozen") or (kind == "set" and stage.set_by > 1e6):
            local = datetime.fromtimestamp(stage.begin.timestamp() + stage.t + stage.set_by, UTC)
            assert on(stage.show) == expected(local.replace(tzinfo=None))


def test_a_clock_set_back_over_the_beginning_of_a_rule_does_not_take_it_back():
    stage = Stage(Show(plan(PLAN.replace("ZONE", "UTC"))), datetime(2026, 2, 2, 8, 59, 50, tzinfo=UTC))
    stage.go(20)
    assert stage.show.on.playlist == "day"
    before = len(stage.cues)
    stage.set_by = -30
    stage.go(60)
    assert stage.show.on.playlist == "day"
    assert len(stage.cues) == before


def test_a_clock_that_was_wrong_by_hours_is_made_up_for():
    stage = Stage(Show(plan(PLAN.replace("ZONE", "UTC"))), datetime(2026, 2, 2, 9, 30, tzinfo=UTC))
    stage.go(20)
    assert stage.show.on.playlist == "day"
    stage.set_by = -6 * 3600
    stage.go(10)
    assert stage.black


WALL = """
zone: Europe/Berlin
playlists:
  day: {order: shuffle, entries: [{preset: still, seconds: 3000}, {preset: storm, seconds: [900, 9000]}]}
  rest: {entries: [{preset: storm, seconds: 7200}, {preset: sudden, seconds: 3600}, {preset: still, seconds: 700}]}
wake: [{from: 09:00, to: 20:00, days: [tue-sun]}]
schedule:
  - {first: 12-24, last: 12-26, blackout: true}
  - {from: 12:00, to: 13:00, days: [sun], preset: sudden}
  - {from: 09:00, to: 18:00, days: [mon-fri], play: day}
play: rest
silence: {after: 3000, sound: 2, preset: sudden}
"""
STREAM = (
    ("/latentd/blackout", 0.0),
    ("/latentd/blackout/norm", 0.0),
    ("/latentd/preset/index", 1.0),
    ("/latentd/preset/index/norm", 0.5),
    ("/latentd/show/playlist", -1.0),
    ("/latentd/show/entry", 0.0),
    ("/latentd/show/enable", 1.0),
    ("/latentd/show/next", 0.0),
    ("/latentd/preset/next", 0.0),
)


NOON, NIGHT = 40 * 86_400 + 3900.0, 40 * 86_400 + 10 * 3600.0  # a Wednesday
CHANGES = (
    (NOON, "/latentd/preset/index", 2.0),
    (NIGHT, "/latentd/blackout", 1.0),
    (NIGHT + 1200, "/latentd/blackout", 0.0),
    (NOON + 7 * 86_400, "/latentd/show/entry", 1.0),
    (NOON + 20 * 86_400, "/latentd/show/playlist", 1.0),
    (NOON + 20 * 86_400 + 7000, "/latentd/show/playlist", -1.0),
)


def year(stream=(), changes=(), sender=TOUCH):
    """What is on and seen at each look of a year, with a controller that sends all it has before each of them.

    `changes`: what it sends from some moments on. Without a `stream` it says those once.
    """
    show, bank = Show(plan(WALL)), shelf()
    desk, seen, all_ = Desk(bank, Fade.still(Params()), None, (), show=show), [], dict(stream)
    begin, random, silence, changes = datetime(2027, 1, 1, 11, tzinfo=UTC), Random(3), 0.0, deque(changes)
    looks = {0.2 * i for i in range(20)} | {1200.0 * i for i in range(1, 366 * 72)}
    for t in sorted(looks | {at + 0.2 * i for at, *_ in CHANGES for i in range(-20, 20)}):
        says = dict(stream and all_)
        while changes and t >= changes[0][0]:
            _, address, value = changes.popleft()
            all_[address] = says[address] = value
        for back in (0.06, 0.02)[: 2 if stream else 1]:
            for address, value in says.items():
                refusal = say(desk, address, value, now=t - back, sender=sender)
                assert refusal is None or (address.endswith("entry") and back == 0.06)  # its first word
        if show.ripen(t):
            desk.cue(Cue(), t)
        loud = any(-2500 <= t - at < 4000 for at, *_ in CHANGES)
        silence = 0.0 if random.random() < 0.25 or loud else silence + 1200
        facts = Facts(bank.names, silence, 0.0 if silence else 5.0, desk.fading(t))
        cue = show.at(begin + timedelta(seconds=t), t, facts)
        if cue is not None:
            assert desk.cue(cue, t) is None
        seen.append((t, show.on, show.by_hand, desk.preset, desk.fade.end.blackout, show.left))
    return seen


def test_a_controller_that_streams_from_before_the_start_changes_nothing_in_a_year():
    alone = year()
    assert {on.kind for _, on, *_ in alone} == {"blackout", "entry", "preset", "attract"}
    assert year(STREAM) == alone


def test_what_changes_in_a_stream_is_obeyed_once_as_if_somebody_had_said_it():
    one_voice = [(address, value) for address, value in STREAM if not address.endswith("/norm")]
    told, streamed = year(changes=CHANGES, sender=None), year(one_voice, CHANGES)
    assert streamed == told
    assert any(by_hand and preset == "sudden" for _, _, by_hand, preset, *_ in told)
    assert any(on.kind == "blackout" and not black for _, on, _, _, black, _ in told)
