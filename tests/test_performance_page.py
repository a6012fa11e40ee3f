# ruff: noqa: N806 - G is what the paper and its users call a generator
"""docs/PERFORMANCE.md is what its script makes of what was measured; misses stay in."""

import pytest
import torch

from daemon.bench.networks import open_network
from daemon.bench.report import Report
from stylegan3.gpu.frame import Frame
from stylegan3.gpu.packed import Packed, lanes
from tools import gpu_page
from tools import make_performance as tool

VERSIONS = {
    "latentd": "0.1.0", "python": "3.11.7", "torch": "2.13.0", "numpy": "2.4.6", "cpu": "Abacus (9) 3000",
    "isa": "AVX2", "cores": 2, "memory_gb": 8.0, "os": "Debian",
    "date": "2026-01-02T03:04:05+00:00", "load": (0.25, 0.5, 0.75),
}  # fmt: skip


def result(model, engine, p50, threads=2, speedup=None, share=None, error=1e-6, layers=None, once=0, moving=None):
    return {
        "model": model, "device": "cpu", "engine": engine, "precision": "float32", "size": 128, "threads": threads,
        "frames": 5, "frame_ms": {"p50": p50, "p95": p50, "p99": p50, "max": p50}, "best_ms": p50, "fps": 1000 / p50,
        "memory_mb": 10.0, "kernels_per_frame": None, "error": {"max": error, "rms": error / 10},
        "floor_fraction": share, "speedup": speedup, "layers": layers, "conv_ms": None,
        "layers_once": once, "moving_ms": moving,
    }  # fmt: skip


def made_up(*results, date=VERSIONS["date"], variants=()):
    conv = {
        "layer": "L0", "in_channels": 3, "out_channels": 4, "size": 36, "kernel": 3, "gmac": 0.5, "layout": "x", "ms": 2
    }  # fmt: skip
    models = [
        {
            "model": model, "variant": dict(variants).get(model, "StyleGAN3-T"), "size": 128, "parameters": 1_500_000,
            "gmac": 0.5, "gmac_once": 0.125 * any(r["layers_once"] for r in results),
            "mapping_ms": [{"threads": 2, "ms": 0.25}],
            "floor": [{"threads": t, "ms": 8, "layers": [conv]} for t in (1, 2)],
        }
        for model in dict.fromkeys(r["model"] for r in results)
    ]  # fmt: skip
    return Report.model_validate({"results": results, "models": models, "versions": {**VERSIONS, "date": date}})


def verdict(report, part):
    return next(v for v in tool.verdicts(report) if part in v.target)


def test_the_page_is_what_the_script_makes_of_what_is_kept() -> None:
    assert tool.PAGE.read_text() == tool.page(tool.kept()), "run python tools/make_performance.py --page"


def test_every_run_kept_is_on_the_page() -> None:
    page = tool.PAGE.read_text()
    for report in tool.kept():
        assert report.versions.date in page
        assert all(f"### {tool.named(model.model)}" in page for model in report.models)


@pytest.mark.parametrize(("speedup", "met"), [(6.0, True), (5.9, False)])
def test_the_speedup_target_is_judged_by_the_fastest_engine_of_ours_on_two_threads(speedup, met) -> None:
    for model in (tool.SMALL_128, tool.MIDDLE_256):
        report = made_up(
            result(model, "zero-insertion", 60, speedup=1),
            result(model, "fused avx2", 10, speedup=speedup),
            result(model, "torch", 20, speedup=3),
            result(model, "baseline x:y", 1, speedup=60),
            result(model, "fused avx2", 1, threads=1, speedup=60),
        )
        found = verdict(report, f"{tool.named(model)}: 6x the zero-insertion form")
        assert (found.met, found.measured.split(" (")[0]) == (met, f"{speedup:.1f}x")


@pytest.mark.parametrize(
    ("share", "times", "met"), [(0.8, "1.25x", True), (0.79, "1.27x", False), (1.1, "0.91x", True)]
)
def test_the_share_target_is_a_frame_within_a_quarter_more_than_its_convolutions(share, times, met) -> None:
    for model in (tool.HALF_256, tool.WHOLE_256):
        found = verdict(made_up(result(model, "fused avx2", 10, share=share)), "within 1.25x of its convolutions")
        assert (found.met, found.measured.split()[0]) == (met, times)


