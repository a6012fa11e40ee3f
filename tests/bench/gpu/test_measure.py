# ruff: noqa: N802, N803, N806 - G is what the paper and its users call a generator
"""A whole run on a device that is not there: what is timed, held, warmed up and passed over."""

import sys
from dataclasses import replace
from itertools import count, pairwise
from textwrap import dedent

import numpy as np
import pytest
import torch
from bench_device import FakeDevice, kernels

from daemon.bench import machine, parity
from daemon.bench.gpu import engines, events, measure, rates
from daemon.bench.gpu.engines import EXACT, HALF, TF32, Baseline, Builder, Eager, Ours
from daemon.bench.gpu.events import EventStopwatch
from daemon.bench.gpu.measure import ModelRun, Wishes
from daemon.bench.gpu.report import LADDER, STEPS, report
from daemon.bench.networks import open_network
from daemon.bench.walk import walk
from daemon.errors import BadInput
from stylegan3.gpu.banded import BandedFilters
from stylegan3.gpu.graph import run_eagerly
from stylegan3.gpu.painter import GpuPainter
from stylegan3.inference import TorchPainter, to_rgba

NAME = "random:t16:256:16:4"
CPU = torch.device("cpu")


class Timed:
    """An engine whose work takes a known time on the stand-in; it paints what the network paints, a little off."""

    precision = "float16"

    def __init__(self, name, G, device, ms, off=0.0, once=0) -> None:
        self.engine, self._ms, self._off, self._device, self.layers_once = name, ms, off, device, once
        self._eager = Eager(G, CPU)
        self.placed, self.painted = [], []

    def ready(self, numbers):
        return torch.from_numpy(numbers)

    def place(self, transform):
        self.placed.append(transform.numpy().copy())
        self._eager.place(transform)

    def submit(self, ws):
        self.painted.append(ws.numpy().copy())
        moved = len(self.placed) > 1 and not np.array_equal(self.placed[-1], self.placed[-2])
        self._device.do(self._ms * (2 if moved and self.layers_once else 1))
        return torch.full((16, 16, 4), 128, dtype=torch.uint8)

    def image(self, ws):
        return self._eager.image(ws) + self._off


@pytest.fixture(scope="module")
def G():
    return open_network(NAME).G


def run_of(G, monkeypatch, device=None, wishes=None, **engines_ms) -> ModelRun:
    device = device or FakeDevice()
    made = {name: Timed(name, G, device, *args) for name, args in engines_ms.items()}

    def builders(*_, ablation):
        def build(name):
            if made[name]._ms < 0:
                raise RuntimeError("no kernel image\n is available")
            return made[name]

        return tuple(Builder(name, lambda name=name: build(name)) for name in made)

    monkeypatch.setattr(engines, "builders", builders)
    wishes = wishes or Wishes(frames=12, scale=512, sustained=0.5)
    return measure.measure(replace(open_network(NAME), G=G), wishes, device.now, device)


def test_engines_are_timed_on_the_device_and_as_delivered(G, monkeypatch) -> None:
    device = FakeDevice(launch=0.0)
    found = run_of(G, monkeypatch, device, slow=(8.0,), fast=(2.0,))
    slow, fast = found.runs
    assert (slow.ms, fast.ms) == ((8.0,) * 12, (2.0,) * 12)
    assert (slow.delivered_ms, fast.delivered_ms) == (pytest.approx((8.0,) * 12), pytest.approx((2.0,) * 12))
    assert (slow.fps, fast.fps) == (pytest.approx(125, rel=0.05), pytest.approx(500, rel=0.05))
    assert slow.entry.warm_up.settled
    assert slow.entry.warm_up.frames >= 100
    assert found.passed_over == ()
    assert slow.moving_ms == ()


def test_what_cannot_be_built_or_paints_no_numbers_is_passed_over_with_its_reason(G, monkeypatch) -> None:
    found = run_of(G, monkeypatch, broken=(-1.0,), mad=(1.0, float("nan")), good=(2.0,))
    assert [r.entry.engine.engine for r in found.runs] == ["good"]
    broken, mad = found.passed_over
    assert (broken.engine, broken.reason) == ("broken", "RuntimeError: no kernel image is available")
    assert "not finite" in mad.reason
    assert "\n" not in mad.reason


