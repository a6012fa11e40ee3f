"""NDI for real, between processes of this machine, over a loopback interface of their own where that can be had."""

import json
import os
import subprocess
import sys
from contextlib import ExitStack, contextmanager
from importlib.util import find_spec
from pathlib import Path
from uuid import uuid4

import pytest
from sinks.island import island

from daemon.clock import WallClock

# not importorskip: NDI would be loaded into this process
pytestmark = pytest.mark.skipif(find_spec("cyndilib") is None, reason="NDI is an extra: pip install 'latentd[ndi]'")

_PATIENCE = 20.0  # s
_CLOCK = WallClock()
OPAQUE = (320, 256, "BGRA", "opaque")


class End:
    """A process that sends or receives."""

    def __init__(self, before, folder, kind, *arguments):
        root = Path(__file__).parents[2]
        environment = {**os.environ, "NDI_CONFIG_DIR": str(folder), "PYTHONPATH": f"{root}{os.pathsep}{root / 'tests'}"}
        command = [*before, sys.executable, "-m", "sinks.ndi_end", kind, *map(str, arguments)]
        pipe = subprocess.PIPE
        self.process = subprocess.Popen(command, stdin=pipe, stdout=pipe, text=True, env=environment, cwd=folder)

    def __call__(self, *what):
        self.process.stdin.write(json.dumps(what) + "\n")
        self.process.stdin.flush()
        line = self.process.stdout.readline()
        assert line, f"the process ended with {self.process.wait()}"
        return json.loads(line)

    def kill(self):
        self.process.kill()
        self.process.wait()

    def end(self):
        """How it ends by itself."""
        self.process.stdin.close()
        return self.process.wait(30)


@pytest.fixture
def start(tmp_path):
    """Starts ends that see nobody else, and ends them."""
    group = f"latentd-test-{uuid4().hex[:12]}"
    config = {
        "networks": {"ips": "127.0.0.1", "discovery": ""},
        "adapters": {"allowed": ["127.0.0.1"]},
        "groups": {"send": group, "recv": group},
    }
    (tmp_path / "ndi-config.v1.json").write_text(json.dumps({"ndi": config}))
    with island() as before, ExitStack() as ends:

        @contextmanager
        def kept(end):
            try:
                yield end
            finally:
                end.kill()
                end.process.stdin.close()
                end.process.stdout.close()

        yield lambda *what: ends.enter_context(kept(End(before, tmp_path, *what)))


@pytest.fixture
def name():
    return f"latentd {uuid4().hex[:12]} ü"


def shown(sender, receiver, count, size=None):
    """Hand a picture over until it is seen: what the receiver says of it."""
    seen, until = None, _CLOCK.now() + _PATIENCE
    while _CLOCK.now() < until:
        sender("publish", count)
        seen = receiver("newest")
        if seen and seen["count"] == count and (size is None or seen["size"] == list(size)):
            return seen
    if seen is None:
        pytest.skip("NDI finds no source on this machine's loopback interface")
    raise AssertionError(f"picture {count} never came; the last one: {seen}")


def counted(sender, wanted, count):
    """Wait until so many receivers are connected."""
    until = _CLOCK.now() + _PATIENCE
    while (there := sender("publish", count)) != wanted:
        assert _CLOCK.now() < until, f"{there} receivers rather than {wanted}"


def test_pictures_arrive_as_drawn_in_every_order_with_their_alpha_and_a_receiver_follows_another_size(start, name):
    sender, receiver = start("sender", name, 29.97), start("receiver", name)
    assert f"({name}), NDI " in sender("open", *OPAQUE)
    assert sender("publish", 0) == 0
    for count in (1, 2, 40_000):
        seen = shown(sender, receiver, count)
        assert (seen["faults"], seen["size"]) == ([], [320, 256])
        assert (seen["rate"], seen["fourcc"], seen["opaque"]) == ([30_000, 1001], "BGRX", True)
        assert seen["error"] < 8  # it is lossy
    assert sender("publish", 3) == 1
    assert sender("close") is None
    assert f"({name})" in sender("open", 302, 514, "RGBA", "straight")
    seen = shown(sender, receiver, 7, (302, 514))
    assert (seen["faults"], seen["fourcc"]) == ([], "BGRA")
    assert seen["error"] < 8
    assert seen["ramp"] < 2
    assert receiver.end() == sender.end() == 0  # neither was closed


def test_receivers_come_late_go_without_a_word_and_come_back(start, name):
    sender, early = start("sender", name, 30), start("receiver", name)
    sender("open", *OPAQUE)
    shown(sender, early, 5)
    late = start("receiver", name)
    assert shown(sender, late, 5)["faults"] == []  # nothing new was painted meanwhile
    counted(sender, 2, 5)
    early.kill()
    counted(sender, 1, 5)
    back = start("receiver", name)
    assert shown(sender, back, 6)["faults"] == shown(sender, late, 6)["faults"] == []
    counted(sender, 2, 6)


def test_a_name_that_is_taken_is_refused_in_words_until_it_is_free(start, name):
    first, second = start("sender", name, 30), start("sender", name, 30)
    first("open", *OPAQUE)
    assert first("again", 0).startswith(f"SinkError: NDI made no source named {name}")
    assert second("open", *OPAQUE).startswith(f"SinkError: NDI made no source named {name}")
    first.kill()
    assert f"({name})" in second("open", *OPAQUE)


def test_the_self_test_reads_it_back_where_no_name_service_runs(name, tmp_path):
    environment = {key: value for key, value in os.environ.items() if key != "NDI_CONFIG_DIR"}
    environment |= {"HOME": str(tmp_path), "LATENTD_HOME": str(tmp_path / "home")}
    asked = ["--sink", f"ndi:{name}", "--size", "302x180", "--json", "--seconds"]
    with island() as before:
        if not before:
            pytest.skip("no loopback interface of one's own can be had here")
        command = [*before, sys.executable, "-m", "daemon", "self-test", *asked]
        for seconds in (3, 10, 30):  # a busy machine takes its time to find it
            ran = subprocess.run(
                [*command, str(seconds)], env=environment, cwd=Path(__file__).parents[2], capture_output=True,
                text=True, check=False,
            )  # fmt: skip
            if ran.returncode == 0:
                break
    ndi, _ = json.loads(ran.stdout)
    assert (ran.returncode, ndi["wrong"]) == (0, None), ran.stderr
    assert ndi["read"].startswith("read back ")