@pytest.mark.parametrize(("ms", "met"), [(41.6, True), (41.7, False)])
def test_without_a_compiler_the_compiled_kernels_do_not_count(ms, met) -> None:
    report = made_up(result(tool.SMALL_128, "fused avx2", 1), result(tool.SMALL_128, "prepared", ms))
    assert verdict(report, "without a compiler").met is met


@pytest.mark.parametrize(("ms", "met"), [(33, None), (34, False)])
def test_painting_alone_can_only_miss_the_daemons_target(ms, met) -> None:
    assert verdict(made_up(result(tool.SMALL_256, "fused avx2", ms)), "in the daemon").met is met


def test_the_error_target_is_for_every_engine_but_not_for_somebody_elses() -> None:
    good = [result("lumen", "fused avx2", 1, error=9e-6), result("lumen", "baseline x:y", 1, error=1)]
    assert verdict(made_up(*good), "1e-5").met is True
    bad = verdict(made_up(*good, result("lumen", "torch", 1, threads=1, error=2e-5)), "1e-5")
    assert bad.met is False
    assert "2.0e-05 (torch, lumen)" in bad.measured


def test_other_families_are_told_too() -> None:
    report = made_up(result("random:r128", "prepared", 10, speedup=3.25), variants=(("random:r128", "StyleGAN3-R"),))
    assert verdict(report, "R-128, StyleGAN3-R").measured == "3.2x (prepared, 10.0 ms)"


def test_the_newest_run_comes_first_and_misses_are_there(monkeypatch, tmp_path) -> None:
    monkeypatch.setattr(tool, "KEPT", tmp_path / "kept")
    old = made_up(result(tool.SMALL_128, "torch", 50, speedup=2.0), date="2025-05-05T00:00:00+00:00")
    new = made_up(result(tool.SMALL_128, "torch", 10, speedup=9.0))
    assert tool.keep(old).name == "2025-05-05-0000-abacus-9-3000.json"
    tool.keep(new)
    assert tool.kept() == [new, old]
    page = tool.page(tool.kept())
    assert page.index("## 2026-01-02 ") < page.index("## 2025-05-05")
    assert "| 2.0x (torch, 50.0 ms) | **missed** |" in page
    assert "| 9.0x (torch, 10.0 ms) | met |" in page
    assert "| torch | 2 | 50.0 | 50.0 | 50.0 | 20.0 | 2.0 |" in page


def test_layers_of_the_fastest_engine_stand_beside_the_convolutions() -> None:
    phases = [
        {"kind": "styles", "layer": None, "ms": 0.5},
        {"kind": "conv", "layer": 0, "ms": 3.0},
        {"kind": "filter", "layer": 0, "ms": 1.0},
    ]
    report = made_up(
        result("lumen", "torch", 20, layers=[{"kind": "layer", "layer": 0, "ms": 9.0}]),
        result("lumen", "fused avx2", 10, layers=phases),
    )
    page = tool.page([report])
    assert "fused avx2, 2 threads, ms of each layer" in page
    assert "besides: styles 0.50:" in page
    assert "| L0 | 3 to 4 | 36 | 0.5 | 2.00 | 3.00 | 1.00 |" in page
    assert "| all |  |  | 0.5 | 8.00 | 3.00 | 1.00 |" in page


def test_a_model_whose_first_layers_are_painted_once_is_not_flattered() -> None:
    report = made_up(
        result("lumen", "zero-insertion", 60, speedup=1),
        result("lumen", "fused avx2", 5, speedup=12, once=2, moving=10),
        result("lumen", "torch", 40, speedup=1.5),
    )
    page = tool.page([report])
    assert "**Its first 2 layers are deaf to w**, with 0.125 of the 0.5 GMAC" in page
    rows = {line.split(" | ")[0].removeprefix("| "): line.strip(" |").split(" | ") for line in page.splitlines()}
    assert rows["engine"][-2:] == ["moving p50", "x zero-insertion, moving"]
    assert (rows["fused avx2"][2], rows["fused avx2"][6], rows["fused avx2"][-2:]) == ("5.00", "12.0", ["10.0", "6.0"])
    assert rows["zero-insertion"][-2:] == ["60.0", "1.0"]
    assert rows["torch"][-2:] == ["40.0", "1.5"]
    assert "deaf to w" not in tool.page([made_up(result("lumen", "torch", 40, speedup=1.5))])


