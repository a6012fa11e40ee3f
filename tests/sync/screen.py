"""One screen as a process of its own: swatch, engine, render loop and sync. What it shows is a line of JSON each,
[when, index, a sum of the latents], and last how it stands.
"""

import json
import sys
import zlib
from pathlib import Path
from threading import Event, Thread

from daemon.clock import WallClock
from daemon.config import Sync
from daemon.engine import Engine
from daemon.flow import Features, FrameFormat
from daemon.live import RenderLoop, Stage
from daemon.mailbox import Mailbox
from daemon.mapping.space import survey
from daemon.params import Fade, Params
from daemon.parts import mapper_maker
from daemon.render.swatch import SwatchRenderer
from daemon.slots import SlotRing
from daemon.stats import FrameStats
from daemon.sync.wall import Wall


def main(config, seed, stop, out):
    """Run until the file `stop` is there."""
    clock, swatch = WallClock(), SwatchRenderer(16)
    space = survey(swatch.facts, swatch.to_w)
    params = Mailbox(Fade.still(Params(seed=seed, drift=1.0)))
    said, troubles = [], []
    told = Path(out).open("w", buffering=1)  # noqa: SIM115 - as long as the process

    def take_up(wanted, preset, seconds, curve):
        said.append([preset, wanted.seed])
        params.put(params.latest().to(wanted, clock.now(), seconds, curve))

    wall = Wall(Sync(**config), lambda: space.facts, 30.0, params, lambda: "dawn", clock, take_up, troubles.append)
    wall.bind()
    part = wall.part

    class Seen:
        """Tells what the render loop is given."""

        grid, heard = part.grid, part.heard

        def shown(self, t, latents, heard):
            given, then = part.shown(t, latents, heard)
            told.write(json.dumps([t, part.standing(t).index, zlib.crc32(given.ws.tobytes())]) + "\n")
            return given, then

    engine = Engine(mapper_maker(space), space)
    ring, features = SlotRing(1, FrameFormat(16, 16)), Mailbox(Features.silence(8))
    stages = Mailbox(Stage(swatch, mapper_maker(space), space))
    loop = RenderLoop(engine, stages, ring, [], features, params, FrameStats(), clock, 30.0, together=Seen())
    ended = Event()
    threads = [Thread(target=each.loop, args=(ended,)) for each in wall.services()]
    threads.append(Thread(target=loop.loop, args=(ended,)))
    for thread in threads:
        thread.start()
    sys.stdout.write(f"{wall.port}\n")
    sys.stdout.flush()
    while not Path(stop).exists():
        ended.wait(0.02)
    standing = part.standing(clock.now())
    ended.set()
    for thread in threads:
        thread.join()
    wall.close()
    standing = {"leader": standing.leader, "screens": [screen.name for screen in standing.screens]}
    told.write(json.dumps({"said": said, "troubles": troubles, **standing}) + "\n")
    told.close()


if __name__ == "__main__":
    main(json.loads(sys.argv[1]), int(sys.argv[2]), *sys.argv[3:])
