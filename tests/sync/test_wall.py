"""The threads of a wall, and the render loop that keeps its time."""

import asyncio
import socket
from collections import Counter
from threading import Event, Thread

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from daemon.app import Daemon, Wishes
from daemon.clock import VirtualClock, WallClock
from daemon.config import Config, Http, Osc, Sync
from daemon.engine import Engine
from daemon.flow import Features, FrameFormat, Latents
from daemon.live import RenderLoop, Stage, following
from daemon.mailbox import Mailbox
from daemon.mapping.space import survey
from daemon.params import Fade, Params
from daemon.parts import mapper_maker
from daemon.render.swatch import SwatchRenderer
from daemon.slots import SlotRing
from daemon.stats import FrameStats
from daemon.sync.wall import Wall


def test_everything_is_sent_twice():
    swatch, params = SwatchRenderer(16), Mailbox(Fade.still(Params()))
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as ear:
        ear.bind(("127.0.0.1", 0))
        ear.settimeout(20.0)
        config = Sync(role="leader", port=0, peers=(f"127.0.0.1:{ear.getsockname()[1]}",))
        wall = Wall(config, lambda: swatch.facts, 30.0, params, lambda: None, WallClock(), print, print)
        stop, service = Event(), wall.services()[0]
        thread = Thread(target=service.loop, args=(stop,))
        thread.start()
        try:
            wall.part.shown(1.0, Latents(np.ones((4, 16), np.float32)), None)
            came = Counter()
            while sum(came.values()) < 4:  # one part and its parity
                data = ear.recv(2048)
                came[data] += data.startswith(b"/latentd/sync/frame")
            assert [count for count in came.values() if count] == [2, 2]
        finally:
            stop.set()
            thread.join()
            wall.close()


def test_a_run_that_ends_gives_the_port_back(tmp_path, monkeypatch):
    monkeypatch.setenv("LATENTD_HOME", str(tmp_path))
    sync = Sync(role="leader", port=0, peers=("127.0.0.1",))
    plain = {"version": 1, "source": "none", "sinks": ("null",), "model": "swatch", "size": 16, "preset": "hearth"}
    config = Config(**plain, osc=Osc(port=0, reply_port=0), http=Http(port=0), sync=sync)
    daemon = Daemon(config, Wishes(remember=False))
    bound = []

    async def live():
        stop = asyncio.Event()
        running = asyncio.create_task(daemon.run(stop))
        while daemon.wall.port is None and not running.done():
            await asyncio.sleep(0.01)
        bound.append(daemon.wall.port)
        stop.set()
        await running

    asyncio.run(live())
    assert daemon.wall.port is None
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as again:
        again.bind(("127.0.0.1", bound[0]))


def test_a_wall_that_is_off_is_nothing():
    wall = Wall(Sync(), lambda: None, 30.0, Mailbox(Fade.still(Params())), lambda: None, WallClock(), print, print)
    wall.bind()
    assert (wall.part, wall.services(), wall.status(), wall.port) == (None, (), None, None)
    wall.close()


class Elsewhere:
    """Other screens, whose frames are due at times of their own."""

    def __init__(self, stop, begin, fps, ticks):
        self.at, self._stop, self._grid, self._ticks = [], stop, (begin, fps), ticks

    def grid(self, t):
        return self._grid if len(self.at) < self._ticks else None

    def heard(self, t, features):
        return features

    def shown(self, t, latents, heard):
        self.at.append(t)
        if len(self.at) == 2 * self._ticks:
            self._stop.set()
        return latents, heard


def test_the_render_loop_ticks_when_the_others_frames_are_due_and_by_itself_without_them():
    clock, swatch, stop = VirtualClock(5.0), SwatchRenderer(16), Event()
    space = survey(swatch.facts, swatch.to_w)
    others = Elsewhere(stop, begin=2.013, fps=50.0, ticks=40)
    loop = RenderLoop(
        Engine(mapper_maker(space), space),
        Mailbox(Stage(swatch, mapper_maker(space), space)),
        SlotRing(1, FrameFormat(16, 16)),
        [],
        Mailbox(Features.silence(8)),
        Mailbox(Fade.still(Params())),
        FrameStats(),
        clock,
        30.0,
        together=others,
    )
    loop.loop(stop)
    theirs, own = np.array(others.at[1:40]), np.array(others.at[41:])
    np.testing.assert_allclose((theirs - 2.013) * 50.0 % 1.0 % (1 - 1e-6), 0.0, atol=1e-6)
    np.testing.assert_allclose(np.diff(theirs), 1 / 50, atol=1e-9)
    np.testing.assert_allclose((own - 5.0) * 30.0, np.round((own - 5.0) * 30.0), atol=1e-6)
    np.testing.assert_allclose(np.diff(own), 1 / 30, atol=1e-9)


@given(st.integers(0, 10**7), st.floats(-1e6, 1e6), st.floats(1.0, 240.0), st.floats(-0.4, 0.4), st.floats(0.0, 9.0))
def test_no_tick_is_missed_or_made_twice_however_the_grid_moves(n, begin, fps, moved, late):
    t = begin + n / fps
    after, missed = following(t, t + late / fps, begin + moved / fps, fps)
    assert (after - t) * fps > 0.5 - 1e-3
    assert (after - t) * fps < max(1.5, late + 1.0) + 1e-3
    assert missed == max(0, round((after - t) * fps - moved) - 1)
