"""A wall on a network that delays by 5 to 30 ms, loses one datagram in twenty, repeats others and mixes them up."""

from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest
from sync.simulated import LAYERS, Follower, Leader, W, World, at, disagreements, model

from daemon.flow import Latents, ModelFacts
from daemon.mapping.placement import inverse
from daemon.params import Fade, Params, Place, Route
from daemon.sync.leaders import LOST
from daemon.sync.packet import FramePart, Ping, Pong, Post, StatePart, cut
from daemon.sync.said import say

JOINED = 4.0  # s from boot until all of a wall show the same, with room


def ws_of(shown):
    return None if shown.ws is None else float(shown.ws[0, 0])


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize(("fps", "own"), [(30.0, 30.0), (60.0, 24.0)])
def test_every_screen_shows_the_leaders_frame_within_one_whatever_the_network_does(seed, fps, own):
    world = World(seed)
    leader = Leader(world, to=["10.0.0.2", "10.0.0.3"], fps=fps, offset=1000.0, ppm=100.0)
    screens = [
        Follower(world, "10.0.0.2", fps=own, offset=-500.0, ppm=-100.0, begins=0.3),
        Follower(world, "10.0.0.3", fps=own, offset=0.0, ppm=30.0, begins=1.1),
    ]
    world.run(25.0)
    for screen in screens:
        apart = disagreements(leader, screen, JOINED, 25.0)
        assert apart.max() <= 1
        assert (apart == 0).mean() > 0.7  # the rest is how late the two machines wake up
        standing = screen.part.standing(screen.clock())
        assert (standing.leader, standing.lag) == ("first", 0)
        assert abs(standing.offset - (leader.clock() - screen.clock())) < 0.01
        assert standing.lost < 0.02 * 25.0 * fps
        assert screen.troubles == []


def test_what_is_shown_is_the_leaders_latent_bit_for_bit():
    world = World(1)
    leader, screen = Leader(world, to=["10.0.0.2"], ppm=80.0), Follower(world, ppm=-80.0)
    world.run(12.0)
    theirs = {index: shown.ws for _, index, shown in leader.shown}
    mine = [(index, shown.ws) for when, index, shown in screen.shown if when > JOINED]
    equal = [np.array_equal(theirs[index], ws) for index, ws in mine if index in theirs]
    assert np.mean(equal) > 0.98
    off = [float(np.abs(theirs[index] - ws).max()) for index, ws in mine if index in theirs]
    assert max(off) < 2e-3  # of a frame that was lost: made from its neighbours


def test_latents_of_many_datagrams_arrive_as_well():
    world = World(20)
    large = ModelFacts("large", 64, 512, 512, 16, np.zeros(512, np.float32))
    leader, screen = Leader(world, to=["10.0.0.2"], facts=large), Follower(world, facts=large)
    rows = np.random.default_rng(0).standard_normal((16, 512)).astype(np.float32)
    leader.own = lambda t: Latents(rows + np.float32(0.1 * np.sin(t)))  # no two layers are alike: 29 datagrams
    screen.own = lambda t: Latents(rows)
    world.run(14.0)
    assert disagreements(leader, screen, JOINED, 14.0).max() <= 1
    assert screen.part.standing(screen.clock()).lost < 10  # of 420


def test_a_frame_that_is_lost_is_made_from_those_about_it():
    world = World(21, delay=(0.002, 0.006), loss=0.0)
    leader, screen = Leader(world, to=["10.0.0.2"]), Follower(world)
    frame = leader.part.frame
    leader.part.frame = lambda out: [] if out.head.index in (160, 161) else frame(out)
    world.run(8.0)
    theirs = {index: shown.ws for _, index, shown in leader.shown}
    mine = {index: shown.ws for _, index, shown in screen.shown}
    np.testing.assert_array_equal(mine[159], theirs[159])
    # the frame after both is not there yet when the first is due, so that one is held
    assert 160 not in mine
    assert 0 < np.abs(mine[161] - theirs[161]).max() < 2e-3
    np.testing.assert_allclose(mine[161], theirs[159] + np.float32(2 / 3) * (theirs[162] - theirs[159]), atol=1e-6)
    assert screen.part.standing(0.0).lost == 2


