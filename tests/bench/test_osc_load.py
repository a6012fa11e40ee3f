"""The attack on a running daemon: what it sends, how it judges, and once in small."""

import json
import socket
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest
from control.test_endpoint import ME, idle_endpoint

from daemon.bench.osc.measure import Wishes
from daemon.bench.osc.report import Frames, OscReport
from daemon.bench.osc.running import Spent
from daemon.bench.osc.sender import paced
from daemon.bench.osc.slices import Slice, compared, spread, turns
from daemon.bench.osc.traffic import HOUR, Hostile, Knobs, bundle, time_tag
from daemon.cli import bench_osc, invoke
from daemon.control.osc import Message, decode
from daemon.control.refusal import Refusal


def test_hostile_datagrams_are_the_same_for_the_same_seed_and_of_every_kind():
    hostile, again = Hostile(3), Hostile(3)
    sent = [hostile() for _ in range(2000)]
    assert sent == [again() for _ in range(2000)]
    items = [item for datagram in sent for item in decode(datagram)]
    assert 0.2 < sum(isinstance(item, Refusal) for item in items) / len(items) < 0.8
    assert len({item.address for item in items if isinstance(item, Message)}) > 100
    assert any(datagram.startswith(b"#bundle") for datagram in sent)
    assert all(sent)


def test_light_traffic_changes_nothing_that_costs_a_picture_more_or_less():
    endpoint, _ = idle_endpoint()
    before = endpoint._desk.fade.end
    hostile = Hostile(4, light=True)
    for i in range(4_000):
        endpoint.receive(hostile(), ME, i / 1000)
    after = endpoint._desk.fade.end
    for field in ("model", "mapper", "freeze", "blackout", "noise", "translate_x", "rotate", "zoom", "routes"):
        assert getattr(after, field) == getattr(before, field)
    assert after != before
    assert endpoint._desk.preset is None


def test_every_knob_turns_at_every_turn_and_all_of_it_is_taken():
    endpoint, _ = idle_endpoint()
    knobs = Knobs(200)
    for turn in (0, 1, 2):
        for datagram in knobs.turn(turn):
            endpoint.receive(datagram, ME, 0.0)
        values = endpoint._desk.values(0.0)
        there = {address: value for address, value in knobs.settled(turn).items() if "/cluster/" not in address}
        assert {address: values[address] for address in there} == pytest.approx(there)
    assert len(set(knobs.turn(0))) == 200
    assert not set(knobs.turn(0)) & set(knobs.turn(1))


def test_no_more_knobs_than_there_are():
    with pytest.raises(ValueError, match="knobs to turn, not 9999"):
        Knobs(9999)


def test_time_tags_count_from_1900_and_a_bundle_carries_them():
    assert time_tag(0.0) == 2_208_988_800 << 32
    packet = bundle(b"/a\0\0,\0\0\0", tag=time_tag(10.5) + HOUR)
    assert int.from_bytes(packet[8:12], "big") == 2_208_988_810 + 3600
    assert [m.address for m in decode(packet)] == ["/a"]


def test_things_are_paced_and_all_of_them_happen():
    now = iter(i * 0.01 for i in range(1000))
    assert list(paced(200.0, 7, lambda: next(now))) == [3, 5, 7]


def test_slices_are_compared_in_pairs_and_with_their_own_noise():
    def a_slice(p95: float, loop: float, rest: float) -> Slice:
        return Slice(p95 / 2, p95, 3 * p95, 100, 10.0, Spent(loop, rest))

    made = compared(
        [a_slice(10.0, 0.1, 1.0), a_slice(20.0, 0.1, 2.0)], [a_slice(11.0, 0.6, 1.1), a_slice(20.0, 0.6, 2.0)]
    )
    assert made.p95_ratio == spread([1.1, 1.0])
    assert made.p50_ms == {"without": spread([5.0, 10.0]), "with": spread([5.5, 10.0])}
    assert made.longest_ms == {"without": spread([30.0, 60.0]), "with": spread([33.0, 60.0])}
    assert made.noise_ratio == spread([2.0])
    assert made.cpu_ms == {"without": spread([10.0, 20.0]), "with": spread([11.0, 20.0])}
    assert made.loop_share == {"without": spread([0.01, 0.01]), "with": spread([0.06, 0.06])}
    assert made.fps == 10.0


