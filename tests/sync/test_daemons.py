"""A wall of daemons as they are started by hand."""

import json
import signal
from contextlib import ExitStack

import pytest
from daemons import running
from ports import free_port


def daemon(folder, name, preset, sync):
    own = folder / name
    own.mkdir()
    plain = {"version": 1, "source": "none", "sinks": ["null"], "model": "swatch", "size": 16, "preset": preset}
    config = {**plain, "osc": {"reply_port": 0}, "sync": {"name": name, **sync}}
    (own / "config.yaml").write_text(json.dumps(config))
    return running(own, "run", "--config", own / "config.yaml")


@pytest.mark.timeout(300)
def test_a_follower_takes_up_what_the_leader_plays_and_goes_on_alone_after_it(tmp_path):
    port = free_port()
    with ExitStack() as wall:
        lead = {"role": "leader", "port": free_port(), "peers": [f"127.0.0.1:{port}"]}
        leader = wall.enter_context(daemon(tmp_path, "left", "storm", lead))
        follower = wall.enter_context(daemon(tmp_path, "right", "tide", {"role": "follower", "port": port}))
        follower.until(lambda s: s["sync"]["frame_index"] > 0 and s["preset"] == "storm", "following")
        theirs = leader.until(lambda s: [screen["name"] for screen in s["sync"]["screens"]] == ["right"], "followed")
        ours = follower.status()
        assert ours["sync"]["leader"] == "left"
        assert ours["params"]["/latentd/seed"] == theirs["params"]["/latentd/seed"]
        leader.process.send_signal(signal.SIGINT)
        assert leader.wait()[0] == 0
        alone = follower.until(lambda s: (s["sync"]["leader"], s["sync"]["frame_index"]) == ("", -1), "alone")
        assert alone["preset"] == "storm"
        follower.until(lambda s: s["frame_index"] > alone["frame_index"] + 10, "going on")
