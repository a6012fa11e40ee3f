"""What is said of a GPU: fractions of the floor, targets, and a table that has it all."""

from dataclasses import replace

import pytest
from bench_device import FakeDevice

from daemon.bench import machine, parity
from daemon.bench.engines import Error
from daemon.bench.gpu import cuda
from daemon.bench.gpu.device import Condition, Kernel, Memory
from daemon.bench.gpu.engines import EXACT, HALF
from daemon.bench.gpu.events import WarmUp
from daemon.bench.gpu.measure import EngineRun, Entry, ModelRun, PassedOver
from daemon.bench.gpu.rates import Measured
from daemon.bench.gpu.report import report, target
from daemon.bench.layers import Phase
from daemon.bench.networks import GRID, open_network, parse
from daemon.bench.report import Report
from daemon.bench.work import LayerWork, Rates
from daemon.cli.bench_gpu import show
from daemon.errors import RenderError

NAME = "random:t16:256:16:4"
# two layers and ToRGB; at 100 TFLOP/s, 50 and 1000 GB/s: convolutions 1, 2 and 0.5 ms, filters 0.5, 0.25 and 0.25
WORK = (
    LayerWork("L0", 1e11, 1e8, 2.5e10, 5e10, 1e8, 2),
    LayerWork("L1", 1e11, 2e9, 1e9, 1e9, 2.5e8, 1),
    LayerWork("L2", 1e9, 5e8, 0.0, 0.0, 2.5e8, 1),
)
RATES = Rates(100, 50, 1000)
GOOD = parity.Bytes(1.0, 1.0, 1)


class Named:
    def __init__(self, engine, precision) -> None:
        self.engine, self.precision = engine, precision


def engine_run(engine, ms, precision="float16", rms=1e-3, once=0, layers=(), apart=GOOD, moving=()) -> EngineRun:
    entry = Entry(
        Named(engine, precision), Memory(123.45, 1.0, 456.0), Error(10 * rms, rms), apart, once, WarmUp(120, 1.5, True)
    )
    kernels = (Kernel("conv", 400.0), Kernel("fir", 600.0))
    return EngineRun(entry, tuple(ms), tuple(moving), (20.0,), 55.55, kernels, tuple(layers))


PHASES = (Phase("styles", None, 0.1), Phase("conv", 0, 2.0), Phase("filter", 0, 1.0), Phase("conv", 1, 4.0),
          Phase("filter", 1, 0.5), Phase("rgb", 2, 1.0))  # fmt: skip


@pytest.fixture(scope="module")
def run() -> ModelRun:
    runs = (
        engine_run(EXACT, [90.0] * 5, "float32", 9e-5),
        engine_run(HALF, [45.0] * 5, rms=6e-3),
        engine_run("ours", [*[9.0] * 98, 12.0, 15.0], layers=PHASES),
        engine_run("ours kept", [4.0], once=1, moving=[9.5]),
        engine_run("baseline x:y", [30.0], "its own", 2e-3),
    )
    probes = (Measured("float16 8192^3", "tensor", 2.0, 100.0), Measured("copy of 4 GB", "memory", 8.0, 1000.0))
    return ModelRun(
        open_network(NAME), FakeDevice().describe(), runs, (PassedOver("ours triton", "ImportError: no triton"),),
        WORK, probes, RATES, 0.25, Condition(2500.0, None, 60.0, None, "P0"), Condition(),
    )  # fmt: skip


@pytest.fixture(scope="module")
def said(run) -> Report:
    return report([run], machine.versions(2))


def by_engine(said) -> dict:
    return {r.engine: r for r in said.results}


def test_the_fraction_of_the_floor_is_the_least_time_over_the_median(said) -> None:
    found = by_engine(said)
    assert said.models[0].gpu.floor_ms == 1 + 0.5 + 2 + 0.25 + 0.5 + 0.25
    assert {name: r.floor_fraction for name, r in found.items()} == {
        EXACT: 0.05, HALF: 0.1, "ours": 0.5, "ours kept": 0.75, "baseline x:y": 0.15
    }  # fmt: skip
    assert [r.gpu.met for r in found.values()] == [False, False, True, True, False]
    assert {r.gpu.target for r in found.values()} == {0.3}
    ours = found["ours"]
    assert ours.frame_ms.model_dump() == {"p50": 9.0, "p95": 9.0, "p99": 12.0, "max": 15.0}
    assert (ours.fps, ours.gpu.over_float32, ours.gpu.over_float16) == (111.1, 10.0, 5.0)
    assert (ours.memory_mb, ours.gpu.reserved_mb, ours.kernels_per_frame, ours.gpu.kernel_ms) == (123.5, 456.0, 2, 1.0)
    assert (ours.gpu.delivered_ms.p50, ours.gpu.sustained_fps) == (20.0, 55.55)


def test_each_layer_is_told_beside_the_least_it_could_take(said) -> None:
    ours = by_engine(said)["ours"].gpu.layer_fractions
    assert [(f.layer, f.conv_floor_ms, f.filter_floor_ms, f.fraction) for f in ours] == [
        ("L0", 1.0, 0.5, 0.5), ("L1", 2.0, 0.25, 0.5)
    ]  # fmt: skip
    assert by_engine(said)[HALF].gpu.layer_fractions is None


def test_right_is_what_is_within_the_bounds_of_its_precision(said) -> None:
    assert {name: r.gpu.right for name, r in by_engine(said).items()} == {
        EXACT: True, HALF: False, "ours": True, "ours kept": True, "baseline x:y": True
    }  # fmt: skip


def test_targets_are_those_of_the_size() -> None:
    assert [target(parse(name).img_resolution) for name in GRID] == [0.3, 0.45, 0.45] * 2