def test_either_kind_of_slice_goes_first_as_often():
    assert list(turns(3)) == [False, True, True, False, False, True]
    for pairs in (1, 4, 7):
        made = list(turns(pairs))
        assert [sorted(made[i : i + 2]) for i in range(0, len(made), 2)] == [[False, True]] * pairs
        assert abs(sum(made[::2]) - sum(made[1::2])) <= 1


def test_without_a_system_that_tells_cpu_time_there_is_none():
    one = Slice(5.0, 10.0, 30.0, 100, 10.0, None)
    made = compared([one], [one])
    assert isinstance(made, Frames)
    assert (made.cpu_ms, made.cpu_ratio, made.noise_ratio) == (None, None, None)


def test_the_sender_sends_what_it_is_told_and_says_how_much_that_was():
    command = [sys.executable, "-m", "daemon.bench.osc.sender"]
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as heard:
        heard.bind(("127.0.0.1", 0))
        heard.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 20)
        heard.settimeout(20)
        port = heard.getsockname()[1]
        jobs = (
            {"job": "hostile", "port": port, "count": 50, "rate": 1e6, "light": True},
            {"job": "knobs", "port": port, "count": 10, "seconds": 0.05, "hz": 100},
        )
        process = subprocess.run(
            command, input="".join(json.dumps(job) + "\n" for job in jobs), capture_output=True, text=True, check=True
        )
        hostile, knobs = map(json.loads, process.stdout.splitlines())
        assert hostile["sent"] == 50
        assert knobs == {"turns": 5, "sent": 50}
        messages = sum(len(decode(heard.recv(65_536))) for _ in range(50))
        assert messages == hostile["messages"]


def test_the_attack_goes_with_one_model_and_its_options_with_it(capsys):
    assert invoke(["bench", "--osc", "--model", "a", "b"]) == 1
    assert "--osc takes one" in capsys.readouterr().err
    for option in (["--seconds", "5"], ["--datagrams", "5000"], ["--fps", "30"], ["--pairs", "6"]):
        assert invoke(["bench", *option]) == 1
        assert "they go with --osc" in capsys.readouterr().err


def test_what_fills_no_whole_slice_may_change_everything():
    wishes = Wishes("swatch", Path("-"), fps=30.0)  # 21 s a slice
    assert wishes.shares() == (160_000, 8, 105_000)
    assert replace(wishes, pairs=6).shares() == (370_000, 6, 105_000)
    assert replace(wishes, pairs=20).shares() == (100_000, 20, 105_000)
    assert replace(wishes, datagrams=1500).shares() == (150, 1, 1350)


@pytest.mark.timeout(120)
def test_a_daemon_stands_a_small_attack(tmp_path):
    """In a process of its own, since it is a command; in small, since the whole takes half an hour."""
    code = (
        "from daemon import parts; from daemon.bench import machine; from daemon.bench.osc.measure import *\n"
        "wishes = Wishes('swatch', parts.DEMO_SOUND, 60.0, 1500, 3000.0, 60.0, 50, 0.5, tags=2, settled=0.2)\n"
        "print(measure(wishes, machine.versions(1), lambda what: None).model_dump_json())"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=110)
    made = OscReport.model_validate_json(done.stdout)
    assert made.well
    assert made.hostile.datagrams == 1500
    assert made.hostile.refused > 200
    assert made.steady.sent == 1500
    assert any("hostile datagrams" in line for line in bench_osc.lines(made))