def test_an_engine_that_keeps_layers_is_timed_still_and_moving(G, monkeypatch) -> None:
    lazy, plain = run_of(G, monkeypatch, FakeDevice(launch=0.0), lazy=(2.0, 0.0, 2), plain=(3.0,)).runs
    assert (lazy.entry.once, plain.entry.once) == (2, 0)
    assert set(lazy.ms[1:]) == {2.0}
    assert set(lazy.moving_ms) == {4.0}
    assert (set(plain.ms), plain.moving_ms) == ({3.0}, ())


def test_errors_are_against_float64_where_the_walk_begins(G, monkeypatch) -> None:
    moved = open_network(NAME).G
    moved.synthesis.input.transform[0, 2] = 0.5  # as a file might have it
    [one] = run_of(moved, monkeypatch, off=(1.0, 0.25)).runs
    with torch.inference_mode():
        std = float(G.synthesis(torch.from_numpy(walk(G, 12).ws[[0, 6, 11]])).std())
    assert one.entry.error.max == pytest.approx(0.25 / std, rel=0.02)
    assert one.entry.apart.max > 3
    assert float(moved.synthesis.input.transform[0, 2]) == 0.5


def test_every_frame_is_of_another_w_and_moves(G) -> None:
    device = FakeDevice()
    engine, way = Timed("a", G, device, 1.0), walk(G, 3)
    for task in (measure.painting(engine, way), measure.delivering(engine, device, way, 16)):
        engine.placed.clear()
        engine.painted.clear()
        for i in range(6):
            task.prepare(i)
            task.act(i)
        assert all(np.array_equal(w, way.ws[i % 3]) for i, w in enumerate(engine.painted))
        assert all(not np.array_equal(a, b) for a, b in pairwise(engine.placed))
    task = measure.painting(engine, way, still=True)
    engine.placed.clear()
    for i in range(3):
        task.prepare(i)
    assert all(np.array_equal(place, np.eye(3)) for place in engine.placed)


def test_kernels_of_a_frame_are_counted_and_told_to_layers_if_asked(G, monkeypatch) -> None:
    device = FakeDevice(listed=kernels(*[("conv", 30), ("fir", 10)] * 4, ("rgb", 5)))
    [one] = run_of(G, monkeypatch, device, Wishes(frames=8, scale=512, layers=True), a=(1.0,)).runs
    assert len(one.kernels) == 9
    assert [(p.kind, p.layer) for p in one.layers if p.layer == 2] == [("conv", 2), ("filter", 2)]
    [one] = run_of(G, monkeypatch, device, Wishes(frames=8, scale=512), a=(1.0,)).runs
    assert (len(one.kernels), one.layers) == (9, ())
    [one] = run_of(G, monkeypatch, FakeDevice(listed=None), Wishes(frames=8, scale=512, layers=True), a=(1.0,)).runs
    assert (one.kernels, one.layers) == (None, ())


def test_each_layers_share_of_the_floor_comes_out_of_a_whole_run(G, monkeypatch) -> None:
    once = [("gemv", 2), *[("conv", 30), ("fir", 10)] * 4, ("rgb", 5)]
    kept = [("gemv", 2), *[("conv", 30), ("fir", 10)] * 3, ("rgb", 5)]
    wishes = Wishes(frames=8, scale=512, layers=True)
    for listed, layers in ((once, range(4)), (kept, range(1, 4))):
        found = run_of(G, monkeypatch, FakeDevice(listed=kernels(*listed)), wishes, a=(1.0, 0.0, 4 - len(layers)))
        [said] = report([found], machine.versions(2)).results
        works = [found.work[i] for i in layers]
        assert [f.layer for f in said.gpu.layer_fractions] == [work.name for work in works]
        for told, work in zip(said.gpu.layer_fractions, works, strict=True):
            assert (told.conv_ms, told.filter_ms) == (0.03, 0.01)
            assert told.fraction == pytest.approx(work.floor_ms(found.rates) / 0.04, rel=1e-3)