def test_any_frames_of_a_believed_sender_leave_a_screen_alive():
    """Whoever is believed may still be broken: bounded memory, no exception, and the true leader is shown after."""
    world, rng = World(22, loss=0.0), np.random.default_rng(0)
    leader, screen = Leader(world, to=["10.0.0.2"]), Follower(world)
    world.run(4.0)
    heads, post = [], Post()
    leader.part.frame = lambda out, frame=leader.part.frame: (heads.append(out), frame(out))[1]
    world.run(5.0)
    for _ in range(3_000):
        head = heads[int(rng.integers(len(heads)))].head
        change = {
            "index": int(rng.integers(2**61)), "count": int(rng.integers(2**63)), "fps": float(rng.uniform(1, 240)),
            "due": head.t + float(rng.uniform(0, 2)), "model": rng.bytes(8),
            "began": head.began - float(rng.exponential(9)),
        }  # fmt: skip
        some = {name: value for name, value in change.items() if rng.random() < 0.3}
        body = rng.bytes(int(rng.integers(1, 4_000)))
        for part in cut(heads[0].body if rng.random() < 0.5 else body)[: int(rng.integers(1, 6))]:
            session = 1 if rng.random() < 0.8 else int(rng.integers(2**63))
            sender = ("10.0.0.1", 7772) if rng.random() < 0.9 else ("10.0.0.7", 1)
            screen.take(post.seal(FramePart(session, replace(head, **some), part)), sender)
        screen.tick(screen.clock())
        assert np.isfinite(screen.shown[-1][2].ws).all()
        assert len(screen.part._view.frames) <= 32
    assert len(screen.troubles) < 60
    leader.stop()
    world.run(5.0 + 2 * LOST)
    again = Leader(world, to=["10.0.0.2"], session=3, begins=world.now)
    world.run(world.now + 10.0)
    assert disagreements(again, screen, world.now - 4.0, world.now).max() <= 1


def test_a_drift_of_a_hundred_ppm_each_way_never_adds_up():
    world = World(2, delay=(0.002, 0.012))
    leader, screen = Leader(world, to=["10.0.0.2"], ppm=100.0), Follower(world, ppm=-100.0)
    world.run(180.0)  # 36 ms of drift: more than a frame
    assert disagreements(leader, screen, JOINED, 180.0, step=0.013).max() <= 1


def test_motion_has_no_jump_when_a_leader_comes_and_goes():
    world = World(3)
    screen = Follower(world, offset=55.0)
    world.run(3.0)
    leader = Leader(world, to=["10.0.0.2"], begins=3.0)
    world.run(9.0)
    assert screen.shown[-1][1] >= 0
    leader.stop()
    world.run(16.0)
    standing = screen.part.standing(screen.clock())
    assert (standing.leader, standing.index) == ("", -1)
    shown = [shown.ws for _, _, shown in screen.shown]
    steps = [float(np.abs(b - a).max()) for a, b in pairwise(shown)]
    assert max(steps) < 0.15  # sin(t) moves by 0.033 a frame, a crossing adds 0.067, and at times one is skipped
    last = screen.shown[-1]
    assert abs(ws_of(last[2]) - np.sin(screen.clock())) < 0.1  # its own again


@pytest.mark.parametrize("pause", [0.5, 1.9, 5.0])
def test_a_network_that_is_gone_for_a_while_makes_no_jump(pause):
    world = World(23)
    leader, screen = Leader(world, to=["10.0.0.2"]), Follower(world, offset=0.4)
    speed = 0.2  # slow, so that a jump is seen
    for node in (leader, screen):
        node.own = lambda t, own=node.own: own(speed * t)
    world.run(6.0)
    world.loss = 1.0
    world.run(6.0 + pause)
    world.loss = 0.05
    world.run(16.0)
    shown = [shown.ws for when, _, shown in screen.shown if when > 6.0 + pause - 0.2]
    steps = [float(np.abs(b - a).max()) for a, b in pairwise(shown)]
    assert max(steps) < 0.05
    if pause > LOST:  # and nothing comes up that was waiting since
        assert min(index for when, index, _ in screen.shown if when > 5.9 + pause and index >= 0) > 30 * (5.8 + pause)
    assert disagreements(leader, screen, 6.0 + pause + 0.5, 16.0).max() <= 1


