# ruff: noqa: N806 - G is what the paper and its users call a generator
"""A whole run on a clock of our own, and what is said of it."""

from dataclasses import dataclass, field, replace
from itertools import count, pairwise

import numpy as np
import pytest
import torch
from pydantic import ValidationError

from daemon.bench import machine, measure, report
from daemon.bench.engines import Entry, Error
from daemon.bench.floor import Convolution
from daemon.bench.layers import Phase
from daemon.bench.measure import EngineRun, Floor, LayerFloor, ModelRun, Wishes
from daemon.bench.networks import Subject, open_network
from daemon.bench.walk import walk
from stylegan3.inference import layers_once
from stylegan3.prepared.kept import Kept
from stylegan3.textbook import TextbookPainter

NAME = "random:t16:256:16:4"
ASKED: list[int] = []  # numbers of threads PyTorch was asked for


class Script:
    """A stopwatch that does the work and says a time made up, the same whenever the work is the same function."""

    def __init__(self) -> None:
        self.acts = 0

    def frames(self, task, indices) -> list[float]:
        return [self.frame(task, i) for i in indices]

    def frame(self, task, i) -> float:
        if task.prepare is not None:
            task.prepare(i)
        task.act(i)
        self.acts += 1
        return float(self.acts)


@pytest.fixture(scope="module")
def run() -> ModelRun:
    wishes = Wishes(threads=(1, 2), frames=4, layers=True)
    tick = count()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(torch, "set_num_threads", ASKED.append)  # PyTorch stays on one: no waiting for each other
        return measure.measure(open_network(NAME), wishes, lambda: next(tick) * 1e-3, Script())


def test_every_engine_is_measured_with_every_number_of_threads(run) -> None:
    kinds = [(r.entry.painter.engine, r.entry.painter.threads) for r in run.runs]
    assert len(set(kinds)) == len(kinds)
    assert {threads for _, threads in kinds} == set(ASKED) == {1, 2}
    assert {"zero-insertion", "torch"} <= {engine for engine, _ in kinds}
    assert all(len(r.ms) == 4 for r in run.runs)
    assert [threads for threads, _ in run.mapping_ms] == [f.threads for f in run.floors] == [1, 2]