def test_where_kernels_do_not_tell_our_painter_does_by_marks_around_each_of_its_launches(G, monkeypatch) -> None:
    device = FakeDevice(each=0.25)

    def builders(*_, ablation):
        def build():
            made = GpuPainter(
                G, BandedFilters(), run_eagerly, engine="ours", dtype=torch.float32, device=CPU, mark=Mark
            )
            return Ours(made, G, CPU)

        return (Builder("ours", build),)

    monkeypatch.setattr(engines, "builders", builders)
    monkeypatch.setattr(events, "_FEWEST", 4)
    monkeypatch.setattr(events, "_WINDOW", 2)
    subject, wishes = replace(open_network(NAME), G=G), Wishes(frames=2, scale=512, layers=True)
    found = measure.measure(subject, wishes, device.now, device)
    [said] = report([found], machine.versions(2)).results
    assert [f.layer for f in said.gpu.layer_fractions] == [work.name for work in found.work[:-1]]
    assert {(f.conv_ms, f.filter_ms) for f in said.gpu.layer_fractions} == {(0.25, 0.25)}


class Mark:
    """A mark in a stream in which a quarter of a millisecond lies between any two."""

    clock = count()

    def record(self) -> None:
        self.at = 0.25 * next(self.clock)

    def query(self) -> bool:
        return True

    def synchronize(self) -> None: ...

    def elapsed_time(self, end_event) -> float:
        return end_event.at - self.at


def test_frames_that_nobody_counted_are_as_many_as_fit(G, monkeypatch) -> None:
    monkeypatch.setattr(measure, "_SECONDS", 0.404)
    [one] = run_of(G, monkeypatch, FakeDevice(launch=0.0), Wishes(scale=512), a=(4.0,)).runs
    assert len(one.ms) == 50
    monkeypatch.setattr(measure, "_SECONDS", 1000.0)
    monkeypatch.setattr(measure, "_MOST", 60)
    [one] = run_of(G, monkeypatch, FakeDevice(launch=0.0), Wishes(scale=512), a=(4.0,)).runs
    assert len(one.ms) == 60


def test_rates_are_the_best_of_each_kind() -> None:
    found = [
        rates.Measured("a", "tensor", 1.0, 90.0), rates.Measured("b", "tensor", 1.0, 110.0),
        rates.Measured("c", "fma", 1.0, 40.0), rates.Measured("d", "fma", 1.0, 30.0),
        rates.Measured("e", "memory", 1.0, 900.0),
    ]  # fmt: skip
    gpu = FakeDevice().describe()
    made = rates.rates(found, gpu)
    assert (made.tensor_tflops, made.fma_tflops, made.gb, made.half2_tflops) == (110, 40, 900, None)
    assert made.filter_tflops == 40
    hopper = rates.rates(found, replace(gpu, capability=(9, 0)))
    assert (hopper.half2_tflops, hopper.filter_tflops) == (80, 80)
    measured = rates.rates([*found, rates.Measured("f", "half2", 1.0, 70.0)], replace(gpu, capability=(9, 0)))
    assert (measured.half2_tflops, measured.filter_tflops) == (70, 70)
    assert rates.rates([*found, rates.Measured("f", "half2", 1.0, 30.0)], gpu).half2_tflops is None
    again = [replace(m, ms=2.0, rate=m.rate / 2) for m in found]
    assert rates.better(again, found) == rates.better(found, again) == tuple(found)