def test_a_leader_that_is_gone_is_held_for_a_while_and_then_left():
    world = World(4)
    leader, screen = Leader(world, to=["10.0.0.2"]), Follower(world)
    world.run(6.0)
    leader.stop()
    world.run(6.0 + LOST - 0.1)
    held = {index for when, index, _ in screen.shown if when > 6.2}
    assert len(held) == 1
    assert screen.part.standing(screen.clock()).lag > 20
    world.run(6.0 + LOST + 0.3)
    assert screen.shown[-1][1] == -1


@pytest.mark.parametrize("pause", [0.1, 1.0, 5.0])
def test_a_leader_that_is_started_again_is_followed_again(pause):
    world = World(5)
    first = Leader(world, to=["10.0.0.2"], session=11, offset=900.0)
    screen = Follower(world, offset=-3.0)
    world.run(8.0)
    first.stop()
    second = Leader(world, to=["10.0.0.2"], session=12, offset=1.0, begins=8.0 + pause)
    world.run(8.0 + pause + 10.0)
    assert disagreements(second, screen, 8.0 + pause + JOINED, 18.0 + pause).max() <= 1
    shown = [shown.ws for _, _, shown in screen.shown]
    assert max(float(np.abs(b - a).max()) for a, b in pairwise(shown)) < 0.15


def test_while_a_new_leader_is_got_to_know_the_picture_stays():
    world = World(25)
    first, screen = Leader(world, to=["10.0.0.2"], session=11), Follower(world)
    screen.own = lambda t: Latents(np.full((LAYERS, W), 50.0, np.float32))  # its own is far away
    world.run(8.0)
    first.stop()
    Leader(world, to=["10.0.0.2"], session=12, offset=1.0, begins=8.1)
    world.run(12.0)
    assert max(float(np.abs(shown.ws).max()) for when, _, shown in screen.shown if when > JOINED) < 1.5


@pytest.mark.parametrize("other", [Latents(None), Latents(np.ones((LAYERS + 2, W), np.float32))])
def test_while_a_new_leader_is_got_to_know_an_own_blackout_and_an_own_model_count(other):
    world = World(27, loss=0.0)
    first, screen = Leader(world, to=["10.0.0.2"], session=11), Follower(world)
    world.run(6.0)
    first.stop()
    Leader(world, to=["10.0.0.2"], session=12, offset=1.0, begins=6.1)
    while screen.part._view.session != 12:
        world.run(world.now + 0.001)
    t = screen.clock()
    assert screen.part._view.joining(t)
    held, _ = screen.part.shown(t, screen.own(t), None)
    assert held is screen.shown[-1][2]
    shown, _ = screen.part.shown(t, other, None)
    assert shown.ws is other.ws


def test_a_question_for_another_run_is_not_answered():
    world, post = World(26), Post()
    leader = Leader(world, session=1)
    world.run(1.0)
    assert isinstance(post.open(leader.part.receive(post.seal(Ping(1, 77, -1, 0, "b")), ("1", 1), 1.0)), Pong)
    assert leader.part.receive(post.seal(Ping(2, 77, -1, 0, "b")), ("1", 1), 1.0) is None


def test_a_follower_that_is_started_again_has_caught_up_within_seconds():
    world = World(6)
    leader, screen = Leader(world, to=["10.0.0.2"]), Follower(world)
    world.run(6.0)
    screen.stop()
    again = Follower(world, offset=31.0, begins=7.0)
    world.run(16.0)
    assert disagreements(leader, again, 7.0 + JOINED, 16.0).max() <= 1
    assert again.said[0].params == leader.fade.end