def test_all_of_them_ran_in_each_others_company(run) -> None:
    """The made-up time counts what was done before: every round holds all tasks, so all engines' times interleave."""
    per_round = len(run.runs) * 2 + 2 * 2 * (1 + 2 * len(run.floors[0].layers))
    for r in run.runs:
        assert [int((ms - 1) // per_round) for ms in r.ms] == [0, 1, 2, 3]


def test_the_floor_is_the_faster_layout_of_each_convolution(run) -> None:
    assert [layer.conv.name for layer in run.floors[0].layers] == [
        "L0_36_16",
        "L1_36_16",
        "L2_36_16",
        "L3_16_16",
        "L4_16_3",
    ]
    assert all(layer.layout in ("channels first", "channels last") for f in run.floors for layer in f.layers)
    assert run.floors[0].ms == sum(layer.ms for layer in run.floors[0].layers)


def test_the_network_is_left_as_it_was(run) -> None:
    assert torch.equal(run.subject.G.synthesis.input.transform, torch.eye(3))


def test_a_painting_is_a_new_picture_every_frame_moved_where_the_network_can() -> None:
    G = open_network(NAME).G
    way, seen = walk(G, 3), []

    class Watched(TextbookPainter):
        def paint(self, ws, pixels):
            seen.append((ws.copy(), G.synthesis.input.transform.numpy().copy(), id(pixels)))
            super().paint(ws, pixels)

    task = measure.painting(Watched(G, 1), G, way)
    assert (task.name, task.threads) == ("zero-insertion", 1)
    for i in range(4):
        task.prepare(i)
        task.act(i)
    for i, (ws, transform, _) in enumerate(seen):
        assert np.array_equal(ws, way.ws[i % 3])
        assert np.array_equal(transform, way.transforms[i])
    assert len({slot for *_, slot in seen}) == 1


def deaf() -> Subject:
    """Two layers, and the input, hear nothing of w."""
    G = open_network(NAME).G
    for layer in G.synthesis.layers[:2]:
        layer.affine.weight.zero_()
    return Subject("deaf", None, G)


def test_a_painting_moves_with_every_frame_or_stands_still() -> None:
    G = deaf().G
    for frames in (1, 2, 240):
        way, places = walk(G, frames), {}
        for still in (True, False):
            task = measure.painting(TextbookPainter(G, 1), G, way, still=still)
            places[still] = []
            for _ in range(300):
                task.prepare(0)  # a frame that is not timed is of the same index as the next
                places[still].append(G.synthesis.input.transform.numpy().tobytes())
        assert set(places[True]) == {np.eye(3, dtype=np.float32).tobytes()}
        assert all(a != b for a, b in pairwise(places[False]))
        assert not set(places[True]) & set(places[False][1:240])


@dataclass
class Lazy:
    """Nine times as cheap where it painted the same place twice."""

    G: object
    engine: str = "lazy"
    precision: str = "float32"
    threads: int = 1
    layers_once: int = 2
    spent: float = 0.0
    kept: Kept = field(default_factory=lambda: Kept(torch.zeros(1), overwritten=False))

    def image(self, ws, noise=None):
        self.spent += 1.0
        self.kept.given(self.G.synthesis.input.transform.numpy().tobytes(), self.whole)

    def whole(self):
        self.spent += 8.0
        return torch.zeros(1)

    def paint(self, ws, pixels, noise=None):
        self.image(ws)

    def profile(self, ws, frames):
        return ()


@pytest.mark.parametrize("frames", [1, 3, 100, None])
def test_where_layers_are_painted_once_frames_stand_still_and_moving_ones_are_told_apart(frames, monkeypatch) -> None:
    subject = deaf()
    lazy, plain = Lazy(subject.G), Lazy(subject.G, engine="plain", layers_once=0)

    class Spent(Script):
        def frame(self, task, i) -> float:
            before = lazy.spent
            super().frame(task, i)
            return lazy.spent - before

    monkeypatch.setattr(measure, "_SECONDS", 0.1)
    subject.G.synthesis.input.transform[0, 2] = 0.5  # as the file had it, perhaps
    lazy.image(None)
    entries = [Entry(painter, None, Error(0.0, 0.0)) for painter in (plain, lazy)]
    wishes = Wishes(threads=(1,), frames=frames)
    first, second = measure._timed(subject, entries, walk(subject.G, 240), wishes, lambda: 0.0, Spent()).runs
    assert first.moving_ms == ()
    assert set(second.ms) == {1.0}
    assert set(second.moving_ms) == {9.0}
    assert len(first.ms) == len(second.ms) == len(second.moving_ms)
    assert torch.equal(subject.G.synthesis.input.transform, torch.eye(3))


def test_what_is_said_of_a_network_whose_first_layers_are_deaf_flatters_nobody() -> None:
    made = measure.measure(deaf(), Wishes(threads=(1,), frames=2, layers=True), lambda: 0.0, Script())
    found = report.report([made], machine.versions(2))
    [model] = found.models
    convs = made.floors[0].layers
    assert model.gmac == pytest.approx(sum(c.conv.gmac for c in convs), rel=1e-3)
    assert model.gmac_once == pytest.approx(sum(c.conv.gmac for c in convs[:2]), rel=1e-3)
    for said, run in zip(found.results, made.runs, strict=True):
        once = layers_once(run.entry.painter)
        assert said.layers_once == once == (2 if said.engine.startswith(("fused", "prepared")) else 0)
        assert (said.moving_ms is None) == (once == 0)
        left = sum(c.ms for c in convs[once:])
        assert said.floor_fraction == pytest.approx(left / said.frame_ms.p50, rel=1e-3)
        if said.engine.startswith("fused"):
            assert {p.layer for p in said.layers if p.kind == "conv" and p.ms > 0} == {2, 3}
            assert {p.kind for p in said.layers if p.layer is None and p.ms > 0} == {"styles", "kept"}
    plain = report.report([replace(made, subject=open_network(NAME))], machine.versions(2))
    assert plain.models[0].gmac_once == 0


def test_a_frame_count_that_nobody_gave_is_found(monkeypatch) -> None:
    monkeypatch.setattr(measure, "_SECONDS", 0.001)
    wishes = Wishes(threads=(1,), only=("torch",))
    [one] = measure.measure(open_network(NAME), wishes, lambda: 0.0, Script()).runs
    assert len(one.ms) == 8
    assert one.phases == ()


def made_up(run: ModelRun) -> ModelRun:
    """Two engines and a floor of known times."""
    painter = run.runs[0].entry.painter
    other = next(r.entry.painter for r in run.runs if r.entry.painter.engine == "torch")
    conv = Convolution("L0", 2, 4, 10, 3, 2)
    phases = (Phase("styles", None, 0.5), Phase("conv", 0, 1.25), Phase("filter", 0, 1.0), Phase("conv", 1, 2.0))
    return ModelRun(
        run.subject,
        "cpu",
        (
            EngineRun(Entry(painter, 12.345, Error(1e-6, 2e-7)), tuple(range(101, 201)), ()),
            EngineRun(Entry(other, None, Error(2e-6, 3e-7)), (10.0,) * 98 + (30.0, 40.0), phases),
        ),
        (Floor(1, (LayerFloor(conv, "channels last", 6.0), LayerFloor(conv, "channels first", 2.0))),),
        ((1, 0.125),),
    )


def test_percentiles_speedup_and_share_of_the_floor_are_right(run) -> None:
    found = report.report([made_up(run)], machine.versions(2))
    slow, fast = found.results
    assert slow.frame_ms.model_dump() == {"p50": 150, "p95": 195, "p99": 199, "max": 200}
    assert fast.frame_ms.model_dump() == {"p50": 10, "p95": 10, "p99": 30, "max": 40}
    assert (slow.best_ms, fast.best_ms) == (101, 10)
    assert (slow.fps, fast.fps) == (6.667, 100)
    assert (slow.speedup, fast.speedup) == (1, 15)
    assert (slow.floor_fraction, fast.floor_fraction) == (0.05333, 0.8)
    assert (slow.memory_mb, fast.memory_mb) == (12.3, None)
    assert (slow.conv_ms, fast.conv_ms) == (None, 3.25)
    assert (slow.layers, len(fast.layers)) == (None, 4)
    [model] = found.models
    assert model.gmac == pytest.approx(2 * 12**2 * 9 * 8 / 1e9, rel=1e-3)
    assert model.floor[0].ms == 8
    assert model.floor[0].layers[0].layout == "channels last"
    assert model.mapping_ms[0].ms == 0.125


def test_speed_is_told_over_the_textbook_form_on_as_many_threads(run) -> None:
    one = made_up(run)
    two = next(r.entry for r in run.runs if (r.entry.painter.engine, r.entry.painter.threads) == ("zero-insertion", 2))
    runs = (EngineRun(two, (7.0,), ()), *one.runs)
    found = report.report([replace(one, runs=runs)], machine.versions(2)).results
    assert [(r.threads, r.speedup, r.floor_fraction) for r in found] == [(2, 1, None), (1, 1, 0.05333), (1, 15, 0.8)]


def test_the_faster_layout_counts() -> None:
    conv = Convolution("L0", 2, 4, 10, 3, 2)
    assert measure._faster(conv, [2.0, 1.0]) == LayerFloor(conv, "channels last", 1.0)
    assert measure._faster(conv, [1.0, 2.0]) == LayerFloor(conv, "channels first", 1.0)


def test_without_the_textbook_form_there_is_no_speedup(run) -> None:
    one = made_up(run)
    [alone] = report.report([replace(one, runs=one.runs[1:])], machine.versions(2)).results
    assert alone.speedup is None


def test_numbers_that_are_none_never_reach_the_json(run) -> None:
    one = made_up(run)
    bad = replace(one.runs[0], entry=replace(one.runs[0].entry, error=Error(float("nan"), 0.0)))
    with pytest.raises(ValidationError):
        report.report([replace(one, runs=(bad,))], machine.versions(2))


def test_the_machine_says_what_it_is() -> None:
    said = machine.versions(2)
    assert (said.cores, said.torch) == (2, torch.__version__)
    assert said.cpu
    assert said.isa == torch.backends.cpu.get_cpu_capability()
    assert said.date.endswith("+00:00")