def on_gpu(*results, date="2026-02-03T04:05:06+00:00", passed_over=()):
    """A run on a GPU that is made up."""
    rates = {"tensor_tflops": 100.0, "fma_tflops": 50.0, "half2_tflops": None, "memory_gb": 1000.0}
    nothing = dict.fromkeys(("sm_mhz", "memory_mhz", "celsius", "watts", "power_state"))
    steps = [{"step": "S2 one graph", "off": "cuda fused unrecorded", "on": "cuda fused", "gain": 2.5}]
    models = [
        {
            "model": model, "variant": "StyleGAN3-T", "size": 512, "parameters": 1, "gmac": 270.0, "floor": [],
            "mapping_ms": [{"threads": 1, "ms": 0.1}],
            "gpu": {
                "floor_ms": 1.5, "floor_fp32_ms": 1.5, "rates": rates, "probes": [], "layers": [], "steps": steps,
                "passed_over": [{"engine": e, "reason": r} for e, r in passed_over], "before": nothing,
                "after": nothing,
            },
        }
        for model in dict.fromkeys(r["model"] for r in results)
    ]  # fmt: skip
    gpu = {
        "name": "Abacus 9000", "capability": "8.9", "memory_gb": 24.0, "multiprocessors": 128, "cuda": "13.0",
        "cudnn": "91200", "driver": None,
    }  # fmt: skip
    return Report.model_validate(
        {"results": results, "models": models, "versions": {**VERSIONS, "date": date, "gpu": gpu}}
    )


def gpu_result(engine, p50, fraction, right=True, target=0.45):
    told = [{"layer": "L0", "conv_ms": 0.5, "conv_floor_ms": 0.3, "filter_ms": 0.25, "filter_floor_ms": 0.1,
             "fraction": 0.53}]  # fmt: skip
    return {
        **result("random:t512", engine, p50, threads=1, share=fraction),
        "device": "cuda", "precision": "float16", "kernels_per_frame": 34,
        "gpu": {
            "delivered_ms": {"p50": p50 + 1, "p95": p50, "p99": p50, "max": p50}, "sustained_fps": 300.0,
            "reserved_mb": 500.0, "warm_up": {"frames": 100, "seconds": 1.0, "settled": True},
            "u8": {"within_1": 0.995, "within_3": 1.0, "max": 2}, "right": right, "target": target,
            "met": fraction >= target, "over_float32": 9.5, "over_float16": 4.5, "kernel_ms": 2.0,
            "layer_fractions": told,
        },
    }  # fmt: skip


def test_without_a_run_on_a_gpu_the_page_says_so_in_words_beside_the_predictions() -> None:
    page = tool.page([made_up(result("lumen", "torch", 40))])
    assert "**No run of latentd has ever seen a GPU.**" in page
    assert "### Predictions, none of them measured" in page
    assert "| T-512 | 0.89 | 2.95 | 3.93 | 20.4 | 1.7 to 2.0 | 6.2 | 29 |" in page
    assert "| T-512 | 0.44 to 0.52 | 0.63 | 0.70 | 4.8 (0.82) | 20 (1.02) |" in page
    assert page.index("## GPUs") < page.index("### Predictions") < page.index("### lumen")


@pytest.mark.parametrize("name", ["random:t64:4096:64:8", "random:r64:4096:64:8"])
def test_the_memory_that_is_counted_is_what_a_network_takes(name) -> None:
    """Less what it is told to leave out, and padding between layers that share a product."""

    class Nothing:
        def __call__(self, *_) -> None: ...

    G = open_network(name).G
    cpu = torch.device("cpu")
    frame = Frame(Packed(G.synthesis, torch.float16, cpu), lambda specs, *_: [Nothing()] * len(specs))
    held = {t.untyped_storage().data_ptr(): t.untyped_storage().nbytes() for t in tensors(frame)}
    conv = max(2 * lanes(s.out_channels) * (s.in_size + s.kernel - 1) ** 2 for s in G.config.layers[:-1])
    taken = (sum(held.values()) + conv * (G.config.conv_kernel > 1)) / 1e6
    assert gpu_page.memory_mb(G.config)[0] == pytest.approx(taken, rel=0.1)