def test_of_two_leaders_every_screen_follows_the_one_that_led_first_and_says_so():
    world = World(7)
    first = Leader(world, "10.0.0.1", to=["10.0.0.2", "10.0.0.3"], session=99, offset=5.0)
    one = Follower(world, "10.0.0.2")
    world.run(6.0)
    second = Leader(world, "10.0.0.9", to=["10.0.0.2", "10.0.0.3"], session=1, name="second", begins=6.0)
    late = Follower(world, "10.0.0.3", begins=9.0)
    world.run(16.0)
    for screen in (one, late):
        assert screen.part.standing(screen.clock()).leader == "first"
        assert any("10.0.0.9 leads, too" in text and "sync.role" in text for text in screen.troubles)
    assert disagreements(first, one, JOINED, 16.0).max() <= 1
    assert disagreements(first, late, 9.0 + JOINED, 16.0).max() <= 1
    first.stop()
    world.run(26.0)
    assert {screen.part.standing(screen.clock()).leader for screen in (one, late)} == {"second"}
    assert disagreements(second, late, 23.0, 26.0).max() <= 1


def test_of_two_leaders_that_began_together_all_take_the_same():
    world = World(8)
    names = [f"10.0.0.{n}" for n in range(2, 10)]
    for host, session in (("10.0.1.1", 7), ("10.0.1.2", 6)):
        Leader(world, host, to=names, session=session, name=f"session {session}", begins=0.1 * session)
    screens = [Follower(world, name, begins=0.3 * n) for n, name in enumerate(names)]
    world.run(9.0)
    assert {screen.part.standing(screen.clock()).leader for screen in screens} == {"session 6"}


def test_leaders_that_hear_one_another_say_so():
    world = World(9)
    one = Leader(world, "10.0.0.1", to=["10.0.0.9"], session=1)
    Leader(world, "10.0.0.9", session=2)
    world.run(1.0)
    other = world.nodes["10.0.0.9", 7772]
    assert other.troubles == ["10.0.0.1 leads, too: let one of the two follow (sync.role)"]
    assert one.troubles == []


def test_a_follower_with_another_model_plays_its_own_and_says_which_two_they_are():
    world = World(10)
    leader = Leader(world, to=["10.0.0.2", "10.0.0.3", "10.0.0.4"])
    others = [
        Follower(world, "10.0.0.2", facts=model(seed=1, name="other")),
        Follower(world, "10.0.0.3", facts=model(layers=LAYERS + 2, name="taller")),
    ]
    same = Follower(world, "10.0.0.4", facts=model(name="the same file under another name"))
    world.run(8.0)
    assert disagreements(leader, same, JOINED, 8.0).max() <= 1
    for screen, words in zip(others, ("other (6 x 8, z 8)", f"taller ({LAYERS + 2} x 8, z 8)"), strict=True):
        assert {index for _, index, _ in screen.shown} == {-1}
        assert any(f"renders toy (6 x 8, z 8), this one {words}" in text for text in screen.troubles)
        assert len(screen.troubles) <= 2
        assert screen.said  # what is set still comes, so the right model is asked for
    others[0].facts = model()  # it was loaded
    world.run(14.0)
    assert disagreements(leader, others[0], 11.0, 14.0).max() <= 1


def test_what_is_set_arrives_whole_and_once_for_each_change():
    world = World(11)
    places = tuple(
        Place(f"p{n}", z=tuple(np.random.default_rng(n).standard_normal(512).round(6).tolist())) for n in range(4)
    )
    params = Params(model="toy", seed=9, psi=0.7, mapper="clusters", anchors=places, routes=(Route("onset", "zoom"),))
    leader, screen = Leader(world, to=["10.0.0.2"], params=params), Follower(world)
    world.run(30.0)  # 40 kB: parts are lost at times
    assert [said.params for said in screen.said] == [params]
    assert (screen.said[0].preset, screen.said[0].name) == ("dawn", "first")
    leader.fade = leader.fade.to(replace(params, psi=0.2), leader.clock(), 20.0, "smooth")
    world.run(70.0)
    assert [said.params.psi for said in screen.said] == [0.7, 0.2]
    assert 0.0 <= screen.said[1].seconds <= 20.0
    assert screen.said[1].curve == "smooth"