def test_faster_half_arithmetic_makes_the_floor_lower_and_it_is_told_beside(run) -> None:
    hopper = report([replace(run, rates=replace(RATES, half2_tflops=100.0))], machine.versions(2))
    gpu = hopper.models[0].gpu
    assert (gpu.floor_ms, gpu.floor_fp32_ms) == (4.25, 4.5)
    assert by_engine(hopper)["ours"].floor_fraction == pytest.approx(4.25 / 9, abs=1e-4)


def test_where_no_floor_is_known_none_is_told(run) -> None:
    [model] = (two := report([replace(run, work=())], machine.versions(2))).models
    assert (model.gpu.floor_ms, model.gpu.layers) == (None, ())
    assert {(r.floor_fraction, r.gpu.met) for r in two.results} == {(None, None)}


def test_every_step_whose_two_engines_ran_is_told(run) -> None:
    runs = (
        engine_run(HALF, [16.0]), engine_run("cuda banded unrecorded", [8.0]), engine_run("cuda banded", [4.0]),
        engine_run("cuda fused", [2.0]),
    )  # fmt: skip
    steps = report([replace(run, runs=runs)], machine.versions(2)).models[0].gpu.steps
    assert [(s.step.split()[0], s.gain) for s in steps] == [("S1", 2.0), ("S2", 2.0), ("S3", 2.0)]


def test_each_step_is_told_on_top_of_those_before_it(run) -> None:
    def rungs(**p50: float) -> list[tuple[str, str, float, float]]:
        runs = tuple(engine_run(name.replace("_", " "), [ms]) for name, ms in p50.items())
        [model] = report([replace(run, runs=runs)], machine.versions(2)).models
        return [(r.step.split()[0], r.engine, r.ms, r.gain) for r in model.gpu.ladder]

    of_t = {"torch_cuda_float16": 16.0, "cuda_banded_unrecorded": 8.0, "cuda_banded": 4.0, "cuda_fused": 2.0}
    assert rungs(**of_t) == [
        ("S0", HALF, 16.0, 1.0), ("S1", "cuda banded unrecorded", 8.0, 2.0), ("S2", "cuda banded", 4.0, 4.0),
        ("S3", "cuda fused", 2.0, 8.0),
    ]  # fmt: skip
    whole = {"cuda_banded_unreduced_unrecorded": 12.0, "cuda_banded_unreduced": 10.0, "cuda_fused_unreduced": 5.0}
    assert rungs(**of_t, **whole, cuda_fused_fast=1.0) == [
        ("S0", HALF, 16.0, 1.0), ("S1", "cuda banded unreduced unrecorded", 12.0, 1.333),
        ("S2", "cuda banded unreduced", 10.0, 1.6), ("S3", "cuda fused unreduced", 5.0, 3.2),
        ("S4", "cuda fused", 2.0, 8.0), ("S5", "cuda fused fast", 1.0, 16.0),
    ]  # fmt: skip
    assert rungs(cuda_swatch=1.0) == []


def test_the_json_comes_back_as_it_went(said) -> None:
    assert Report.model_validate_json(said.model_dump_json()) == said
    assert said.versions.gpu.capability == "8.9"
    assert said.models[0].gpu.before.power_state == "P0"


def test_a_person_sees_all_of_it(said, capsys, monkeypatch) -> None:
    monkeypatch.setenv("COLUMNS", "240")
    show(said, layers=True)
    out = capsys.readouterr().out
    lines = out.splitlines()
    assert lines[0].startswith("Abacus 9000 (compute 8.9, 24 GB), driver 600.1, CUDA 13.0, cuDNN 91200")
    assert "tensor cores 100 TFLOP/s, float32 without them 50, memory 1000 GB/s" in out
    assert "2500 MHz 60 degrees P0 before, clocks unknown after" in out
    assert "floor of two kernels a layer: 4.5 ms" in out
    assert "not measured: ours triton: ImportError: no triton" in out
    rows = {line.split("  ")[0]: line.split() for line in lines}
    assert rows["ours"][2:7] == ["9", "9", "12", "15", "111.1"]
    assert "0.3 met" in next(line for line in lines if line.startswith("ours "))
    assert "0.3 missed" in next(line for line in lines if line.startswith(HALF))
    assert " NO " in next(line for line in lines if line.startswith(HALF))
    assert next(line for line in lines if line.startswith("ours kept")).split()[-2:] == ["1", "9.5"]
    assert next(line for line in lines if line.startswith("L0")).split() == [
        "L0", "2.0000", "1.0000", "1.0000", "0.5000", "0.50"
    ]  # fmt: skip


def test_without_a_gpu_there_is_one_clear_sentence() -> None:
    with pytest.raises(RenderError, match="finds no CUDA device: install its CUDA build and a driver, or measure"):
        cuda.Cuda()


def test_what_the_driver_says_is_taken_only_in_its_shape() -> None:
    good = cuda.parsed(b"570.86.15, P2, 2520, 10501, 61, 312.45\nanother\n")
    assert good["driver_version"] == "570.86.15"
    assert cuda.condition(good) == Condition(2520.0, 10501.0, 61.0, 312.45, "P2")
    some = cuda.parsed(b"570.86.15, [N/A], 2520, nan, -1, [Unknown Error]\n")
    assert cuda.condition(some) == Condition(2520.0)
    for bad in (b"", b"\n", b"No devices were found", b"a,b,c", b"\xff" * 5000, b"1,2,3,4,5,6,7"):
        assert cuda.parsed(bad) == {}
    assert cuda.condition({}) == Condition()
