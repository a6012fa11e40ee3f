"""docs/PERFORMANCE.md is what its script makes of what was measured; misses stay in."""

import pytest

from daemon.bench.report import Report
from tools import make_performance as tool

VERSIONS = {
    "latentd": "0.1.0", "python": "3.11.7", "torch": "2.13.0", "numpy": "2.4.6", "cpu": "Abacus (9) 3000",
    "isa": "AVX2", "cores": 2, "memory_gb": 8.0, "os": "Debian",
    "date": "2026-01-02T03:04:05+00:00", "load": (0.25, 0.5, 0.75),
}  # fmt: skip


def result(model, engine, p50, threads=2, speedup=None, share=None, error=1e-6, layers=None):
    return {
        "model": model, "device": "cpu", "engine": engine, "precision": "float32", "size": 128, "threads": threads,
        "frames": 5, "frame_ms": {"p50": p50, "p95": p50, "p99": p50, "max": p50}, "best_ms": p50, "fps": 1000 / p50,
        "memory_mb": 10.0, "kernels_per_frame": None, "error": {"max": error, "rms": error / 10},
        "floor_fraction": share, "speedup": speedup, "layers": layers, "conv_ms": None,
    }  # fmt: skip


def made_up(*results, date=VERSIONS["date"], variants=()):
    conv = {
        "layer": "L0", "in_channels": 3, "out_channels": 4, "size": 36, "kernel": 3, "gmac": 0.5, "layout": "x", "ms": 2
    }  # fmt: skip
    models = [
        {
            "model": model, "variant": dict(variants).get(model, "StyleGAN3-T"), "size": 128, "parameters": 1_500_000,
            "gmac": 0.5, "mapping_ms": [{"threads": 2, "ms": 0.25}],
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