def test_the_beat_is_the_leaders_and_goes_on_by_itself_for_a_while():
    world = World(12, delay=(0.001, 0.003))
    leader, screen = Leader(world, to=["10.0.0.2"], offset=40.0), Follower(world)
    world.run(6.0)
    leader.stop()
    for seconds, least in ((6.1, 0.8), (9.0, 0.6), (60.0, 0.0)):
        world.run(seconds)
        _, tick = screen.shown[-1][0], screen.clock()
        beat = screen.part.heard(tick, screen.features(tick)).beat
        assert beat.bpm == 120.0
        expected = (leader.offset + world.now - leader._begin) * 2.0
        assert abs((beat.phase - expected + 0.5) % 1.0 - 0.5) < 0.03
        assert least <= beat.confidence < 0.9
    assert beat.confidence < 0.01


def test_a_leaders_black_is_black_and_a_screens_own_is_its_own():
    world = World(13)
    leader, screen, dark = Leader(world, to=["10.0.0.2", "10.0.0.3"]), Follower(world), Follower(world, "10.0.0.3")
    leader.own = lambda t: Latents(None if 5.0 < t < 7.0 else np.zeros((LAYERS, W), np.float32), inverse(0, 0, 9, 1))
    dark.own = lambda t: Latents(None)
    world.run(9.0)
    assert at(screen, 6.5)[1].ws is None
    assert at(screen, 8.0)[1].ws is not None
    np.testing.assert_array_equal(at(screen, 8.0)[1].transform, inverse(0, 0, 9, 1))
    assert {ws_of(shown) for _, _, shown in dark.shown} == {None}


def test_nothing_is_shown_of_a_leader_that_cannot_answer_and_that_is_said():
    world = World(14)
    leader, screen = Leader(world, to=["10.0.0.2"]), Follower(world)
    leader.take = lambda data, sender: None  # it does not believe this screen
    world.run(15.0)
    assert {index for _, index, _ in screen.shown} == {-1}
    assert any("10.0.0.1 leads, but does not answer" in text for text in screen.troubles)
    assert screen.said == []


def test_what_a_third_party_says_in_the_leaders_name_is_left_out():
    world, post = World(24, loss=0.0), Post()
    leader, screen = Leader(world, to=["10.0.0.2"]), Follower(world)
    world.run(4.0)
    text = say("third", model(), Fade.still(Params(seed=666)), None, 0.0).encode()
    asked = []
    world.tap = lambda data, sender, to: asked.append(post.open(data)) if sender == screen.address else None
    world.run(5.0)
    for sender in (("10.0.0.7", 7772), ("10.0.0.1", 7773)):
        for part in cut(text):
            screen.take(post.seal(StatePart(1, 2**40, part)), sender)
        for ping in asked[-4:]:
            screen.take(post.seal(Pong(1, ping.nonce, 7e6, 7e6)), sender)
    for nonce in range(9):  # the right sender, but no question of ours
        screen.take(post.seal(Pong(1, nonce, 7e6, 7e6)), leader.address)
    world.run(6.0)
    assert [said.params.seed for said in screen.said] == [5]
    assert disagreements(leader, screen, JOINED, 6.0).max() <= 1


def test_a_recorded_wall_played_back_leads_nobody():
    world, recorded = World(15, key="one secret"), []
    world.tap = lambda data, sender, to: recorded.append((world.now, data))
    leader, screen = Leader(world, to=["10.0.0.2"]), Follower(world)
    world.run(5.0)
    assert screen.shown[-1][1] >= 0
    leader.stop()
    world.run(9.0)
    fresh = Follower(world, "10.0.0.2", begins=9.0, nonces=8)
    for when, data in [(when, data) for when, data in recorded if when < 5.0]:
        world.at(9.0 + when, lambda data: fresh.take(data, ("10.0.0.1", 7772)), data)
    world.run(15.0)
    assert {index for _, index, _ in fresh.shown} == {-1}
    assert fresh.said == []