def test_probes_do_what_they_are_counted_for(monkeypatch) -> None:
    device = FakeDevice(launch=0.0)
    done = []

    class Watch(EventStopwatch):
        def frames(self, task, indices):
            task.act(0)
            return [9.0, 9.0, *[2.0] * (len(indices) - 3), 1.0]

    of = {torch.float16: "float16", torch.float32: "float32"}
    mm, conv, copy = torch.mm, torch.nn.functional.conv2d, torch.Tensor.copy_
    monkeypatch.setattr(torch, "mm", lambda a, b, out: done.append((2 * len(a) ** 3, of[a.dtype])) or mm(a, b, out=out))

    def conv2d(x, weight, padding):
        y = conv(x, weight, padding=padding)
        done.append((2 * y.numel() * weight[0].numel(), of[x.dtype]))
        return y

    monkeypatch.setattr(rates.functional, "conv2d", conv2d)
    found = rates.measured(device, Watch(device, device.now), scale=256)
    assert [(m.name.split()[0], m.ms) for m in found] == [
        ("float16", 1.0), ("float16", 1.0), ("float16", 1.0), ("float32", 1.0), ("float32", 1.0), ("copy", 1.0)
    ]  # fmt: skip
    assert [(round(m.rate * 1e9), m.name.split()[0]) for m in found[:-1]] == done
    assert found[-1].rate * 1e6 == 2 * (device.copied // 4 // 256**2)
    assert copy is torch.Tensor.copy_


@pytest.mark.parametrize("name", [NAME, "random:r16:256:16:4", "random:sg2-16:256:16"])
def test_the_eager_forms_paint_the_network(name) -> None:
    G = open_network(name).G
    ws = torch.from_numpy(walk(G, 1).ws[0])
    with torch.inference_mode():
        want = G.double().synthesis(ws[None].double())[0].float()
    G.float()
    for half, most in ((False, 2e-5), (True, 2e-2)):
        engine = Eager(G, CPU, half=half)
        off = (engine.image(ws) - want).abs().max() / want.std()
        assert off < most
        assert engine.submit(ws).dtype is torch.uint8
    assert next(G.parameters()).dtype is torch.float32
    pixels = np.zeros((16, 16, 4), np.uint8)
    TorchPainter(G, CPU, 1).paint(ws.numpy(), pixels)
    assert np.array_equal(Eager(G, CPU).submit(ws).numpy(), pixels)


def test_an_eager_form_moves_with_its_transform_and_leaves_the_network_alone(G) -> None:
    engine, way = Eager(G, CPU), walk(G, 1)
    ws = torch.from_numpy(way.ws[0])
    still = engine.image(ws).clone()
    engine.place(torch.from_numpy(way.transforms[40]))
    assert (engine.image(ws) - still).abs().max() > 0.01
    assert torch.equal(G.synthesis.input.transform, torch.eye(3))


@pytest.mark.parametrize("channels", [1, 3, 4])
def test_pictures_become_the_bytes_that_a_painter_writes(channels) -> None:
    image = torch.randn(channels, 8, 8, generator=torch.Generator().manual_seed(0))
    pixels = np.zeros((8, 8, 4), np.uint8)
    to_rgba(image.clone(), pixels)
    assert np.array_equal(engines.rgba(image.clone()).numpy(), pixels)
    assert np.array_equal(parity.shown(image.double().numpy()), pixels)
    ready = torch.zeros(8, 8, 4, dtype=torch.uint8)
    assert engines.rgba(ready) is ready


def test_bytes_are_held_to_the_bounds() -> None:
    want = np.full((100, 100, 4), 100, np.uint8)
    got = want.copy()
    got.reshape(-1, 4)[:100, :3] = 102
    got[..., 3] = 0
    assert parity.apart(got, want) == parity.Bytes(0.99, 1.0, 2)
    assert parity.apart(got, want).met
    got.reshape(-1, 4)[0, :3] = 90
    assert parity.apart(got, want) == parity.Bytes(0.99, 0.9999, 10)
    assert parity.apart(got, want).met
    got.reshape(-1, 4)[1, 0] = 104
    assert not parity.apart(got, want).met
    fine = parity.Bytes(1.0, 1.0, 0)
    assert parity.met(9e-5, "float32", fine)
    assert not parity.met(2e-4, "float32", fine)
    assert parity.met(4e-3, "float16", fine)
    assert not parity.met(6e-3, "float16", fine)
    assert not parity.met(0.0, "float32", parity.Bytes(0.98, 1.0, 2))


def test_engines_are_picked_by_name_or_first_words(G) -> None:
    def picked(*only, baselines=(), ablation=False):
        return [b.engine for b in engines.builders(G, CPU, only, baselines, "", ablation=ablation)]

    eager = ["torch cuda", "torch cuda tf32", "torch cuda float16"]
    assert picked() == [*eager, "cuda fused", "cuda banded"]
    assert picked(HALF) == [HALF]
    assert picked("torch") == eager
    wanted = {engine for _, *both in STEPS for engine in both} | {engine for _, each in LADDER for engine in each}
    assert {name for name in wanted if "unreduced" not in name} <= set(picked(ablation=True))
    assert not [name for name in picked(ablation=True) if "unreduced" in name]  # T's filters are of one product
    radial = open_network("random:r16:256:16:4").G
    assert wanted <= {b.engine for b in engines.builders(radial, CPU, (), (), "", ablation=True)}
    assert picked("torch", ablation=True) == eager
    assert picked(HALF, baselines=("a:b", "c:d")) == [HALF, "baseline a:b", "baseline c:d"]
    with pytest.raises(BadInput, match="under the name 'abacus'"):
        picked("abacus")


def test_of_stylegan2_there_are_the_eager_forms() -> None:
    G = open_network("random:sg2-16:256:16").G
    assert [b.engine for b in engines.builders(G, CPU, (), (), "", ablation=True)] == [EXACT, TF32, HALF]


@pytest.mark.parametrize(
    ("name", "form"), [(NAME, "unrecorded"), ("random:r16:256:16:4", "unrecorded"),
                       ("random:r16:256:16:4", "unreduced unrecorded")],
)  # fmt: skip
def test_ours_paints_the_network_where_it_is_placed(name, form) -> None:
    G = open_network(name).G
    [builder] = engines.builders(G, CPU, (f"cuda banded {form}",), (), "", ablation=True)
    engine, way = builder.build(), walk(G, 3)
    assert engine.engine == f"cuda banded {form}"
    ranks = {layer.fir.rank for layer in engine.painter._frame._packed.layers if layer.fir is not None}
    assert (max(ranks) > 3) is ("unreduced" in form)
    for i in (0, 2):
        engine.place(engine.ready(way.transforms[50 * i]))
        with torch.inference_mode():
            want = G.synthesis(torch.from_numpy(way.ws[i][None]))[0]
        ws = engine.ready(way.ws[i])
        assert (engine.image(ws) - want).abs().max() < 0.03 * want.std()
        apart = (engine.submit(ws).int() - engines.rgba(want).int()).abs()
        assert apart.float().mean() < 1


def test_what_a_gpu_alone_can_build_is_passed_over_here(monkeypatch) -> None:
    device = FakeDevice()
    monkeypatch.setattr(events, "_FEWEST", 4)
    monkeypatch.setattr(events, "_WINDOW", 2)
    monkeypatch.setattr(measure, "_PROFILED", 1)
    wishes = Wishes(frames=2, only=("cuda banded", "cuda fused"), scale=512, ablation=True, layers=True)
    subject = open_network(NAME)
    subject.G.synthesis.input.transform[0, 2] = 0.5
    before = subject.G.synthesis.input.transform.clone()
    found = measure.measure(subject, wishes, device.now, device)
    assert torch.equal(subject.G.synthesis.input.transform, before)
    assert "cuda banded unrecorded" in [r.entry.engine.engine for r in found.runs]
    assert {"cuda banded", "cuda fused"} <= {p.engine for p in found.passed_over}
    assert all(p.reason and "\n" not in p.reason for p in found.passed_over)


THEIRS = """
    import torch

    def make(model, device):
        assert device == "cpu"
        return lambda ws: ws.mean() + torch.zeros(1, 3, 16, 16)

    def shown(model, device):
        return lambda ws: torch.full((16, 16, 4), 255, dtype=torch.uint8)

    def numbers(model, device):
        return lambda ws: ws.numpy()

    def tiny(model, device):
        return lambda ws: torch.zeros(3, 8, 8)

    def falls(model, device):
        def paint(ws):
            raise RuntimeError("out of\\n ideas")
        return paint

    def elsewhere(model, device):
        return lambda ws: torch.zeros(3, 16, 16, device="meta")
"""


@pytest.fixture
def theirs(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "their_gpu.py").write_text(dedent(THEIRS))
    yield lambda name: Baseline(f"their_gpu:{name}", "a.pkl", CPU, (3, 16, 16))
    sys.modules.pop("their_gpu", None)


def test_a_baseline_gives_pictures_or_bytes_on_the_device(theirs) -> None:
    ws = torch.ones(4, 8)
    assert torch.equal(theirs("make").submit(ws), torch.ones(3, 16, 16))
    shown = theirs("shown")
    assert shown.submit(ws).shape == (16, 16, 4)
    assert torch.equal(shown.image(ws), torch.ones(3, 16, 16))


@pytest.mark.parametrize(
    ("name", "word"),
    [
        ("numbers", "painted a ndarray, and a tensor on cpu was wanted"),
        ("elsewhere", "painted on meta"),
        ("tiny", r"painted \[3, 8, 8\], not \[3, 16, 16\]"),
        ("falls", "RuntimeError: out of ideas"),
        ("nothing", "AttributeError"),
    ],
)
def test_a_baseline_that_does_not_work_on_the_device_is_told_in_one_sentence(theirs, name, word) -> None:
    with pytest.raises(BadInput, match=word) as caught:
        theirs(name).submit(torch.ones(4, 8))
    assert len(str(caught.value).splitlines()) == 1