def tensors(of) -> list[torch.Tensor]:
    """All that an object of ours holds, networks left out."""
    if isinstance(of, torch.Tensor):
        return [of]
    if isinstance(of, (tuple, list)):
        return [t for each in of for t in tensors(each)]
    if not type(of).__module__.startswith("stylegan3.gpu"):
        return []
    held = list(vars(of).values()) if hasattr(of, "__dict__") else [getattr(of, name) for name in of.__slots__]
    return tensors(held)


def test_a_run_on_a_gpu_replaces_the_words_and_keeps_the_predictions_and_its_misses() -> None:
    right = on_gpu(gpu_result("cuda fused", 3.0, 0.5), gpu_result("cuda banded", 2.0, 0.75, right=False))
    page = tool.page([right, made_up(result("lumen", "torch", 40))])
    assert "has ever seen a GPU" not in page
    assert "### Predictions\n" in page
    assert "### 2026-02-03 04:05, Abacus 9000" in page
    assert "| T-512: 0.45 of the floor | 0.50 (cuda fused, 3.00 ms) | met |" in page
    assert "| S2 one graph | cuda fused unrecorded | cuda fused | 2.50 |" in page
    assert "| L0 | 0.5000 | 0.3000 | 0.2500 | 0.1000 | 0.53 |" in page
    assert "| cuda fused | 3.00 | 3.00 | 3.00 | 3.00 | 333.3 | 4.00 | 300.0 | 9.5 | 4.5 | 0.50 |" in page
    assert "| 99.50 % | **no** | 34 |" in page
    assert "### lumen" in page
    missed = tool.page([on_gpu(gpu_result("cuda fused", 4.0, 0.4), passed_over=[("cuda banded", "no room")])])
    assert "| 0.40 (cuda fused, 4.00 ms) | **missed** |" in missed
    assert "Not measured: cuda banded (no room)." in missed
    none = tool.page([on_gpu(gpu_result("torch cuda", 4.0, 0.9))])
    assert "| T-512: the floor | none of ours is right here, or there is no floor | **missed** |" in none


def test_a_run_on_a_gpu_is_kept_under_its_name_and_old_runs_still_load(monkeypatch, tmp_path) -> None:
    assert all(report.versions.gpu is None for report in tool.kept())
    monkeypatch.setattr(tool, "KEPT", tmp_path)
    report = on_gpu(gpu_result("cuda fused", 3.0, 0.5))
    assert tool.keep(report).name == "2026-02-03-0405-abacus-9000.json"
    assert tool.kept() == [report]


@pytest.mark.parametrize(
    ("model", "name"),
    [
        ("lumen", "lumen"),
        ("random:t256:4096:64:10", "T-256 4096/64, 10 layers"),
        ("random:t256:16384:512", "T-256 16384/512"),
        ("random:r128", "R-128"),
        ("random:sg2-256", "StyleGAN2-256"),
    ],
)
def test_models_have_names_for_people(model, name) -> None:
    assert tool.named(model) == name


def test_the_plan_has_only_models_there_are() -> None:
    from daemon.bench.networks import parse

    judged = [tool.SMALL_128, tool.SMALL_256, tool.MIDDLE_256, tool.HALF_256, tool.WHOLE_256]
    assert set(judged) <= {model for model, _ in tool.PLAN}
    for model, _ in tool.PLAN:
        assert model == "lumen" or parse(model)
    assert 2 < len(tool.QUICK) < len(tool.PLAN)
    assert not any(model in (tool.HALF_256, tool.WHOLE_256) for model, _ in tool.QUICK)


def test_parts_become_one_report() -> None:
    a, b = made_up(result("lumen", "torch", 1)), made_up(result("random:r128", "torch", 2))
    both = tool.joined([a, b])
    assert [r.model for r in both.results] == [m.model for m in both.models] == ["lumen", "random:r128"]
    assert both.versions == a.versions


def test_the_gpu_plan_is_the_grid_with_everything_on() -> None:
    assert [tool.named(model) for model, _ in tool.ON_GPU] == [
        "T-256 16384", "T-512", "T-1024", "R-256 32768", "R-512", "R-1024"
    ]  # fmt: skip
    assert all({"--device", "cuda", "--ablation", "--layers"} <= set(extra) for _, extra in tool.ON_GPU)