def test_who_has_not_the_key_leads_nobody():
    world = World(16, key="one secret")
    leader, screen = Leader(world, to=["10.0.0.2"]), Follower(world)
    leader.part._post = Post("another secret")
    world.run(5.0)
    assert {index for _, index, _ in screen.shown} == {-1}
    assert any("another key" in text for text in screen.troubles)
    assert len(screen.troubles) == 1
    assert screen.part.standing(screen.clock()).refused > 100


def test_a_leader_knows_its_screens():
    world = World(17)
    leader = Leader(world, to=["10.0.0.2", "10.0.0.3"])
    Follower(world, "10.0.0.2")
    gone = Follower(world, "10.0.0.3")
    world.run(6.0)
    standing = leader.part.standing(leader.clock())
    assert sorted(screen.name for screen in standing.screens) == ["10.0.0.2", "10.0.0.3"]
    assert all(0 <= standing.index - screen.shown < 20 for screen in standing.screens)
    gone.stop()
    world.run(14.0)
    assert [screen.name for screen in leader.part.standing(leader.clock()).screens] == ["10.0.0.2"]


def test_a_leader_shows_its_own_frames_when_they_are_due():
    world = World(18)
    leader = Leader(world, fps=30.0, delay=0.04)  # two ticks
    world.run(3.0)
    shown = [(when, ws_of(latents)) for when, _, latents in leader.shown if when > 1.0]
    assert all(abs(value - np.sin(round(when * 30 - 0.3) / 30 - 2 / 30)) < 0.03 for when, value in shown)
    prompt = Leader(World(18), fps=30.0, delay=0.0)
    prompt.world.run(1.0)
    assert [index for _, index, _ in prompt.shown] == list(range(len(prompt.shown)))


def test_a_leader_that_skips_ticks_is_followed_as_it_goes():
    world = World(19, delay=(0.002, 0.006), loss=0.0)
    leader, screen = Leader(world, to=["10.0.0.2"]), Follower(world)
    tick, frame, rng, made = leader.tick, leader.part.frame, np.random.default_rng(0), {}
    leader.tick = lambda t: tick(t) if rng.random() < 0.7 else None
    leader.part.frame = lambda out: made.setdefault(out.head.index, frame(out))
    world.run(12.0)
    shown = {index for when, index, _ in screen.shown if when > JOINED}
    assert shown <= set(made)  # nothing is put in place of what never was
    assert len(shown) > 0.95 * sum(JOINED < index / 30 < 11.8 for index in made)
    assert screen.part.standing(screen.clock()).lost == 0


@pytest.mark.parametrize("degrees", [180.0, 90.0, 3.0])
def test_a_frame_that_was_lost_in_a_turn_at_once_is_held_and_never_flat(degrees):
    world = World(23, delay=(0.002, 0.006), loss=0.0)
    leader, screen = Leader(world, to=["10.0.0.2"]), Follower(world)
    frame, own = leader.part.frame, leader.own
    leader.part.frame = lambda out: [] if out.head.index in (160, 161, 162) else frame(out)
    ticks = []

    def turning(t):
        ticks.append(t)
        turn = degrees if len(ticks) > 160 else 0.0
        return replace(own(t), transform=inverse(0.0, 0.0, turn, 1.0))

    leader.own = turning
    world.run(8.0)
    shown = {index: latents.transform for _, index, latents in screen.shown if 150 < index < 180}
    areas = [np.linalg.det(matrix[:2, :2].astype(float)) for matrix in shown.values()]
    assert min(areas) > 0.9
    assert (len(shown) > 26) == (degrees < 45)  # what lies near is made from those about it
